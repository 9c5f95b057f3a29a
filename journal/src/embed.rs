//! Linking: what `![caption](notebook.ipynb#label)` and `[text](notebook.ipynb#label)` become.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::asset::Assets;
use crate::entry::Entry;
use crate::link::{Target, href};
use crate::markdown::{Embedding, Image};
use crate::notebook::{Cell, CellState, Notebook};
use crate::output::{OutputContext, chosen, escaped, inline_text, picture_html, to_html};
use crate::page::figure::figure;
use crate::problem::Problem;
use crate::root::{Root, RootError, folder_of};
use crate::site::UnprovenOutput;
use crate::suggest::did_you_mean;

/// The most bytes of a picture file.
pub(crate) const MAX_PICTURE: u64 = 32 * 1024 * 1024;

/// A notebook as it was found: read, or broken (which is reported with the notebook itself).
pub(crate) type Notebooks = BTreeMap<String, Option<Notebook>>;

/// Where every page of the site lies, by the file it is made from.
#[derive(Debug, Default)]
pub(crate) struct SiteMap {
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) notebooks: BTreeMap<String, String>,
}

/// The linking of one entry.
pub(crate) struct EntryEmbedding<'a> {
    pub(crate) root: &'a Root,
    pub(crate) entry: &'a Entry,
    pub(crate) notebooks: &'a Notebooks,
    pub(crate) map: &'a SiteMap,
    pub(crate) assets: &'a mut Assets,
    /// The way from the entry's page to the site's root.
    pub(crate) up: &'a str,
    pub(crate) problems: Vec<Problem>,
    /// Outputs on the page that are not proven to hold.
    pub(crate) unproven: Vec<UnprovenOutput>,
    /// How many outputs are linked in.
    pub(crate) n_outputs: usize,
}

impl EntryEmbedding<'_> {
    fn refuse(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let start = self.entry.body_start;
        let span = start + span.start..start + span.end;
        let mut problem = Problem::at(&self.entry.file, &self.entry.text, span, message);
        problem.help = help;
        self.problems.push(problem);
    }

    fn folder(&self) -> &str {
        folder_of(&self.entry.file)
    }

    /// Refuses what leads out of the series, and notebook links that cannot be read.
    fn parse(&mut self, target: &str, span: &Range<usize>) -> Option<Target> {
        match Target::parse(self.folder(), target) {
            Target::Outside => {
                let message = format!("`{target}` leads out of the series");
                let help = "link to files below the folder with the configuration only";
                self.refuse(span.clone(), message, Some(help.into()));
                None
            }
            Target::Options { options } => {
                let message = format!("a notebook link takes no options, but it has `?{options}`");
                self.refuse(span.clone(), message, Some("write `notebook.ipynb#label`".into()));
                None
            }
            target => Some(target),
        }
    }

    /// The notebook; `None` where it is missing or broken.
    fn notebook(&mut self, file: &str, span: &Range<usize>) -> Option<&'_ Notebook> {
        let notebooks = self.notebooks;
        match notebooks.get(file) {
            Some(notebook) => notebook.as_ref(),
            None => {
                let help = did_you_mean(file, notebooks.keys().map(String::as_str));
                self.refuse(span.clone(), format!("there is no notebook `{file}`"), help);
                None
            }
        }
    }

    /// The cell that a label names, with its notebook.
    fn cell(
        &mut self,
        file: &str,
        label: &str,
        span: &Range<usize>,
    ) -> Option<(&'_ Notebook, &'_ Cell)> {
        let notebooks = self.notebooks;
        self.notebook(file, span)?;
        let notebook = notebooks.get(file)?.as_ref()?;
        match notebook.cell(label) {
            Ok(cell) => Some((notebook, cell)),
            Err(numbers) if numbers.is_empty() => {
                let message = format!("no cell of `{file}` is labelled `{label}`");
                self.refuse(span.clone(), message, did_you_mean(label, notebook.labels()));
                None
            }
            Err(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                let message = format!(
                    "`{label}` names {} cells of `{file}`: {}",
                    numbers.len(),
                    numbers.join(", ")
                );
                let help = "give each cell a label of its own";
                self.refuse(span.clone(), message, Some(help.into()));
                None
            }
        }
    }

    fn output(&mut self, image: &Image<'_>, file: &str, label: &str) -> Option<String> {
        let (notebooks, up) = (self.notebooks, self.up);
        self.cell(file, label, &image.span)?;
        let notebook = notebooks.get(file)?.as_ref()?;
        let cell = notebook.cell(label).ok()?;
        let outputs = chosen(cell);
        if outputs.is_empty() {
            let (message, help) = if cell.state == CellState::NeverRun {
                (
                    format!("cell `{label}` of `{file}` has no output: it has never been run"),
                    format!("run the notebook: momentum run {file}"),
                )
            } else {
                (
                    format!("cell `{label}` of `{file}` shows nothing"),
                    "let it print something, or end it with an expression".to_owned(),
                )
            };
            self.refuse(image.span.clone(), message, Some(help));
            return None;
        }
        let page = self.map.notebooks.get(file).cloned().unwrap_or_default();
        let link = href(up, &page, Some(&cell.anchor()));
        let html = if image.block {
            let mut body = String::new();
            for output in outputs {
                let mut context =
                    OutputContext { assets: &mut *self.assets, up, alt: &image.caption };
                match to_html(output, &mut context) {
                    Ok(html) => body.push_str(&html),
                    Err(message) => {
                        let message = format!("cell `{label}` of `{file}`: {message}");
                        self.refuse(image.span.clone(), message, None);
                        return None;
                    }
                }
            }
            figure(notebook, cell, &image.caption, &body, &link)
        } else {
            match inline_text(cell) {
                Ok(text) => inline_value(cell, &text, &image.caption, &link),
                Err(found) => {
                    let message = format!(
                        "only a short text can stand within a sentence, but cell `{label}` shows {found}"
                    );
                    let help =
                        "put the image in a paragraph of its own, with blank lines around it";
                    self.refuse(image.span.clone(), message, Some(help.into()));
                    return None;
                }
            }
        };
        self.n_outputs += 1;
        if matches!(cell.state, CellState::Stale | CellState::NeverRun | CellState::Failed) {
            let place = self.entry.body_start + image.span.start;
            let place = Problem::at(&self.entry.file, &self.entry.text, place..place, "");
            self.unproven.push(UnprovenOutput {
                entry: self.entry.file.clone(),
                line: place.line,
                column: place.column,
                span: place.span.start..self.entry.body_start + image.span.end,
                notebook: file.to_owned(),
                label: label.to_owned(),
                state: cell.state,
            });
        }
        Some(html)
    }

    fn picture_file(&mut self, image: &Image<'_>, file: &str) -> Option<String> {
        let message = match self.root.read(file, MAX_PICTURE) {
            Ok(bytes) => match self.assets.add_file(bytes) {
                Ok(picture) => {
                    let src = href(self.up, &picture.path, None);
                    let img = picture_html(&src, picture.size, &image.caption);
                    return Some(if image.block {
                        let caption = escaped(&image.caption);
                        format!(
                            "<figure class=\"picture\"><div class=\"plate\">{img}</div>\
                             <figcaption><p class=\"caption\">{caption}</p></figcaption></figure>\n"
                        )
                    } else {
                        img
                    });
                }
                Err(message) => format!("`{file}`: {message}"),
            },
            Err(RootError::Missing(_)) => format!("there is no picture `{file}`"),
            Err(error) => error.to_string(),
        };
        self.refuse(image.span.clone(), message, None);
        None
    }
}

/// A short text in a sentence, linked to the cell that said it.
fn inline_value(cell: &Cell, text: &str, caption: &str, link: &str) -> String {
    let (class, mark) = match cell.state {
        CellState::Fresh | CellState::Unrecorded => ("value", String::new()),
        state => {
            let mark = crate::page::figure::state_name(state);
            ("value unproven", format!("<span class=\"mark\">{mark}</span>"))
        }
    };
    let title = if caption.is_empty() { "To the cell that printed this" } else { caption };
    format!(
        "<a class=\"{class}\" href=\"{}\" title=\"{}\">{}{mark}</a>",
        escaped(link),
        escaped(title),
        escaped(text)
    )
}

impl Embedding for EntryEmbedding<'_> {
    fn image(&mut self, image: &Image<'_>) -> Option<String> {
        match self.parse(image.target, &image.span)? {
            Target::Notebook { file, label: Some(label) } => self.output(image, &file, &label),
            Target::Notebook { file, label: None } => {
                let help = self
                    .notebooks
                    .get(&file)
                    .and_then(Option::as_ref)
                    .and_then(|notebook| did_you_mean("", notebook.labels()));
                let message =
                    format!("say which cell of `{file}` is meant: `#label` after its name");
                self.refuse(image.span.clone(), message, help);
                None
            }
            Target::File { file, .. } => self.picture_file(image, &file),
            _ => {
                let message = format!("the picture `{}` is not a file of the series", image.target);
                let help = "save it beside the entry: pages fetch nothing from elsewhere";
                self.refuse(image.span.clone(), message, Some(help.into()));
                None
            }
        }
    }

    fn link(&mut self, target: &str, span: Range<usize>) -> Option<String> {
        match self.parse(target, &span)? {
            Target::Notebook { file, label } => {
                let anchor = match &label {
                    Some(label) => Some(self.cell(&file, label, &span)?.1.anchor()),
                    None => {
                        self.notebook(&file, &span)?;
                        None
                    }
                };
                let page = self.map.notebooks.get(&file)?;
                Some(href(self.up, page, anchor.as_deref()))
            }
            Target::File { file, fragment } if file.ends_with(".md") => {
                match self.map.entries.get(&file) {
                    Some(page) => Some(href(self.up, page, fragment.as_deref())),
                    None => {
                        let help = did_you_mean(&file, self.map.entries.keys().map(String::as_str));
                        self.refuse(span, format!("there is no entry `{file}`"), help);
                        None
                    }
                }
            }
            Target::File { file, .. } => {
                let message = format!("`{file}` is no page of the site");
                let help = "link to an entry, to a notebook, or to a web address";
                self.refuse(span, message, Some(help.into()));
                None
            }
            _ => Some(target.to_owned()),
        }
    }

    fn wrong(&mut self, span: Range<usize>, message: String) {
        self.refuse(span, message, None);
    }
}
