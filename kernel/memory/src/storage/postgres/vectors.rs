//! Vectors of messages and passages, compared by pgvector.
//!
//! All vectors have length 1, so that the inner product is the cosine. Up to [`ALL`] vectors, and
//! wherever a filter restricts a search, the query is compared with each. Larger collections may
//! have an HNSW index (`PostgresStorage::index_vectors`), which finds nearly all of the nearest.

use std::collections::BTreeMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::search::Place;
use super::text::{Found, Given};
use super::transaction::Transaction;
use super::{PostgresStorage, integer, number};
use crate::storage::vector::unit;
use crate::storage::{AgentId, Collection, QueryVector, StorageError};

/// With at most this many vectors a search gets the similarities of all, otherwise of the nearest.
const ALL: i64 = 4_096;
/// The nearest that a search gets from an HNSW index: as many as it looks at in one go.
const NEAREST: i64 = 1_000;
/// The longest vectors that pgvector indexes as they are, and in half precision.
const LONGEST: [(i64, &str); 2] = [(2_000, "vector"), (4_000, "halfvec")];

/// All vectors of one model in one collection.
struct Space {
    id: i64,
    dimension: i64,
    is_indexed: bool,
}

impl Transaction<'_> {
    fn space(
        &self,
        agent: i64,
        collection: Collection,
        model: &str,
    ) -> Result<Option<Space>, StorageError> {
        let sql = "SELECT id, dimension, is_indexed FROM space
                   WHERE agent = $1 AND collection = $2 AND model = $3";
        let which = (agent, number(collection), Given(model));
        let row = self.row("look for the vectors", sql, &[&which.0, &which.1, &which.2])?;
        Ok(row.map(|row| Space { id: row.get(0), dimension: row.get(1), is_indexed: row.get(2) }))
    }

    pub(super) fn set_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError> {
        let agent = self.agent_alone(agent)?;
        let doing = "keep vectors";
        let Some((_, first)) = vectors.first() else { return Ok(()) };
        let table = if collection == Collection::Recall { "message" } else { "passage" };
        let places: Vec<i64> = vectors.iter().map(|(item, _)| integer(*item)).collect();
        let sql = format!(
            "SELECT wanted FROM unnest($2::bigint[]) AS wanted WHERE NOT EXISTS
             (SELECT 1 FROM {table} WHERE agent = $1 AND place = wanted) LIMIT 1"
        );
        if let Some(row) = self.row(doing, &sql, &[&agent, &places])? {
            return Err(StorageError::NoItem { id: row.get::<_, i64>(0).unsigned_abs() });
        }
        let space = match self.space(agent, collection, model)? {
            Some(space) => space,
            None => {
                let dimension = integer(first.len() as u64);
                let sql = "INSERT INTO space (agent, collection, model, dimension)
                           VALUES ($1, $2, $3, $4) RETURNING id";
                let which = (agent, number(collection), Given(model));
                let row = self.row(doing, sql, &[&which.0, &which.1, &which.2, &dimension])?;
                let id = row.map_or(0, |row| row.get(0));
                Space { id, dimension, is_indexed: false }
            }
        };
        let expected = usize::try_from(space.dimension).unwrap_or(usize::MAX);
        if let Some((_, odd)) = vectors.iter().find(|(_, vector)| vector.len() != expected) {
            let (model, found) = (model.to_owned(), odd.len());
            return Err(StorageError::Dimension { model, expected, found });
        }
        // One statement takes each row once: of two vectors for one item, the last one counts.
        let last: BTreeMap<i64, &[f32]> =
            places.iter().copied().zip(vectors.iter().map(|(_, one)| one.as_slice())).collect();
        let places: Vec<i64> = last.keys().copied().collect();
        let numbers: Vec<f32> = last.values().flat_map(|vector| unit(vector)).collect();
        let sql = "INSERT INTO embedding (space, place, numbers)
                   SELECT $1, ($2::bigint[])[n],
                          (($3::real[])[(n - 1) * $4::int + 1 : n * $4::int])::vector
                   FROM generate_subscripts($2::bigint[], 1) AS n
                   ON CONFLICT (space, place) DO UPDATE SET numbers = excluded.numbers";
        let dimension = i32::try_from(expected).unwrap_or(i32::MAX);
        self.run(doing, sql, &[&space.id, &places, &numbers, &dimension]).map(|_| ())
    }

    pub(super) fn without_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StorageError> {
        let agent = self.agent(agent)?;
        // No space has the number -1.
        let space = self.space(agent, collection, model)?.map_or(-1, |space| space.id);
        let table = if collection == Collection::Recall { "message" } else { "passage" };
        let sql = format!(
            "SELECT place, text FROM {table} texts WHERE agent = $1 AND NOT EXISTS
             (SELECT 1 FROM embedding WHERE space = $2 AND embedding.place = texts.place)
             ORDER BY place LIMIT $3"
        );
        let limit = integer(limit as u64);
        let rows = self.rows("look for texts without vectors", &sql, &[&agent, &space, &limit])?;
        let text = |row: &Row| (row.get::<_, i64>(0).unsigned_abs(), row.get::<_, Found>(1).0);
        Ok(rows.iter().map(text).collect())
    }

    /// Forgets the vectors of an item, of whatever model.
    pub(super) fn forget_vector(
        &self,
        agent: i64,
        collection: Collection,
        place: i64,
    ) -> Result<(), StorageError> {
        let sql = "DELETE FROM embedding USING space WHERE embedding.space = space.id
                   AND space.agent = $1 AND space.collection = $2 AND embedding.place = $3";
        let which = (agent, number(collection));
        self.run("forget the vectors of a passage", sql, &[&which.0, &which.1, &place]).map(|_| ())
    }

    /// Removes the HNSW indexes of an agent's vectors; the vectors go with the agent.
    pub(super) fn forget_spaces(&self, agent: i64) -> Result<(), StorageError> {
        let doing = "forget an agent's vectors";
        let sql = "SELECT id FROM space WHERE agent = $1 AND is_indexed";
        for row in self.rows(doing, sql, &[&agent])? {
            self.script(doing, &format!("DROP INDEX IF EXISTS {}", name_of(row.get(0))))?;
        }
        Ok(())
    }

    /// How alike the query and the texts are, in the order of the texts: all of them when there
    /// are few, otherwise the nearest.
    pub(super) fn similarities(
        &self,
        place: &Place<'_>,
        query: &QueryVector,
    ) -> Result<Vec<(u32, f32)>, StorageError> {
        let Some(space) = self.space(place.agent, place.collection, &query.model)? else {
            return Ok(Vec::new());
        };
        let doing = "compare vectors";
        let (expected, found) = (space.dimension.unsigned_abs() as usize, query.values.len());
        if expected != found {
            let sql = "SELECT 1 FROM embedding WHERE space = $1 LIMIT 1";
            let model = query.model.clone();
            return match self.row(doing, sql, &[&space.id])? {
                Some(_) => Err(StorageError::Dimension { model, expected, found }),
                None => Ok(Vec::new()),
            };
        }
        let unit = unit(&query.values);
        let rows = if let Some(kind) = kind_of(&space).filter(|_| place.all && space.is_indexed) {
            self.script(doing, "SET LOCAL hnsw.ef_search = 1000")?;
            // The index is a partial one, and only a number that stands there chooses it. Both
            // numbers come from the table of spaces.
            let Space { id, dimension, .. } = space;
            let sql = format!(
                "SELECT place, -(numbers <#> $1::real[]::vector) FROM embedding
                 WHERE space = {id}
                 ORDER BY numbers::{kind}({dimension}) <#> $1::real[]::vector::{kind}({dimension})
                 LIMIT {NEAREST}"
            );
            self.rows(doing, &sql, &[&unit])?
        } else if place.all {
            let sql = "SELECT place, -(numbers <#> $2::real[]::vector) AS similarity
                       FROM embedding WHERE space = $1 ORDER BY similarity DESC, place LIMIT $3";
            self.rows(doing, sql, &[&space.id, &unit, &ALL])?
        } else {
            let Place { table, conditions, values, .. } = place;
            let n = values.len();
            let (vector, id, most) = (n + 1, n + 2, n + 3);
            let sql = format!(
                "SELECT place, -(numbers <#> ${vector}::real[]::vector) AS similarity
                 FROM (SELECT place FROM {table} WHERE {conditions}) AS allowed
                 JOIN (SELECT place, numbers FROM embedding WHERE space = ${id}) AS vectors
                 USING (place) ORDER BY similarity DESC, place LIMIT ${most}"
            );
            let mut all: Vec<&(dyn ToSql + Sync)> = values.to_vec();
            all.push(&unit);
            all.push(&space.id);
            all.push(&ALL);
            self.rows(doing, &sql, &all)?
        };
        let similarity = |row: &Row| {
            let number = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
            (number, row.get::<_, f64>(1) as f32)
        };
        let mut found: Vec<(u32, f32)> = rows.iter().map(similarity).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        Ok(found)
    }
}

/// The type in which pgvector can index vectors of this length, if there is one.
fn kind_of(space: &Space) -> Option<&'static str> {
    let fits = LONGEST.iter().find(|(longest, _)| space.dimension <= *longest);
    fits.map(|(_, kind)| *kind)
}

/// The name of a space's HNSW index.
fn name_of(space: i64) -> String {
    format!("embedding_of_space_{space}")
}

impl PostgresStorage {
    /// Builds an HNSW index over the vectors of each model and collection of an agent that has
    /// more than 4,096 of them and none yet, and returns how many were built. Searches then look at
    /// the thousand nearest that the index finds, instead of comparing all. It takes seconds for
    /// each 10,000 vectors, and other writers of vectors wait meanwhile: call it once the texts of
    /// an agent have their vectors. The index is kept up to date from then on.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::Backend`].
    pub fn index_vectors(&self, agent: &AgentId) -> Result<usize, StorageError> {
        let doing = "index the vectors";
        self.write(|open| {
            let agent = open.agent_alone(agent)?;
            let sql = "SELECT id, dimension FROM space WHERE agent = $1 AND NOT is_indexed
                       AND (SELECT count(*) FROM embedding WHERE space = space.id) > $2
                       ORDER BY id";
            let mut n_built = 0;
            for row in open.rows(doing, sql, &[&agent, &ALL])? {
                let space = Space { id: row.get(0), dimension: row.get(1), is_indexed: false };
                let Some(kind) = kind_of(&space) else { continue };
                let Space { id, dimension, .. } = space;
                // No statement that makes an index takes bound parameters. Both are numbers.
                let sql = format!(
                    "CREATE INDEX {} ON embedding
                     USING hnsw ((numbers::{kind}({dimension})) {kind}_ip_ops) WHERE space = {id}",
                    name_of(id)
                );
                open.script(doing, &sql)?;
                open.run(doing, "UPDATE space SET is_indexed = true WHERE id = $1", &[&id])?;
                n_built += 1;
            }
            Ok(n_built)
        })
    }
}
