//! Segments: an index of some thousand documents as bytes that never change.
//!
//! The postings of a segment are cut into blocks of about 16 KB, each for a range of terms, so
//! that a search reads only the blocks of its terms. Segments of the first size are joined, 16 at a
//! time, into one of the second, which stays.

use super::analysis::Term;
use super::document::{self, Traits};
use super::posting::{self, Posting, Postings, read_number, write_number};
use super::tail::Tail;

/// The documents of a segment when it is written. Tests have small ones, so that they have many.
pub(crate) const SEGMENT_SIZE: u32 = if cfg!(test) { 32 } else { 4_096 };
/// How many of them are joined into one.
pub(crate) const JOINED: u32 = 16;

const BLOCK_SIZE: usize = 16 * 1024;
const TRAIT_SIZE: usize = 9;

/// Which documents a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentRecord {
    /// Its number in the storage.
    pub(crate) id: i64,
    /// The number of the first document.
    pub(crate) first: u32,
    /// The number of documents.
    pub(crate) n: u32,
    /// All lengths together.
    pub(crate) total_length: u64,
}

/// A segment on its way into a storage.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The number of the first document.
    pub(crate) first: u32,
    /// The number of documents.
    pub(crate) n: u32,
    /// All lengths together.
    pub(crate) total_length: u64,
    /// What is known of each document, as bytes.
    pub(crate) traits: Vec<u8>,
    /// The first term of each block, and the block.
    pub(crate) blocks: Vec<(Term, Vec<u8>)>,
}

/// A segment as a storage gives it back: its record, its traits and its blocks in order.
pub(crate) type SegmentParts = (SegmentRecord, Vec<u8>, Vec<Vec<u8>>);

impl Segment {
    /// The tail as a segment.
    pub(crate) fn of_tail(tail: &Tail) -> Self {
        let lists = tail.sorted();
        Segment {
            first: tail.first,
            n: tail.len(),
            total_length: tail.total_length,
            traits: tail.traits.iter().flat_map(traits_to_bytes).collect(),
            blocks: blocks(lists.iter().map(|(term, list)| (*term, *list))),
        }
    }

    /// Neighbouring segments as one.
    pub(crate) fn joined(parts: &[SegmentParts]) -> Option<Self> {
        let first = parts.first()?.0.first;
        let mut lists: Vec<(Term, u32, &[u8])> = Vec::new();
        for (record, _, blocks) in parts {
            let all = blocks.iter().flat_map(|block| entries(block));
            lists.extend(all.map(|(term, _, bytes)| (term, record.first - first, bytes)));
        }
        lists.sort_unstable_by_key(|(term, shift, _)| (*term, *shift));
        let mut merged: Vec<(Term, Postings)> = Vec::new();
        for (term, shift, bytes) in lists {
            if merged.last().is_none_or(|(last, _)| *last != term) {
                merged.push((term, Postings::default()));
            }
            if let Some((_, all)) = merged.last_mut() {
                for one in posting::read(bytes) {
                    all.push(Posting { document: one.document + shift, ..one });
                }
            }
        }
        Some(Segment {
            first,
            n: parts.iter().map(|(record, ..)| record.n).sum(),
            total_length: parts.iter().map(|(record, ..)| record.total_length).sum(),
            traits: parts.iter().flat_map(|(_, traits, _)| traits.iter().copied()).collect(),
            blocks: blocks(merged.iter().map(|(term, list)| (*term, list))),
        })
    }
}

fn blocks<'a>(lists: impl Iterator<Item = (Term, &'a Postings)>) -> Vec<(Term, Vec<u8>)> {
    let mut blocks: Vec<(Term, Vec<u8>)> = Vec::new();
    for (term, list) in lists {
        let full = blocks.last().is_none_or(|(_, block)| {
            !block.is_empty() && block.len() + list.bytes.len() > BLOCK_SIZE
        });
        if full {
            blocks.push((term, Vec::new()));
        }
        if let Some((_, block)) = blocks.last_mut() {
            block.extend(term.to_le_bytes());
            write_number(block, list.n);
            write_number(block, u32::try_from(list.bytes.len()).unwrap_or(u32::MAX));
            block.extend(&list.bytes);
        }
    }
    blocks
}

/// The terms of a block with the number of their postings and these as bytes.
fn entries(block: &[u8]) -> impl Iterator<Item = (Term, u32, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let term = Term::from_le_bytes(block.get(at..at + 8)?.try_into().ok()?);
        at += 8;
        let n = read_number(block, &mut at)?;
        let n_bytes = read_number(block, &mut at)? as usize;
        let bytes = block.get(at..at.checked_add(n_bytes)?)?;
        at += n_bytes;
        Some((term, n, bytes))
    })
}

/// The postings of a term in the block that would hold it: their number and their bytes.
pub(crate) fn find(block: &[u8], term: Term) -> Option<(u32, &[u8])> {
    let mut from_here = entries(block).skip_while(|(found, ..)| *found < term);
    from_here.next().filter(|(found, ..)| *found == term).map(|(_, n, bytes)| (n, bytes))
}

fn traits_to_bytes(traits: &Traits) -> [u8; TRAIT_SIZE] {
    let mut bytes = [0; TRAIT_SIZE];
    bytes[..4].copy_from_slice(&traits.session.to_le_bytes());
    bytes[4..8].copy_from_slice(&traits.speaker.to_le_bytes());
    bytes[8] = u8::from(traits.question)
        | u8::from(traits.tells_time) << 1
        | document::number_of(traits.role) << 2;
    bytes
}

/// What is known of the `n`-th document of a segment.
pub(crate) fn traits_at(bytes: &[u8], n: u32) -> Traits {
    let at = n as usize * TRAIT_SIZE;
    let number = |from: usize| {
        let bytes = bytes.get(from..from + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default())
    };
    let flags = bytes.get(at + 8).copied().unwrap_or_default();
    Traits {
        session: number(at),
        speaker: number(at + 4),
        question: flags & 1 != 0,
        tells_time: flags & 2 != 0,
        role: document::role_of(flags >> 2 & 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Role;

    #[test]
    fn traits_survive() {
        for n in 0..20 {
            let role = document::role_of(n / 4);
            let (question, tells_time) = (n & 1 != 0, n & 2 != 0);
            let traits = Traits { session: 7, speaker: u32::MAX, question, tells_time, role };
            let bytes = [[0; TRAIT_SIZE], traits_to_bytes(&traits)].concat();
            assert_eq!(traits_at(&bytes, 1), traits);
        }
        // An index from before roles and times were kept: 1 for a question.
        let old = traits_at(&[0, 0, 0, 0, 0, 0, 0, 0, 1], 0);
        assert_eq!(old, Traits { question: true, ..Traits::default() });
        assert_ne!(old.role, Some(Role::User));
    }
}
