//! What the target of a link or an image means.

pub(crate) mod options;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::clean::html::scheme;
use crate::root::resolve;

/// The target of a link, seen from the file it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A notebook of the series, and a cell of it.
    Notebook { file: String, label: Option<String>, options: Option<String> },
    /// Another file of the series.
    File { file: String, fragment: Option<String> },
    /// A place on the same page.
    Here,
    /// An address with a scheme, or one that starts with `/`.
    Elsewhere,
    /// A path that leads out of the series.
    Outside,
}

impl Target {
    /// Reads `target` as written in a file of `folder`.
    pub(crate) fn parse(folder: &str, target: &str) -> Self {
        let target = target.trim();
        if target.is_empty() || target.starts_with('#') {
            return Self::Here;
        }
        if scheme(target).is_some() || target.starts_with("//") {
            return Self::Elsewhere;
        }
        let (path, fragment) = match target.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (target, None),
        };
        let (path, options) = match path.split_once('?') {
            Some((path, options)) => (path, Some(options)),
            None => (path, None),
        };
        // `n.ipynb#label?code=show` is read like `n.ipynb?code=show#label`.
        let late = fragment.filter(|_| options.is_none() && path.ends_with(".ipynb"));
        let (fragment, options) = match late.and_then(|late| late.split_once('?')) {
            Some((fragment, options)) => (Some(fragment), Some(options)),
            None => (fragment, options),
        };
        let fragment = fragment.map(decode);
        let path = decode(path);
        if path.starts_with('/') {
            return Self::Elsewhere;
        }
        let Some(file) = resolve(folder, &path) else { return Self::Outside };
        let fragment = fragment.filter(|fragment| !fragment.is_empty());
        if file.ends_with(".ipynb") {
            Self::Notebook { file, label: fragment, options: options.map(str::to_owned) }
        } else {
            Self::File { file, fragment }
        }
    }
}

/// The file that a `[[name]]` means: the one at that place, else the only one of that name. An
/// entry's name may leave out its `.md`.
pub(crate) fn named<'a>(
    mut known: impl Iterator<Item = &'a str> + Clone,
    file: &str,
) -> Option<&'a str> {
    let whole = if file.ends_with(".ipynb") || file.ends_with(".md") {
        file.to_owned()
    } else {
        format!("{file}.md")
    };
    if let Some(found) = known.clone().find(|known| *known == whole) {
        return Some(found);
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let wanted = name(&whole);
    let found = known.find(|known| name(known) == wanted)?;
    known.all(|known| name(known) != wanted).then_some(found)
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What cannot stand in an address as it is.
const RESERVED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// An address relative to a page: `up` leads to the site's root.
pub(crate) fn href(up: &str, path: &str, fragment: Option<&str>) -> String {
    let mut href = format!("{up}{}", utf8_percent_encode(path, RESERVED));
    if let Some(fragment) = fragment {
        href.push('#');
        href.extend(utf8_percent_encode(fragment, RESERVED));
    }
    href
}

/// The way from a page of the site to its root.
pub(crate) fn up_from(page: &str) -> String {
    "../".repeat(page.matches('/').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart() {
        let check = |target: &str, expected: Target| {
            assert_eq!(Target::parse("journal/entries", target), expected, "{target}");
        };
        let notebook = |label: Option<&str>| Target::Notebook {
            file: "notebooks/a b.ipynb".into(),
            label: label.map(str::to_owned),
            options: None,
        };
        check("../../notebooks/a%20b.ipynb#x%20y", notebook(Some("x y")));
        check("../../notebooks/a b.ipynb", notebook(None));
        check("../../notebooks/a b.ipynb#", notebook(None));
        check(
            "../../notebooks/a.ipynb?mime=x#y",
            Target::Notebook {
                file: "notebooks/a.ipynb".into(),
                label: Some("y".into()),
                options: Some("mime=x".into()),
            },
        );
        check("../../../x.ipynb#y", Target::Outside);
        check("%2e%2e/%2e%2e/%2e%2e/x.ipynb", Target::Outside);
        check(
            "day-01.md#top",
            Target::File { file: "journal/entries/day-01.md".into(), fragment: Some("top".into()) },
        );
        check("#here", Target::Here);
        check("https://example.org/a.ipynb#b", Target::Elsewhere);
        check("/etc/passwd", Target::Elsewhere);
        check("%2Fetc/passwd", Target::Elsewhere);
        check("//example.org/a.ipynb", Target::Elsewhere);
    }

    #[test]
    fn names_mean_the_one_file_that_has_them() {
        let known = ["entries/day-01.md", "notebooks/a.ipynb", "notebooks/x/b.ipynb", "x/b.ipynb"];
        let check = |file: &str, expected: Option<&str>| {
            assert_eq!(named(known.into_iter(), file), expected, "{file}");
        };
        check("entries/day-01", Some("entries/day-01.md"));
        check("day-01.md", Some("entries/day-01.md"));
        check("entries/a.ipynb", Some("notebooks/a.ipynb"));
        check("x/b.ipynb", Some("x/b.ipynb"));
        check("b.ipynb", None);
        check("c", None);
    }

    #[test]
    fn addresses_are_relative_and_encoded() {
        assert_eq!(up_from("notebooks/day/a.html"), "../../");
        assert_eq!(href("../", "a b.html", Some("x#y")), "../a%20b.html#x%23y");
    }
}
