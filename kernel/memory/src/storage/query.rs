//! Questions to a storage, and pages of answers.

use super::Timestamp;

/// Which part of a result is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items to leave out at the front.
    pub offset: u64,
    /// At most this many items.
    pub limit: usize,
}

impl PageRequest {
    /// `limit` items behind the first `offset`.
    pub fn new(offset: u64, limit: usize) -> Self {
        PageRequest { offset, limit }
    }

    /// Everything.
    pub fn all() -> Self {
        PageRequest { offset: 0, limit: usize::MAX }
    }

    /// The first `limit` items.
    pub fn first(limit: usize) -> Self {
        PageRequest { offset: 0, limit }
    }
}

/// Ten items from the start.
impl Default for PageRequest {
    fn default() -> Self {
        PageRequest::first(10)
    }
}

/// Part of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The items before this page.
    pub offset: u64,
    /// All items of the result, on this page and others.
    pub total: u64,
}

impl<T> Page<T> {
    /// The page of `all` that `request` asks for.
    pub fn cut(all: impl IntoIterator<Item = T>, request: PageRequest) -> Self {
        let mut total = 0;
        let mut items = Vec::new();
        for item in all {
            if total >= request.offset && items.len() < request.limit {
                items.push(item);
            }
            total += 1;
        }
        Page { items, offset: request.offset, total }
    }

    /// The page with each item turned into another.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        let items = self.items.into_iter().map(f).collect();
        Page { items, offset: self.offset, total: self.total }
    }

    /// Whether there are items behind this page.
    pub fn has_more(&self) -> bool {
        self.offset + (self.items.len() as u64) < self.total
    }
}

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collection {
    /// Recall storage: the messages, by their position.
    Recall,
    /// Archival storage: the passages, by their id.
    Archival,
}

/// How the text of a search is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Match {
    /// Words to look for, in any form and order; the best answers come first.
    #[default]
    Ranked,
    /// Text that must stand there as a whole, in upper or lower case. Every answer is exact, the
    /// oldest comes first, and the total is the true number. For names, keys and numbers.
    Exact,
}

/// The query's vector, for a search by meaning besides words.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryVector {
    /// The name of the embedding model that made it.
    pub model: String,
    /// Its numbers.
    pub values: Vec<f32>,
}

/// A search in recall or archival storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Search<Filter> {
    /// The question.
    pub text: String,
    /// How the text is meant.
    pub matching: Match,
    /// The question's vector, when there is an embedding model.
    pub vector: Option<QueryVector>,
    /// When the question is asked, so that "yesterday" means a day.
    pub now: Option<Timestamp>,
    /// Where to look.
    pub filter: Filter,
    /// Which part of the result is wanted.
    pub page: PageRequest,
}

impl<Filter: Default> Search<Filter> {
    /// The ten best answers to a question.
    pub fn ranked(text: impl Into<String>) -> Self {
        Search {
            text: text.into(),
            matching: Match::Ranked,
            vector: None,
            now: None,
            filter: Filter::default(),
            page: PageRequest::default(),
        }
    }

    /// The first ten that hold this very text.
    pub fn exact(text: impl Into<String>) -> Self {
        Search { matching: Match::Exact, ..Search::ranked(text) }
    }

    /// Sets where to look.
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets which part of the result is wanted.
    pub fn with_page(mut self, page: PageRequest) -> Self {
        self.page = page;
        self
    }

    /// Says when the question is asked.
    pub fn asked_at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Adds the question's vector.
    pub fn with_vector(mut self, model: impl Into<String>, values: Vec<f32>) -> Self {
        self.vector = Some(QueryVector { model: model.into(), values });
        self
    }
}

/// An answer to a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<T> {
    /// What was found.
    pub item: T,
    /// How well it fits: larger is better. Comparable only within one search.
    pub score: f64,
}
