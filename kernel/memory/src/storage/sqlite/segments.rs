//! Where the index keeps its segments.

use super::{Cached, corrupt, end_key, first_key, integer, place_of};
use crate::retrieval::analysis::Term;
use crate::retrieval::index::{Index, SegmentStore, Text};
use crate::retrieval::segment::{Segment, SegmentRecord};
use crate::storage::encoding::role_from_text;
use crate::storage::{Collection, StorageError, Timestamp};

/// The segments of one collection of one agent.
pub(super) struct Segments<'a, 'b> {
    pub(super) open: &'a Cached<'b>,
    pub(super) agent: i64,
    pub(super) collection: Collection,
}

/// SQLite orders signed integers, terms are unsigned.
fn ordered(term: Term) -> i64 {
    (term ^ (1 << 63)) as i64
}

fn number(collection: Collection) -> i64 {
    match collection {
        Collection::Recall => 0,
        Collection::Archival => 1,
    }
}

impl SegmentStore for Segments<'_, '_> {
    type Error = StorageError;

    fn segments(&mut self) -> Result<Vec<SegmentRecord>, StorageError> {
        let sql = "SELECT id, first, n, total_length FROM segment
                   WHERE agent = ?1 AND collection = ?2 ORDER BY first";
        let which = (self.agent, number(self.collection));
        self.open.rows("list the index's segments", sql, which, |row| {
            Ok(SegmentRecord {
                id: row.get(0)?,
                first: row.get(1)?,
                n: row.get(2)?,
                total_length: row.get::<_, i64>(3)?.unsigned_abs(),
            })
        })
    }

    fn traits(&mut self, segment: i64) -> Result<Vec<u8>, StorageError> {
        let sql = "SELECT traits FROM segment WHERE id = ?1";
        let found = self.open.value("read a segment of the index", sql, [segment])?;
        found.ok_or_else(|| corrupt("a segment of the index", "it is missing"))
    }

    fn block(&mut self, segment: i64, term: Term) -> Result<Option<Vec<u8>>, StorageError> {
        let sql = "SELECT postings FROM block_of_terms WHERE segment = ?1 AND first_term <= ?2
                   ORDER BY first_term DESC LIMIT 1";
        self.open.value("read the index", sql, (segment, ordered(term)))
    }

    fn blocks(&mut self, segment: i64) -> Result<Vec<Vec<u8>>, StorageError> {
        let sql = "SELECT postings FROM block_of_terms WHERE segment = ?1 ORDER BY first_term";
        self.open.rows("read the index", sql, [segment], |row| row.get(0))
    }

    fn texts_from(&mut self, first: u32) -> Result<Vec<Text>, StorageError> {
        let (table, role) = match self.collection {
            Collection::Recall => ("message", "role"),
            Collection::Archival => ("passage", "NULL"),
        };
        let sql = format!(
            "SELECT id, text, at, session, {role} FROM {table} WHERE id >= ?1 AND id < ?2
             ORDER BY id"
        );
        let keys = (first_key(self.agent) + i64::from(first), end_key(self.agent));
        self.open.rows("read texts for the index", &sql, keys, |row| {
            let role: Option<String> = row.get(4)?;
            Ok(Text {
                number: u32::try_from(place_of(row.get(0)?)).unwrap_or(u32::MAX),
                text: row.get(1)?,
                at: Timestamp::from_millis(row.get(2)?),
                session: row.get(3)?,
                role: role.and_then(|role| role_from_text(&role).ok()),
            })
        })
    }

    fn put(&mut self, segment: &Segment) -> Result<(), StorageError> {
        let doing = "write a segment of the index";
        let sql = "INSERT INTO segment (agent, collection, first, n, total_length, traits)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Segment { first, n, total_length, traits, blocks } = segment;
        let which = (self.agent, number(self.collection));
        let row = (which.0, which.1, first, n, integer(*total_length), traits);
        self.open.run(doing, sql, row)?;
        let id = self.open.transaction.last_insert_rowid();
        let sql = "INSERT INTO block_of_terms (segment, first_term, postings) VALUES (?1, ?2, ?3)";
        for (term, postings) in blocks {
            self.open.run(doing, sql, (id, ordered(*term), postings))?;
        }
        Ok(())
    }

    fn remove(&mut self, segment: i64) -> Result<(), StorageError> {
        let sql = "DELETE FROM segment WHERE id = ?1";
        self.open.run("remove a segment of the index", sql, [segment]).map(|_| ())
    }
}

impl Cached<'_> {
    /// Lends the collection's index out, with its segments.
    pub(super) fn with_index<T>(
        &mut self,
        agent: i64,
        collection: Collection,
        work: impl FnOnce(&mut Index, &mut Segments<'_, '_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let key = (agent, collection);
        let apart = collection == Collection::Archival;
        let mut index = self.indexes.remove(&key).unwrap_or_else(|| Index::new(apart));
        let result = work(&mut index, &mut Segments { open: self, agent, collection });
        if result.is_ok() {
            self.indexes.insert(key, index);
        }
        result
    }

    /// Writes a segment when enough texts came in since the last one.
    pub(super) fn keep_index(
        &mut self,
        agent: i64,
        collection: Collection,
        n_texts: u64,
    ) -> Result<(), StorageError> {
        let sql = "SELECT first + n FROM segment WHERE agent = ?1 AND collection = ?2
                   ORDER BY first DESC LIMIT 1";
        let done: Option<i64> =
            self.value("look at the index", sql, (agent, number(collection)))?;
        if !Index::is_due(n_texts, done.unwrap_or(0).unsigned_abs()) {
            return Ok(());
        }
        self.with_index(agent, collection, |index, segments| {
            index.refresh(segments)?;
            index.flush(segments)
        })
    }
}
