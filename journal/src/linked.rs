//! What the links of an entry lead to, as things rather than as HTML: for posts and for the PDF.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::clean::svg::clean_svg;
use crate::entry::Entry;
use crate::link::options::LinkOptions;
use crate::link::{Target, href, named};
use crate::notebook::beside::read_whole;
use crate::notebook::read::MAX_NOTEBOOK;
use crate::notebook::{Cell, CellState, Notebook, Output};
use crate::output::{asked, inline_text, richest};
use crate::problem::{JournalError, Problem, Problems};
use crate::root::{folder_of, stem_of};
use crate::series::Series;
use crate::{ansi, asset};

/// A picture as it is kept: vector or pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Cleaned SVG.
    Svg(String),
    /// PNG, JPEG, GIF or WebP, with the usual ending of its file.
    Bytes(Vec<u8>, &'static str),
}

/// What stands where an entry has an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A picture.
    Picture(Picture),
    /// Printed text, a table, an error: lines in a font of one width.
    Text(String),
    /// A short value within a sentence.
    Value(String),
}

/// What an image of an entry shows, and the cell that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Showing {
    pub(crate) shown: Vec<Shown>,
    /// `None` for a picture file.
    pub(crate) origin: Option<Origin>,
}

/// The cell that made an output, and whether the output still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) label: String,
    pub(crate) file: String,
    state: CellState,
    reason: String,
}

impl Origin {
    /// The state in words: `stale code: the code of this cell ...`.
    pub(crate) fn said(&self) -> String {
        match self.reason.as_str() {
            "" => self.state.to_string(),
            reason => format!("{}: {reason}", self.state),
        }
    }

    pub(crate) fn holds(&self) -> bool {
        self.state.holds()
    }
}

/// The most bytes of a picture file.
const MAX_PICTURE: u64 = 32 * 1024 * 1024;

/// The notebooks of a series by file: read, or broken.
pub(crate) type Notebooks = BTreeMap<String, Option<Notebook>>;

/// Reads every notebook; what is wrong with one is added to `problems`.
///
/// # Errors
/// The notebooks' folder cannot be listed.
pub(crate) fn read_notebooks(
    series: &Series,
    problems: &mut Vec<Problem>,
) -> Result<Notebooks, JournalError> {
    let mut notebooks = Notebooks::new();
    for path in series.notebooks()? {
        let name = path.strip_prefix(series.root()).unwrap_or(&path);
        let file = name.to_string_lossy().replace('\\', "/");
        let read = match series.root.read(&file, MAX_NOTEBOOK) {
            Ok(bytes) => {
                let hash = |file: &str| series.root.hash(file).ok();
                read_whole(&series.root, &file, &bytes, series.environment.as_ref(), &hash)
                    .map_err(|problem| *problem)
            }
            Err(error) => Err(Problem::of_file(&file, error.to_string())),
        };
        let notebook = read.map_err(|problem| problems.push(problem)).ok();
        notebooks.insert(file, notebook);
    }
    Ok(notebooks)
}

/// One series with its notebooks read.
pub(crate) struct Linked<'a> {
    pub(crate) series: &'a Series,
    pub(crate) notebooks: Notebooks,
}

impl<'a> Linked<'a> {
    /// Reads the notebooks.
    ///
    /// # Errors
    /// Entries or notebooks that cannot be read: the problems of all of them.
    pub(crate) fn read(series: &'a Series) -> Result<Linked<'a>, JournalError> {
        let mut problems = series.problems.clone();
        let notebooks = read_notebooks(series, &mut problems)?;
        if problems.is_empty() {
            Ok(Linked { series, notebooks })
        } else {
            Err(JournalError::Problems(Problems(problems)))
        }
    }

    /// What an image of an entry shows. `span` is its place in the entry's body.
    ///
    /// # Errors
    /// The image leads to nothing.
    pub(crate) fn show(
        &self,
        entry: &Entry,
        target: &str,
        span: &Range<usize>,
        block: bool,
    ) -> Result<Showing, Problem> {
        self.find(entry, target, block).map_err(|message| {
            let start = entry.body_start;
            let span = start + span.start..start + span.end;
            Problem::at(&entry.file, &entry.text, span, message)
                .with_help("`momentum check` names everything that is wrong with the series")
        })
    }

    /// The notebook that a link means, by its place or by its name.
    fn by_name(&self, file: String) -> String {
        named(self.notebooks.keys().map(String::as_str), &file).map_or(file, str::to_owned)
    }

    fn find(&self, entry: &Entry, target: &str, block: bool) -> Result<Showing, String> {
        match Target::parse(folder_of(&entry.file), target) {
            Target::Notebook { file, label: Some(label), options } => {
                let file = self.by_name(file);
                let notebook = self.notebooks.get(&file).and_then(Option::as_ref);
                let notebook = notebook.ok_or_else(|| format!("there is no notebook `{file}`"))?;
                let cell = notebook
                    .cell(&label)
                    .map_err(|_| format!("`{label}` names no single cell of `{file}`"))?;
                if cell.state == CellState::NeverRun && cell.outputs.is_empty() {
                    return Err(format!("cell `{label}` of `{file}` has never been run"));
                }
                let options = LinkOptions::parse(options.as_deref().unwrap_or_default())
                    .map_err(|(message, _)| message)?;
                let outputs = asked(cell, &options)
                    .map_err(|message| format!("cell `{label}` of `{file}`: {message}"))?;
                let (state, reason) = (cell.state, cell.reason.clone());
                let origin = Some(Origin { label: label.clone(), file, state, reason });
                if block {
                    let shown = outputs.iter().map(shown).collect::<Result<_, _>>()?;
                    return Ok(Showing { shown, origin });
                }
                let value = inline_text(&Cell { outputs, ..cell.clone() }).map_err(|found| {
                    format!("cell `{label}` shows {found}, which no sentence can hold")
                })?;
                let value = match options.format {
                    Some(format) => format.write(&value)?,
                    None => value,
                };
                Ok(Showing { shown: vec![Shown::Value(value)], origin })
            }
            Target::File { file, .. } => {
                let bytes = self.series.root.read(&file, MAX_PICTURE);
                let bytes = bytes.map_err(|error| error.to_string())?;
                let picture = of_file(bytes).map_err(|error| format!("`{file}` {error}"))?;
                Ok(Showing { shown: vec![Shown::Picture(picture)], origin: None })
            }
            _ => Err(format!("`{target}` is no output and no picture of the series")),
        }
    }

    /// The web address that a link of an entry leads to, once the site is published; `None` where
    /// there is none.
    pub(crate) fn address(&self, entry: &Entry, target: &str) -> Option<String> {
        let base = self.series.config().address();
        let page = |path: &str, fragment: Option<&str>| {
            (!base.is_empty()).then(|| format!("{base}{}", href("", path, fragment)))
        };
        match Target::parse(folder_of(&entry.file), target) {
            Target::Elsewhere if !target.starts_with('/') => Some(target.to_owned()),
            Target::Notebook { file, label, .. } => {
                let file = self.by_name(file);
                let notebook = self.notebooks.get(&file)?.as_ref()?;
                let folder = format!("{}/", self.series.config().notebooks);
                let short = file.strip_prefix(&folder).unwrap_or(&file);
                let short = short.strip_suffix(".ipynb").unwrap_or(short);
                let anchor = label.and_then(|label| Some(notebook.cell(&label).ok()?.anchor()));
                page(&format!("notebooks/{short}.html"), anchor.as_deref())
            }
            Target::File { file, fragment } => {
                let entries = self.series.entries.iter().map(|entry| entry.file.as_str());
                let file = named(entries, &file)?;
                page(&format!("entries/{}.html", stem_of(file)), fragment.as_deref())
            }
            _ => None,
        }
    }
}

/// The form of an output that a page of paper or a post can hold.
fn shown(output: &Output) -> Result<Shown, String> {
    match output {
        Output::Stream { text, .. } => Ok(Shown::Text(ansi::strip(text).trim_end().to_owned())),
        Output::Error { name, value, traceback } => {
            let text = if traceback.is_empty() {
                format!("{name}: {value}")
            } else {
                traceback.join("\n")
            };
            Ok(Shown::Text(ansi::strip(&text)))
        }
        Output::Display { data, .. } => match richest(data) {
            Some(("image/svg+xml", text)) => Ok(Shown::Picture(svg(text)?)),
            Some((mime, text)) if mime.starts_with("image/") => {
                use base64::Engine;
                let compact: String = text.split_ascii_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(compact)
                    .map_err(|error| format!("the {mime} output is not base64: {error}"))?;
                Ok(Shown::Picture(of_file(bytes)?))
            }
            Some((mime, text)) => {
                let text = data.get("text/plain").map_or(text, String::as_str);
                let text = if mime == "text/html" && !data.contains_key("text/plain") {
                    without_tags(text)
                } else {
                    ansi::strip(text)
                };
                Ok(Shown::Text(text.trim_end().to_owned()))
            }
            None => Err("the output has no form that can be shown".to_owned()),
        },
    }
}

fn svg(text: &str) -> Result<Picture, String> {
    let clean = clean_svg(text).map_err(|error| format!("the SVG picture is {error}"))?;
    Ok(Picture::Svg(clean.xml))
}

fn of_file(bytes: Vec<u8>) -> Result<Picture, String> {
    match asset::sniff(&bytes) {
        Some(ending) => Ok(Picture::Bytes(bytes, ending)),
        None => match String::from_utf8(bytes) {
            Ok(text) if text.contains("<svg") => svg(&text),
            _ => Err("is not a PNG, JPEG, GIF, WebP or SVG picture".to_owned()),
        },
    }
}

/// The words of an HTML output, for what cannot show HTML.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        let tag = &rest[at..end];
        if ["<br", "</tr", "</p", "</div", "</li", "</h"].iter().any(|t| tag.starts_with(t)) {
            text.push('\n');
        } else if ["</td", "</th"].iter().any(|t| tag.starts_with(t)) {
            text.push_str("  ");
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    for (entity, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_without_a_plain_form_keeps_its_words() {
        let html =
            "<table><tr><th>a</th><td>1 &lt; 2</td></tr>\n<tr><td>b</td></tr></table><script";
        assert_eq!(without_tags(html), "a  1 < 2\nb");
    }
}
