//! Searching what is in memory.

use std::convert::Infallible;

use super::AgentState;
use crate::retrieval::analysis::Term;
use crate::retrieval::document::Roles;
use crate::retrieval::index::{Extras, Index, SegmentStore, Text};
use crate::retrieval::ranking::Weights;
use crate::retrieval::segment::{Segment, SegmentRecord};
use crate::storage::vector::{Vectors, unit};
use crate::storage::{
    Collection, Hit, Match, MessageFilter, Page, Passage, PassageFilter, Search, StorageError,
    StoredMessage,
};

/// The index is all tail: there are no segments.
struct NoSegments;

impl SegmentStore for NoSegments {
    type Error = Infallible;
    fn segments(&mut self) -> Result<Vec<SegmentRecord>, Infallible> {
        Ok(Vec::new())
    }
    fn traits(&mut self, _: i64) -> Result<Vec<u8>, Infallible> {
        Ok(Vec::new())
    }
    fn block(&mut self, _: i64, _: Term) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(None)
    }
    fn blocks(&mut self, _: i64) -> Result<Vec<Vec<u8>>, Infallible> {
        Ok(Vec::new())
    }
    fn texts_from(&mut self, _: u32) -> Result<Vec<Text>, Infallible> {
        Ok(Vec::new())
    }
    fn put(&mut self, _: &Segment) -> Result<(), Infallible> {
        Ok(())
    }
    fn remove(&mut self, _: i64) -> Result<(), Infallible> {
        Ok(())
    }
}

impl AgentState {
    pub(super) fn search_messages(
        &mut self,
        search: &Search<MessageFilter>,
        weights: &Weights,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        let fits = self.messages.iter().filter(|message| search.filter.fits(message));
        let (ranked, total) = match search.matching {
            Match::Exact => {
                let texts = fits.map(|one| (one.position as u32, one.message.text.as_str()));
                exact(texts, &search.text)
            }
            // The index knows the roles; all else of a filter becomes a list.
            Match::Ranked if search.filter.is_of_roles_only() => {
                let roles = Roles::of(&search.filter.roles);
                let extras = Extras { roles, ..Extras::default() };
                self.ranked(Collection::Recall, search, extras, weights)?
            }
            Match::Ranked => {
                let allowed: Vec<u32> = fits.map(|message| message.position as u32).collect();
                let extras = Extras { allowed: Some(&allowed), ..Extras::default() };
                self.ranked(Collection::Recall, search, extras, weights)?
            }
        };
        let hit = |(n, score): (u32, f64)| Hit { item: self.messages[n as usize].clone(), score };
        Ok(Page { total, ..Page::cut(ranked, search.page).map(hit) })
    }

    pub(super) fn search_passages(
        &mut self,
        search: &Search<PassageFilter>,
        weights: &Weights,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        let fits = self.passages.values().filter(|passage| search.filter.fits(passage));
        let (ranked, total) = match search.matching {
            Match::Exact => {
                exact(fits.map(|one| (one.id.0 as u32, one.text.as_str())), &search.text)
            }
            // Deleted passages stay in the index, so the filter always counts.
            Match::Ranked => {
                let allowed: Vec<u32> = fits.map(|passage| passage.id.0 as u32).collect();
                let extras = Extras { allowed: Some(&allowed), ..Extras::default() };
                self.ranked(Collection::Archival, search, extras, weights)?
            }
        };
        let hit =
            |(n, score): (u32, f64)| Hit { item: self.passages[&u64::from(n)].clone(), score };
        Ok(Page { total, ..Page::cut(ranked, search.page).map(hit) })
    }

    fn ranked<F>(
        &mut self,
        collection: Collection,
        search: &Search<F>,
        extras: Extras<'_>,
        weights: &Weights,
    ) -> Result<(Vec<(u32, f64)>, u64), StorageError> {
        let similarities = match &search.vector {
            None => Vec::new(),
            Some(query) => {
                let kept = self.vectors.get(&(collection, query.model.clone()));
                let mut vectors = Vectors::default();
                for (id, vector) in kept.into_iter().flatten() {
                    vectors.push(*id as u32, &unit(vector));
                }
                vectors.similarities(query)?
            }
        };
        let extras = Extras { similarities: &similarities, ..extras };
        let index: &mut Index = match collection {
            Collection::Recall => &mut self.message_index,
            Collection::Archival => &mut self.passage_index,
        };
        let Ok(ranking) = index.search(&mut NoSegments, search, &extras, weights);
        Ok((ranking.ranked, ranking.n_matching))
    }

    pub(super) fn set_vectors(
        &mut self,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError> {
        let (n_messages, passages) = (self.messages.len() as u64, &self.passages);
        let exists = |id: u64| match collection {
            Collection::Recall => id < n_messages,
            Collection::Archival => passages.contains_key(&id),
        };
        if let Some((id, _)) = vectors.iter().find(|(id, _)| !exists(*id)) {
            return Err(StorageError::NoItem { id: *id });
        }
        let kept = self.vectors.entry((collection, model.to_owned())).or_default();
        let first = kept.values().next().or(vectors.first().map(|(_, vector)| vector));
        let expected = first.map_or(0, Vec::len);
        if let Some((_, odd)) = vectors.iter().find(|(_, vector)| vector.len() != expected) {
            let (model, found) = (model.to_owned(), odd.len());
            return Err(StorageError::Dimension { model, expected, found });
        }
        kept.extend(vectors.iter().cloned());
        Ok(())
    }

    pub(super) fn without_vectors(
        &self,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Vec<(u64, String)> {
        let kept = self.vectors.get(&(collection, model.to_owned()));
        let missing = |id: &u64| kept.is_none_or(|kept| !kept.contains_key(id));
        match collection {
            Collection::Recall => {
                let all = self.messages.iter().map(|m| (m.position, &m.message.text));
                let all = all.filter(|(id, _)| missing(id));
                all.take(limit).map(|(id, text)| (id, text.clone())).collect()
            }
            Collection::Archival => {
                let all = self.passages.iter().filter(|(id, _)| missing(id));
                all.take(limit).map(|(id, passage)| (*id, passage.text.clone())).collect()
            }
        }
    }
}

/// The texts that hold `wanted` as a whole, in upper or lower case, in their order.
fn exact<'a>(texts: impl Iterator<Item = (u32, &'a str)>, wanted: &str) -> (Vec<(u32, f64)>, u64) {
    let wanted = wanted.trim().to_lowercase();
    let holds = |text: &str| !wanted.is_empty() && text.to_lowercase().contains(&wanted);
    let found: Vec<_> = texts.filter(|(_, text)| holds(text)).map(|(id, _)| (id, 1.0)).collect();
    let total = found.len() as u64;
    (found, total)
}
