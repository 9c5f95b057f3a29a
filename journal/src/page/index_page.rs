//! The pages that list entries: index, archive, calendar, tags, search.

use askama::Template;
use sha2::{Digest, Sha256};

use super::{EntryRow, Frame, NotebookLink, PageLink, TagLink};
use crate::calendar::{Month, Streaks};
use crate::notebook::chain::hex;

#[derive(Template)]
#[template(path = "index.html")]
pub(crate) struct IndexPage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) n_days: usize,
    pub(crate) rows: Vec<EntryRow>,
    /// Empty where the index lists all entries itself.
    pub(crate) archives: Vec<PageLink>,
    pub(crate) notebooks: Vec<NotebookLink>,
    pub(crate) tags: Vec<TagLink>,
    pub(crate) streaks: Streaks,
    pub(crate) n_outputs: usize,
    pub(crate) n_unproven: usize,
    pub(crate) n_unrecorded: usize,
}

#[derive(Template)]
#[template(path = "archive.html")]
pub(crate) struct ArchivePage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) archives: Vec<PageLink>,
    pub(crate) rows: Vec<EntryRow>,
}

#[derive(Template)]
#[template(path = "calendar.html")]
pub(crate) struct CalendarPage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) year: i32,
    pub(crate) n_days: usize,
    pub(crate) years: Vec<PageLink>,
    pub(crate) streaks: Streaks,
    pub(crate) months: Vec<Month>,
}

#[derive(Template)]
#[template(path = "search.html")]
pub(crate) struct SearchPage<'a> {
    pub(crate) site: Frame<'a>,
    /// The scripts of the index.
    pub(crate) blocks: Vec<String>,
}

#[derive(Template)]
#[template(path = "tag.html")]
pub(crate) struct TagPage<'a> {
    pub(crate) site: Frame<'a>,
    pub(crate) name: &'a str,
    pub(crate) rows: Vec<EntryRow>,
}

/// The page of a tag. What cannot stand in a file name is told apart by a hash.
pub(crate) fn tag_page(tag: &str) -> String {
    let plain: String = tag
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    if plain == tag && plain.len() <= 80 {
        format!("tags/{plain}.html")
    } else {
        let start: String = plain.chars().take(80).collect();
        format!("tags/{start}-{}.html", hex(&Sha256::digest(tag)[..4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_pages_of_their_own() {
        assert_eq!(tag_page("cnn"), "tags/cnn.html");
        assert_eq!(tag_page("agent-memory"), "tags/agent-memory.html");
        assert_ne!(tag_page("C++"), tag_page("C#"));
        assert_ne!(tag_page("CNN"), tag_page("cnn"));
        assert!(!tag_page("../../x").contains(".."));
    }
}
