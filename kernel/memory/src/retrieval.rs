//! Finding things again: how a text becomes terms, how terms find texts, and in which order.
//!
//! The index is our own, beside the database that keeps the texts: BM25 (Robertson and Zaragoza
//! 2009) over runs of postings. SQLite's FTS5 ranks all texts with any of the words and takes
//! 5 to 7 ms at 100,000 passages; and what ranking needs around a hit (its neighbours, its
//! session, who speaks) it does not know.
//!
//! ```text
//! text ──analysis, dates──► document ──► tail ──(4,096 documents)──► segment ──(16)──► segment
//! question ──analysis, dates──► terms ──► postings of segments and tail ──► BM25 ──► ranking
//! ```

pub(crate) mod analysis;
pub(crate) mod dates;
pub(crate) mod document;
pub(crate) mod index;
pub(crate) mod posting;
pub(crate) mod ranking;
pub(crate) mod segment;
pub(crate) mod tail;
