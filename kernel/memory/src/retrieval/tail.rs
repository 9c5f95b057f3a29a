//! The newest documents, indexed in memory until they fill a segment.

use super::analysis::{Term, TermMap};
use super::document::{Document, Traits};
use super::posting::{Posting, Postings, coarse};

/// Documents from number `first` on.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The number of the first document.
    pub(crate) first: u32,
    /// What is known of each document.
    pub(crate) traits: Vec<Traits>,
    /// All lengths together.
    pub(crate) total_length: u64,
    postings: TermMap<Postings>,
}

impl Tail {
    /// A tail that begins with this document.
    pub(crate) fn new(first: u32) -> Self {
        Tail { first, ..Tail::default() }
    }

    /// The number of documents.
    pub(crate) fn len(&self) -> u32 {
        self.traits.len() as u32
    }

    /// The number of the document that comes next.
    pub(crate) fn next(&self) -> u32 {
        self.first + self.len()
    }

    /// Adds the next document.
    pub(crate) fn push(&mut self, document: &Document) {
        let (number, length) = (self.len(), coarse(document.length));
        for (term, count) in &document.terms {
            let posting = Posting { document: number, count: *count, length };
            self.postings.entry(*term).or_default().push(posting);
        }
        self.traits.push(document.traits);
        self.total_length += u64::from(document.length);
    }

    /// The postings of a term.
    pub(crate) fn postings(&self, term: Term) -> Option<&Postings> {
        self.postings.get(&term)
    }

    /// All postings, in the order of the terms.
    pub(crate) fn sorted(&self) -> Vec<(Term, &Postings)> {
        let mut all: Vec<_> = self.postings.iter().map(|(term, list)| (*term, list)).collect();
        all.sort_unstable_by_key(|(term, _)| *term);
        all
    }
}
