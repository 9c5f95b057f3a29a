//! Searches.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::segments::Segments;
use super::text::{Found, without_nul};
use super::transaction::{Transaction, Values};
use super::{messages, passages};
use crate::retrieval::document::Roles;
use crate::retrieval::index::{Extras, Ranking};
use crate::storage::{
    AgentId, Collection, Hit, Match, MessageFilter, Page, Passage, PassageFilter, Search,
    StorageError, StoredMessage,
};

/// Where a search looks: a table with its filter as SQL.
pub(super) struct Place<'a> {
    pub(super) agent: i64,
    pub(super) collection: Collection,
    pub(super) table: &'static str,
    columns: &'static str,
    /// The filter's conditions and what their marks are bound to, the agent first.
    pub(super) conditions: &'static str,
    pub(super) values: Values<'a>,
    /// Whether the filter lets all through.
    pub(super) all: bool,
}

impl Transaction<'_> {
    pub(super) fn search_messages(
        &mut self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        let agent = self.agent(agent)?;
        let messages::Filter { from_place, until_place, from, until, roles } =
            messages::Filter::new(&search.filter);
        let place = Place {
            agent,
            collection: Collection::Recall,
            table: "message",
            columns: messages::COLUMNS,
            conditions: messages::CONDITIONS,
            values: &[&agent, &from_place, &until_place, &from, &until, &roles],
            all: search.filter.is_empty(),
        };
        self.search(&place, search, messages::read)
    }

    pub(super) fn search_passages(
        &mut self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        let agent = self.agent(agent)?;
        let passages::Filter { from, until, source, tags } = passages::Filter::new(&search.filter);
        let place = Place {
            agent,
            collection: Collection::Archival,
            table: "passage",
            columns: passages::COLUMNS,
            conditions: passages::CONDITIONS,
            values: &[&agent, &from, &until, &source, &tags],
            all: search.filter.is_empty(),
        };
        self.search(&place, search, passages::read)
    }

    fn search<F, T>(
        &mut self,
        place: &Place<'_>,
        search: &Search<F>,
        read: fn(&Row) -> Result<T, StorageError>,
    ) -> Result<Page<Hit<T>>, StorageError> {
        let (cut, total) = match search.matching {
            Match::Exact => {
                let found = self.exact(place, &search.text)?;
                let cut = Page::cut(found.into_iter().map(|at| (at, 1.0)), search.page);
                let total = cut.total;
                (cut, total)
            }
            Match::Ranked => {
                let ranking = self.ranked(place, search)?;
                let found = ranking.ranked.iter().map(|(at, score)| (i64::from(*at), *score));
                (Page::cut(found, search.page), ranking.n_matching)
            }
        };
        let places: Vec<i64> = cut.items.iter().map(|(at, _)| *at).collect();
        let Place { agent, table, columns, .. } = place;
        // `place` is the first of the columns, and the wanted order is that of the hits.
        let sql = format!(
            "SELECT {columns} FROM {table} JOIN unnest($2::bigint[]) WITH ORDINALITY
             AS wanted (wanted, n) ON place = wanted WHERE agent = $1 ORDER BY n"
        );
        let rows = self.rows("read what was found", &sql, &[agent, &places])?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let at: i64 = row.get(0);
            let score = cut.items.iter().find(|(one, _)| *one == at).map_or(0.0, |one| one.1);
            items.push(Hit { item: read(row)?, score });
        }
        Ok(Page { items, offset: cut.offset, total })
    }

    fn ranked<F>(
        &mut self,
        place: &Place<'_>,
        search: &Search<F>,
    ) -> Result<Ranking, StorageError> {
        let doing = "look where to search";
        let numbers = |rows: Vec<Row>| -> Vec<u32> {
            let number = |row: &Row| u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX);
            rows.iter().map(number).collect()
        };
        let Place { agent, collection, table, conditions, values, all, .. } = place;
        let allowed = if *all {
            None
        } else {
            let sql = format!("SELECT place FROM {table} WHERE {conditions} ORDER BY place");
            Some(numbers(self.rows(doing, &sql, values)?))
        };
        let gone = if *collection == Collection::Archival {
            let sql = "SELECT place FROM gone WHERE agent = $1 ORDER BY place";
            numbers(self.rows(doing, sql, &[agent])?)
        } else {
            Vec::new()
        };
        let similarities = match &search.vector {
            Some(query) => self.similarities(place, query)?,
            None => Vec::new(),
        };
        let extras = Extras {
            allowed: allowed.as_deref(),
            gone: &gone,
            similarities: &similarities,
            // What is allowed says it.
            roles: Roles::default(),
        };
        let weights = *self.weights;
        self.with_index(*agent, *collection, |index, segments: &mut Segments<'_, '_>| {
            index.refresh(segments)?;
            index.search(segments, search, &extras, &weights)
        })
    }

    /// The places of all rows that hold the text, in order. A scan: exact, and as long as the
    /// collection.
    fn exact(&self, place: &Place<'_>, text: &str) -> Result<Vec<i64>, StorageError> {
        let wanted = text.trim().to_lowercase();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let Place { table, conditions, values, .. } = place;
        let sql = format!("SELECT place, text FROM {table} WHERE {conditions}");
        let doing = "search for a text";
        let rows = if wanted.is_ascii() {
            // In the columns' collation PostgreSQL's lower() knows ASCII only. Two other characters
            // have lower-case forms in ASCII: the Kelvin sign and the dotted I.
            let mark = values.len() + 1;
            let sql = format!(
                "{sql} AND (strpos(lower(text), ${mark}) > 0 OR text ~ '[\u{212a}\u{130}]')
                 ORDER BY place"
            );
            let written = without_nul(&wanted);
            let mut all: Vec<&(dyn ToSql + Sync)> = values.to_vec();
            all.push(&written);
            self.rows(doing, &sql, &all)?
        } else {
            self.rows(doing, &format!("{sql} ORDER BY place"), values)?
        };
        let holds = |row: &&Row| row.get::<_, Found>(1).0.to_lowercase().contains(&wanted);
        Ok(rows.iter().filter(holds).map(|row| row.get(0)).collect())
    }
}
