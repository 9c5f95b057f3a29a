//! One output of a cell as HTML: the richest of its forms that is safe to show.

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::Range;

use pulldown_cmark_escape::escape_html;
use serde_json::Value;

use crate::asset::Assets;
use crate::clean::html::{clean_output, is_picture_data};
use crate::link::href;
use crate::link::options::LinkOptions;
use crate::markdown::{self, Embedding, Image, MarkdownConfig};
use crate::notebook::{Cell, MimeBundle, Output};
use crate::{ansi, math};

/// The forms that can be shown, richest first.
const MIMES: [&str; 10] = [
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
    "application/json",
];

/// The longest text that can stand within a sentence, in characters.
const MAX_INLINE: usize = 160;

/// The richest form of a thing.
pub(crate) fn richest(data: &MimeBundle) -> Option<(&'static str, &str)> {
    MIMES.iter().find_map(|mime| data.get(*mime).map(|text| (*mime, text.as_str())))
}

fn is_rich(output: &Output) -> bool {
    match output {
        Output::Display { data, .. } => richest(data)
            .is_some_and(|(mime, _)| !["text/plain", "application/json"].contains(&mime)),
        _ => false,
    }
}

/// What an embedded cell shows: its pictures, tables and other rich outputs; else its plain
/// results; else what it printed. An error is always shown.
pub(crate) fn chosen(cell: &Cell) -> Vec<&Output> {
    let rules: [&dyn Fn(&Output) -> bool; 4] = [
        &is_rich,
        &|output| matches!(output, Output::Display { data, .. } if richest(data).is_some()),
        &|output| matches!(output, Output::Stream { name, text } if name != "stderr" && !text.trim().is_empty()),
        &|output| matches!(output, Output::Stream { text, .. } if !text.trim().is_empty()),
    ];
    let rule = rules.iter().find(|rule| cell.outputs.iter().any(rule));
    let is_chosen = |output: &&Output| {
        matches!(output, Output::Error { .. }) || rule.is_some_and(|rule| rule(output))
    };
    cell.outputs.iter().filter(is_chosen).collect()
}

/// What a link with options shows of a cell: the output with that number, in that form, those
/// lines of its text.
///
/// # Errors
/// What the cell has instead, in words.
pub(crate) fn asked(cell: &Cell, options: &LinkOptions) -> Result<Vec<Output>, String> {
    let mut outputs: Vec<Output> = match options.output {
        Some(number) => match cell.outputs.get(number - 1) {
            Some(output) => vec![output.clone()],
            None => return Err(format!("it has {} outputs, not {number}", cell.outputs.len())),
        },
        None if options.mime.is_some() => cell.outputs.clone(),
        None => chosen(cell).into_iter().cloned().collect(),
    };
    if let Some(mime) = &options.mime {
        let mut known: Vec<String> = Vec::new();
        outputs.retain_mut(|output| {
            let Output::Display { data, .. } = output else { return false };
            known.extend(data.keys().cloned());
            data.retain(|form, _| form == mime);
            !data.is_empty()
        });
        if outputs.is_empty() {
            known.sort();
            known.dedup();
            let known =
                if known.is_empty() { "printed text only".into() } else { known.join(", ") };
            return Err(format!("it has no output as {mime}; it has {known}"));
        }
        if !MIMES.contains(&mime.as_str()) {
            return Err(format!("a page cannot show {mime}; it can show {}", MIMES.join(", ")));
        }
    }
    if let Some(lines) = &options.lines {
        let mut n_cut = 0;
        for output in &mut outputs {
            let text = match output {
                Output::Stream { text, .. } => Some(text),
                Output::Display { data, .. } if data.len() == 1 => data.get_mut("text/plain"),
                _ => None,
            };
            let Some(text) = text else { continue };
            n_cut += 1;
            let (from, to) = (*lines.start(), *lines.end());
            if from > text.lines().count() {
                let n_lines = text.lines().count();
                return Err(format!("its text has {n_lines} lines, so none from line {from}"));
            }
            let kept: Vec<&str> = text.lines().take(to).skip(from - 1).collect();
            *text = kept.join("\n");
        }
        if n_cut == 0 {
            return Err("it shows no text of which lines could be taken".to_owned());
        }
    }
    Ok(outputs)
}

/// The cell's value for a sentence: its last plain result, else all that it printed.
///
/// # Errors
/// What the cell shows instead, in words.
pub(crate) fn inline_text(cell: &Cell) -> Result<String, &'static str> {
    let result = cell.outputs.iter().rev().find_map(|output| match output {
        // A value may come with HTML as well; a picture's plain form is only its name.
        Output::Display { data, .. }
            if richest(data).is_some_and(|(mime, _)| {
                ["text/html", "text/plain", "application/json"].contains(&mime)
            }) =>
        {
            data.get("text/plain").cloned()
        }
        _ => None,
    });
    let text = match result {
        Some(text) => text,
        None if cell.outputs.iter().any(is_rich) => {
            return Err("a picture, a table or other rich output");
        }
        None => {
            let printed = cell.outputs.iter().filter_map(|output| match output {
                Output::Stream { name, text } if name != "stderr" => Some(text.as_str()),
                _ => None,
            });
            printed.collect()
        }
    };
    let text = ansi::strip(&text).trim().to_owned();
    if text.is_empty() {
        Err("an error or nothing at all")
    } else if text.contains('\n') {
        Err("several lines of text")
    } else if text.chars().count() > MAX_INLINE {
        Err("a text longer than a sentence can hold")
    } else {
        Ok(text)
    }
}

/// What is needed to render outputs onto one page.
#[derive(Debug)]
pub(crate) struct OutputContext<'a, 'p> {
    pub(crate) assets: &'a mut Assets<'p>,
    /// The way from the page to the site's root.
    pub(crate) up: &'a str,
    /// The text for those who do not see a picture that has no such text of its own.
    pub(crate) alt: &'a str,
    /// The configuration trusts the notebook: its HTML is shown as it is.
    pub(crate) is_trusted: bool,
}

/// Renders one output.
///
/// # Errors
/// Why a picture cannot be shown, in words.
pub(crate) fn to_html(
    output: &Output,
    context: &mut OutputContext<'_, '_>,
) -> Result<String, String> {
    match output {
        Output::Stream { name, text } => {
            let kind = if name == "stderr" { "stream stderr" } else { "stream" };
            Ok(preformatted(kind, "Printed text", text))
        }
        Output::Error { name, value, traceback } => {
            let text = if traceback.is_empty() {
                format!("{name}: {value}")
            } else {
                traceback.join("\n")
            };
            Ok(preformatted("error", "Error", &text))
        }
        Output::Display { data, metadata } => match richest(data) {
            None => Ok("<p class=\"unshown\">This output has no form that a page can show.</p>\n"
                .to_owned()),
            Some((mime, text)) => display(mime, text, metadata, context),
        },
    }
}

fn display(
    mime: &str,
    text: &str,
    metadata: &Value,
    context: &mut OutputContext<'_, '_>,
) -> Result<String, String> {
    Ok(match mime {
        "text/plain" | "application/json" => preformatted("result", "Text", text),
        "text/html" => {
            let alt = escaped(alt_of(metadata, mime).unwrap_or(context.alt));
            format!(
                "<div class=\"rich scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{alt}\">{}</div>\n",
                if context.is_trusted { text.to_owned() } else { clean_output(text) }
            )
        }
        "text/markdown" => {
            let mut ids = HashSet::new();
            let rendered = markdown::render(text, &MarkdownConfig::default(), &mut ids, &mut Inert);
            format!("<div class=\"rich\">{}</div>\n", rendered.html)
        }
        "text/latex" => {
            let bare = text.trim().trim_matches('$').trim();
            match math::to_mathml(bare, true) {
                Ok(mathml) => format!(
                    "<div class=\"formula\" tabindex=\"0\" role=\"group\" aria-label=\"Formula\">{mathml}</div>\n"
                ),
                Err(_) => preformatted("result", "Formula", text),
            }
        }
        _ => {
            let picture = context.assets.add_output(mime, text)?;
            let alt = alt_of(metadata, mime).unwrap_or(context.alt);
            plate_html(&href(context.up, &picture.path, None), picture.size, alt)
        }
    })
}

/// The `alt` text that an output's metadata has for a form, or for all.
fn alt_of<'a>(metadata: &'a Value, mime: &str) -> Option<&'a str> {
    let own = metadata.get(mime).and_then(|of_mime| of_mime.get("alt"));
    own.or_else(|| metadata.get("alt")).and_then(Value::as_str).filter(|alt| !alt.trim().is_empty())
}

/// An `img` element; with its size, so that the page does not jump.
pub(crate) fn picture_html(src: &str, size: Option<(u32, u32)>, alt: &str) -> String {
    let mut html = format!("<img src=\"{}\" alt=\"{}\"", escaped(src), escaped(alt));
    if let Some((width, height)) = size {
        let _ = write!(html, " width=\"{width}\" height=\"{height}\"");
    }
    html.push_str(" loading=\"lazy\">\n");
    html
}

/// The pixels that the narrowest screens have for a picture.
const NARROW: u32 = 320;

/// An `img` that stands by itself. One that a narrow screen shrinks leads to its file, in which a
/// reader can zoom.
pub(crate) fn plate_html(src: &str, size: Option<(u32, u32)>, alt: &str) -> String {
    let img = picture_html(src, size, alt);
    // Without words for the picture, the link would have no name.
    if alt.trim().is_empty() || size.is_some_and(|(width, _)| width <= NARROW) {
        return img;
    }
    let img = img.trim_end();
    format!("<a class=\"full\" href=\"{}\" title=\"In full size\">{img}</a>\n", escaped(src))
}

fn preformatted(class: &str, said: &str, text: &str) -> String {
    format!(
        "<pre class=\"{class}\" tabindex=\"0\" role=\"group\" aria-label=\"{said}\">{}</pre>\n",
        ansi::to_html(text.trim_end_matches('\n'))
    )
}

/// Text for an attribute or for running text.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    // Writing to a string cannot fail.
    let _ = escape_html(&mut html, text);
    html
}

/// Markdown that came out of a cell: its links stay, and of its images those written out in it.
struct Inert;

impl Embedding for Inert {
    fn image(&mut self, image: &Image<'_>) -> Option<String> {
        let alt = &image.caption;
        Some(if is_picture_data(image.target) {
            picture_html(image.target, None, alt)
        } else {
            format!("<em>{}</em>", escaped(alt))
        })
    }

    fn link(&mut self, target: &str, _: Range<usize>, _: bool) -> Option<String> {
        Some(target.to_owned())
    }

    fn diagram(&mut self, _: &str, _: Range<usize>) -> Option<String> {
        None
    }

    fn wrong(&mut self, _: Range<usize>, _: String) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_pictures_with_words_lead_to_their_files() {
        let html = |size, alt| plate_html("../files/a.png", size, alt);
        insta::assert_snapshot!(
            html(Some((900, 300)), "A \"curve\""),
            @r#"<a class="full" href="../files/a.png" title="In full size"><img src="../files/a.png" alt="A &quot;curve&quot;" width="900" height="300" loading="lazy"></a>"#
        );
        assert!(html(None, "a").starts_with("<a "));
        assert!(html(Some((320, 900)), "a").starts_with("<img "));
        assert!(html(Some((900, 300)), " ").starts_with("<img "));
    }
}
