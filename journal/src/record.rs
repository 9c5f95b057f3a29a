//! Records: what the rest of the site needs to know of an entry or a notebook once it is rendered.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::entry::FrontMatter;
use crate::key::{Key, KeyParts};
use crate::site::UnprovenOutput;

/// An entry, as it was rendered without a problem.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EntryRecord {
    pub(crate) head: Head,
    pub(crate) summary: String,
    pub(crate) tags: Vec<String>,
    pub(crate) n_words: usize,
    pub(crate) n_outputs: usize,
    /// Those of them whose kernel keeps no record.
    pub(crate) n_unrecorded: usize,
    /// The notebooks that it names or links to, in that order.
    pub(crate) notebooks: Vec<String>,
    pub(crate) unproven: Vec<UnprovenOutput>,
    /// The pictures it shows, as paths in the site.
    pub(crate) pictures: Vec<String>,
    /// What else it was made from.
    pub(crate) needs: Vec<Need>,
    /// Its words for the search are kept apart, under the key of what they are: few builds need them.
    pub(crate) words: Key,
}

/// By what an entry is called in links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) day: u32,
    pub(crate) title: String,
    /// Days since the start of the common era.
    date: i32,
}

/// What lists say of a notebook that could be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NotebookHead {
    pub(crate) title: String,
    /// How many cells, which kernel.
    pub(crate) about: String,
    /// In the order of the cells.
    pub(crate) exercises: Vec<Exercise>,
}

/// An exercise of a notebook: a cell with `//| exercise: name` on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exercise {
    pub(crate) name: String,
    /// The cell's anchor on the notebook's page.
    pub(crate) anchor: String,
}

/// A notebook's page, as it was rendered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NotebookRecord {
    pub(crate) pictures: Vec<String>,
    pub(crate) needs: Vec<Need>,
    /// As in [`EntryRecord::words`].
    pub(crate) words: Key,
}

/// Something that a page was made from, besides its own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Need {
    /// There is an entry of that name.
    Entry(String),
    /// A notebook with that content.
    Notebook(String, Key),
    /// A file with that content; none where there was no such file.
    File(String, Option<Key>),
}

impl Need {
    /// Adds it to the key of a page.
    pub(crate) fn push_to(&self, parts: &mut KeyParts) {
        match self {
            Self::Entry(file) => parts.push(file),
            Self::Notebook(file, key) => {
                parts.push(file);
                parts.push_key(*key);
            }
            Self::File(file, key) => {
                parts.push(file);
                match key {
                    Some(key) => parts.push_key(*key),
                    None => parts.push("none"),
                }
            }
        }
    }
}

impl Head {
    pub(crate) fn of(front: &FrontMatter) -> Self {
        use chrono::Datelike;
        Self { day: front.day, title: front.title.clone(), date: front.date.num_days_from_ce() }
    }

    /// The number of its date.
    pub(crate) fn ordinal(&self) -> usize {
        usize::try_from(self.date).unwrap_or_default()
    }

    pub(crate) fn date(&self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.date).unwrap_or_default()
    }
}

/// Words read in a minute.
const WORDS_PER_MINUTE: usize = 220;

impl EntryRecord {
    /// How long it takes to read.
    pub(crate) fn minutes(&self) -> usize {
        self.n_words.div_ceil(WORDS_PER_MINUTE).max(1)
    }

    /// What lists show of the entry, as a part of the keys of the pages with such lists.
    pub(crate) fn row_key(&self, page: &str) -> Key {
        let mut parts = KeyParts::new("row").text(page).text(&self.head.title).text(&self.summary);
        for tag in &self.tags {
            parts.push(tag);
        }
        for number in [
            self.head.day as usize,
            self.head.date as usize,
            self.minutes(),
            self.n_outputs,
            self.n_unrecorded,
            self.unproven.len(),
        ] {
            parts.push_number(number);
        }
        parts.finish()
    }
}
