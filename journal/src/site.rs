//! The site: all pages of a series, written aside and swapped in whole.

mod swap;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;

use askama::Template;

use crate::asset::Assets;
use crate::embed::{EntryEmbedding, Notebooks, SiteMap};
use crate::entry::Entry;
use crate::link::{href, up_from};
use crate::markdown::{self, Heading, MarkdownConfig};
use crate::notebook::{CellState, Notebook};
use crate::page::entry_page::{EntryPage, listed, source_rows};
use crate::page::index_page::{IndexPage, TagPage, tag_page};
use crate::page::notebook_page::{self, NotebookContext, NotebookPage};
use crate::page::{EntryCounts, EntryRow, Frame, NotebookLink, THEME, TagLink};
use crate::problem::{JournalError, Problem, Problems};
use crate::root::{folder_of, stem_of};
use crate::series::Series;
use crate::{feed, page};

/// How to build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildConfig {
    /// Write here instead of the configured folder. It may lie anywhere: the caller said so.
    pub out: Option<PathBuf>,
    /// Outputs that no longer hold are errors.
    pub strict: bool,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildReport {
    /// The folder of the site.
    pub out: PathBuf,
    /// The page to open first.
    pub index: PathBuf,
    /// The page of each entry, sorted by day.
    pub entries: Vec<BuiltEntry>,
    /// All pages (HTML and the feed), relative to [`BuildReport::out`], sorted.
    pub pages: Vec<String>,
    /// Linked outputs that no longer hold, in the order of entries and of places in them.
    pub unproven: Vec<UnprovenOutput>,
}

/// An entry and its page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltEntry {
    /// The day's number.
    pub day: u32,
    /// The entry's file, relative to the root.
    pub file: String,
    /// Its page.
    pub page: PathBuf,
}

/// An output on a page that is stale, failed, or was never run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnprovenOutput {
    /// The entry's file, relative to the root.
    pub entry: String,
    /// Line of the link, counted from 1.
    pub line: usize,
    /// Column of the link, counted from 1.
    pub column: usize,
    /// The link, in bytes of the entry's file.
    pub span: Range<usize>,
    /// The notebook, relative to the root.
    pub notebook: String,
    /// The label that the link names.
    pub label: String,
    /// Why the output is not proven.
    pub state: CellState,
}

/// An entry after its outputs are linked in.
struct Resolved<'a> {
    entry: &'a Entry,
    page: String,
    html: String,
    headings: Vec<Heading>,
    counts: EntryCounts,
}

pub(crate) fn build(series: &Series, config: &BuildConfig) -> Result<BuildReport, JournalError> {
    let out = swap::out_folder(series, config)?;
    let mut problems = series.problems.clone();
    let mut notebook_problems = Vec::new();
    let notebooks = series.read_notebooks(&mut notebook_problems)?;
    problems.extend(series.check_named(&notebooks));
    let map = site_map(series, &notebooks, &mut problems);
    let mut assets = Assets::default();
    let mut unproven = Vec::new();
    let mut resolved = Vec::with_capacity(series.entries.len());
    for entry in &series.entries {
        let page = map.entries.get(&entry.file).cloned().unwrap_or_default();
        let up = up_from(&page);
        let mut embedding = EntryEmbedding {
            root: &series.root,
            entry,
            notebooks: &notebooks,
            map: &map,
            assets: &mut assets,
            up: &up,
            problems: Vec::new(),
            unproven: Vec::new(),
            n_outputs: 0,
        };
        let mut ids = HashSet::from(["main", "toc", "ran"].map(str::to_owned));
        let rendered =
            markdown::render(entry.body(), &MarkdownConfig::default(), &mut ids, &mut embedding);
        problems.append(&mut embedding.problems);
        let counts = EntryCounts {
            n_words: rendered.n_words,
            n_outputs: embedding.n_outputs,
            n_unproven: embedding.unproven.len(),
        };
        if config.strict {
            problems.extend(embedding.unproven.iter().map(|output| refusal(entry, output)));
        }
        unproven.append(&mut embedding.unproven);
        resolved.push(Resolved {
            entry,
            page,
            html: rendered.html,
            headings: rendered.headings,
            counts,
        });
    }
    problems.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
    problems.append(&mut notebook_problems);
    if !problems.is_empty() {
        return Err(JournalError::Problems(Problems(problems)));
    }
    let mut site = Site { series, notebooks: &notebooks, map: &map, resolved: &resolved };
    let pages = site.pages(&mut assets)?;
    let mut names: Vec<String> = pages.keys().cloned().collect();
    names.sort();
    let mut files: BTreeMap<String, Vec<u8>> =
        pages.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    files.append(&mut assets.files);
    files.extend(THEME.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
    swap::replace(&out, &files)?;
    let entries = resolved.iter().map(|one| BuiltEntry {
        day: one.entry.front.day,
        file: one.entry.file.clone(),
        page: out.join(&one.page),
    });
    Ok(BuildReport {
        index: out.join("index.html"),
        entries: entries.collect(),
        out,
        pages: names,
        unproven,
    })
}

/// The problem that an unproven output is under `--strict`.
fn refusal(entry: &Entry, output: &UnprovenOutput) -> Problem {
    let state = page::figure::state_name(output.state);
    let message = format!("the output of `{}` in `{}` is {state}", output.label, output.notebook);
    Problem::at(&entry.file, &entry.text, output.span.clone(), message)
        .with_help(format!("run the notebook: momentum run {}", output.notebook))
}

/// Gives every entry and notebook a page of its own.
fn site_map(series: &Series, notebooks: &Notebooks, problems: &mut Vec<Problem>) -> SiteMap {
    let mut map = SiteMap::default();
    for entry in &series.entries {
        map.entries.insert(entry.file.clone(), format!("entries/{}.html", entry.stem()));
    }
    let folder = format!("{}/", series.config.notebooks);
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for file in notebooks.keys() {
        let short = file.strip_prefix(&folder).unwrap_or(file);
        let within = folder_of(short);
        let slash = if within.is_empty() { "" } else { "/" };
        let page = format!("notebooks/{within}{slash}{}.html", stem_of(short));
        if let Some(other) = taken.insert(page.to_lowercase(), file) {
            problems.push(Problem::of_file(file, format!("its page would be that of `{other}`")));
        }
        map.notebooks.insert(file.clone(), page);
    }
    map
}

/// All that pages are made from.
struct Site<'a> {
    series: &'a Series,
    notebooks: &'a Notebooks,
    map: &'a SiteMap,
    resolved: &'a [Resolved<'a>],
}

impl Site<'_> {
    fn pages(&mut self, assets: &mut Assets) -> Result<BTreeMap<String, String>, JournalError> {
        let mut pages = BTreeMap::new();
        let mut put = |name: String, html: Result<String, askama::Error>| {
            let text =
                html.map_err(|source| JournalError::Template { page: name.clone(), source })?;
            pages.insert(name, text);
            Ok::<(), JournalError>(())
        };
        for (n, one) in self.resolved.iter().enumerate() {
            put(one.page.clone(), self.entry_page(n))?;
        }
        for (file, notebook) in self.notebooks {
            if let (Some(notebook), Some(page)) = (notebook, self.map.notebooks.get(file)) {
                put(page.clone(), self.notebook_page(notebook, page, assets))?;
            }
        }
        for name in self.tags().keys() {
            put(tag_page(name), self.tag_page(name))?;
        }
        put("index.html".to_owned(), self.index_page())?;
        let feed = feed::render(&self.series.config, &self.series.entries, self.map);
        put("feed.xml".to_owned(), feed)?;
        Ok(pages)
    }

    fn frame<'f>(&'f self, up: &'f str) -> Frame<'f> {
        let has_tags = self.resolved.iter().any(|one| !one.entry.front.tags.is_empty());
        Frame::new(&self.series.config, up, has_tags)
    }

    fn row(&self, n: usize, up: &str) -> EntryRow {
        let one = &self.resolved[n];
        EntryRow::new(one.entry, &one.page, one.counts, up)
    }

    fn entry_page(&self, n: usize) -> Result<String, askama::Error> {
        let one = &self.resolved[n];
        let front = &one.entry.front;
        let up = up_from(&one.page);
        let mut site = self.frame(&up);
        site.description = &front.summary;
        let series =
            if front.series.is_empty() { &self.series.config.title } else { &front.series };
        EntryPage {
            site,
            series,
            row: self.row(n, &up),
            headings: listed(&one.headings),
            notebooks: self
                .notebooks_of(one.entry)
                .into_iter()
                .filter_map(|file| self.notebook_link(&file, &up))
                .collect(),
            sources: source_rows(front),
            body: &one.html,
            n_unproven: one.counts.n_unproven,
            previous: n.checked_sub(1).map(|n| self.row(n, &up)),
            next: (n + 1 < self.resolved.len()).then(|| self.row(n + 1, &up)),
        }
        .render()
    }

    fn notebook_page(
        &self,
        notebook: &Notebook,
        page: &str,
        assets: &mut Assets,
    ) -> Result<String, askama::Error> {
        let up = up_from(page);
        let used_in = (0..self.resolved.len())
            .filter(|n| self.notebooks_of(self.resolved[*n].entry).contains(&notebook.file))
            .map(|n| self.row(n, &up));
        let mut context =
            NotebookContext { root: &self.series.root, map: self.map, assets, up: &up };
        NotebookPage {
            site: self.frame(&up),
            title: notebook.title(),
            file: &notebook.file,
            record: notebook_page::record(notebook),
            used_in: used_in.collect(),
            note: notebook_page::note(notebook),
            cells: notebook_page::cells(notebook, &mut context),
        }
        .render()
    }

    fn index_page(&self) -> Result<String, askama::Error> {
        let rows = (0..self.resolved.len()).rev().map(|n| self.row(n, ""));
        let links = self.map.notebooks.keys().filter_map(|file| self.notebook_link(file, ""));
        IndexPage {
            site: self.frame(""),
            rows: rows.collect(),
            notebooks: links.collect(),
            tags: self
                .tags()
                .into_iter()
                .map(|(name, entries)| TagLink {
                    href: href("", &tag_page(&name), None),
                    name,
                    count: entries.len(),
                })
                .collect(),
            n_outputs: self.resolved.iter().map(|one| one.counts.n_outputs).sum(),
            n_unproven: self.resolved.iter().map(|one| one.counts.n_unproven).sum(),
        }
        .render()
    }

    fn tag_page(&self, name: &str) -> Result<String, askama::Error> {
        let entries = self.tags().remove(name).unwrap_or_default();
        let rows = entries.into_iter().rev().map(|n| self.row(n, "../")).collect();
        TagPage { site: self.frame("../"), name, rows }.render()
    }

    /// The entries with each tag.
    fn tags(&self) -> BTreeMap<String, Vec<usize>> {
        let mut tags: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (n, one) in self.resolved.iter().enumerate() {
            for tag in &one.entry.front.tags {
                tags.entry(tag.clone()).or_default().push(n);
            }
        }
        tags
    }

    /// The notebooks that an entry names or links to, in that order.
    fn notebooks_of(&self, entry: &Entry) -> Vec<String> {
        let folder = folder_of(&entry.file);
        let linked = markdown::targets(entry.body());
        let mut files = Vec::new();
        for target in entry.front.notebooks.iter().chain(&linked) {
            if let crate::link::Target::Notebook { file, .. } =
                crate::link::Target::parse(folder, target)
                && !files.contains(&file)
            {
                files.push(file);
            }
        }
        files
    }

    fn notebook_link(&self, file: &str, up: &str) -> Option<NotebookLink> {
        let notebook = self.notebooks.get(file)?.as_ref()?;
        let n_code = notebook
            .cells
            .iter()
            .filter(|cell| cell.kind == crate::notebook::CellKind::Code)
            .count();
        let run = match &notebook.run {
            Some(run) => run.kernel.clone(),
            None => "run not on record".to_owned(),
        };
        Some(NotebookLink {
            title: notebook.title(),
            href: href(up, self.map.notebooks.get(file)?, None),
            about: format!("{n_code} code cells, {run}"),
        })
    }
}

#[cfg(test)]
mod tests;
