//! Searches.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::segments::Segments;
use super::{Cached, end_key, first_key, messages, passages, place_of};
use crate::retrieval::document::Roles;
use crate::retrieval::index::{Extras, Ranking};
use crate::storage::{
    AgentId, Collection, Hit, Match, MessageFilter, Page, PageRequest, Passage, PassageFilter,
    Search, StorageError, StoredMessage,
};

/// Where a search looks: a table with its filter as SQL.
struct Place<'a> {
    agent: i64,
    collection: Collection,
    table: &'static str,
    columns: &'static str,
    conditions: &'a str,
    values: &'a [Value],
    /// Whether the filter allows all, or all of these roles.
    all: bool,
    roles: Roles,
}

impl Cached<'_> {
    pub(super) fn search_messages(
        &mut self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        let agent = self.agent(agent)?;
        let (conditions, values) = messages::conditions(agent, &search.filter);
        let place = Place {
            agent,
            collection: Collection::Recall,
            table: "message",
            columns: messages::COLUMNS,
            conditions: &conditions,
            values: &values,
            all: search.filter.is_of_roles_only(),
            roles: Roles::of(&search.filter.roles),
        };
        self.search(&place, search, messages::read)
    }

    pub(super) fn search_passages(
        &mut self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        let agent = self.agent(agent)?;
        let (conditions, values) = passages::conditions(agent, &search.filter);
        let place = Place {
            agent,
            collection: Collection::Archival,
            table: "passage",
            columns: passages::COLUMNS,
            conditions: &conditions,
            values: &values,
            all: search.filter.is_empty(),
            roles: Roles::default(),
        };
        self.search(&place, search, passages::read)
    }

    fn search<F, T>(
        &mut self,
        place: &Place<'_>,
        search: &Search<F>,
        read: fn(&Row<'_>) -> Result<T, StorageError>,
    ) -> Result<Page<Hit<T>>, StorageError> {
        match search.matching {
            Match::Exact => self.exact(place, &search.text, search.page, read),
            Match::Ranked => {
                let ranking = self.ranked(place, search)?;
                let cut = Page::cut(ranking.ranked, search.page);
                let sql = format!("SELECT {} FROM {} WHERE id = ?1", place.columns, place.table);
                let mut items = Vec::with_capacity(cut.items.len());
                for (number, score) in &cut.items {
                    let key = first_key(place.agent) + i64::from(*number);
                    let rows =
                        self.rows("read what was found", &sql, [key], |row| Ok(read(row)))?;
                    for item in rows {
                        items.push(Hit { item: item?, score: *score });
                    }
                }
                Ok(Page { items, offset: cut.offset, total: ranking.n_matching })
            }
        }
    }

    fn ranked<F>(
        &mut self,
        place: &Place<'_>,
        search: &Search<F>,
    ) -> Result<Ranking, StorageError> {
        let keys = |open: &Cached<'_>, sql: &str, values: &[Value]| {
            open.rows("look where to search", sql, params_from_iter(values.iter()), |row| {
                Ok(u32::try_from(place_of(row.get(0)?)).unwrap_or(u32::MAX))
            })
        };
        let gone = if place.collection == Collection::Archival {
            let sql = "SELECT id FROM gone WHERE id >= ? AND id < ? ORDER BY id";
            let all = [first_key(place.agent).into(), end_key(place.agent).into()];
            keys(self, sql, &all)?
        } else {
            Vec::new()
        };
        let similarities = match &search.vector {
            Some(query) => self.similarities(place.agent, place.collection, query)?,
            None => Vec::new(),
        };
        let weights = *self.weights;
        let (agent, collection) = (place.agent, place.collection);
        self.with_index(agent, collection, |index, segments: &mut Segments<'_, '_>| {
            index.refresh(segments)?;
            let by_index = place.all && (place.roles == Roles::default() || index.knows_roles());
            let allowed = if by_index {
                None
            } else {
                let Place { table, conditions, .. } = place;
                let sql = format!("SELECT id FROM {table} WHERE {conditions} ORDER BY id");
                Some(keys(segments.open, &sql, place.values)?)
            };
            let extras = Extras {
                allowed: allowed.as_deref(),
                roles: if by_index { place.roles } else { Roles::default() },
                gone: &gone,
                similarities: &similarities,
            };
            index.search(segments, search, &extras, &weights)
        })
    }

    /// Every row that holds the text, in order. A scan: exact, and as long as the collection.
    fn exact<T>(
        &self,
        place: &Place<'_>,
        text: &str,
        page: PageRequest,
        read: fn(&Row<'_>) -> Result<T, StorageError>,
    ) -> Result<Page<Hit<T>>, StorageError> {
        let wanted = text.trim().to_lowercase();
        let Place { table, columns, conditions, .. } = place;
        if wanted.is_empty() {
            return Ok(Page { items: Vec::new(), offset: page.offset, total: 0 });
        }
        let mut values = place.values.to_vec();
        // SQLite's lower() knows ASCII only; other texts are compared here.
        let condition = if wanted.is_ascii() {
            values.push(wanted.clone().into());
            "instr(lower(text), ?) > 0"
        } else {
            "1"
        };
        let sql =
            format!("SELECT id, text FROM {table} WHERE {conditions} AND {condition} ORDER BY id");
        let doing = "search for a text";
        let found = self.rows(doing, &sql, params_from_iter(values.iter()), |row| {
            let (id, text): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok(text.to_lowercase().contains(&wanted).then_some(id))
        })?;
        let cut = Page::cut(found.into_iter().flatten(), page);
        let sql = format!("SELECT {columns} FROM {table} WHERE id = ?1");
        let mut items = Vec::with_capacity(cut.items.len());
        for key in &cut.items {
            for item in self.rows(doing, &sql, [*key], |row| Ok(read(row)))? {
                items.push(Hit { item: item?, score: 1.0 });
            }
        }
        Ok(Page { items, offset: cut.offset, total: cut.total })
    }
}
