//! Linking: what `![caption](notebook.ipynb#label)` and `[text](notebook.ipynb#label)` become.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::asset::Assets;
use crate::clean::html::is_relative;
use crate::config::SeriesConfig;
use crate::entry::Entry;
use crate::key::Key;
use crate::link::options::LinkOptions;
use crate::link::{Target, href, named};
use crate::markdown::raw::{RawTag, lost_picture};
use crate::markdown::{Embedding, Image};
use crate::notebook::{Cell, CellState, Notebook};
use crate::output::{
    OutputContext, asked, escaped, inline_text, picture_html, plate_html, to_html,
};
use crate::page::figure::{figure, words};
use crate::problem::Problem;
use crate::record::Need;
use crate::root::folder_of;
use crate::site::UnprovenOutput;
use crate::site::notebooks::Notebooks;
use crate::suggest::did_you_mean;
use crate::{diagram, highlight};

/// Where every page of the site lies, by the file it is made from.
#[derive(Debug, Default)]
pub(crate) struct SiteMap {
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) notebooks: BTreeMap<String, String>,
    /// Of all that it says.
    pub(crate) key: Option<Key>,
}

impl SiteMap {
    /// The map of a site without a page.
    pub(crate) fn empty() -> &'static Self {
        static EMPTY: LazyLock<SiteMap> = LazyLock::new(SiteMap::default);
        &EMPTY
    }
}

/// The linking of one entry.
pub(crate) struct EntryEmbedding<'a> {
    pub(crate) config: &'a SeriesConfig,
    pub(crate) entry: &'a Entry,
    pub(crate) notebooks: &'a Notebooks,
    pub(crate) map: &'a SiteMap,
    pub(crate) assets: Assets<'a>,
    /// The way from the entry's page to the site's root.
    pub(crate) up: &'a str,
    pub(crate) problems: Vec<Problem>,
    /// Outputs on the page that are not proven to hold.
    pub(crate) unproven: Vec<UnprovenOutput>,
    /// How many outputs are linked in, and how many of them nothing is on record about.
    pub(crate) n_outputs: usize,
    pub(crate) n_unrecorded: usize,
    /// What the page is made from, besides the entry and its pictures.
    pub(crate) needs: Vec<Need>,
    /// Whether an output on the page may act, because the configuration trusts its notebook.
    pub(crate) is_trusted: bool,
}

impl<'a> EntryEmbedding<'a> {
    fn refuse(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let start = self.entry.body_start;
        let span = start + span.start..start + span.end;
        let mut problem = Problem::at(&self.entry.file, &self.entry.text, span, message);
        problem.help = help;
        self.problems.push(problem);
    }

    fn need(&mut self, need: Need) {
        if !self.needs.contains(&need) {
            self.needs.push(need);
        }
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
            target => Some(target),
        }
    }

    /// The notebook; `None` where it is missing or broken.
    fn notebook(&mut self, file: &str, span: &Range<usize>) -> Option<&'a Notebook> {
        let notebooks = self.notebooks;
        match notebooks.get(file) {
            Some(notebook) => {
                self.need(Need::Notebook(file.to_owned(), notebook.key));
                notebook.read().ok()
            }
            None => {
                let help = did_you_mean(file, notebooks.names());
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
    ) -> Option<(&'a Notebook, &'a Cell)> {
        let notebook = self.notebook(file, span)?;
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

    fn output(
        &mut self,
        image: &Image<'_>,
        file: &str,
        label: &str,
        options: &LinkOptions,
    ) -> Option<String> {
        let up = self.up;
        let (notebook, cell) = self.cell(file, label, &image.span)?;
        let is_trusted = self.config.trusts(file);
        self.is_trusted |= is_trusted;
        let refuse = |this: &mut Self, message: String| {
            let message = format!("cell `{label}` of `{file}`: {message}");
            this.refuse(image.span.clone(), message, None);
        };
        let outputs = match asked(cell, options) {
            Ok(outputs) => outputs,
            Err(message) => {
                refuse(self, message);
                return None;
            }
        };
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
                    OutputContext { assets: &mut self.assets, up, alt: &image.caption, is_trusted };
                match to_html(&output, &mut context) {
                    Ok(html) => body.push_str(&html),
                    Err(message) => {
                        refuse(self, message);
                        return None;
                    }
                }
            }
            if options.format.is_some() {
                let message = "`format` is for a value within a sentence".to_owned();
                refuse(self, message);
                return None;
            }
            figure(notebook, cell, &image.caption, &body, &link, options.shows_code)
        } else {
            let shown = Cell { outputs, ..cell.clone() };
            let text = inline_text(&shown).map(|text| match options.format {
                Some(format) => format.write(&text),
                None => Ok(text),
            });
            match text {
                Ok(Err(message)) => {
                    refuse(self, message);
                    return None;
                }
                Ok(Ok(text)) => inline_value(cell, &text, &image.caption, &link),
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
        self.n_unrecorded += usize::from(cell.state == CellState::Unrecorded);
        if !cell.state.holds() {
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
                reason: cell.reason.clone(),
            });
        }
        Some(html)
    }

    /// The notebook that `![[name.ipynb#label]]` means.
    fn by_name(&self, file: String) -> String {
        named(self.notebooks.names(), &file).map_or(file, str::to_owned)
    }

    fn picture_file(&mut self, image: &Image<'_>, file: &str) -> Option<String> {
        let message = match self.assets.add_file(file) {
            Ok(picture) => {
                let src = href(self.up, &picture.path, None);
                return Some(if image.block {
                    let img = plate_html(&src, picture.size, &image.caption);
                    let caption = escaped(&image.caption);
                    format!(
                        "<figure class=\"picture\"><div class=\"plate\">{img}</div>\
                         <figcaption><p class=\"caption\">{caption}</p></figcaption></figure>\n"
                    )
                } else {
                    picture_html(&src, picture.size, &image.caption)
                });
            }
            Err(message) => message,
        };
        let help = "a picture's path is relative to the entry: save it there, or correct the path";
        self.refuse(image.span.clone(), message, Some(help.into()));
        None
    }
}

/// A short text in a sentence, linked to the cell that said it.
fn inline_value(cell: &Cell, text: &str, caption: &str, link: &str) -> String {
    let (class, mark) = if cell.state.holds() {
        ("value", String::new())
    } else {
        let mark = escaped(words(cell).short);
        ("value unproven", format!("<span class=\"mark\">{mark}</span>"))
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
            Target::Notebook { file, label: Some(label), options } => {
                let file = if image.by_name { self.by_name(file) } else { file };
                match LinkOptions::parse(options.as_deref().unwrap_or_default()) {
                    Ok(options) => self.output(image, &file, &label, &options),
                    Err((message, help)) => {
                        self.refuse(image.span.clone(), message, help);
                        None
                    }
                }
            }
            Target::Notebook { file, label: None, .. } => {
                let file = if image.by_name { self.by_name(file) } else { file };
                let notebook = self.notebook(&file, &image.span)?;
                let help = did_you_mean("", notebook.labels());
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

    fn link(&mut self, target: &str, span: Range<usize>, by_name: bool) -> Option<String> {
        let mut meant = self.parse(target, &span)?;
        if by_name {
            match &mut meant {
                Target::Notebook { file, .. } => *file = self.by_name(std::mem::take(file)),
                Target::File { file, .. } => {
                    let known = self.map.entries.keys().map(String::as_str);
                    if let Some(known) = named(known, file).map(str::to_owned) {
                        *file = known;
                    }
                }
                _ => {}
            }
        }
        match meant {
            Target::Notebook { file, label, .. } => {
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
                    Some(page) => {
                        let href = href(self.up, page, fragment.as_deref());
                        self.need(Need::Entry(file));
                        Some(href)
                    }
                    None => {
                        let help = did_you_mean(&file, self.map.entries.keys().map(String::as_str));
                        self.refuse(span, format!("there is no entry `{file}`"), help);
                        None
                    }
                }
            }
            Target::File { file, .. } if by_name => {
                let written = file.rsplit('/').next().unwrap_or(&file).to_owned();
                let stem = |path: &'_ str| path.rsplit('/').next().unwrap_or(path).to_owned();
                let known: Vec<String> = self.map.entries.keys().map(|path| stem(path)).collect();
                let known = known.iter().map(|name| name.trim_end_matches(".md"));
                let help = did_you_mean(&written, known);
                self.refuse(span, format!("there is no entry of the name `{written}`"), help);
                None
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

    fn diagram(&mut self, source: &str, span: Range<usize>) -> Option<String> {
        let drawn =
            diagram::draw(source).and_then(|svg| self.assets.add_output("image/svg+xml", &svg));
        match drawn {
            Ok(picture) => {
                let src = href(self.up, &picture.path, None);
                let img = plate_html(&src, picture.size, &diagram::said(source));
                Some(format!(
                    "<figure class=\"picture diagram\"><div class=\"plate\">{img}</div>\
                     <figcaption><details><summary>Source of this diagram</summary>{}</details>\
                     </figcaption></figure>\n",
                    highlight::block(source, "mermaid")
                ))
            }
            Err(message) => {
                let message = format!("the diagram cannot be drawn: {message}");
                self.refuse(span, message, None);
                None
            }
        }
    }

    fn wrong(&mut self, span: Range<usize>, message: String) {
        self.refuse(span, message, None);
    }

    fn raw_tag(&mut self, tag: &RawTag) {
        // One from elsewhere is left out of the page, which `check` says.
        if tag.attribute("src").is_some_and(is_relative)
            && let Some((message, help)) = lost_picture(tag)
        {
            self.refuse(tag.span.clone(), message, Some(help));
        }
    }
}
