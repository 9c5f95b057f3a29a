//! The index of a collection: segments in a storage, the tail in memory, BM25 over both.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use super::analysis::{Analyzer, Term};
use super::dates;
use super::document::{Document, Question, Roles, Traits};
use super::posting::{self, length_of};
use super::ranking::{self, N_CANDIDATES, Surroundings, Weights};
use super::segment::{self, JOINED, SEGMENT_SIZE, Segment, SegmentRecord};
use super::tail::Tail;
use crate::message::Role;
use crate::storage::{Search, Timestamp};

/// How fast a term's repetitions stop counting, and how much a document's length does. What
/// BASELINES for short texts use; not tuned.
const K1: f32 = 0.9;
const B: f32 = 0.4;

/// A text as a storage holds it.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// Its number in the collection.
    pub(crate) number: u32,
    /// The text.
    pub(crate) text: String,
    /// When it was written.
    pub(crate) at: Timestamp,
    /// The session that it belongs to.
    pub(crate) session: u32,
    /// Whose message it is; [`None`] for a passage.
    pub(crate) role: Option<Role>,
}

/// Where a storage keeps the segments and texts of one collection of one agent.
pub(crate) trait SegmentStore {
    /// What goes wrong.
    type Error;
    /// The segments in the order of their documents.
    fn segments(&mut self) -> Result<Vec<SegmentRecord>, Self::Error>;
    /// What is known of the segment's documents.
    fn traits(&mut self, segment: i64) -> Result<Vec<u8>, Self::Error>;
    /// The block that holds the term if the segment does: the last one that begins at or before it.
    fn block(&mut self, segment: i64, term: Term) -> Result<Option<Vec<u8>>, Self::Error>;
    /// All blocks of the segment in order.
    fn blocks(&mut self, segment: i64) -> Result<Vec<Vec<u8>>, Self::Error>;
    /// The texts from this number on, in order. Numbers of deleted texts are left out.
    fn texts_from(&mut self, first: u32) -> Result<Vec<Text>, Self::Error>;
    /// Writes a segment.
    fn put(&mut self, segment: &Segment) -> Result<(), Self::Error>;
    /// Removes a segment.
    fn remove(&mut self, segment: i64) -> Result<(), Self::Error>;
}

/// What a collection's index holds in memory.
pub(crate) struct Index {
    analyzer: Analyzer,
    segments: Vec<Arc<Loaded>>,
    tail: Tail,
    sessions_are_apart: bool,
    knows_roles: bool,
    speakers: HashSet<u32>,
    /// The day since 1970 of the last text, and its terms.
    day: (i64, Vec<Term>),
}

struct Loaded {
    record: SegmentRecord,
    traits: Vec<u8>,
}

/// A ranked search's result.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    /// Numbers and scores, best first.
    pub(crate) ranked: Vec<(u32, f64)>,
    /// How many documents hold any of the terms.
    pub(crate) n_matching: u64,
}

/// What restricts and enriches a ranked search.
#[derive(Default)]
pub(crate) struct Extras<'a> {
    /// Only these documents, in order; all when there is none.
    pub(crate) allowed: Option<&'a [u32]>,
    /// Only documents of these roles. For an index that [knows](Index::knows_roles) them.
    pub(crate) roles: Roles,
    /// Never these, in order.
    pub(crate) gone: &'a [u32],
    /// Similarities by the vectors of the query and the documents, in the order of the documents.
    pub(crate) similarities: &'a [(u32, f32)],
}

impl Index {
    /// An index without documents. In archival storage, neighbours count for each other only
    /// within a session, which there is a run of passages from one source.
    pub(crate) fn new(sessions_are_apart: bool) -> Self {
        Index {
            analyzer: Analyzer::new(),
            segments: Vec::new(),
            tail: Tail::default(),
            sessions_are_apart,
            knows_roles: true,
            speakers: HashSet::new(),
            day: (i64::MIN, Vec::new()),
        }
    }

    /// Whether a search can be restricted to roles here: each document has one.
    pub(crate) fn knows_roles(&self) -> bool {
        self.knows_roles
    }

    /// Adds the next text to the tail. Numbers that were left out become empty documents.
    pub(crate) fn push(&mut self, text: &Text) {
        while self.tail.next() < text.number {
            self.tail.push(&Document::default());
        }
        let Text { text, at, session, role, .. } = text;
        let day = at.millis().div_euclid(86_400_000);
        if self.day.0 != day {
            self.day = (day, dates::terms_of(*at));
        }
        let mut document = Document::new(&mut self.analyzer, text, &self.day.1, *session);
        document.traits.role = *role;
        self.knows_roles &= role.is_some();
        self.tail.push(&document);
        self.speakers.insert(document.traits.speaker);
    }

    /// Takes up what was written since the last time, by whomever.
    pub(crate) fn refresh<S: SegmentStore>(&mut self, store: &mut S) -> Result<(), S::Error> {
        let records = store.segments()?;
        let same = records.len() == self.segments.len()
            && records.iter().zip(&self.segments).all(|(record, old)| *record == old.record);
        if !same {
            self.load(store, &records)?;
        }
        for text in store.texts_from(self.tail.next())? {
            self.push(&text);
        }
        Ok(())
    }

    fn load<S: SegmentStore>(
        &mut self,
        store: &mut S,
        records: &[SegmentRecord],
    ) -> Result<(), S::Error> {
        let mut segments = Vec::with_capacity(records.len());
        for record in records {
            match self.segments.iter().find(|old| old.record == *record) {
                Some(known) => segments.push(Arc::clone(known)),
                None => {
                    let traits = store.traits(record.id)?;
                    for n in 0..record.n {
                        let Traits { speaker, role, .. } = segment::traits_at(&traits, n);
                        self.speakers.insert(speaker);
                        self.knows_roles &= role.is_some();
                    }
                    segments.push(Arc::new(Loaded { record: *record, traits }));
                }
            }
        }
        let next = records.last().map_or(0, |last| last.first + last.n);
        if self.tail.first != next {
            self.tail = Tail::new(next);
        }
        self.segments = segments;
        Ok(())
    }

    /// Writes the tail as a segment when it is long enough, and joins segments when there are
    /// enough of them. For a writer, in its transaction, behind [`refresh`](Index::refresh).
    pub(crate) fn flush<S: SegmentStore>(&mut self, store: &mut S) -> Result<(), S::Error> {
        if self.tail.len() < SEGMENT_SIZE {
            return Ok(());
        }
        store.put(&Segment::of_tail(&self.tail))?;
        let records = store.segments()?;
        let small: Vec<_> =
            records.iter().filter(|one| one.n < JOINED * SEGMENT_SIZE).copied().collect();
        if small.len() >= JOINED as usize {
            let mut parts = Vec::new();
            for record in &small {
                parts.push((*record, store.traits(record.id)?, store.blocks(record.id)?));
                store.remove(record.id)?;
            }
            if let Some(joined) = Segment::joined(&parts) {
                store.put(&joined)?;
            }
        }
        let records = store.segments()?;
        self.load(store, &records)
    }

    /// Whether [`flush`](Index::flush) has something to do, given the number of all texts and of
    /// those that segments hold.
    pub(crate) fn is_due(n_texts: u64, n_in_segments: u64) -> bool {
        n_texts >= n_in_segments + u64::from(SEGMENT_SIZE)
    }

    /// Searches by words, and by vectors if there are any.
    pub(crate) fn search<S: SegmentStore, F>(
        &mut self,
        store: &mut S,
        search: &Search<F>,
        extras: &Extras<'_>,
        weights: &Weights,
    ) -> Result<Ranking, S::Error> {
        let question = Question::new(&mut self.analyzer, &search.text, search.now);
        let names: Vec<u32> = question.names.clone();
        // A speaker's name is on everything that they say: it weighs as a name, not as a word.
        let mut words: Vec<Term> = question.terms.clone();
        words.retain(|term| {
            let name = super::document::speaker_of(*term);
            !(names.contains(&name) && self.speakers.contains(&name))
        });
        if words.is_empty() {
            words.clone_from(&question.terms);
        }
        let scores = self.scores(store, &words)?;
        let around = Around { index: self, extras };
        let page = &search.page;
        let wanted = usize::try_from(page.offset).unwrap_or(usize::MAX).saturating_add(page.limit);
        let n = N_CANDIDATES.max(wanted.saturating_mul(2));
        let matching = (0_u32..).zip(scores.iter().copied());
        let mut roles = self.roles();
        let matching = matching.filter(|(one, score)| {
            *score > 0.0 && around.is_listed(*one) && extras.roles.fits_by(|| roles(*one))
        });
        let (mut own, n_matching) = best_of(matching, n);
        if !extras.similarities.is_empty() {
            own = fuse(&own, &scores, extras.similarities, n, weights.vectors, &around);
        }
        let ranked = ranking::rank(&own, &question, &around, weights);
        let ranked: Vec<_> = ranked.into_iter().map(|(n, score)| (n, f64::from(score))).collect();
        Ok(Ranking { n_matching: n_matching.max(ranked.len() as u64), ranked })
    }

    /// BM25 of every document.
    fn scores<S: SegmentStore>(&self, store: &mut S, terms: &[Term]) -> Result<Vec<f32>, S::Error> {
        let n_all = self.tail.next();
        let total: u64 = self.segments.iter().map(|one| one.record.total_length).sum();
        let mean = (total + self.tail.total_length) as f32 / n_all.max(1) as f32;
        let norms: Vec<f32> = (0..=u8::MAX)
            .map(|length| K1 * (1.0 - B + B * length_of(length) / mean.max(1.0)))
            .collect();
        let mut scores = vec![0.0_f32; n_all as usize];
        for term in terms {
            let mut blocks = Vec::new();
            for segment in &self.segments {
                if let Some(block) = store.block(segment.record.id, *term)? {
                    blocks.push((segment.record.first, block));
                }
            }
            let mut lists: Vec<(u32, u32, &[u8])> = Vec::new();
            for (first, block) in &blocks {
                lists.extend(segment::find(block, *term).map(|(n, bytes)| (*first, n, bytes)));
            }
            if let Some(list) = self.tail.postings(*term) {
                lists.push((self.tail.first, list.n, &list.bytes));
            }
            let df: u32 = lists.iter().map(|(_, n, _)| n).sum();
            let (n, df) = (n_all as f32, df as f32);
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            for (first, _, bytes) in lists {
                for one in posting::read(bytes) {
                    let count = f32::from(one.count);
                    let score = idf * count / (count + norms[one.length as usize]);
                    if let Some(sum) = scores.get_mut((first + one.document) as usize) {
                        *sum += score;
                    }
                }
            }
        }
        Ok(scores)
    }

    /// The roles of documents, when they are asked for in order.
    fn roles(&self) -> impl FnMut(u32) -> Option<Role> {
        let mut behind = 0;
        move |document| {
            if document >= self.tail.first {
                return self.tail.traits.get((document - self.tail.first) as usize)?.role;
            }
            let is_behind = |one: &Arc<Loaded>| one.record.first + one.record.n <= document;
            while self.segments.get(behind).is_some_and(is_behind) {
                behind += 1;
            }
            let segment = self.segments.get(behind)?;
            segment::traits_at(&segment.traits, document.checked_sub(segment.record.first)?).role
        }
    }

    fn traits_of(&self, document: u32) -> Option<Traits> {
        if document >= self.tail.first {
            return self.tail.traits.get((document - self.tail.first) as usize).copied();
        }
        let behind = self.segments.partition_point(|one| one.record.first <= document);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        Some(segment::traits_at(&segment.traits, document - segment.record.first))
    }
}

/// The best first; of equal ones the later.
fn order(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(b.0.cmp(&a.0))
}

/// Keeps the best `n`, in any order.
fn cut(scored: &mut Vec<(u32, f32)>, n: usize) {
    if scored.len() > n && n > 0 {
        scored.select_nth_unstable_by(n - 1, order);
        scored.truncate(n);
    }
}

/// Keeps the best `n` and puts them in order.
fn best_first(scored: &mut Vec<(u32, f32)>, n: usize) {
    cut(scored, n);
    scored.sort_by(order);
}

/// The best `n` in order, and how many there are in all.
fn best_of(all: impl Iterator<Item = (u32, f32)>, n: usize) -> (Vec<(u32, f32)>, u64) {
    let (mut best, mut n_all, mut lowest) = (Vec::new(), 0, 0.0_f32);
    for one in all {
        n_all += 1;
        // With `n` that are better, another one that is worse can be left out at once.
        if one.1 >= lowest {
            best.push(one);
            if best.len() >= n.saturating_mul(8) {
                cut(&mut best, n);
                lowest = best.iter().map(|one| one.1).fold(f32::INFINITY, f32::min);
            }
        }
    }
    best_first(&mut best, n);
    (best, n_all)
}

/// The best by words and the best by vectors as one list. Both kinds of score are brought to the
/// range from 0 to 1 first.
fn fuse(
    by_words: &[(u32, f32)],
    scores: &[f32],
    similarities: &[(u32, f32)],
    n: usize,
    weight: f32,
    around: &Around<'_>,
) -> Vec<(u32, f32)> {
    let mut near: Vec<_> =
        similarities.iter().copied().filter(|(one, _)| around.is_allowed(*one)).collect();
    best_first(&mut near, n);
    let best = by_words.first().map_or(0.0, |(_, score)| *score);
    let (highest, lowest) =
        (near.first().map_or(0.0, |one| one.1), near.last().map_or(0.0, |one| one.1));
    let mut all: Vec<u32> = by_words.iter().chain(&near).map(|(one, _)| *one).collect();
    all.sort_unstable();
    all.dedup();
    let mut fused: Vec<(u32, f32)> = Vec::with_capacity(all.len());
    for document in all {
        let word = scores.get(document as usize).copied().unwrap_or(0.0);
        let word = if best > 0.0 { word / best } else { 0.0 };
        let found = similarities.binary_search_by_key(&document, |(one, _)| *one);
        let vector = found.map_or(lowest, |i| similarities[i].1);
        let vector = match highest - lowest {
            range if range > f32::EPSILON => ((vector - lowest) / range).max(0.0),
            // A single text, or texts that are all alike.
            _ => f32::from(u8::from(vector > 0.0)),
        };
        fused.push((document, word + weight * vector));
    }
    best_first(&mut fused, usize::MAX);
    fused
}

struct Around<'a> {
    index: &'a Index,
    extras: &'a Extras<'a>,
}

impl Around<'_> {
    /// Whether the lists allow the document, whatever its role.
    fn is_listed(&self, document: u32) -> bool {
        let Extras { allowed, gone, .. } = self.extras;
        allowed.is_none_or(|allowed| allowed.binary_search(&document).is_ok())
            && gone.binary_search(&document).is_err()
    }
}

impl Surroundings for Around<'_> {
    fn traits(&self, document: u32) -> Option<Traits> {
        self.index.traits_of(document)
    }

    fn sessions_are_apart(&self) -> bool {
        self.index.sessions_are_apart
    }

    fn is_allowed(&self, document: u32) -> bool {
        let role = || self.index.traits_of(document).and_then(|traits| traits.role);
        self.is_listed(document) && self.extras.roles.fits_by(role)
    }

    fn speaks(&self, name: u32) -> bool {
        self.index.speakers.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few different scores, so that there are many equal ones.
        #[test]
        fn the_best_are_those_of_a_full_sort(
            scores in prop::collection::vec(1..6_u8, 0..300),
            n in 1..20_usize,
        ) {
            let all = (0_u32..).zip(scores.iter().map(|score| f32::from(*score)));
            let mut sorted: Vec<_> = all.clone().collect();
            sorted.sort_by(order);
            sorted.truncate(n);
            prop_assert_eq!(best_of(all, n), (sorted, scores.len() as u64));
        }
    }
}
