//! Pages: what the templates of the theme are filled with.

pub(crate) mod entry_page;
pub(crate) mod figure;
pub(crate) mod index_page;
pub(crate) mod notebook_page;

use crate::calendar;
use crate::card::card_path;
use crate::config::{Comments, SeriesConfig};
use crate::link::href;
use crate::progress::Strip;
use crate::record::EntryRecord;

/// The theme's files that pages fetch, by their path in the site.
pub(crate) const THEME: [(&str, &str); 4] = [
    ("theme/style.css", include_str!("../theme/style.css")),
    ("theme/icon.svg", include_str!("../theme/icon.svg")),
    ("theme/site.js", include_str!("../theme/site.js")),
    ("theme/search.js", include_str!("../theme/search.js")),
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
    /// Where the page will be published, if that is known.
    pub(crate) address: Option<String>,
    /// Where its card will be, if that is known.
    pub(crate) card: Option<String>,
    /// What the browser may load and run for it.
    pub(crate) policy: String,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(
        config: &'a SeriesConfig,
        up: &'a str,
        page: &'a str,
        has_tags: bool,
    ) -> Self {
        let mut frame = Self {
            title: &config.title,
            author: &config.author,
            language: &config.language,
            description: &config.description,
            up,
            has_tags,
            address: (!config.base_url.is_empty()).then(|| href(&config.address(), page, None)),
            card: (!config.base_url.is_empty())
                .then(|| href(&config.address(), &card_path(page), None)),
            policy: String::new(),
        };
        frame.allow(&None, false);
        frame
    }

    /// Allows what comments need, and what outputs of trusted notebooks do. Nothing else may be
    /// loaded from elsewhere, nor run.
    pub(crate) fn allow(&mut self, comments: &Option<Comments>, is_trusted: bool) {
        let giscus = if comments.is_some() { " https://giscus.app" } else { "" };
        let frames = if comments.is_some() { "; frame-src https://giscus.app" } else { "" };
        let inline = if is_trusted { " 'unsafe-inline'" } else { "" };
        self.policy = format!(
            "default-src 'none'; script-src 'self'{giscus}{inline}; style-src 'self'{giscus}{inline}; \
             style-src-attr 'unsafe-inline'; img-src 'self' data:{frames}; base-uri 'none'; \
             form-action 'none'"
        );
    }
}

/// A link to the page of a tag.
#[derive(Debug, Clone)]
pub(crate) struct TagLink {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) count: usize,
}

/// A link to one of several pages that belong together.
#[derive(Debug, Clone)]
pub(crate) struct PageLink {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) is_here: bool,
}

/// A link to a notebook's page.
#[derive(Debug, Clone)]
pub(crate) struct NotebookLink {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) about: String,
    /// How far the learner is with its exercises, where that is shown.
    pub(crate) strip: Option<Strip>,
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

impl EntryRow {
    pub(crate) fn new(record: &EntryRecord, page: &str, up: &str) -> Self {
        let date = record.head.date();
        Self {
            day: record.head.day,
            title: record.head.title.clone(),
            summary: record.summary.clone(),
            href: href(up, page, None),
            date: date.to_string(),
            date_said: calendar::said(date),
            minutes: record.minutes(),
            tags: record
                .tags
                .iter()
                .map(|name| TagLink {
                    name: name.clone(),
                    href: href(up, &index_page::tag_page(name), None),
                    count: 0,
                })
                .collect(),
            n_outputs: record.n_outputs,
            n_unproven: record.unproven.len(),
        }
    }
}
