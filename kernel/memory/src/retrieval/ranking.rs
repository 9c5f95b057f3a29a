//! The order of what was found: a document counts more when what stands around it fits too.
//!
//! Conversations are found in pieces: the question holds one word, the answer the other, and the
//! subject was named three turns before. So a document gets a share of the scores of the documents
//! around it and of the best one in its session. A question is rarely what is looked for, its
//! answer often is. When the search names someone who speaks here, what others say counts less;
//! when it asks for a time, what tells one counts more.

use std::collections::BTreeMap;

use super::document::{Question, Traits};

/// How much each of this counts. The defaults were chosen on LoCoMo by leaving one conversation
/// out at a time (`cargo bench --bench locomo`, which prints the figures).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The share of the next document's score. At distance two it is half of that.
    pub next: f32,
    /// The share of the document's score before. At distance two it is half of that.
    pub previous: f32,
    /// What is added to that share when the document before is a question.
    pub answer: f32,
    /// The share of the session's best score.
    pub session: f32,
    /// What a question loses.
    pub question: f32,
    /// What a document by someone else loses when the search names a speaker.
    pub other_speaker: f32,
    /// What a document gains that tells a time when the search asks for one.
    pub time: f32,
    /// How much the vectors' scores count beside those of the words, which count 1.
    pub vectors: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            next: 0.25,
            previous: 0.3,
            answer: 0.4,
            session: 0.7,
            question: 0.2,
            other_speaker: 0.2,
            time: 0.4,
            vectors: 0.4,
        }
    }
}

impl Weights {
    /// No document counts for another: each has its own score.
    pub fn none() -> Self {
        Weights {
            next: 0.0,
            previous: 0.0,
            answer: 0.0,
            session: 0.0,
            question: 0.0,
            other_speaker: 0.0,
            time: 0.0,
            vectors: 0.4,
        }
    }
}

/// How many of the best documents by their own scores lend to those around them.
pub(crate) const N_CANDIDATES: usize = 200;

/// The documents around which something was found.
pub(crate) trait Surroundings {
    /// What is known of a document; [`None`] when there is none of this number.
    fn traits(&self, document: u32) -> Option<Traits>;
    /// Whether neighbours count for each other only within a session.
    fn sessions_are_apart(&self) -> bool;
    /// Whether the document may be found.
    fn is_allowed(&self, document: u32) -> bool;
    /// Whether someone of this name speaks here.
    fn speaks(&self, name: u32) -> bool;
}

/// Ranks documents by their own scores and those around them, best first; of equal ones the later
/// first.
pub(crate) fn rank(
    candidates: &[(u32, f32)],
    question: &Question,
    around: &dyn Surroundings,
    weights: &Weights,
) -> Vec<(u32, f32)> {
    let names: Vec<u32> =
        question.names.iter().copied().filter(|name| around.speaks(*name)).collect();
    let mut scores: BTreeMap<u32, f32> = BTreeMap::new();
    let mut best: BTreeMap<u32, f32> = BTreeMap::new();
    for (document, score) in candidates {
        if let Some(traits) = around.traits(*document) {
            let best = best.entry(traits.session).or_default();
            *best = best.max(*score);
        }
    }
    for (document, own) in candidates {
        let Some(traits) = around.traits(*document) else { continue };
        *scores.entry(*document).or_default() += own;
        let mut lend = |to: Option<u32>, share: f32| {
            let Some(to) = to else { return };
            let Some(other) = around.traits(to) else { return };
            let apart = around.sessions_are_apart() && other.session != traits.session;
            if share > 0.0 && !apart {
                *scores.entry(to).or_default() += share * own;
            }
        };
        let answer = if traits.question { weights.answer } else { 0.0 };
        lend(document.checked_add(1), weights.previous + answer);
        lend(document.checked_add(2), weights.previous / 2.0);
        lend(document.checked_sub(1), weights.next);
        lend(document.checked_sub(2), weights.next / 2.0);
    }
    let mut ranked: Vec<(u32, f32)> = scores
        .into_iter()
        .filter(|(document, _)| around.is_allowed(*document))
        .map(|(document, mut score)| {
            let traits = around.traits(document).unwrap_or_default();
            score += weights.session * best.get(&traits.session).copied().unwrap_or_default();
            if traits.question {
                score *= 1.0 - weights.question;
            }
            if question.asks_when && traits.tells_time {
                score *= 1.0 + weights.time;
            }
            if !names.is_empty() && !names.contains(&traits.speaker) {
                score *= 1.0 - weights.other_speaker;
            }
            (document, score)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    ranked
}
