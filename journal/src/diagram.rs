//! Diagrams written as code: Mermaid, drawn while the site is built. The page loads no script.
//!
//! The one file that names `mermaid_svg`.

use std::panic::catch_unwind;

/// The most bytes of a diagram's source.
const MAX_SOURCE: usize = 20_000;

/// The languages of code blocks that are diagrams.
pub(crate) fn is_diagram(language: &str) -> bool {
    language.split([',', ' ', '{']).next().unwrap_or_default().eq_ignore_ascii_case("mermaid")
}

/// Draws a diagram as SVG, which is still to be cleaned.
///
/// # Errors
/// What is wrong with the source, in words.
pub(crate) fn draw(source: &str) -> Result<String, String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("the diagram is longer than {MAX_SOURCE} bytes"));
    }
    // A fault of the drawing library on a strange source is that diagram's problem, not the site's.
    let drawn = catch_unwind(|| mermaid_svg::render(source).map_err(|error| error.to_string()));
    drawn.unwrap_or_else(|_| Err("the drawing library failed on it".to_owned()))
}

/// What kind of diagram it is, for those who do not see it: its title, else its first word.
pub(crate) fn said(source: &str) -> String {
    let titles = ["accTitle:", "title:", "title "];
    let title = source.lines().find_map(|line| {
        titles.iter().find_map(|start| line.trim().strip_prefix(start)).map(str::trim)
    });
    let title = title.filter(|title| !title.is_empty());
    let kind = source.split_whitespace().next().unwrap_or("empty");
    title.map_or_else(|| format!("Diagram ({kind})"), |title| format!("Diagram: {title}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::svg::clean_svg;

    #[test]
    fn a_diagram_keeps_its_words_when_it_is_cleaned() {
        let source =
            "flowchart LR\n  A[Read] --> B{Understood?}\n  B -->|no| A\n  B -->|yes| C[Write]\n";
        let svg = clean_svg(&draw(source).unwrap()).unwrap();
        for word in ["Read", "Understood?", "yes", "Write"] {
            assert!(svg.xml.contains(word), "{word} is lost: {}", svg.xml);
        }
        assert!(svg.size.is_some());
        assert_eq!(said(source), "Diagram (flowchart)");
        assert_eq!(said("pie\n title Pets\n \"a\" : 1"), "Diagram: Pets");
    }

    #[test]
    fn a_broken_diagram_is_refused() {
        assert!(
            draw("flowchart LR\n A[never closed -->").is_err() || draw("nosuchdiagram\n").is_err()
        );
        assert!(draw("nosuchdiagram").is_err());
    }
}
