//! Highlighted code as HTML: classes, not colours, so that the theme decides.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::LazyLock;

use pulldown_cmark_escape::escape_html_body_text;
use tree_sitter_highlight::{HighlightConfiguration, HighlightEvent, Highlighter};

/// The most bytes of code that are parsed; longer code is shown plain.
const MAX_CODE: usize = 200_000;

/// The kinds of token that the theme knows. A class is `hl-` and the name's first part.
const NAMES: [&str; 16] = [
    "attribute",
    "comment",
    "constant",
    "constructor",
    "escape",
    "function",
    "function.macro",
    "keyword",
    "label",
    "number",
    "operator",
    "property",
    "string",
    "type",
    "variable.builtin",
    "variable.parameter",
];

const CLASSES: [&str; 16] = [
    "hl-attribute",
    "hl-comment",
    "hl-constant",
    "hl-type",
    "hl-escape",
    "hl-function",
    "hl-macro",
    "hl-keyword",
    "hl-label",
    "hl-constant",
    "",
    "hl-property",
    "hl-string",
    "hl-type",
    "hl-self",
    "",
];

/// The grammar for a language by the names that code blocks and notebooks give it.
fn grammar(language: &str) -> Option<&'static HighlightConfiguration> {
    static RUST: LazyLock<Option<HighlightConfiguration>> = LazyLock::new(|| {
        let query = tree_sitter_rust::HIGHLIGHTS_QUERY;
        configure(HighlightConfiguration::new(
            tree_sitter_rust::LANGUAGE.into(),
            "rust",
            query,
            "",
            "",
        ))
    });
    static PYTHON: LazyLock<Option<HighlightConfiguration>> = LazyLock::new(|| {
        let query = tree_sitter_python::HIGHLIGHTS_QUERY;
        configure(HighlightConfiguration::new(
            tree_sitter_python::LANGUAGE.into(),
            "python",
            query,
            "",
            "",
        ))
    });
    match language {
        "rust" | "rs" => RUST.as_ref(),
        "python" | "py" | "python3" | "ipython" | "ipython3" => PYTHON.as_ref(),
        _ => None,
    }
}

fn configure<E>(made: Result<HighlightConfiguration, E>) -> Option<HighlightConfiguration> {
    let mut configuration = made.ok()?;
    configuration.configure(&NAMES);
    Some(configuration)
}

/// The code as HTML, highlighted where the language is known.
pub(crate) fn to_html(code: &str, language: &str) -> String {
    let language = language.split([',', ' ', '{']).next().unwrap_or_default().to_ascii_lowercase();
    let highlighted = (code.len() <= MAX_CODE)
        .then(|| grammar(&language).and_then(|grammar| highlight(code, grammar)))
        .flatten();
    highlighted.unwrap_or_else(|| {
        let mut html = String::with_capacity(code.len() + code.len() / 8);
        push_escaped(&mut html, code);
        html
    })
}

fn highlight(code: &str, grammar: &HighlightConfiguration) -> Option<String> {
    thread_local! {
        static HIGHLIGHTER: RefCell<Highlighter> = RefCell::new(Highlighter::new());
    }
    HIGHLIGHTER.with_borrow_mut(|highlighter| {
        let events = highlighter.highlight(grammar, code.as_bytes(), None, None, |_| None).ok()?;
        let mut html = String::with_capacity(code.len() * 2);
        let mut open = Vec::new();
        for event in events {
            match event.ok()? {
                HighlightEvent::Source { start, end } => {
                    push_escaped(&mut html, code.get(start..end)?)
                }
                HighlightEvent::HighlightStart(kind) => {
                    let class = CLASSES.get(kind.0).copied().unwrap_or_default();
                    open.push(!class.is_empty());
                    if !class.is_empty() {
                        let _ = write!(html, "<span class=\"{class}\">");
                    }
                }
                HighlightEvent::HighlightEnd => {
                    if open.pop().unwrap_or(false) {
                        html.push_str("</span>");
                    }
                }
            }
        }
        Some(html)
    })
}

fn push_escaped(html: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = escape_html_body_text(html, text);
}

/// A block of code, ready for a page: it scrolls in its own box and can be reached by keyboard.
pub(crate) fn block(code: &str, language: &str) -> String {
    let name = language.split([',', ' ', '{']).next().unwrap_or_default();
    let mut label = String::new();
    let _ = pulldown_cmark_escape::escape_html(&mut label, name);
    let said = if label.is_empty() { "Code".to_owned() } else { format!("Code, {label}") };
    format!(
        "<pre class=\"code\" tabindex=\"0\" role=\"group\" aria-label=\"{said}\"><code>{}</code></pre>\n",
        to_html(code, name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_and_python_have_classes() {
        insta::assert_snapshot!(
            to_html("fn main() { let s = \"<b>\"; println!(\"{s}\"); } // x", "rust"),
            @r#"<span class="hl-keyword">fn</span> <span class="hl-function">main</span>() { <span class="hl-keyword">let</span> s = <span class="hl-string">"&lt;b&gt;"</span>; <span class="hl-macro">println</span><span class="hl-macro">!</span>(<span class="hl-string">"{s}"</span>); } <span class="hl-comment">// x</span>"#
        );
        insta::assert_snapshot!(to_html("def f(x):\n    return x + 1", "python"), @r#"
        <span class="hl-keyword">def</span> <span class="hl-function">f</span>(x):
            <span class="hl-keyword">return</span> x + <span class="hl-constant">1</span>
        "#);
    }

    #[test]
    fn other_languages_are_escaped_only() {
        assert_eq!(to_html("a < b && c", "cobol"), "a &lt; b &amp;&amp; c");
    }

    proptest::proptest! {
        #[test]
        fn the_text_is_never_changed(code in "([a-z<>&\"'é{}()\n/#]|fn |let |\"|//){0,60}") {
            let html = to_html(&code, "rust");
            let mut text = String::new();
            let mut rest = html.as_str();
            while let Some(at) = rest.find('<') {
                text.push_str(&rest[..at]);
                rest = &rest[at + rest[at..].find('>').unwrap() + 1..];
            }
            text.push_str(rest);
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            proptest::prop_assert_eq!(text, code);
        }
    }
}
