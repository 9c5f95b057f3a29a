//! What a link to an output asks for: `?mime=image/png`, `?output=2`, `?code=show`, `?lines=1-20`,
//! `?format=.1%`; several are joined by `&`.

use std::ops::RangeInclusive;

use percent_encoding::percent_decode_str;

use crate::suggest::did_you_mean;

/// How an output is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LinkOptions {
    /// The form to show, such as `image/png`.
    pub(crate) mime: Option<String>,
    /// Which of the cell's outputs, counted from 1.
    pub(crate) output: Option<usize>,
    /// The code is shown at once, not folded.
    pub(crate) shows_code: bool,
    /// Which lines of printed text, counted from 1.
    pub(crate) lines: Option<RangeInclusive<usize>>,
    /// How a number in a sentence is written.
    pub(crate) format: Option<NumberFormat>,
}

/// A number's format, in the words of Python and Rust: `.2f`, `,d`, `.1%`, `.3e`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    groups: bool,
    digits: Option<usize>,
    kind: char,
}

const NAMES: [&str; 5] = ["mime", "output", "code", "lines", "format"];

impl LinkOptions {
    /// Reads what stands behind `?`.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let mut options = Self::default();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            // `.1%` is a format, and no hex digits follow its percent sign.
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            let wrong = |expected: &str| {
                (format!("`{name}` should be {expected}, but it is `{value}`"), None)
            };
            match name {
                "mime" if value.contains('/') => options.mime = Some(value.to_ascii_lowercase()),
                "mime" => return Err(wrong("a MIME type such as `image/svg+xml`")),
                "output" => {
                    let number = value.parse().ok().filter(|number| *number > 0);
                    options.output = Some(number.ok_or_else(|| wrong("a number from 1"))?);
                }
                "code" => match value.as_str() {
                    "show" => options.shows_code = true,
                    "fold" => options.shows_code = false,
                    _ => return Err(wrong("`show` or `fold`")),
                },
                "lines" => {
                    let lines = parse_lines(&value);
                    options.lines = Some(lines.ok_or_else(|| wrong("lines such as `1-20`"))?);
                }
                "format" => {
                    let format = NumberFormat::parse(&value);
                    let wrong = || wrong("a number's format such as `.1%`, `.2f` or `,d`");
                    options.format = Some(format.ok_or_else(wrong)?);
                }
                _ => {
                    let message = format!("a link to an output has no option `{name}`");
                    return Err((message, did_you_mean(name, NAMES)));
                }
            }
        }
        Ok(options)
    }
}

/// `3`, `3-`, `-7` or `3-7`.
fn parse_lines(text: &str) -> Option<RangeInclusive<usize>> {
    let number = |text: &str, other| match text {
        "" => Some(other),
        _ => text.parse().ok().filter(|number| *number > 0),
    };
    let (first, last) = match text.split_once('-') {
        Some(("", "")) => return None,
        Some((first, last)) => (number(first, 1)?, number(last, usize::MAX)?),
        None => {
            let line = number(text, 0).filter(|line| *line > 0)?;
            (line, line)
        }
    };
    (first <= last).then_some(first..=last)
}

impl NumberFormat {
    fn parse(text: &str) -> Option<Self> {
        let (groups, rest) = match text.strip_prefix(',') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let kind = rest.chars().last().filter(|last| !last.is_ascii_digit() && *last != '.');
        let rest = kind.map_or(rest, |kind| &rest[..rest.len() - kind.len_utf8()]);
        let kind = kind.unwrap_or(if rest.is_empty() { 'd' } else { 'f' });
        let digits = match rest.strip_prefix('.') {
            Some(digits) => Some(digits.parse().ok().filter(|digits| *digits <= 20)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        let known = matches!(kind, 'f' | 'e' | '%' | 'd') && !(kind == 'd' && digits.is_some());
        (known && !text.is_empty()).then_some(Self { groups, digits, kind })
    }

    /// Writes the number that `text` is.
    ///
    /// # Errors
    /// The text is no number.
    pub(crate) fn write(self, text: &str) -> Result<String, String> {
        let plain: String = text.trim().chars().filter(|c| !matches!(c, ',' | '_')).collect();
        let (plain, percent) = match plain.strip_suffix('%') {
            Some(plain) => (plain.trim_end().to_owned(), 0.01),
            None => (plain, 1.0),
        };
        let number: f64 = plain
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| format!("`{}` is not a number, so it has no format", text.trim()))?;
        let number = number * percent;
        let digits = self.digits;
        let written = match self.kind {
            '%' => format!("{:.*}%", digits.unwrap_or(0), number * 100.0),
            'e' => format!("{:.*e}", digits.unwrap_or(3), number),
            'd' => format!("{number:.0}"),
            _ => format!("{:.*}", digits.unwrap_or(6), number),
        };
        Ok(if self.groups { grouped(&written) } else { written })
    }
}

/// With a comma between each three digits before the point.
fn grouped(number: &str) -> String {
    let start = usize::from(number.starts_with('-'));
    let digits = number[start..].find(|c: char| !c.is_ascii_digit());
    let end = digits.map_or(number.len(), |at| start + at);
    let mut text = number[..start].to_owned();
    for (n, digit) in number[start..end].chars().enumerate() {
        if n > 0 && (end - start - n) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + &number[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = LinkOptions::parse("mime=image/PNG&output=2&code=show&lines=3-7").unwrap();
        assert_eq!(options.mime.as_deref(), Some("image/png"));
        assert_eq!((options.output, options.shows_code), (Some(2), true));
        assert_eq!(options.lines, Some(3..=7));
        assert_eq!(LinkOptions::parse("lines=4").unwrap().lines, Some(4..=4));
        assert_eq!(LinkOptions::parse("lines=4-").unwrap().lines, Some(4..=usize::MAX));
        assert_eq!(LinkOptions::parse("lines=-4").unwrap().lines, Some(1..=4));
        assert_eq!(LinkOptions::parse("").unwrap(), LinkOptions::default());
    }

    #[test]
    fn wrong_options_are_explained() {
        let wrong = |text: &str| {
            let (message, help) = LinkOptions::parse(text).unwrap_err();
            message + &help.map(|help| format!("; {help}")).unwrap_or_default()
        };
        insta::assert_snapshot!(
            ["outptu=1", "output=0", "lines=9-2", "lines=-", "mime=png", "code=x", "format=abc"]
                .map(wrong)
                .join("\n"),
            @"
        a link to an output has no option `outptu`; did you mean `output`?
        `output` should be a number from 1, but it is `0`
        `lines` should be lines such as `1-20`, but it is `9-2`
        `lines` should be lines such as `1-20`, but it is `-`
        `mime` should be a MIME type such as `image/svg+xml`, but it is `png`
        `code` should be `show` or `fold`, but it is `x`
        `format` should be a number's format such as `.1%`, `.2f` or `,d`, but it is `abc`
        "
        );
    }

    #[test]
    fn numbers_are_written_as_asked() {
        let check = |format: &str, number: &str, expected: &str| {
            let format = NumberFormat::parse(format).unwrap();
            assert_eq!(format.write(number).unwrap(), expected);
        };
        check(".1%", "0.8912", "89.1%");
        check("%", "0.5", "50%");
        check(".1%", "89.12 %", "89.1%");
        check(".2f", "3.14159", "3.14");
        check(".0", "2.5", "2");
        check(",d", "1234567.4", "1,234,567");
        check(",.1f", "-1_234.56", "-1,234.6");
        check(".2e", "0.00123", "1.23e-3");
        check(",", "999", "999");
        for format in ["", "x", ".f", ".99f", "5f", ".1d", "..1"] {
            assert_eq!(NumberFormat::parse(format), None, "{format}");
        }
        assert!(NumberFormat::parse(".1f").unwrap().write("many").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z=&%.,0-9é-]{0,30}", number in "[-0-9.,_%e ]{0,12}") {
            if let Ok(LinkOptions { format: Some(format), .. }) = LinkOptions::parse(&text) {
                let _ = format.write(&number);
            }
        }
    }
}
