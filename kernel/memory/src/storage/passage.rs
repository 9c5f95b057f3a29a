//! Archival storage's records.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The number of a passage. It counts up in each agent and is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PassageId(pub u64);

impl fmt::Display for PassageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A passage on its way into archival storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassage {
    /// The text.
    pub text: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it comes from, such as a file or an address.
    pub source: Option<String>,
    /// When it was written down.
    pub at: Timestamp,
}

impl NewPassage {
    /// A passage without tags and source.
    pub fn new(text: impl Into<String>, at: Timestamp) -> Self {
        NewPassage { text: text.into(), tags: Vec::new(), source: None, at }
    }

    /// Adds a tag.
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Says where it comes from.
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// A passage in archival storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its number.
    pub id: PassageId,
    /// The text.
    pub text: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// When it was written down.
    pub at: Timestamp,
}

/// Which passages are meant. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassageFilter {
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those from this source.
    pub source: Option<String>,
    /// Only those written at this time or later.
    pub from: Option<Timestamp>,
    /// Only those written before this time.
    pub until: Option<Timestamp>,
}

impl PassageFilter {
    /// Whether a passage is meant.
    pub fn fits(&self, passage: &Passage) -> bool {
        self.tags.iter().all(|tag| passage.tags.contains(tag))
            && (self.source.is_none() || self.source == passage.source)
            && self.from.is_none_or(|from| passage.at >= from)
            && self.until.is_none_or(|until| passage.at < until)
    }

    /// Whether all passages are meant.
    pub fn is_empty(&self) -> bool {
        *self == PassageFilter::default()
    }
}
