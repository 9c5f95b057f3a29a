//! Pictures, markup and tables from what a cell has at hand.
//!
//! Each function asks for the words that stand for the thing where it cannot be seen: in a
//! terminal, in a diff, read aloud.

use std::io;
use std::path::Path;

use momentum_vision::prelude::Table;
use serde_json::Value;

use crate::bundle::{Bundle, escape};

/// Markup as it is. `text` says the same without markup. Escape what comes from elsewhere
/// ([`escape`]): scripts in it would run.
///
/// ```
/// let bold = momentum_cells::html("<b>42</b>", "42");
/// assert_eq!(bold.mime_types(), ["text/plain", "text/html"]);
/// ```
pub fn html(markup: &str, text: &str) -> Bundle {
    Bundle::text(text).html(markup)
}

/// A text in Markdown; as a text, it is its own source.
pub fn markdown(text: &str) -> Bundle {
    Bundle::text(text).with("text/markdown", Value::String(text.to_owned()))
}

/// A formula in LaTeX, without the dollar signs.
pub fn latex(formula: &str) -> Bundle {
    let set = format!("$\\displaystyle {formula}$");
    Bundle::text(formula).with("text/latex", Value::String(set))
}

/// An SVG picture, and in words what it shows.
pub fn svg(svg: &str, alt: &str) -> Bundle {
    Bundle::text(alt).svg(svg).alt(alt)
}

/// A PNG picture, as the bytes of its file, and in words what it shows.
pub fn png(png: &[u8], alt: &str) -> Bundle {
    Bundle::text(alt).png(png).alt(alt)
}

/// A picture from a file: SVG, PNG, JPEG, GIF or WebP; and in words what it shows.
///
/// # Errors
///
/// When the file cannot be read, or its name ends like none of these.
pub fn image(path: impl AsRef<Path>, alt: &str) -> io::Result<Bundle> {
    let path = path.as_ref();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mime = match extension.to_ascii_lowercase().as_str() {
        "svg" => return Ok(svg(&std::fs::read_to_string(path).map_err(named(path))?, alt)),
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        other => {
            let what = format!(
                "`{}`: a picture ends in .svg, .png, .jpg, .gif or .webp, not in `{other}`",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
    };
    let bytes = std::fs::read(path).map_err(named(path))?;
    Ok(Bundle::text(alt).binary(mime, &bytes).alt(alt))
}

/// Names the file in what the system says.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// A chart in Vega-Lite's grammar, and in words what it shows.
pub fn vega_lite(specification: Value, alt: &str) -> Bundle {
    Bundle::text(alt).vega_lite(specification)
}

/// A table: its caption, its headers, its rows. Cells are texts and are escaped.
///
/// ```
/// let table = momentum_cells::table("Squares", ["n", "n²"], (1..=2).map(|n| [n, n * n]));
/// assert_eq!(table.rows, [["1", "1"], ["2", "4"]]);
/// ```
pub fn table<'a, R: IntoIterator<Item: ToString>>(
    caption: &str,
    headers: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = R>,
) -> Table {
    let mut table = Table::new(caption, headers);
    for row in rows {
        table.push(row.into_iter().map(|cell| cell.to_string()).collect::<Vec<_>>());
    }
    table
}

/// A list of texts, one a line; escaped in HTML.
pub(crate) fn list(lines: &[String]) -> Bundle {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    Bundle::text(lines.join("\n")).html(format!("<ul>{items}</ul>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_words() {
        let picture = png(&[1, 2, 3], "three bytes");
        assert_eq!(picture.mime_types(), ["text/plain", "image/png"]);
        assert_eq!(picture.data["text/plain"], "three bytes");
        assert_eq!(picture.metadata["image/png"]["alt"], "three bytes");
    }

    #[test]
    fn a_file_says_by_its_name_what_it_is() {
        let error = image("notes.txt", "notes").unwrap_err().to_string();
        assert!(error.contains("notes.txt") && error.contains(".png"), "{error}");
        let error = image("no-such.png", "nothing").unwrap_err().to_string();
        assert!(error.contains("no-such.png"), "{error}");
    }

    #[test]
    fn lists_are_escaped() {
        let list = list(&["<b>".to_owned()]);
        assert_eq!(list.data["text/html"], "<ul><li>&lt;b&gt;</li></ul>");
    }
}
