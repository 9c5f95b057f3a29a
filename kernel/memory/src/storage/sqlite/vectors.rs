//! Vectors of messages and passages.

use rusqlite::OptionalExtension;

use super::{Cached, PLACES, corrupt, end_key, failed, first_key, integer, place_of};
use crate::storage::vector::{Vectors, from_bytes, to_bytes, unit};
use crate::storage::{AgentId, Collection, PassageId, QueryVector, StorageError};

/// All vectors of one model in one collection, in memory since the first search.
#[derive(Default)]
pub(super) struct Space {
    n_replaced: i64,
    vectors: Vectors,
    /// All items before this one have vectors. Items are never put in between, and a vector goes
    /// only with its item.
    complete_until: i64,
}

struct Record {
    id: i64,
    dimension: usize,
    n_replaced: i64,
}

fn number(collection: Collection) -> i64 {
    match collection {
        Collection::Recall => 0,
        Collection::Archival => 1,
    }
}

impl Cached<'_> {
    fn space(
        &self,
        agent: i64,
        collection: Collection,
        model: &str,
    ) -> Result<Option<Record>, StorageError> {
        self.transaction
            .prepare_cached(
                "SELECT id, dimension, n_replaced FROM space
                 WHERE agent = ?1 AND collection = ?2 AND model = ?3",
            )
            .and_then(|mut query| {
                let which = (agent, number(collection), model);
                query
                    .query_row(which, |row| {
                        let dimension = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                        Ok(Record { id: row.get(0)?, dimension, n_replaced: row.get(2)? })
                    })
                    .optional()
            })
            .map_err(failed("look for the vectors"))
    }

    pub(super) fn set_vectors(
        &mut self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError> {
        let agent = self.agent(agent)?;
        let doing = "keep vectors";
        let Some((_, first)) = vectors.first() else { return Ok(()) };
        let record = match self.space(agent, collection, model)? {
            Some(record) => record,
            None => {
                let sql = "INSERT INTO space (agent, collection, model, dimension)
                           VALUES (?1, ?2, ?3, ?4)";
                let dimension = integer(first.len() as u64);
                self.run(doing, sql, (agent, number(collection), model, dimension))?;
                let id = self.transaction.last_insert_rowid();
                Record { id, dimension: first.len(), n_replaced: 0 }
            }
        };
        let table = if collection == Collection::Recall { "message" } else { "passage" };
        let known = format!("SELECT 1 FROM {table} WHERE id = ?1");
        let sql = "SELECT id FROM vector WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let keys = (first_key(record.id), end_key(record.id));
        let mut last: i64 = self.value(doing, sql, keys)?.unwrap_or(first_key(record.id) - 1);
        // Whoever has the vectors in memory adds those behind the last one, and reads all again
        // when anything else has changed.
        let mut n_replaced = 0;
        for (item, vector) in vectors {
            let exists = *item < 1 << PLACES
                && self.value::<i64>(doing, &known, [first_key(agent) + integer(*item)])?.is_some();
            if !exists {
                return Err(StorageError::NoItem { id: *item });
            }
            let (expected, found) = (record.dimension, vector.len());
            if expected != found {
                let model = model.to_owned();
                return Err(StorageError::Dimension { model, expected, found });
            }
            let key = first_key(record.id) + integer(*item);
            let bytes = to_bytes(&unit(vector));
            let sql = "INSERT OR REPLACE INTO vector (id, numbers) VALUES (?1, ?2)";
            self.run(doing, sql, (key, &bytes))?;
            n_replaced += i64::from(key <= last);
            last = last.max(key);
        }
        if n_replaced > 0 {
            let sql = "UPDATE space SET n_replaced = n_replaced + ?2 WHERE id = ?1";
            self.run(doing, sql, (record.id, n_replaced))?;
        }
        Ok(())
    }

    pub(super) fn without_vectors(
        &mut self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StorageError> {
        let agent = self.agent(agent)?;
        // No space has the number -1.
        let space = self.space(agent, collection, model)?.map_or(-1, |record| record.id);
        let table = if collection == Collection::Recall { "message" } else { "passage" };
        let sql = format!(
            "SELECT id, text FROM {table} WHERE id >= ?5 AND id < ?2
             AND NOT EXISTS (SELECT 1 FROM vector WHERE vector.id = {table}.id - ?1 + ?3)
             ORDER BY id LIMIT ?4"
        );
        let (first, end, limit) = (first_key(agent), end_key(agent), integer(limit as u64));
        let from = self.spaces.get(&space).map_or(0, |known| known.complete_until);
        let found: Vec<(u64, String)> = self.rows(
            "look for texts without vectors",
            &sql,
            (first, end, first_key(space), limit, first + from),
            |row| Ok((place_of(row.get(0)?), row.get(1)?)),
        )?;
        if space >= 0 {
            let until = match found.first() {
                Some((item, _)) => integer(*item),
                None => {
                    let sql = format!(
                        "SELECT id FROM {table} WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1"
                    );
                    let last: Option<i64> =
                        self.value("look for the last text", &sql, (first, end))?;
                    last.map_or(0, |last| integer(place_of(last)) + 1)
                }
            };
            self.spaces.entry(space).or_default().complete_until = until;
        }
        Ok(found)
    }

    /// Forgets the vectors of a passage.
    pub(super) fn forget_vectors(
        &mut self,
        agent: i64,
        passage: PassageId,
    ) -> Result<(), StorageError> {
        // Space and place make the key; the space's vectors in memory are read afresh.
        let sql = "UPDATE space SET n_replaced = n_replaced + 1
                   WHERE agent = ?1 AND collection = 1 RETURNING id";
        let doing = "forget the vectors of a passage";
        let spaces: Vec<i64> = self.rows(doing, sql, [agent], |row| row.get(0))?;
        for space in spaces {
            let key = first_key(space) + integer(passage.0);
            self.run(doing, "DELETE FROM vector WHERE id = ?1", [key])?;
        }
        Ok(())
    }

    /// How alike the query and each text are.
    pub(super) fn similarities(
        &mut self,
        agent: i64,
        collection: Collection,
        query: &QueryVector,
    ) -> Result<Vec<(u32, f32)>, StorageError> {
        let Some(record) = self.space(agent, collection, &query.model)? else {
            return Ok(Vec::new());
        };
        let mut space = self.spaces.remove(&record.id).unwrap_or_default();
        if space.n_replaced != record.n_replaced {
            space.n_replaced = record.n_replaced;
            space.vectors = Vectors::default();
        }
        let next = space.vectors.last().map_or(0, |last| i64::from(last) + 1);
        let sql = "SELECT id, numbers FROM vector WHERE id >= ?1 AND id < ?2 ORDER BY id";
        let keys = (first_key(record.id) + next, end_key(record.id));
        let new = self.rows("read the vectors", sql, keys, |row| {
            let numbers: Vec<u8> = row.get(1)?;
            Ok((place_of(row.get(0)?), from_bytes(&numbers)))
        })?;
        for (item, vector) in new {
            if vector.len() != record.dimension {
                return Err(corrupt("a vector", "it has another length than its model's"));
            }
            space.vectors.push(u32::try_from(item).unwrap_or(u32::MAX), &vector);
        }
        let found = space.vectors.similarities(query)?;
        self.spaces.insert(record.id, space);
        Ok(found)
    }
}
