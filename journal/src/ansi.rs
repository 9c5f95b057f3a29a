//! Terminal text as HTML: colours become classes, every other escape sequence is dropped.

use std::fmt::Write;

use pulldown_cmark_escape::escape_html_body_text;

/// The most bytes of terminal text on a page.
const MAX_TEXT: usize = 200_000;

/// The style in force, as SGR parameters have set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    bold: bool,
    faint: bool,
    italic: bool,
    underline: bool,
    /// 0 to 7, and 8 to 15 for the bright ones.
    foreground: Option<u8>,
    background: Option<u8>,
}

/// Renders `text` as HTML without markup of its own. Long text is cut, and says so.
pub(crate) fn to_html(text: &str) -> String {
    let (text, cut) = shorten(text);
    let text = overwrite(text);
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut style = Style::default();
    for_each_run(&text, &mut style, &mut |run, style| {
        let classes = style.classes();
        if classes.is_empty() {
            push_escaped(&mut html, run);
        } else {
            let _ = write!(html, "<span class=\"{classes}\">");
            push_escaped(&mut html, run);
            html.push_str("</span>");
        }
    });
    if cut > 0 {
        let _ = write!(html, "\n<span class=\"cut\">… {cut} more bytes are not shown here</span>");
    }
    html
}

/// The text without any escape sequence.
pub(crate) fn strip(text: &str) -> String {
    let text = overwrite(text);
    let mut plain = String::with_capacity(text.len());
    for_each_run(&text, &mut Style::default(), &mut |run, _| plain.push_str(run));
    plain
}

fn shorten(text: &str) -> (&str, usize) {
    if text.len() <= MAX_TEXT {
        return (text, 0);
    }
    let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    (&text[..end], text.len() - end)
}

/// Applies carriage returns: what follows one on a line is written over the line (progress bars).
fn overwrite(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\r') {
        return text.into();
    }
    let lines = text.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.rfind('\r').map_or(line, |at| &line[at + 1..])
    });
    lines.collect::<Vec<_>>().join("\n").into()
}

/// Calls `each` with every stretch of printable text and the style it has.
fn for_each_run(text: &str, style: &mut Style, each: &mut dyn FnMut(&str, Style)) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        if at > 0 {
            each(&rest[..at], *style);
        }
        rest = skip_escape(&rest[at..], style);
    }
    if !rest.is_empty() {
        each(rest, *style);
    }
}

/// Skips the control character or escape sequence at the start of `text`; reads SGR parameters.
fn skip_escape<'a>(text: &'a str, style: &mut Style) -> &'a str {
    let mut chars = text.chars();
    if chars.next() != Some('\u{1b}') {
        return chars.as_str();
    }
    match chars.clone().next() {
        Some('[') => {
            let body = &chars.as_str()[1..];
            let Some(end) = body.find(|c: char| ('@'..='~').contains(&c)) else { return "" };
            if body[end..].starts_with('m') {
                style.apply(&body[..end]);
            }
            &body[end + 1..]
        }
        // An operating system command ends with BEL or with ESC \.
        Some(']') => match chars.as_str().find(['\u{7}', '\u{1b}']) {
            Some(end) if chars.as_str()[end..].starts_with("\u{1b}\\") => {
                &chars.as_str()[end + 2..]
            }
            Some(end) => &chars.as_str()[end + 1..],
            None => "",
        },
        Some(_) => {
            chars.next();
            chars.as_str()
        }
        None => "",
    }
}

impl Style {
    fn apply(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|code| code.parse().unwrap_or(0u16));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.faint) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.foreground = Some((code - 30) as u8),
                38 => self.foreground = extended(&mut codes),
                39 => self.foreground = None,
                40..=47 => self.background = Some((code - 40) as u8),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                90..=97 => self.foreground = Some((code - 82) as u8),
                100..=107 => self.background = Some((code - 92) as u8),
                _ => {}
            }
        }
    }

    fn classes(self) -> String {
        let mut classes: Vec<String> = Vec::new();
        for (set, name) in [
            (self.bold, "ansi-bold"),
            (self.faint, "ansi-faint"),
            (self.italic, "ansi-italic"),
            (self.underline, "ansi-underline"),
        ] {
            if set {
                classes.push(name.to_owned());
            }
        }
        if let Some(colour) = self.foreground {
            classes.push(format!("ansi-{colour}"));
        }
        if let Some(colour) = self.background {
            classes.push(format!("ansi-on-{}", colour % 8));
        }
        classes.join(" ")
    }
}

/// The colour after 38 or 48: one of 256, or red, green and blue; as the nearest of the sixteen.
fn extended(codes: &mut dyn Iterator<Item = u16>) -> Option<u8> {
    match codes.next()? {
        5 => {
            let n = codes.next()?;
            Some(match n {
                0..=15 => n as u8,
                16..=231 => {
                    let n = n - 16;
                    nearest([n / 36, n / 6 % 6, n % 6].map(|level| level * 51))
                }
                _ => nearest([(n.min(255) - 232) * 10 + 8; 3]),
            })
        }
        2 => {
            let rgb = [codes.next()?, codes.next()?, codes.next()?];
            Some(nearest(rgb))
        }
        _ => None,
    }
}

/// The nearest of the sixteen colours: a bit each for red, green and blue, bright from 192.
fn nearest(rgb: [u16; 3]) -> u8 {
    let bits = rgb.iter().enumerate().map(|(n, level)| u8::from(*level > 95) << n).sum::<u8>();
    bits + if rgb.iter().any(|level| *level > 191) { 8 } else { 0 }
}

fn push_escaped(html: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = escape_html_body_text(html, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(to_html(text), expected);
    }

    #[test]
    fn colours_become_classes_and_the_rest_is_dropped() {
        check("plain <b> & co", "plain &lt;b&gt; &amp; co");
        check("\u{1b}[1;31merror\u{1b}[0m: x", "<span class=\"ansi-bold ansi-1\">error</span>: x");
        check("\u{1b}[38;5;9mhi\u{1b}[39m.", "<span class=\"ansi-9\">hi</span>.");
        check("\u{1b}[38;2;250;0;0mhi", "<span class=\"ansi-9\">hi</span>");
        check("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}", "link");
        check("a\u{1b}[2Kb\u{8}c\u{1b}", "abc");
        check("\u{1b}[31m<script>", "<span class=\"ansi-1\">&lt;script&gt;</span>");
    }

    #[test]
    fn a_progress_bar_ends_as_it_ended() {
        check("10%\r50%\r100%\ndone\r\n", "100%\ndone\n");
        assert_eq!(strip("\u{1b}[32m0.98\u{1b}[0m"), "0.98");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let html = to_html(&"é".repeat(150_000));
        assert!(html.ends_with("… 100000 more bytes are not shown here</span>"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic_or_leave_markup(text in "(\u{1b}[\\[\\]]?[0-9;:]{0,6}[a-zA-Z]?|[<>&\"é\r\n\u{7}]|[a-z]){0,30}") {
            let html = to_html(&text).replace("</span>", "").replace("<span class=\"ansi", "");
            proptest::prop_assert!(!html.contains('<'));
        }
    }
}
