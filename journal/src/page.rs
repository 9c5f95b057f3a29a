//! Pages: what the templates of the theme are filled with.

pub(crate) mod entry_page;
pub(crate) mod figure;
pub(crate) mod index_page;
pub(crate) mod notebook_page;

use crate::config::SeriesConfig;
use crate::entry::Entry;
use crate::link::href;

/// The theme's files that pages fetch, by their path in the site.
pub(crate) const THEME: [(&str, &str); 2] = [
    ("theme/style.css", include_str!("../theme/style.css")),
    ("theme/icon.svg", include_str!("../theme/icon.svg")),
];

/// What every page's frame says.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) title: &'a str,
    pub(crate) author: &'a str,
    pub(crate) language: &'a str,
    /// For the page's `description`.
    pub(crate) description: &'a str,
    /// The way from the page to the site's root.
    pub(crate) up: &'a str,
    pub(crate) has_tags: bool,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(config: &'a SeriesConfig, up: &'a str, has_tags: bool) -> Self {
        Self {
            title: &config.title,
            author: &config.author,
            language: &config.language,
            description: &config.description,
            up,
            has_tags,
        }
    }
}

/// A link to the page of a tag.
#[derive(Debug, Clone)]
pub(crate) struct TagLink {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) count: usize,
}

/// A link to a notebook's page.
#[derive(Debug, Clone)]
pub(crate) struct NotebookLink {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) about: String,
}

/// An entry as lists show it, seen from one page.
#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) day: u32,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) href: String,
    /// `2026-11-22`.
    pub(crate) date: String,
    /// `22 November 2026`.
    pub(crate) date_said: String,
    pub(crate) minutes: usize,
    pub(crate) tags: Vec<TagLink>,
    pub(crate) n_outputs: usize,
    pub(crate) n_unproven: usize,
}

/// What was counted while an entry was rendered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EntryCounts {
    pub(crate) n_words: usize,
    pub(crate) n_outputs: usize,
    pub(crate) n_unproven: usize,
}

/// Words read in a minute.
const WORDS_PER_MINUTE: usize = 220;

impl EntryRow {
    pub(crate) fn new(entry: &Entry, page: &str, counts: EntryCounts, up: &str) -> Self {
        let front = &entry.front;
        Self {
            day: front.day,
            title: front.title.clone(),
            summary: front.summary.clone(),
            href: href(up, page, None),
            date: front.date.to_string(),
            date_said: front.date.format("%-d %B %Y").to_string(),
            minutes: counts.n_words.div_ceil(WORDS_PER_MINUTE).max(1),
            tags: front
                .tags
                .iter()
                .map(|name| TagLink {
                    name: name.clone(),
                    href: href(up, &index_page::tag_page(name), None),
                    count: 0,
                })
                .collect(),
            n_outputs: counts.n_outputs,
            n_unproven: counts.n_unproven,
        }
    }
}
