//! Where the index keeps its segments.

use super::text::Found;
use super::transaction::Transaction;
use super::{corrupt, integer, number};
use crate::retrieval::analysis::Term;
use crate::retrieval::index::{Index, SegmentStore, Text};
use crate::retrieval::segment::{Segment, SegmentRecord};
use crate::storage::encoding::role_from_text;
use crate::storage::{Collection, StorageError, Timestamp};

/// The segments of one collection of one agent.
pub(super) struct Segments<'a, 'b> {
    pub(super) open: &'a Transaction<'b>,
    pub(super) agent: i64,
    pub(super) collection: Collection,
}

/// PostgreSQL orders signed integers, terms are unsigned.
fn ordered(term: Term) -> i64 {
    (term ^ (1 << 63)) as i64
}

/// A number that was written from a `u32`.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl SegmentStore for Segments<'_, '_> {
    type Error = StorageError;

    fn segments(&mut self) -> Result<Vec<SegmentRecord>, StorageError> {
        let sql = "SELECT id, first, n, total_length FROM segment
                   WHERE agent = $1 AND collection = $2 ORDER BY first";
        let which = (self.agent, number(self.collection));
        let rows = self.open.rows("list the index's segments", sql, &[&which.0, &which.1])?;
        let record = |row: &tokio_postgres::Row| SegmentRecord {
            id: row.get(0),
            first: small(row.get(1)),
            n: small(row.get(2)),
            total_length: row.get::<_, i64>(3).unsigned_abs(),
        };
        Ok(rows.iter().map(record).collect())
    }

    fn traits(&mut self, segment: i64) -> Result<Vec<u8>, StorageError> {
        let sql = "SELECT traits FROM segment WHERE id = $1";
        let row = self.open.row("read a segment of the index", sql, &[&segment])?;
        row.map(|row| row.get(0)).ok_or_else(|| corrupt("a segment of the index", "it is missing"))
    }

    fn block(&mut self, segment: i64, term: Term) -> Result<Option<Vec<u8>>, StorageError> {
        let sql = "SELECT postings FROM block_of_terms WHERE segment = $1 AND first_term <= $2
                   ORDER BY first_term DESC LIMIT 1";
        let row = self.open.row("read the index", sql, &[&segment, &ordered(term)])?;
        Ok(row.map(|row| row.get(0)))
    }

    fn blocks(&mut self, segment: i64) -> Result<Vec<Vec<u8>>, StorageError> {
        let sql = "SELECT postings FROM block_of_terms WHERE segment = $1 ORDER BY first_term";
        let rows = self.open.rows("read the index", sql, &[&segment])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    fn texts_from(&mut self, first: u32) -> Result<Vec<Text>, StorageError> {
        let (table, role) = match self.collection {
            Collection::Recall => ("message", "role"),
            Collection::Archival => ("passage", "NULL"),
        };
        let sql = format!(
            "SELECT place, text, at, session, {role} FROM {table} WHERE agent = $1 AND place >= $2
             ORDER BY place"
        );
        let from = (self.agent, i64::from(first));
        let rows = self.open.rows("read texts for the index", &sql, &[&from.0, &from.1])?;
        let text = |row: &tokio_postgres::Row| Text {
            number: small(row.get(0)),
            text: row.get::<_, Found>(1).0,
            at: Timestamp::from_millis(row.get(2)),
            session: small(row.get(3)),
            role: row.get::<_, Option<&str>>(4).and_then(|role| role_from_text(role).ok()),
        };
        Ok(rows.iter().map(text).collect())
    }

    fn put(&mut self, segment: &Segment) -> Result<(), StorageError> {
        let doing = "write a segment of the index";
        let sql = "INSERT INTO segment (agent, collection, first, n, total_length, traits)
                   VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
        let Segment { first, n, total_length, traits, blocks } = segment;
        let row = self.open.row(
            doing,
            sql,
            &[
                &self.agent,
                &number(self.collection),
                &i64::from(*first),
                &i64::from(*n),
                &integer(*total_length),
                traits,
            ],
        )?;
        let id: i64 = row.map_or(0, |row| row.get(0));
        let sql = "INSERT INTO block_of_terms (segment, first_term, postings)
                   SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])";
        let terms: Vec<i64> = blocks.iter().map(|(term, _)| ordered(*term)).collect();
        let postings: Vec<&[u8]> = blocks.iter().map(|(_, postings)| postings.as_slice()).collect();
        self.open.run(doing, sql, &[&id, &terms, &postings]).map(|_| ())
    }

    fn remove(&mut self, segment: i64) -> Result<(), StorageError> {
        let sql = "DELETE FROM segment WHERE id = $1";
        self.open.run("remove a segment of the index", sql, &[&segment]).map(|_| ())
    }
}

impl Transaction<'_> {
    /// Lends the collection's index out, with its segments.
    pub(super) fn with_index<T>(
        &mut self,
        agent: i64,
        collection: Collection,
        work: impl FnOnce(&mut Index, &mut Segments<'_, '_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let key = (agent, collection);
        let apart = collection == Collection::Archival;
        let mut index = self.session.indexes.remove(&key).unwrap_or_else(|| Index::new(apart));
        let result = work(&mut index, &mut Segments { open: self, agent, collection });
        if result.is_ok() {
            self.session.indexes.insert(key, index);
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
        let sql = "SELECT first + n FROM segment WHERE agent = $1 AND collection = $2
                   ORDER BY first DESC LIMIT 1";
        let row = self.row("look at the index", sql, &[&agent, &number(collection)])?;
        let done = row.map_or(0, |row| row.get::<_, i64>(0));
        if !Index::is_due(n_texts, done.unsigned_abs()) {
            return Ok(());
        }
        self.with_index(agent, collection, |index, segments: &mut Segments<'_, '_>| {
            index.refresh(segments)?;
            index.flush(segments)
        })
    }
}
