//! The pages of a build: each is made only where what it is made from has changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use askama::Template;
use rayon::prelude::*;

use super::Build;
use super::entries::{Known, Neighbour, Neighbours, Rendered};
use super::lists::Lists;
use crate::asset::{Assets, Pictures};
use crate::entry::Entry;
use crate::key::{Key, KeyParts};
use crate::link::{href, up_from};
use crate::notebook::{CellKind, Notebook};
use crate::page::entry_page::{EntryPage, Turn, listed, source_rows};
use crate::page::notebook_page::{self, NotebookContext, NotebookPage};
use crate::page::{EntryRow, Frame, NotebookLink};
use crate::problem::JournalError;
use crate::progress::Strip;
use crate::record::{EntryRecord, Need, NotebookHead, NotebookRecord};
use crate::search::Words;

pub(crate) struct Pages<'a> {
    pub(super) build: Build<'a>,
    /// Of what is on every page.
    frame_key: Key,
    pub(super) heads: BTreeMap<String, Option<NotebookHead>>,
    used: Mutex<HashSet<Key>>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(build: &Build<'a>) -> Self {
        let files: Vec<_> = build.notebooks.iter().collect();
        let used = Mutex::new(HashSet::new());
        let heads = files.par_iter().map(|(file, notebook)| {
            let key = KeyParts::new("notebook head").key(build.key).key(notebook.key).finish();
            locked(&used).extend([key, notebook.data_key]);
            let head = build.cache.get(key).or_else(|| {
                let head = notebook_head(notebook.read().ok()?);
                build.cache.put(key, &head);
                Some(head)
            });
            ((*file).to_owned(), head)
        });
        let heads = heads.collect();
        let mut parts = KeyParts::new("frame").key(build.key);
        parts.push_number(usize::from(build.has_tags));
        Self { build: *build, frame_key: parts.finish(), heads, used }
    }

    /// Whether a notebook cannot be read.
    pub(crate) fn is_broken(&self, file: &str) -> bool {
        self.heads.get(file).is_some_and(Option::is_none)
    }

    /// The keys of the records that the build used.
    pub(crate) fn used(&self) -> HashSet<Key> {
        locked(&self.used).clone()
    }

    pub(super) fn parts(&self, kind: &str) -> KeyParts {
        KeyParts::new(kind).key(self.frame_key)
    }

    pub(super) fn frame<'f>(&'f self, up: &'f str, page: &'f str) -> Frame<'f> {
        Frame::new(self.build.config, up, page, self.build.has_tags)
    }

    pub(super) fn put(
        &self,
        path: &str,
        key: Key,
        render: impl FnOnce() -> Result<String, askama::Error>,
    ) -> Result<(), JournalError> {
        if self.build.folder.keep(path, key)? {
            return Ok(());
        }
        let text =
            render().map_err(|source| JournalError::Template { page: path.to_owned(), source })?;
        self.build.folder.write(path, key, text.as_bytes())
    }

    pub(crate) fn entry_key(
        &self,
        known: &Known,
        record: &EntryRecord,
        neighbours: &Neighbours<'_>,
    ) -> Key {
        let mut parts = self.parts("entry").text(&known.page).key(known.key);
        for need in &record.needs {
            need.push_to(&mut parts);
        }
        for neighbour in neighbours {
            match neighbour {
                Some(Neighbour { day, title, page }) => {
                    parts.push(page);
                    parts.push(title);
                    parts.push_number(*day as usize);
                }
                None => parts.push(""),
            }
        }
        for file in &record.notebooks {
            if let Some(link) = self.notebook_link(file, "") {
                parts.push(&link.href);
                parts.push(&link.title);
            }
        }
        parts.finish()
    }

    pub(crate) fn entry_page(
        &self,
        entry: &Entry,
        rendered: &Rendered,
        page: &str,
        neighbours: &Neighbours<'_>,
    ) -> Result<String, askama::Error> {
        let front = &entry.front;
        let up = up_from(page);
        let mut site = self.frame(&up, page);
        site.description = &front.summary;
        site.allow(&self.build.config.comments, rendered.is_trusted);
        let config = self.build.config;
        let series = if front.series.is_empty() { &config.title } else { &front.series };
        let turn = |neighbour: &Option<Neighbour<'_>>| {
            let Neighbour { day, title, page } = neighbour.as_ref()?;
            Some(Turn { day: *day, title: title.clone().into_owned(), href: href(&up, page, None) })
        };
        let record = &rendered.record;
        EntryPage {
            site,
            series,
            row: EntryRow::new(record, page, &up),
            headings: listed(&rendered.headings),
            notebooks: record
                .notebooks
                .iter()
                .filter_map(|file| self.notebook_link(file, &up))
                .collect(),
            sources: source_rows(front),
            body: &rendered.html,
            n_unproven: record.unproven.len(),
            previous: turn(&neighbours[0]),
            next: turn(&neighbours[1]),
            comments: config.comments.as_ref(),
        }
        .render()
    }

    pub(super) fn notebook_link(&self, file: &str, up: &str) -> Option<NotebookLink> {
        let head = self.heads.get(file)?.as_ref()?;
        Some(NotebookLink {
            title: head.title.clone(),
            href: href(up, self.build.map.notebooks.get(file)?, None),
            about: head.about.clone(),
            strip: self.strip(file),
        })
    }

    /// How far the learner is with a notebook's exercises, where that is shown.
    pub(super) fn strip(&self, file: &str) -> Option<Strip> {
        self.build.progress?.strip(file, &self.heads.get(file)?.as_ref()?.exercises)
    }

    /// Brings all pages but the entries' up to date.
    pub(crate) fn bring(
        &self,
        entries: &[Known],
        pictures: &Pictures<'_>,
    ) -> Result<(), JournalError> {
        let mut lists = Lists::of(entries);
        let files: Vec<&String> = self.build.map.notebooks.keys().collect();
        let done: Vec<Option<(String, Arc<NotebookRecord>)>> = files
            .par_iter()
            .map(|file| self.bring_notebook(file, &lists, pictures))
            .collect::<Result<_, _>>()?;
        lists.notebooks = done.into_iter().flatten().collect();
        let jobs = lists.jobs();
        jobs.par_iter().try_for_each(|job| self.bring_list(job, &lists))
    }

    fn bring_notebook(
        &self,
        file: &str,
        lists: &Lists<'_>,
        pictures: &Pictures<'_>,
    ) -> Result<Option<(String, Arc<NotebookRecord>)>, JournalError> {
        let (Some(page), Some(source), false) = (
            self.build.map.notebooks.get(file),
            self.build.notebooks.get(file),
            self.is_broken(file),
        ) else {
            return Ok(None);
        };
        let mut parts = KeyParts::new("notebook page").key(self.build.key).key(source.key);
        if let Some(map) = self.build.map.key {
            parts.push_key(map);
        }
        let record_key = parts.text(page).finish();
        locked(&self.used).insert(record_key);
        let used_in = lists.used_in.get(file).map(Vec::as_slice).unwrap_or_default();
        let strip = self.strip(file);
        let page_key = |record: &NotebookRecord| {
            let mut parts = self.parts("notebook").key(record_key);
            if let Some(strip) = &strip {
                strip.push_to(&mut parts);
            }
            for n in used_in {
                parts.push_key(lists.rows[*n].key);
            }
            for need in &record.needs {
                need.push_to(&mut parts);
            }
            parts.finish()
        };
        let holds = |record: &NotebookRecord| {
            let is_same = |need: &Need| match need {
                Need::File(file, key) => pictures.file_key(file) == *key,
                Need::Notebook(file, key) => {
                    self.build.notebooks.get(file).is_some_and(|notebook| notebook.key == *key)
                }
                Need::Entry(_) => true,
            };
            self.build.cache.has(record.words) && record.needs.iter().all(is_same)
        };
        let kept = self.build.cache.all::<NotebookRecord>(record_key).find(|record| holds(record));
        if let Some(record) = kept
            && self.build.folder.keep(page, page_key(&record))?
            && record.pictures.iter().all(|path| pictures.keep(path))
        {
            locked(&self.used).insert(record.words);
            return Ok(Some((file.to_owned(), Arc::new(record))));
        }
        let Ok(notebook) = source.read() else { return Ok(None) };
        let up = up_from(page);
        let is_trusted = self.build.config.trusts(file);
        let mut context = NotebookContext {
            map: self.build.map,
            assets: Assets::new(pictures),
            up: &up,
            is_trusted,
            notebooks: self.build.notebooks,
            ids: HashMap::new(),
        };
        let cells = notebook_page::cells(notebook, &mut context);
        let Assets { paths, needs, .. } = context.assets;
        let record = NotebookRecord {
            pictures: paths.into_iter().collect(),
            needs,
            words: self.build.cache.put_content(&notebook_words(notebook).terms()),
        };
        let key = page_key(&record);
        let mut site = self.frame(&up, page);
        site.allow(&None, is_trusted);
        let html = NotebookPage {
            site,
            title: notebook.title(),
            file: &notebook.file,
            record: notebook_page::record(notebook),
            used_in: used_in.iter().map(|n| lists.row(*n, &up)).collect(),
            strip,
            note: notebook_page::note(notebook),
            cells,
        }
        .render()
        .map_err(|source| JournalError::Template { page: page.clone(), source })?;
        self.build.folder.write(page, key, html.as_bytes())?;
        self.build.cache.put(record_key, &record);
        locked(&self.used).insert(record.words);
        Ok(Some((file.to_owned(), Arc::new(record))))
    }
}

fn notebook_head(notebook: &Notebook) -> NotebookHead {
    let n_code = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code).count();
    let run = match &notebook.run {
        Some(run) => run.kernel.clone(),
        None => "run not on record".to_owned(),
    };
    NotebookHead {
        title: notebook.title(),
        about: format!("{n_code} code cells, {run}"),
        exercises: notebook_page::exercises(notebook),
    }
}

/// The words of a notebook's text cells; code is not indexed.
fn notebook_words(notebook: &Notebook) -> Words {
    let mut words = Words::default();
    for cell in &notebook.cells {
        if cell.kind == CellKind::Markdown {
            words.add(&cell.source);
        }
    }
    words.add_weighted(&notebook.title(), 7);
    words
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
