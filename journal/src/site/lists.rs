//! The pages that list entries and notebooks: index, archive, calendar, tags, search, feeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use rayon::prelude::*;

use super::entries::Known;
use super::pages::Pages;
use crate::calendar::{self, Marked, Streaks};
use crate::key::{Key, KeyParts};
use crate::link::{href, up_from};
use crate::page::index_page::{
    ArchivePage, CalendarPage, IndexPage, SearchPage, TagPage, tag_page,
};
use crate::page::{EntryRow, THEME, TagLink};
use crate::problem::JournalError;
use crate::record::{EntryRecord, NotebookRecord};
use crate::search::{self, BLOCK, Document, Terms};
use crate::{feed, page};

/// The most entries that the index lists in full; with more, it lists the latest [`LATEST`].
const SHORT_INDEX: usize = 60;
const LATEST: usize = 30;
/// How many entries share a page of the archive. The first page has the first days, so pages keep
/// their addresses.
const ARCHIVED: usize = 100;

/// The entries, for the pages that list them.
pub(super) struct Lists<'a> {
    /// In order.
    pub(super) rows: Vec<Row<'a>>,
    pub(super) tags: BTreeMap<&'a str, Vec<usize>>,
    /// The years with entries, and their entries in order.
    pub(super) years: BTreeMap<i32, Vec<usize>>,
    pub(super) used_in: BTreeMap<&'a str, Vec<usize>>,
    streaks: Streaks,
    pub(super) notebooks: Vec<(String, Arc<NotebookRecord>)>,
}

pub(super) struct Row<'a> {
    pub(super) record: &'a EntryRecord,
    pub(super) page: &'a str,
    pub(super) key: Key,
}

/// A page that lists what other pages are about.
#[derive(Debug, Clone)]
pub(super) enum Job<'a> {
    Tag(&'a str),
    Archive(usize),
    /// A year of the calendar, and its page.
    Year(i32, String),
    Block(usize),
    NotebookBlock(usize),
    Index,
    Search,
    Feeds,
    Theme,
}

impl<'a> Lists<'a> {
    /// What lists say of `entries`, which are in order.
    pub(super) fn of(entries: &'a [Known]) -> Self {
        let rows: Vec<Row<'a>> = entries
            .par_iter()
            .filter_map(|known| {
                let record = known.record.as_deref()?;
                let key = record.row_key(&known.page);
                Some(Row { record, page: &known.page, key })
            })
            .collect();
        let mut tags: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut years: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        let mut used_in: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, row) in rows.iter().enumerate() {
            for tag in &row.record.tags {
                let members = tags.entry(tag).or_default();
                // One may have been written twice.
                if members.last() != Some(&n) {
                    members.push(n);
                }
            }
            years.entry(calendar::year(row.record.head.date())).or_default().push(n);
            for file in &row.record.notebooks {
                used_in.entry(file).or_default().push(n);
            }
        }
        let streaks = calendar::streaks(rows.iter().map(|row| row.record.head.date()));
        Self { rows, tags, years, used_in, streaks, notebooks: Vec::new() }
    }

    /// The pages that list them.
    pub(super) fn jobs(&self) -> Vec<Job<'a>> {
        let mut jobs: Vec<Job<'_>> = self.tags.keys().map(|tag| Job::Tag(tag)).collect();
        jobs.extend(self.years.keys().map(|year| Job::Year(*year, calendar_page(*year))));
        // The calendar as such is its latest year.
        let latest = self.years.keys().next_back().copied().unwrap_or(1);
        jobs.push(Job::Year(latest, "calendar.html".to_owned()));
        let n_rows = self.rows.len();
        jobs.extend((0..n_rows.div_ceil(BLOCK)).map(Job::Block));
        jobs.extend((0..self.notebooks.len().div_ceil(BLOCK)).map(Job::NotebookBlock));
        if n_rows > SHORT_INDEX {
            jobs.extend((0..n_rows.div_ceil(ARCHIVED)).map(Job::Archive));
        }
        jobs.extend([Job::Index, Job::Search, Job::Feeds, Job::Theme]);
        jobs
    }
}

impl Pages<'_> {
    /// Brings one of these pages up to date.
    pub(super) fn bring_list(&self, job: &Job<'_>, lists: &Lists<'_>) -> Result<(), JournalError> {
        let n_rows = lists.rows.len();
        match job {
            Job::Tag(name) => {
                let members = &lists.tags[name];
                let path = tag_page(name);
                let key = lists.key(self.parts("tag").text(name), members.iter().copied());
                self.put(&path, key, || {
                    let rows = members.iter().rev().map(|n| lists.row(*n, "../")).collect();
                    TagPage { site: self.frame("../", &path), name, rows }.render()
                })
            }
            Job::Archive(block) => {
                let range = block * ARCHIVED..n_rows.min((block + 1) * ARCHIVED);
                let path = archive_page(*block);
                let parts = self.parts("archive").text(&archive_page(n_rows.div_ceil(ARCHIVED)));
                let key = lists.key(parts, range.clone());
                self.put(&path, key, || {
                    let archives = lists.archives("../", Some(*block));
                    let rows = range.clone().rev().map(|n| lists.row(n, "../")).collect();
                    ArchivePage { site: self.frame("../", &path), archives, rows }.render()
                })
            }
            Job::Year(year, path) => {
                let up = up_from(path);
                let streaks = lists.streaks;
                let members = lists.years.get(year).map(Vec::as_slice).unwrap_or_default();
                let mut parts = self.parts("year").text(path).text(&format!("{streaks:?}"));
                for (year, members) in &lists.years {
                    parts.push(&format!("{year} {}", members.len()));
                }
                self.put(path, lists.key(parts, members.iter().copied()), || {
                    let marked = members.iter().map(|n| {
                        let row = &lists.rows[*n];
                        let head = &row.record.head;
                        Marked {
                            date: head.date(),
                            title: format!("Day {}: {}", head.day, head.title),
                            href: href(&up, row.page, None),
                        }
                    });
                    CalendarPage {
                        site: self.frame(&up, path),
                        year: *year,
                        n_days: members.len(),
                        years: lists.year_links(&up, *year),
                        streaks,
                        months: calendar::months(*year, marked),
                    }
                    .render()
                })
            }
            Job::Block(block) => {
                let range = block * BLOCK..n_rows.min((block + 1) * BLOCK);
                let rows = &lists.rows[range];
                let mut parts = KeyParts::new("block").key(self.build.key);
                for row in rows {
                    parts.push_key(row.key);
                    parts.push_key(row.record.words);
                }
                self.put(&format!("search/days-{block}.js"), parts.finish(), || {
                    let documents =
                        rows.iter().map(|row| (document(row), self.terms(row.record.words)));
                    Ok(search::block(&documents.collect::<Vec<_>>()))
                })
            }
            Job::NotebookBlock(block) => {
                let range = block * BLOCK..lists.notebooks.len().min((block + 1) * BLOCK);
                let notebooks = &lists.notebooks[range];
                let mut parts = KeyParts::new("notebook block").key(self.build.key);
                for (file, record) in notebooks {
                    parts.push(file);
                    parts.push_key(record.words);
                    self.push_head(&mut parts, file);
                }
                self.put(&format!("search/notebooks-{block}.js"), parts.finish(), || {
                    let documents = notebooks.iter().filter_map(|(file, record)| {
                        let head = self.heads.get(file)?.as_ref()?;
                        let document = Document {
                            href: href("", self.build.map.notebooks.get(file)?, None),
                            kind: "Notebook".to_owned(),
                            title: &head.title,
                            date: String::new(),
                            summary: &head.about,
                        };
                        Some((document, self.terms(record.words)))
                    });
                    Ok(search::block(&documents.collect::<Vec<_>>()))
                })
            }
            Job::Search => {
                let blocks = (0..n_rows.div_ceil(BLOCK)).map(|n| format!("search/days-{n}.js"));
                let n_notebooks = lists.notebooks.len().div_ceil(BLOCK);
                let more = (0..n_notebooks).map(|n| format!("search/notebooks-{n}.js"));
                let blocks: Vec<String> = blocks.chain(more).collect();
                let mut parts = self.parts("search");
                blocks.iter().for_each(|block| parts.push(block));
                self.put("search.html", parts.finish(), || {
                    SearchPage { site: self.frame("", "search.html"), blocks }.render()
                })
            }
            Job::Index => {
                let shown = if n_rows > SHORT_INDEX { n_rows - LATEST..n_rows } else { 0..n_rows };
                let n_outputs = lists.rows.iter().map(|row| row.record.n_outputs).sum();
                let n_unrecorded = lists.rows.iter().map(|row| row.record.n_unrecorded).sum();
                let n_unproven = lists.rows.iter().map(|row| row.record.unproven.len()).sum();
                let streaks = lists.streaks;
                let mut parts = self.parts("index");
                parts
                    .push(&format!("{n_rows} {n_outputs} {n_unproven} {n_unrecorded} {streaks:?}"));
                for (tag, members) in &lists.tags {
                    parts.push(tag);
                    parts.push_number(members.len());
                }
                for file in self.heads.keys() {
                    parts.push(file);
                    self.push_head(&mut parts, file);
                    if let Some(strip) = self.strip(file) {
                        strip.push_to(&mut parts);
                    }
                }
                self.put("index.html", lists.key(parts, shown.clone()), || {
                    IndexPage {
                        site: self.frame("", "index.html"),
                        n_days: n_rows,
                        rows: shown.clone().rev().map(|n| lists.row(n, "")).collect(),
                        archives: if n_rows > SHORT_INDEX {
                            lists.archives("", None)
                        } else {
                            Vec::new()
                        },
                        notebooks: self
                            .heads
                            .keys()
                            .filter_map(|file| self.notebook_link(file, ""))
                            .collect(),
                        tags: lists.tag_links(),
                        streaks,
                        n_outputs,
                        n_unproven,
                        n_unrecorded,
                    }
                    .render()
                })
            }
            Job::Feeds => self.bring_feeds(lists),
            Job::Theme => THEME.into_iter().try_for_each(|(path, text)| {
                let key = KeyParts::new("theme").text(path).text(text).finish();
                self.put(path, key, || Ok(text.to_owned()))
            }),
        }
    }

    /// Adds what lists say of a notebook to a key.
    fn push_head(&self, parts: &mut KeyParts, file: &str) {
        if let Some(head) = self.heads.get(file).and_then(Option::as_ref) {
            parts.push(&head.title);
            parts.push(&head.about);
        }
    }

    /// The words under `key`; an entry or a notebook is known only where its words are.
    fn terms(&self, key: Key) -> Terms {
        self.build.cache.get(key).unwrap_or_default()
    }

    fn bring_feeds(&self, lists: &Lists<'_>) -> Result<(), JournalError> {
        let config = self.build.config;
        let latest: Vec<usize> = (0..lists.rows.len()).rev().take(feed::MAX_ENTRIES).collect();
        let key = lists.key(self.parts("feed"), latest.iter().copied());
        let rows = || {
            let rows = latest.iter().map(|n| (lists.rows[*n].record, lists.rows[*n].page));
            rows.collect::<Vec<_>>()
        };
        self.put("feed.xml", key, || feed::atom(config, &rows()))?;
        self.put("feed.json", key, || Ok(feed::json(config, &rows())))?;
        if config.base_url.is_empty() {
            return Ok(());
        }
        let entries: Vec<_> = lists.rows.iter().map(|row| (row.record, row.page)).collect();
        super::cards::bring(&self.build, &entries)?;
        let mut parts = self.parts("sitemap");
        for row in &lists.rows {
            parts.push(row.page);
            parts.push_number(row.record.head.ordinal());
        }
        if let Some(map) = self.build.map.key {
            parts.push_key(map);
        }
        lists.tags.keys().for_each(|tag| parts.push(tag));
        self.put("sitemap.xml", parts.finish(), || {
            let entries = lists
                .rows
                .iter()
                .map(|row| (row.page.to_owned(), Some(row.record.head.date().to_string())));
            let notebooks = self.build.map.notebooks.values().map(|page| (page.clone(), None));
            let tags = lists.tags.keys().map(|tag| (tag_page(tag), None));
            let years = lists.years.keys().map(|year| (calendar_page(*year), None));
            let index = [("index.html".to_owned(), None)].into_iter();
            Ok(feed::sitemap(
                config,
                index.chain(entries).chain(notebooks).chain(tags).chain(years),
            ))
        })
    }
}

impl Lists<'_> {
    pub(super) fn row(&self, n: usize, up: &str) -> EntryRow {
        EntryRow::new(self.rows[n].record, self.rows[n].page, up)
    }

    fn key(&self, mut parts: KeyParts, members: impl Iterator<Item = usize>) -> Key {
        members.for_each(|n| parts.push_key(self.rows[n].key));
        parts.finish()
    }

    fn tag_links(&self) -> Vec<TagLink> {
        let links = self.tags.iter().map(|(name, members)| TagLink {
            href: href("", &tag_page(name), None),
            name: (*name).to_owned(),
            count: members.len(),
        });
        links.collect()
    }

    /// The pages of the archive, latest first, and whether each is the one that is `here`.
    fn archives(&self, up: &str, here: Option<usize>) -> Vec<page::PageLink> {
        let n_rows = self.rows.len();
        let blocks = (0..n_rows.div_ceil(ARCHIVED)).rev().map(|block| {
            let last = n_rows.min((block + 1) * ARCHIVED) - 1;
            let day = |n: usize| self.rows[n].record.head.day;
            page::PageLink {
                title: format!("Days {} to {}", day(block * ARCHIVED), day(last)),
                href: href(up, &archive_page(block), None),
                is_here: here == Some(block),
            }
        });
        blocks.collect()
    }

    fn year_links(&self, up: &str, here: i32) -> Vec<page::PageLink> {
        let links = self.years.keys().rev().map(|year| page::PageLink {
            title: year.to_string(),
            href: href(up, &calendar_page(*year), None),
            is_here: *year == here,
        });
        links.collect()
    }
}

fn archive_page(block: usize) -> String {
    format!("days/{}.html", block + 1)
}

fn calendar_page(year: i32) -> String {
    format!("calendar/{year}.html")
}

fn document<'r>(row: &Row<'r>) -> Document<'r> {
    let head = &row.record.head;
    Document {
        href: href("", row.page, None),
        kind: format!("Day {}", head.day),
        title: &head.title,
        date: head.date().to_string(),
        summary: &row.record.summary,
    }
}
