//! The page of a notebook: every cell, its code, its outputs, its anchor.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use askama::Template;

use super::figure::{StateWords, UNTIMED, duration, provenance, when, words};
use super::{EntryRow, Frame};
use crate::asset::Assets;
use crate::clean::html::{is_picture_data, scheme};
use crate::embed::SiteMap;
use crate::highlight;
use crate::link::{Target, href};
use crate::markdown::raw::raw_ids;
use crate::markdown::{Embedding, Image, MarkdownConfig, free_id, ids_below, render, slug};
use crate::notebook::{Cell, CellKind, CellState, Notebook, exercise_line};
use crate::output::{OutputContext, escaped, picture_html, plate_html, richest, to_html};
use crate::progress::Strip;
use crate::record::{Exercise, Need};
use crate::root::folder_of;
use crate::site::notebooks::Notebooks;

#[derive(Template)]
#[template(path = "notebook.html")]
pub(crate) struct NotebookPage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) title: String,
    pub(crate) file: &'a str,
    pub(crate) record: Vec<(&'static str, String)>,
    pub(crate) used_in: Vec<EntryRow>,
    /// How far the learner is, where that is shown.
    pub(crate) strip: Option<Strip>,
    pub(crate) note: Option<String>,
    pub(crate) cells: Vec<String>,
}

#[derive(Template)]
#[template(path = "cell.html")]
struct CodeCell<'a> {
    class: &'static str,
    id: &'a str,
    said: String,
    mark: String,
    state: Option<StateWords>,
    code: String,
    outputs: String,
    foot: Vec<String>,
}

/// What a notebook's page is made with.
pub(crate) struct NotebookContext<'a> {
    pub(crate) map: &'a SiteMap,
    pub(crate) assets: Assets<'a>,
    pub(crate) up: &'a str,
    /// The configuration trusts the notebook: its HTML is shown as it is.
    pub(crate) is_trusted: bool,
    pub(crate) notebooks: &'a Notebooks,
    /// What `#...` can name on the pages of the notebooks that were asked for it.
    pub(crate) ids: HashMap<String, HashSet<String>>,
}

/// What `#...` can name on the page of a notebook.
pub(crate) fn page_ids(notebook: &Notebook) -> HashSet<String> {
    let mut ids = HashSet::new();
    anchors(notebook, &mut ids);
    let texts = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Markdown);
    for (n, cell) in texts.clone().enumerate() {
        ids_below(&cell.source, n == 0, &mut ids);
    }
    ids.extend(texts.flat_map(|cell| raw_ids(&cell.source)));
    ids
}

/// The place on a notebook's page that `name` means: an id, a cell by any of its names, or a
/// heading as Jupyter names it (`Plots-with-NumPy`, where our own id is `plots-with-numpy`).
pub(crate) fn place(notebook: &Notebook, ids: &HashSet<String>, name: &str) -> Option<String> {
    if name.is_empty() || ids.contains(name) {
        return Some(name.to_owned());
    }
    if let Ok(cell) = notebook.cell(name)
        && cell.kind != CellKind::Markdown
    {
        return Some(cell.anchor());
    }
    let plain = slug(name);
    if ids.contains(&plain) {
        return Some(plain);
    }
    // The page has the title on top.
    (plain == slug(&notebook.title())).then(|| "main".to_owned())
}

/// The anchors of the cells; those of text cells are empty. `ids` are those that are taken.
fn anchors(notebook: &Notebook, ids: &mut HashSet<String>) -> Vec<String> {
    ids.insert("main".to_owned());
    let anchor = |cell: &Cell| match cell.kind {
        CellKind::Markdown => String::new(),
        _ => free_id(ids, &cell.anchor()),
    };
    notebook.cells.iter().map(anchor).collect()
}

/// The notebook's exercises.
pub(crate) fn exercises(notebook: &Notebook) -> Vec<Exercise> {
    let anchors = anchors(notebook, &mut HashSet::new());
    let code = notebook.cells.iter().zip(anchors).filter(|(cell, _)| cell.kind == CellKind::Code);
    code.filter_map(|(cell, anchor)| Some(Exercise { name: exercise_line(&cell.source)?, anchor }))
        .collect()
}

/// Renders the cells.
pub(crate) fn cells(notebook: &Notebook, context: &mut NotebookContext<'_>) -> Vec<String> {
    // Anchors of code cells come first: links point to them, so headings must give way.
    let mut ids = HashSet::new();
    let anchors = anchors(notebook, &mut ids);
    let mut is_first = true;
    let mut html = Vec::with_capacity(notebook.cells.len());
    for (cell, anchor) in notebook.cells.iter().zip(&anchors) {
        html.push(match cell.kind {
            CellKind::Markdown => {
                text_cell(notebook, cell, &mut ids, std::mem::take(&mut is_first), context)
            }
            _ => code_cell(notebook, cell, anchor, context),
        });
    }
    html
}

fn text_cell(
    notebook: &Notebook,
    cell: &Cell,
    ids: &mut HashSet<String>,
    is_first: bool,
    context: &mut NotebookContext<'_>,
) -> String {
    let prefix = format!("c{}-", cell.number);
    let config =
        MarkdownConfig { footnote_prefix: &prefix, skip_title: is_first, trusts_html: false };
    let mut embedding = CellEmbedding { notebook, cell, context };
    let rendered = render(&cell.source, &config, ids, &mut embedding);
    format!("<div class=\"cell text\"><div class=\"content\">{}</div></div>\n", rendered.html)
}

fn code_cell(
    notebook: &Notebook,
    cell: &Cell,
    anchor: &str,
    context: &mut NotebookContext<'_>,
) -> String {
    if cell.kind == CellKind::Raw {
        let page = CodeCell {
            class: "raw",
            id: anchor,
            said: format!("Raw cell {}", cell.number),
            mark: String::new(),
            state: None,
            code: highlight::block(&cell.source, ""),
            outputs: String::new(),
            foot: Vec::new(),
        };
        return page.render().unwrap_or_default();
    }
    let alt = format!("Output of cell {anchor}");
    let mut outputs = String::new();
    for output in &cell.outputs {
        let mut output_context = OutputContext {
            assets: &mut context.assets,
            up: context.up,
            alt: &alt,
            is_trusted: context.is_trusted,
        };
        match to_html(output, &mut output_context) {
            Ok(html) => outputs.push_str(&html),
            Err(message) => {
                outputs.push_str(&format!("<p class=\"unshown\">{}</p>\n", escaped(&message)));
            }
        }
    }
    let state = words(cell);
    let mut foot = vec![format!("#{anchor}")];
    if matches!(cell.state, CellState::Unrecorded | CellState::Nondeterministic) {
        foot.push(state.short.to_owned());
    }
    // The versions stand at the top of the page, once.
    let [_, own] = provenance(notebook, cell);
    foot.extend(own);
    let page = CodeCell {
        class: state.class,
        id: anchor,
        said: format!("Code cell {anchor}"),
        mark: cell.execution_count.map_or_else(|| "[ ]".into(), |count| format!("[{count}]")),
        state: state.is_marked.then_some(state),
        code: highlight::block(cell.code(), &notebook.language),
        outputs,
        foot,
    };
    page.render().unwrap_or_default()
}

/// The header of the page: what is on record about the run.
pub(crate) fn record(notebook: &Notebook) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(run) = &notebook.run {
        rows.push(("Kernel", run.kernel.clone()));
        rows.push(("Compiler", run.compiler.clone()));
        rows.push(("Helpers", run.helpers.clone()));
        rows.push(("Seed", run.seed.map(|seed| seed.to_string()).unwrap_or_default()));
        if let Some(timing) = &notebook.timing {
            rows.push(("Run", when(notebook).unwrap_or_default()));
            rows.push(("Run in", duration(timing.duration_ms)));
        } else {
            rows.push(("Run", UNTIMED.to_owned()));
        }
        rows.push(("Status", status(notebook)));
    } else {
        rows.push(("Language", notebook.language.clone()));
        rows.push(("Run", "not on record".to_owned()));
    }
    rows.retain(|(_, value)| !value.is_empty());
    rows
}

fn count(notebook: &Notebook, state: CellState) -> usize {
    notebook.cells.iter().filter(|c| c.kind == CellKind::Code && c.state == state).count()
}

fn status(notebook: &Notebook) -> String {
    let n_code = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code).count();
    let n_fresh = count(notebook, CellState::Fresh);
    let n_varying = count(notebook, CellState::Nondeterministic);
    let varying = match n_varying {
        0 => String::new(),
        n => format!(", {n} differing from run to run"),
    };
    format!("{} of {n_code} cells as last run{varying}", n_fresh + n_varying)
}

/// A sentence for the top of the page where outputs do not hold.
pub(crate) fn note(notebook: &Notebook) -> Option<String> {
    notebook.run.as_ref()?;
    let code = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code);
    let states: BTreeSet<CellState> =
        code.map(|cell| cell.state).filter(|state| !state.holds()).collect();
    let said: Vec<String> =
        states.into_iter().map(|state| format!("{} {state}", count(notebook, state))).collect();
    (!said.is_empty())
        .then(|| format!("Some cells of this notebook are to be run again: {}.", said.join(", ")))
}

/// Links and pictures in a text cell. The notebook may be a stranger's, so nothing here is an
/// error: what cannot be shown is left as text.
struct CellEmbedding<'a, 'c> {
    notebook: &'a Notebook,
    cell: &'a Cell,
    context: &'a mut NotebookContext<'c>,
}

/// The name of a place on the same page.
pub(crate) fn here(target: &str) -> String {
    let name = target.trim().trim_start_matches('#');
    percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned()
}

impl CellEmbedding<'_, '_> {
    /// A place on another notebook's page.
    fn elsewhere(&mut self, file: &str, name: &str) -> Option<String> {
        let found = self.context.notebooks.get(file)?;
        let need = Need::Notebook(file.to_owned(), found.key);
        if !self.context.assets.needs.contains(&need) {
            self.context.assets.needs.push(need);
        }
        let notebook = found.read().ok()?;
        let ids = self.context.ids.entry(file.to_owned());
        place(notebook, ids.or_insert_with(|| page_ids(notebook)), name)
    }

    fn picture(&mut self, target: &str) -> Option<(String, Option<(u32, u32)>)> {
        if is_picture_data(target) {
            return Some((target.to_owned(), None));
        }
        let picture = if let Some(name) = target.strip_prefix("attachment:") {
            let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
            let (mime, data) = richest(self.cell.attachments.get(name.as_ref())?)?;
            mime.starts_with("image/")
                .then(|| self.context.assets.add_output(mime, data).ok())??
        } else {
            let folder = folder_of(&self.notebook.file);
            let Target::File { file, .. } = Target::parse(folder, target) else { return None };
            self.context.assets.add_file(&file).ok()?
        };
        Some((href(self.context.up, &picture.path, None), picture.size))
    }
}

impl Embedding for CellEmbedding<'_, '_> {
    fn image(&mut self, image: &Image<'_>) -> Option<String> {
        let caption = &image.caption;
        if let Some((src, size)) = self.picture(image.target) {
            return Some(if image.block {
                // What is written out in the page is no file to lead to.
                let html = if src.starts_with("data:") { picture_html } else { plate_html };
                format!("<p>{}</p>\n", html(&src, size, caption))
            } else {
                picture_html(&src, size, caption)
            });
        }
        let text = if caption.is_empty() { image.target } else { caption };
        let web = scheme(image.target).is_some_and(|scheme| scheme.starts_with("http"));
        let shown = if web {
            format!(
                "<a href=\"{}\" rel=\"noopener noreferrer\">{}</a>",
                escaped(image.target),
                escaped(text)
            )
        } else {
            format!("<em>{}</em>", escaped(text))
        };
        Some(if image.block { format!("<p>{shown}</p>\n") } else { shown })
    }

    fn link(&mut self, target: &str, _: Range<usize>, _: bool) -> Option<String> {
        match Target::parse(folder_of(&self.notebook.file), target) {
            Target::Notebook { file, label, .. } => {
                let page = self.context.map.notebooks.get(&file)?;
                let label = label.map(|label| self.elsewhere(&file, &label).unwrap_or(label));
                Some(href(self.context.up, page, label.as_deref()))
            }
            Target::File { file, fragment } => {
                let page = self.context.map.entries.get(&file)?;
                Some(href(self.context.up, page, fragment.as_deref()))
            }
            Target::Here => {
                let name = here(target);
                let ids = self.context.ids.entry(self.notebook.file.clone());
                let ids = ids.or_insert_with(|| page_ids(self.notebook));
                let place = place(self.notebook, ids, &name);
                Some(place.map_or_else(|| target.to_owned(), |id| href("", "", Some(&id))))
            }
            Target::Elsewhere => Some(target.to_owned()),
            Target::Outside => None,
        }
    }

    fn diagram(&mut self, source: &str, _: Range<usize>) -> Option<String> {
        let svg = crate::diagram::draw(source).ok()?;
        let picture = self.context.assets.add_output("image/svg+xml", &svg).ok()?;
        let src = href(self.context.up, &picture.path, None);
        Some(format!("<p>{}</p>\n", plate_html(&src, picture.size, &crate::diagram::said(source))))
    }

    fn wrong(&mut self, _: Range<usize>, _: String) {}
}
