//! The tags of raw HTML in markdown: what they refer to stays as it is written.

use std::ops::Range;

use pulldown_cmark::{Event, Parser};

use super::{Spanned, options};
use crate::clean::html::{is_picture_data, is_relative};

/// The opening tag of an element that is written as HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawTag {
    /// In lower case.
    pub(crate) name: String,
    /// Its place in the markdown.
    pub(crate) span: Range<usize>,
    /// In order, names in lower case.
    attributes: Vec<(String, String)>,
}

impl RawTag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why a picture that is written as HTML would not be on the page, and what to write.
pub(crate) fn lost_picture(tag: &RawTag) -> Option<(String, String)> {
    let src = tag.attribute("src").filter(|_| tag.name == "img")?;
    if is_picture_data(src) {
        return None;
    }
    let text = tag.attribute("alt").filter(|alt| !alt.is_empty()).unwrap_or("what it shows");
    if is_relative(src) {
        let message =
            format!("the picture `{src}` is not brought to the page: it is written as HTML");
        return Some((message, format!("write it as `![{text}]({src})`")));
    }
    let message = format!("the picture `{src}` is not a file of the series");
    Some((message, "save it beside the entry: pages fetch nothing from elsewhere".to_owned()))
}

/// All raw tags of a text, in order.
pub(crate) fn raw_tags(text: &str) -> Vec<RawTag> {
    // Most texts have none, and need not be parsed for it.
    if !text.contains('<') {
        return Vec::new();
    }
    let events: Vec<Spanned<'_>> = Parser::new_ext(text, options()).into_offset_iter().collect();
    tags_of(text, &events)
}

/// The places that raw tags name.
pub(crate) fn raw_ids(text: &str) -> Vec<String> {
    let id = |tag: &RawTag| {
        let name = || tag.attribute("name").filter(|_| tag.name == "a");
        tag.attribute("id").or_else(name).filter(|id| !id.is_empty()).map(str::to_owned)
    };
    raw_tags(text).iter().filter_map(id).collect()
}

/// Those of a text that is parsed already.
pub(super) fn tags_of(text: &str, events: &[Spanned<'_>]) -> Vec<RawTag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some((event, span)) = events.get(at) {
        at += 1;
        match event {
            Event::InlineHtml(_) => tags_in(&text[span.clone()], span.start, &mut tags),
            // A block comes line by line, and a tag may be longer than one.
            Event::Html(_) => {
                let mut html = text[span.clone()].to_owned();
                while let Some((Event::Html(_), next)) = events.get(at) {
                    // In a quotation, its marks stand between them.
                    let end = (span.start + html.len()).max(next.start);
                    html.extend(std::iter::repeat_n(' ', end - span.start - html.len()));
                    html.push_str(&text[end..next.end.max(end)]);
                    at += 1;
                }
                tags_in(&html, span.start, &mut tags);
            }
            _ => {}
        }
    }
    tags
}

/// Adds the tags of `html`, which begins at `start`.
fn tags_in(html: &str, start: usize, tags: &mut Vec<RawTag>) {
    let mut at = 0;
    while let Some(open) = html[at..].find('<') {
        let open = at + open;
        let rest = &html[open..];
        if rest.starts_with("<!--") {
            let Some(end) = rest.find("-->") else { return };
            at = open + end + 3;
            continue;
        }
        let name = rest[1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        at = open + 1 + name.len();
        if name.is_empty() {
            continue;
        }
        let (attributes, end) = attributes(html, at);
        at = end;
        let span = start + open..start + end;
        tags.push(RawTag { name: name.to_ascii_lowercase(), span, attributes });
    }
}

/// The attributes from `at` on, and where their tag ends.
fn attributes(html: &str, mut at: usize) -> (Vec<(String, String)>, usize) {
    let mut found = Vec::new();
    loop {
        let rest = &html[at..];
        at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/').len();
        let rest = &html[at..];
        if rest.is_empty() {
            return (found, at);
        }
        if rest.starts_with('>') {
            return (found, at + 1);
        }
        let len = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_whitespace() || "=/>".contains(*c))
            .map_or(rest.len(), |(len, _)| len);
        let name = rest[..len].to_ascii_lowercase();
        at += len;
        let mut value = "";
        if let Some(rest) = html[at..].trim_start().strip_prefix('=') {
            let rest = rest.trim_start();
            let from = html.len() - rest.len();
            let quote = rest.chars().next().filter(|c| "\"'".contains(*c));
            let (text, end) = match quote {
                Some(quote) => {
                    let len = rest[1..].find(quote).unwrap_or(rest.len() - 1);
                    (&rest[1..1 + len], (from + len + 2).min(html.len()))
                }
                None => {
                    let ends = |c: char| c.is_whitespace() || c == '>';
                    let len = rest.find(ends).unwrap_or(rest.len());
                    (&rest[..len], from + len)
                }
            };
            (value, at) = (text, end);
        }
        found.push((name, value.trim().replace("&amp;", "&")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_where_a_browser_finds_them() {
        let text = "A <img\nsrc='a b.png' alt> and `<img src=no>`.\n\n\
                    <div><IMG ALT=\"a > b\" src=x.png/></div>\n\n<!-- <img src=no> -->\n\n\
                    > <p\n> id=\"q\">\n\n```html\n<img src=no>\n```\n\n<a href=\"?a&amp;b\">é</a> 1 < 2";
        let said: Vec<String> = raw_tags(text)
            .iter()
            .map(|tag| format!("{} {:?} {:?}", tag.name, tag.attributes, &text[tag.span.clone()]))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        img [("src", "a b.png"), ("alt", "")] "<img\nsrc='a b.png' alt>"
        div [] "<div>"
        img [("alt", "a > b"), ("src", "x.png/")] "<IMG ALT=\"a > b\" src=x.png/>"
        p [("id", "q")] "<p\n> id=\"q\">"
        a [("href", "?a&b")] "<a href=\"?a&amp;b\">"
        "#);
    }

    proptest::proptest! {
        #[test]
        fn any_html_is_read(html in "[<>a=\"' é/!-]{0,40}") {
            let mut tags = Vec::new();
            tags_in(&html, 0, &mut tags);
            for tag in tags {
                proptest::prop_assert!(html.get(tag.span).is_some_and(|tag| tag.starts_with('<')));
            }
        }
    }
}
