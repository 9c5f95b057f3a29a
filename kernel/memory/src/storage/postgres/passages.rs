//! Passages.

use tokio_postgres::Row;

use super::text::{Found, Given, with_nul, without_nul};
use super::transaction::Transaction;
use super::{corrupt, integer, limit};
use crate::storage::encoding::{tags_from_text, tags_to_text};
use crate::storage::{
    AgentId, Collection, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId,
    StorageError, Timestamp, session,
};

pub(super) const COLUMNS: &str = "place, at, source, tags::text, text";

/// Rows that go in one statement.
const BATCH: usize = 2_000;

/// A row of [`COLUMNS`].
pub(super) fn read(row: &Row) -> Result<Passage, StorageError> {
    // JSON has its own way to write NUL, which PostgreSQL refuses: each tag is written without.
    let tags = tags_from_text(row.get(3))?;
    Ok(Passage {
        id: PassageId(row.get::<_, i64>(0).unsigned_abs()),
        at: Timestamp::from_millis(row.get(1)),
        source: row.get::<_, Option<Found>>(2).map(|source| source.0),
        tags: tags.iter().map(|tag| with_nul(tag)).collect(),
        text: row.get::<_, Found>(4).0,
    })
}

/// Tags as JSON that PostgreSQL takes.
fn tags_to_json(tags: &[String]) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| without_nul(tag).into_owned()).collect();
    tags_to_text(&tags)
}

/// The conditions of a filter. `$1` to `$5` are bound to the agent and a [`Filter`]'s fields.
pub(super) const CONDITIONS: &str = "agent = $1
    AND ($2::bigint IS NULL OR at >= $2) AND ($3::bigint IS NULL OR at < $3)
    AND ($4::text IS NULL OR source = $4) AND ($5::text IS NULL OR tags @> $5::text::jsonb)";

/// A filter as its statement takes it.
pub(super) struct Filter<'a> {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) source: Option<Given<'a>>,
    pub(super) tags: Option<String>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(filter: &'a PassageFilter) -> Self {
        Filter {
            from: filter.from.map(Timestamp::millis),
            until: filter.until.map(Timestamp::millis),
            source: filter.source.as_deref().map(Given),
            tags: (!filter.tags.is_empty()).then(|| tags_to_json(&filter.tags)),
        }
    }
}

impl Transaction<'_> {
    pub(super) fn insert_passages(
        &mut self,
        agent: &AgentId,
        passages: &[NewPassage],
    ) -> Result<Vec<PassageId>, StorageError> {
        let agent = self.agent_alone(agent)?;
        let doing = "insert passages";
        let sql = "UPDATE agent SET n_passages = n_passages + $2,
                   n_passages_ever = n_passages_ever + $2 WHERE id = $1
                   RETURNING n_passages_ever";
        let n = integer(passages.len() as u64);
        let row = self.row(doing, sql, &[&agent, &n])?;
        let ever: i64 =
            row.map(|row| row.get(0)).ok_or_else(|| corrupt("an agent", "it went away"))?;
        let sql = "SELECT session, source FROM passage WHERE agent = $1
                   ORDER BY place DESC LIMIT 1";
        let mut last = self.row(doing, sql, &[&agent])?.map(|row| {
            let number = u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
            (number, row.get::<_, Option<Found>>(1).map(|source| source.0))
        });
        let sql = "INSERT INTO passage (agent, place, at, session, source, tags, text)
                   SELECT $1, place, at, session, source, tags::jsonb, text
                   FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
                               $7::text[]) AS new (place, at, session, source, tags, text)";
        let mut next = ever - n;
        for batch in passages.chunks(BATCH) {
            let places: Vec<i64> = (next..).take(batch.len()).collect();
            let times: Vec<i64> = batch.iter().map(|new| new.at.millis()).collect();
            let mut sessions: Vec<i64> = Vec::with_capacity(batch.len());
            for new in batch {
                let here = session::of_passage(last.as_ref(), new.source.as_deref());
                sessions.push(i64::from(here));
                last = Some((here, new.source.clone()));
            }
            let sources: Vec<_> =
                batch.iter().map(|new| new.source.as_deref().map(Given)).collect();
            let tags: Vec<String> = batch.iter().map(|new| tags_to_json(&new.tags)).collect();
            let texts: Vec<Given<'_>> = batch.iter().map(|new| Given(&new.text)).collect();
            self.run(doing, sql, &[&agent, &places, &times, &sessions, &sources, &tags, &texts])?;
            next += integer(batch.len() as u64);
        }
        self.keep_index(agent, Collection::Archival, ever.unsigned_abs())?;
        Ok(((ever - n).unsigned_abs()..ever.unsigned_abs()).map(PassageId).collect())
    }

    pub(super) fn passages(
        &self,
        agent: &AgentId,
        filter: &PassageFilter,
        page: PageRequest,
    ) -> Result<Page<Passage>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read passages";
        let Filter { from, until, source, tags } = Filter::new(filter);
        let total: i64 = if filter.is_empty() {
            let sql = "SELECT n_passages FROM agent WHERE id = $1";
            self.row(doing, sql, &[&agent])?.map_or(0, |row| row.get(0))
        } else {
            let sql = format!("SELECT count(*) FROM passage WHERE {CONDITIONS}");
            let row = self.row(doing, &sql, &[&agent, &from, &until, &source, &tags])?;
            row.map_or(0, |row| row.get(0))
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM passage WHERE {CONDITIONS} ORDER BY place LIMIT $6 OFFSET $7"
        );
        let (limit, offset) = (limit(page), integer(page.offset));
        let rows =
            self.rows(doing, &sql, &[&agent, &from, &until, &source, &tags, &limit, &offset])?;
        let items = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page { items, offset: page.offset, total: total.unsigned_abs() })
    }

    pub(super) fn delete_passage(
        &self,
        agent: &AgentId,
        passage: PassageId,
    ) -> Result<(), StorageError> {
        let agent = self.agent_alone(agent)?;
        let doing = "delete a passage";
        let place = integer(passage.0);
        let sql = "DELETE FROM passage WHERE agent = $1 AND place = $2";
        if self.run(doing, sql, &[&agent, &place])? == 0 {
            return Err(StorageError::NoPassage { passage });
        }
        let sql = "INSERT INTO gone (agent, place) VALUES ($1, $2)";
        self.run(doing, sql, &[&agent, &place])?;
        let sql = "UPDATE agent SET n_passages = n_passages - 1 WHERE id = $1";
        self.run(doing, sql, &[&agent])?;
        self.forget_vector(agent, Collection::Archival, place)
    }
}
