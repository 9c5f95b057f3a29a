//! Passages.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::{Cached, corrupt, end_key, failed, first_key, integer, place_of};
use crate::storage::encoding::{tags_from_text, tags_to_text};
use crate::storage::{
    AgentId, Collection, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId,
    StorageError, Timestamp, session,
};

pub(super) const COLUMNS: &str = "id, at, source, tags, text";

/// A row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Result<Passage, StorageError> {
    let wrong = failed("read a passage");
    let tags: String = row.get(3).map_err(&wrong)?;
    Ok(Passage {
        id: PassageId(place_of(row.get(0).map_err(&wrong)?)),
        at: Timestamp::from_millis(row.get(1).map_err(&wrong)?),
        source: row.get(2).map_err(&wrong)?,
        tags: tags_from_text(&tags)?,
        text: row.get(4).map_err(&wrong)?,
    })
}

/// The conditions of a filter as SQL, and what they are bound to.
pub(super) fn conditions(agent: i64, filter: &PassageFilter) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![first_key(agent).into(), end_key(agent).into()];
    let mut sql = "id >= ? AND id < ?".to_owned();
    for (bound, condition) in [(filter.from, " AND at >= ?"), (filter.until, " AND at < ?")] {
        if let Some(bound) = bound {
            sql.push_str(condition);
            values.push(bound.millis().into());
        }
    }
    if let Some(source) = &filter.source {
        sql.push_str(" AND source = ?");
        values.push(source.clone().into());
    }
    for tag in &filter.tags {
        sql.push_str(" AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)");
        values.push(tag.clone().into());
    }
    (sql, values)
}

impl Cached<'_> {
    pub(super) fn insert_passages(
        &mut self,
        agent: &AgentId,
        passages: &[NewPassage],
    ) -> Result<Vec<PassageId>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "insert passages";
        let sql = "UPDATE agent SET n_passages = n_passages + ?2,
                   n_passages_ever = n_passages_ever + ?2 WHERE id = ?1
                   RETURNING n_passages_ever";
        let n = integer(passages.len() as u64);
        let ever: i64 = self
            .value(doing, sql, (agent, n))?
            .ok_or_else(|| corrupt("an agent", "it went away"))?;
        let first = (ever - n).unsigned_abs();
        let mut last = self
            .transaction
            .prepare_cached(
                "SELECT session, source FROM passage WHERE id >= ?1 AND id < ?2
                 ORDER BY id DESC LIMIT 1",
            )
            .and_then(|mut query| {
                let keys = (first_key(agent), end_key(agent));
                query.query_row(keys, |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(failed(doing))?;
        let mut insert = self
            .transaction
            .prepare_cached(
                "INSERT INTO passage (id, at, session, source, tags, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .map_err(failed(doing))?;
        for (place, new) in (first..).zip(passages) {
            let here = session::of_passage(last.as_ref(), new.source.as_deref());
            let key = first_key(agent) + integer(place);
            let tags = tags_to_text(&new.tags);
            insert
                .execute((key, new.at.millis(), here, &new.source, tags, &new.text))
                .map_err(failed(doing))?;
            last = Some((here, new.source.clone()));
        }
        drop(insert);
        self.keep_index(agent, Collection::Archival, ever.unsigned_abs())?;
        Ok((first..ever.unsigned_abs()).map(PassageId).collect())
    }

    pub(super) fn passages(
        &self,
        agent: &AgentId,
        filter: &PassageFilter,
        page: PageRequest,
    ) -> Result<Page<Passage>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read passages";
        let (conditions, mut values) = conditions(agent, filter);
        let total: Option<i64> = if filter.is_empty() {
            self.value(doing, "SELECT n_passages FROM agent WHERE id = ?1", [agent])?
        } else {
            let sql = format!("SELECT count(*) FROM passage WHERE {conditions}");
            self.value(doing, &sql, params_from_iter(values.iter()))?
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM passage WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?"
        );
        values.push(integer(page.limit as u64).into());
        values.push(integer(page.offset).into());
        let items = self
            .rows(doing, &sql, params_from_iter(values.iter()), |row| Ok(read(row)))?
            .into_iter()
            .collect::<Result<_, _>>()?;
        Ok(Page { items, offset: page.offset, total: total.unwrap_or(0).unsigned_abs() })
    }

    pub(super) fn delete_passage(
        &mut self,
        agent: &AgentId,
        passage: PassageId,
    ) -> Result<(), StorageError> {
        let agent = self.agent(agent)?;
        let doing = "delete a passage";
        if passage.0 >= 1 << super::PLACES {
            return Err(StorageError::NoPassage { passage });
        }
        let key = first_key(agent) + integer(passage.0);
        if self.run(doing, "DELETE FROM passage WHERE id = ?1", [key])? == 0 {
            return Err(StorageError::NoPassage { passage });
        }
        self.run(doing, "INSERT INTO gone (id) VALUES (?1)", [key])?;
        self.run(doing, "UPDATE agent SET n_passages = n_passages - 1 WHERE id = ?1", [agent])?;
        self.forget_vectors(agent, passage)
    }
}
