//! HTML from outputs and from markdown, without anything that acts or that fetches.

use std::borrow::Cow;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

/// Sanitises `html`: no scripts, no handlers, no frames or forms, no requests. Tables, text marks
/// and harmless styling stay. Nothing can be made to look like a mark of the page itself.
pub(crate) fn clean_html(html: &str) -> String {
    static BUILDER: LazyLock<Builder<'static>> = LazyLock::new(|| builder(&["id", "name"]));
    BUILDER.clean(html).to_string()
}

/// The same for outputs, which name no places of the page they stand on.
pub(crate) fn clean_output(html: &str) -> String {
    static BUILDER: LazyLock<Builder<'static>> = LazyLock::new(|| builder(&[]));
    BUILDER.clean(html).to_string()
}

/// The classes that may be written: those of tables and helpers, of code and terminal colours. All
/// others would be looked up in the stylesheet of the page, where they mean a state or a frame.
const CLASSES: [&str; 1] = ["dataframe"];
const CLASS_STARTS: [&str; 5] = ["momentum-", "markdown-alert-", "language-", "hl-", "ansi-"];

/// Those of the classes in `value` that may be written; `None` where there are none.
pub(crate) fn allowed_classes(value: &str) -> Option<String> {
    let allowed = |class: &&str| {
        CLASSES.contains(class) || CLASS_STARTS.iter().any(|start| class.starts_with(start))
    };
    let kept: Vec<&str> = value.split_ascii_whitespace().filter(allowed).collect();
    (!kept.is_empty()).then(|| kept.join(" "))
}

/// Ids of the pages themselves.
const OWN_IDS: [&str; 10] = [
    "main",
    "ran",
    "comments",
    "days",
    "notebooks",
    "subjects",
    "archive",
    "query",
    "results",
    "status",
];

/// The declarations that move nothing over what is around it.
fn allowed_style(value: &str) -> String {
    let moves = |declaration: &str| {
        let (name, value) = declaration.split_once(':').unwrap_or((declaration, ""));
        let name = name.trim().to_ascii_lowercase();
        (name.starts_with("margin") || name == "vertical-align")
            && (value.contains('-') && !value.trim().starts_with("text-") || value.contains('('))
    };
    value.split(';').filter(|declaration| !moves(declaration)).collect::<Vec<_>>().join(";")
}

fn builder(anchors: &[&'static str]) -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .add_tags(["section", "input", "figure", "figcaption", "mark", "progress", "meter"])
        .add_generic_attributes(["class", "style", "role", "aria-label", "aria-hidden"])
        .add_generic_attributes(anchors.iter().copied().filter(|name| *name == "id"))
        .add_tag_attributes("a", anchors.iter().copied())
        .add_tag_attributes("input", ["type", "disabled", "checked"])
        .add_tag_attributes("img", ["width", "height", "alt"])
        .add_tag_attributes("progress", ["value", "max"])
        .add_tag_attributes("meter", ["value", "min", "max", "low", "high", "optimum"])
        .add_tag_attributes("th", ["scope"])
        .set_tag_attribute_value("input", "disabled", "")
        .filter_style_properties(
            [
                "background-color",
                "border",
                "border-bottom",
                "border-collapse",
                "border-left",
                "border-right",
                "border-top",
                "color",
                "font-style",
                "font-weight",
                "height",
                "line-height",
                "margin",
                "max-width",
                "padding",
                "padding-left",
                "text-align",
                "vertical-align",
                "white-space",
                "width",
            ]
            .into(),
        )
        .add_url_schemes(["data"])
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"))
        .attribute_filter(filter);
    builder
}

/// Decides on single attributes: which addresses may be fetched, which may be followed.
fn filter<'u>(element: &str, attribute: &str, value: &'u str) -> Option<Cow<'u, str>> {
    let keep = match (element, attribute) {
        ("input", "type") => value == "checkbox",
        // Shown at once, so it may fetch nothing from elsewhere.
        (_, "src") => is_picture_data(value) || is_relative(value),
        (_, "href" | "cite") => is_safe_link(value),
        (_, "style") => {
            let lower = value.to_ascii_lowercase();
            if ["url(", "image(", "image-set(", "expression(", "\\", "/*"]
                .iter()
                .any(|part| lower.contains(part))
            {
                return None;
            }
            return Some(Cow::Owned(allowed_style(value)));
        }
        (_, "class") => return allowed_classes(value).map(Cow::Owned),
        (_, "id" | "name") => !OWN_IDS.contains(&value) && !value.starts_with("momentum-"),
        _ => true,
    };
    keep.then_some(Cow::Borrowed(value))
}

/// Whether following the link runs nothing: a web or mail address, or a place in this site.
pub(crate) fn is_safe_link(url: &str) -> bool {
    match scheme(url) {
        None => true,
        Some(scheme) => ["http", "https", "mailto", "tel", "doi"]
            .contains(&scheme.to_ascii_lowercase().as_str()),
    }
}

/// Whether the address is relative to the page, hence inside the site.
pub(crate) fn is_relative(url: &str) -> bool {
    let url = url.trim_start_matches(|c: char| c.is_control() || c.is_whitespace());
    scheme(url).is_none() && !url.starts_with(['/', '\\'])
}

/// Whether the address is a picture written out in base64.
pub(crate) fn is_picture_data(url: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp"].iter().any(|mime| {
        url.trim_start()
            .strip_prefix("data:")
            .and_then(|rest| rest.strip_prefix(mime))
            .is_some_and(|rest| rest.starts_with(";base64,"))
    })
}

/// The scheme of an address as a browser sees it, which drops control characters and blanks.
pub(crate) fn scheme(url: &str) -> Option<String> {
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let head: String =
        url[..end].chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let scheme = head.find(':').map(|at| &head[..at])?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| scheme.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expected: &str) {
        assert_eq!(clean_html(html), expected, "{html}");
    }

    #[test]
    fn nothing_acts() {
        check("<p onclick=\"x()\">a</p><script>alert(1)</script>", "<p>a</p>");
        check("<a href=\"javascript:x()\">a</a>", "<a rel=\"noopener noreferrer\">a</a>");
        check("<a href=\" java\nscript:x()\">a</a>", "<a rel=\"noopener noreferrer\">a</a>");
        check("<iframe src=\"x\"></iframe><object data=\"x\"></object><embed src=x>", "");
        check("<svg><script>x</script></svg><math><mi//xlink:href=\"data:x\">", "");
        check("<form action=\"x\"><input type=\"password\"></form>", "<input disabled=\"\">");
        check(
            "<style>@import 'x'</style><link rel=stylesheet href=x><meta http-equiv=refresh>",
            "",
        );
    }

    #[test]
    fn nothing_fetches() {
        check("<img src=\"https://example.org/pixel.png\" alt=\"a\">", "<img alt=\"a\">");
        check("<img src=\"//example.org/pixel.png\">", "<img>");
        check("<img src=\"data:image/svg+xml;base64,AA\">", "<img>");
        check("<img src=\"data:image/png;base64,AA\">", "<img src=\"data:image/png;base64,AA\">");
        check("<td style=\"background-color: url(//x)\">", "");
        check("<p style=\"color: red; background: url(//x)\">a</p>", "<p>a</p>");
    }

    #[test]
    fn tables_and_their_looks_stay() {
        let table = "<table class=\"dataframe\"><tbody><tr><td style=\"text-align:right\" colspan=\"2\">1</td></tr></tbody></table>";
        check(table, table);
    }

    #[test]
    fn nothing_looks_like_a_mark_of_the_page() {
        check("<p class=\"dot fresh\">a</p>", "<p>a</p>");
        check("<p class=\"provenance ansi-2 value\">a</p>", "<p class=\"ansi-2\">a</p>");
        check(
            "<a id=\"ran\"></a><a id=\"x\"></a><a name=\"y\"></a>",
            "<a rel=\"noopener noreferrer\"></a><a id=\"x\" rel=\"noopener noreferrer\"></a><a name=\"y\" rel=\"noopener noreferrer\"></a>",
        );
        check(
            "<p style=\"margin:-3em;color:red;position:fixed;vertical-align:-9em\">a</p>",
            "<p style=\"color:red\">a</p>",
        );
        check("<p style=\"margin:0 calc(0px - 3em)\">a</p>", "<p style=\"\">a</p>");
        check(
            "<p style=\"vertical-align:text-top;margin:0\">a</p>",
            "<p style=\"vertical-align:text-top;margin:0\">a</p>",
        );
        assert_eq!(clean_output("<p id=\"a\">a</p>"), "<p>a</p>");
    }

    #[test]
    fn links_are_judged_as_a_browser_reads_them() {
        for good in
            ["https://a.b", "mailto:a@b", "x.html#y", "#y", "../a", "a?b=c:d", "foo):", "MAILTO:a"]
        {
            assert!(is_safe_link(good), "{good}");
        }
        for bad in
            ["javascript:x", "JaVa\tScRiPt:x", " vbscript:x", "data:text/html,x", "file:///x"]
        {
            assert!(!is_safe_link(bad), "{bad}");
        }
    }
}
