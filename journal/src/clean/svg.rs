//! SVG from outputs, by a list of what may stay: shapes, text, paint, and PNGs written out in it.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use super::html::is_picture_data;

/// A cleaned SVG document and its size, where it tells one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CleanSvg {
    pub(crate) xml: String,
    /// Width and height in CSS pixels.
    pub(crate) size: Option<(u32, u32)>,
}

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 200;

/// Elements that may stay. No script, no `foreignObject`, no link, no animation.
const ELEMENTS: [&str; 42] = [
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComposite",
    "feFlood",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feOffset",
    "filter",
    "g",
    "image",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "metadata",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "style",
    "svg",
    "switch",
    "symbol",
    "text",
    "textPath",
    "title",
    "tspan",
    "use",
    "view",
    "feDropShadow",
    "feTurbulence",
    "feTile",
    "feMorphology",
];

/// Elements that go, but whose children may stay.
const TRANSPARENT: [&str; 1] = ["a"];

/// Cleans an SVG document.
///
/// # Errors
/// What is wrong, in words, where the text is not well-formed XML with `svg` at its root.
pub(crate) fn clean_svg(text: &str) -> Result<CleanSvg, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut writer = Writer::new(Vec::with_capacity(text.len()));
    let mut size = None;
    // For each open element: whether its end tag is to be written.
    let mut open: Vec<bool> = Vec::new();
    let mut n_roots = 0;
    // The depth at which an element was dropped with all in it.
    let mut dropped_at: Option<usize> = None;
    // The text of the open `style` element: it is judged as a whole when it ends.
    let mut style: Option<String> = None;
    loop {
        let event = reader.read_event().map_err(|error| format!("not well-formed: {error}"))?;
        match event {
            Event::Eof => break,
            Event::Start(_) if open.len() >= MAX_DEPTH => {
                return Err(format!("nested deeper than {MAX_DEPTH}"));
            }
            Event::Start(start) => {
                let name = local_name(&start);
                let keep = dropped_at.is_none() && is_kept(&name, open.is_empty());
                if keep {
                    if open.is_empty() {
                        n_roots += 1;
                        size = size_of(&start);
                    }
                    style = (name == "style").then(String::new);
                    write(
                        &mut writer,
                        Event::Start(clean_element(&name, &start, open.is_empty())),
                    )?;
                } else if dropped_at.is_none() && !TRANSPARENT.contains(&name.as_str()) {
                    dropped_at = Some(open.len());
                }
                open.push(keep);
            }
            Event::Empty(start) => {
                let name = local_name(&start);
                if dropped_at.is_none() && is_kept(&name, open.is_empty()) {
                    if open.is_empty() {
                        n_roots += 1;
                        size = size_of(&start);
                    }
                    write(
                        &mut writer,
                        Event::Empty(clean_element(&name, &start, open.is_empty())),
                    )?;
                }
            }
            Event::End(end) => {
                if let Some(css) = style.take().filter(|css| is_safe_css(css)) {
                    write(&mut writer, Event::Text(BytesText::new(&css)))?;
                }
                let kept = open.pop().ok_or("an end tag has no start")?;
                if dropped_at == Some(open.len()) {
                    dropped_at = None;
                }
                if kept {
                    let name = local(end.name().as_ref()).to_owned();
                    write(&mut writer, Event::End(quick_xml::events::BytesEnd::new(name)))?;
                }
            }
            text @ (Event::Text(_) | Event::CData(_) | Event::GeneralRef(_))
                if dropped_at.is_none() && !open.is_empty() =>
            {
                if let Some(css) = &mut style {
                    match &text {
                        Event::Text(text) => css.push_str(text.as_ref()),
                        Event::CData(text) => css.push_str(text.as_ref()),
                        // A reference could spell what is forbidden.
                        _ => css.push('\\'),
                    }
                    continue;
                }
                // Only the references that every XML reader knows.
                if let Event::GeneralRef(name) = &text {
                    let name: &str = name.as_ref();
                    if !name.starts_with('#')
                        && !["amp", "lt", "gt", "quot", "apos"].contains(&name)
                    {
                        continue;
                    }
                }
                write(&mut writer, text)?;
            }
            // Comments, declarations, instructions, document types.
            _ => {}
        }
    }
    if n_roots != 1 || !open.is_empty() {
        return Err("there is not one `svg` element around all".into());
    }
    let xml = String::from_utf8(writer.into_inner()).map_err(|error| error.to_string())?;
    Ok(CleanSvg { xml, size })
}

fn write(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), String> {
    writer.write_event(event).map_err(|error| error.to_string())
}

fn is_kept(name: &str, is_root: bool) -> bool {
    if is_root { name == "svg" } else { ELEMENTS.contains(&name) }
}

/// A name without its prefix.
fn local(name: &str) -> &str {
    name.rfind(':').map_or(name, |at| &name[at + 1..])
}

fn local_name(start: &BytesStart<'_>) -> String {
    local(start.name().as_ref()).to_owned()
}

fn clean_element(name: &str, start: &BytesStart<'_>, is_root: bool) -> BytesStart<'static> {
    let mut clean = BytesStart::new(name.to_owned());
    if is_root {
        clean.push_attribute(("xmlns", "http://www.w3.org/2000/svg"));
    }
    for attribute in start.attributes().with_checks(true).flatten() {
        let key: &str = attribute.key.as_ref();
        let Some(value) = value_of(&attribute) else { continue };
        if is_kept_attribute(name, key, &value) {
            let key = if key.ends_with(":href") { "href" } else { key };
            clean.push_attribute((key, value.as_ref()));
        }
    }
    clean
}

fn is_kept_attribute(element: &str, key: &str, value: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("on") || lower.starts_with("xmlns") {
        return false;
    }
    match lower.rsplit(':').next().unwrap_or_default() {
        "href" if element == "image" => is_picture_data(value),
        "href" => value.starts_with('#'),
        "src" | "base" => false,
        _ if key.contains(':') => lower == "xml:space" || lower == "xml:lang",
        _ => is_safe_css(value),
    }
}

/// Whether the text names nothing outside the document: `url(#id)` at most.
fn is_safe_css(text: &str) -> bool {
    let text: String =
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let outside = ["@import", "@font-face", "expression(", "javascript:", "image(", "image-set("];
    !outside.iter().any(|word| text.contains(word))
        // An escape could spell any of them.
        && !text.contains('\\')
        && text.match_indices("url(").all(|(at, word)| {
            text[at + word.len()..].trim_start_matches(['"', '\'']).starts_with('#')
        })
}

fn value_of<'a>(attribute: &Attribute<'a>) -> Option<Cow<'a, str>> {
    attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()
}

/// The size in pixels: `width` and `height`, else the view box's.
fn size_of(start: &BytesStart<'_>) -> Option<(u32, u32)> {
    let of = |key: &str| {
        let attribute = start.try_get_attribute(key).ok()??;
        value_of(&attribute).map(Cow::into_owned)
    };
    let pixels = |text: String| {
        let number: f64 = text.trim().trim_end_matches("px").parse().ok()?;
        (1.0..=100_000.0).contains(&number).then_some(number.round() as u32)
    };
    if let (Some(width), Some(height)) =
        (of("width").and_then(pixels), of("height").and_then(pixels))
    {
        return Some((width, height));
    }
    let view = of("viewBox")?;
    let mut numbers = view.split([' ', ',']).filter(|part| !part.is_empty()).skip(2);
    let mut next = || numbers.next().and_then(|part| pixels(part.to_owned()));
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inside: &str, expected: &str) {
        let text = format!(
            "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"x\">{inside}</svg>"
        );
        let expected = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{expected}</svg>");
        assert_eq!(clean_svg(&text).unwrap().xml, expected, "{inside}");
    }

    #[test]
    fn shapes_stay() {
        let shapes = "<g fill=\"url(#p)\"><rect width=\"3\"/><text x=\"1\">a &lt; b</text></g>";
        check(shapes, shapes);
        check("<svg:rect/>", "<rect/>");
    }

    #[test]
    fn nothing_acts_or_fetches() {
        check("<script>alert(1)</script><rect onload=\"x()\"/>", "<rect/>");
        check("<foreignObject><p>x</p></foreignObject><g/>", "<g/>");
        check("<a xlink:href=\"javascript:x\"><rect/></a>", "<rect/>");
        check(
            "<use xlink:href=\"https://x/y#z\"/><use xlink:href=\"#z\"/>",
            "<use/><use href=\"#z\"/>",
        );
        check("<image href=\"https://x/y.png\"/>", "<image/>");
        check(
            "<image xlink:href=\"data:image/png;base64,AA\"/>",
            "<image href=\"data:image/png;base64,AA\"/>",
        );
        check("<image href=\"data:image/svg+xml;base64,AA\"/>", "<image/>");
        check(
            "<rect style=\"fill: url( https://x )\" fill=\"url('#a')\"/>",
            "<rect fill=\"url(&apos;#a&apos;)\"/>",
        );
        check("<style>@import url(x);</style>", "<style></style>");
        check("<style>@im<!-- -->port 'https://x';</style>", "<style></style>");
        check("<style>@im&#112;ort 'https://x';</style>", "<style></style>");
        check("<style>.a { fill: red }</style>", "<style>.a { fill: red }</style>");
        check("<set attributeName=\"href\" to=\"javascript:x\"/><animate/>", "");
        check("<!-- c --><?pi x?><text>&unknown;</text>", "<text></text>");
        check("<rect fill=\"&#106;avascript:x\"/>", "<rect/>");
    }

    #[test]
    fn sizes_are_read() {
        let size = |text: &str| clean_svg(text).unwrap().size;
        assert_eq!(size("<svg width=\"640\" height=\"480.4px\"/>"), Some((640, 480)));
        assert_eq!(size("<svg viewBox=\"0 0 10,20\"/>"), Some((10, 20)));
        assert_eq!(size("<svg width=\"100%\"/>"), None);
    }

    #[test]
    fn what_is_not_svg_is_refused() {
        for text in
            ["", "<p/>", "<svg>", "<svg/><svg/>", "<svg></g></svg>", "text", "<html><svg/></html>"]
        {
            assert!(clean_svg(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<(svg|g|script|a)( [a-z:]{1,4}=\"[a-z#&;:(]{0,5}\")?/?>|</(svg|g|a)>|&[a-z]{0,3};?|[a-z<>é]|<!\\[CDATA\\[|<!--){0,20}") {
            let _ = clean_svg(&format!("<svg>{text}</svg>"));
        }
    }
}
