//! The page of an entry.

use askama::Template;

use super::{EntryRow, Frame, NotebookLink};
use crate::config::Comments;
use crate::entry::FrontMatter;
use crate::markdown::Heading;

#[derive(Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryPage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) series: &'a str,
    pub(crate) row: EntryRow,
    pub(crate) headings: Vec<&'a Heading>,
    pub(crate) notebooks: Vec<NotebookLink>,
    pub(crate) sources: Vec<SourceRow<'a>>,
    pub(crate) body: &'a str,
    pub(crate) n_unproven: usize,
    pub(crate) previous: Option<Turn>,
    pub(crate) next: Option<Turn>,
    pub(crate) comments: Option<&'a Comments>,
}

/// A link to the entry before or after.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) day: u32,
    pub(crate) title: String,
    pub(crate) href: String,
}

/// A course, a book or a practice, for the top of the page.
#[derive(Debug)]
pub(crate) struct SourceRow<'a> {
    pub(crate) kind: &'static str,
    pub(crate) name: &'a str,
    pub(crate) url: Option<&'a str>,
    pub(crate) details: Vec<String>,
}

pub(crate) fn source_rows(front: &FrontMatter) -> Vec<SourceRow<'_>> {
    let parts = [("Course", &front.course), ("Book", &front.book), ("Practice", &front.practice)];
    parts
        .into_iter()
        .filter_map(|(kind, source)| {
            let source = source.as_ref()?;
            Some(SourceRow {
                kind,
                name: &source.name,
                url: source.url.as_deref(),
                details: source
                    .details
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect(),
            })
        })
        .collect()
}

/// The headings that a table of contents lists.
pub(crate) fn listed(headings: &[Heading]) -> Vec<&Heading> {
    headings.iter().filter(|heading| (2..=3).contains(&heading.level)).collect()
}
