//! Agents and their messages.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::{Cached, corrupt, end_key, failed, first_key, integer, place_of};
use crate::message::Message;
use crate::storage::encoding::{calls_from_text, calls_to_text, role_from_text};
use crate::storage::{
    AgentId, AgentRecord, Collection, MessageFilter, NewMessage, Page, PageRequest, StorageError,
    StoredMessage, Timestamp, session,
};

pub(super) const COLUMNS: &str = "id, at, role, text, calls, answers";

/// A row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Result<StoredMessage, StorageError> {
    let wrong = failed("read a message");
    let role: String = row.get(2).map_err(&wrong)?;
    let calls: Option<String> = row.get(4).map_err(&wrong)?;
    Ok(StoredMessage {
        position: place_of(row.get(0).map_err(&wrong)?),
        at: Timestamp::from_millis(row.get(1).map_err(&wrong)?),
        message: Message {
            role: role_from_text(&role)?,
            text: row.get(3).map_err(&wrong)?,
            tool_calls: calls_from_text(calls.as_deref())?,
            answers: row.get(5).map_err(&wrong)?,
        },
    })
}

/// The conditions of a filter as SQL, and what they are bound to.
pub(super) fn conditions(agent: i64, filter: &MessageFilter) -> (String, Vec<Value>) {
    let key = |place: Option<u64>, otherwise: i64| {
        place.map_or(otherwise, |place| first_key(agent).saturating_add(integer(place)))
    };
    let end = end_key(agent);
    let mut values: Vec<Value> = vec![
        key(filter.from_position, first_key(agent)).into(),
        key(filter.until_position, end).min(end).into(),
    ];
    let mut sql = "id >= ? AND id < ?".to_owned();
    for (bound, condition) in [(filter.from, " AND at >= ?"), (filter.until, " AND at < ?")] {
        if let Some(bound) = bound {
            sql.push_str(condition);
            values.push(bound.millis().into());
        }
    }
    if !filter.roles.is_empty() {
        let marks = vec!["?"; filter.roles.len()].join(", ");
        sql.push_str(&format!(" AND role IN ({marks})"));
        values.extend(filter.roles.iter().map(|role| Value::from(role.as_str().to_owned())));
    }
    (sql, values)
}

impl Cached<'_> {
    pub(super) fn record(&self, agent: i64) -> Result<AgentRecord, StorageError> {
        let sql = "SELECT name, created, n_passages FROM agent WHERE id = ?1";
        let mut rows = self.rows("read the agent", sql, [agent], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?))
        })?;
        let (name, created, n_passages) =
            rows.pop().ok_or_else(|| corrupt("an agent", "it went away"))?;
        Ok(AgentRecord {
            id: AgentId::new(name),
            created: Timestamp::from_millis(created),
            n_messages: self.n_messages(agent)?,
            n_passages: n_passages.unsigned_abs(),
        })
    }

    pub(super) fn state(&self, agent: &AgentId, key: &str) -> Result<Option<String>, StorageError> {
        let agent = self.agent(agent)?;
        let sql = "SELECT value FROM state WHERE agent = ?1 AND key = ?2";
        self.value("read the agent's state", sql, (agent, key))
    }

    pub(super) fn set_state(
        &self,
        agent: &AgentId,
        key: &str,
        value: &str,
    ) -> Result<(), StorageError> {
        let agent = self.agent(agent)?;
        let sql = "INSERT OR REPLACE INTO state (agent, key, value) VALUES (?1, ?2, ?3)";
        self.run("write the agent's state", sql, (agent, key, value)).map(|_| ())
    }

    pub(super) fn replace_state(
        &self,
        agent: &AgentId,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, StorageError> {
        let is_expected = self.state(agent, key)?.as_deref() == expected;
        if is_expected {
            self.set_state(agent, key, value)?;
        }
        Ok(is_expected)
    }

    pub(super) fn delete_agent(&mut self, agent: &AgentId) -> Result<(), StorageError> {
        let id = self.agent(agent)?;
        let doing = "delete an agent";
        let (first, end) = (first_key(id), end_key(id));
        for table in ["message", "passage", "gone"] {
            let sql = format!("DELETE FROM {table} WHERE id >= ?1 AND id < ?2");
            self.run(doing, &sql, (first, end))?;
        }
        let spaces: Vec<i64> =
            self.rows(doing, "SELECT id FROM space WHERE agent = ?1", [id], |row| row.get(0))?;
        for space in spaces {
            let sql = "DELETE FROM vector WHERE id >= ?1 AND id < ?2";
            self.run(doing, sql, (first_key(space), end_key(space)))?;
            self.spaces.remove(&space);
        }
        let sql = "DELETE FROM block
                   WHERE id IN (SELECT block FROM attachment WHERE agent = ?1)
                   AND id NOT IN (SELECT block FROM attachment WHERE agent <> ?1)";
        self.run(doing, sql, [id])?;
        self.run(doing, "DELETE FROM agent WHERE id = ?1", [id])?;
        // The number may be given again.
        self.indexes.retain(|(agent, _), _| *agent != id);
        Ok(())
    }

    /// The number of messages, which is the position of the next one.
    pub(super) fn n_messages(&self, agent: i64) -> Result<u64, StorageError> {
        let sql = "SELECT id FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let last: Option<i64> =
            self.value("count the messages", sql, (first_key(agent), end_key(agent)))?;
        Ok(last.map_or(0, |last| place_of(last) + 1))
    }

    pub(super) fn append_messages(
        &mut self,
        agent: &AgentId,
        messages: &[NewMessage],
    ) -> Result<u64, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "append messages";
        let last = self
            .transaction
            .prepare_cached(
                "SELECT id, session, at FROM message WHERE id >= ?1 AND id < ?2
                 ORDER BY id DESC LIMIT 1",
            )
            .and_then(|mut query| {
                let keys = (first_key(agent), end_key(agent));
                let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                query.query_row(keys, read).optional()
            })
            .map_err(failed(doing))?;
        let (first, mut session) = match last {
            None => (0, None),
            Some((id, session, at)) => {
                (place_of(id) + 1, Some((session, Timestamp::from_millis(at))))
            }
        };
        let mut insert = self
            .transaction
            .prepare_cached(
                "INSERT INTO message (id, at, session, role, text, calls, answers)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .map_err(failed(doing))?;
        for (position, new) in (first..).zip(messages) {
            let here = session::of_message(session, new.at);
            session = Some((here, new.at));
            let Message { role, text, tool_calls, answers } = &new.message;
            let calls = calls_to_text(tool_calls);
            let key = first_key(agent) + integer(position);
            insert
                .execute((key, new.at.millis(), here, role.as_str(), text, calls, answers))
                .map_err(failed(doing))?;
        }
        drop(insert);
        self.keep_index(agent, Collection::Recall, first + messages.len() as u64)?;
        Ok(first)
    }

    pub(super) fn messages(
        &self,
        agent: &AgentId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read messages";
        let (conditions, mut values) = conditions(agent, filter);
        let by_position_only = MessageFilter {
            from_position: filter.from_position,
            until_position: filter.until_position,
            ..MessageFilter::default()
        };
        let total = if *filter == by_position_only {
            // Positions have no gaps.
            let end = filter.until_position.unwrap_or(u64::MAX).min(self.n_messages(agent)?);
            end.saturating_sub(filter.from_position.unwrap_or(0))
        } else {
            let sql = format!("SELECT count(*) FROM message WHERE {conditions}");
            let total: Option<i64> = self.value(doing, &sql, params_from_iter(values.iter()))?;
            total.unwrap_or(0).unsigned_abs()
        };
        let mut offset = page.offset;
        if *filter == by_position_only {
            let first = filter.from_position.unwrap_or(0).saturating_add(offset);
            values[0] = first_key(agent).saturating_add(integer(first)).into();
            offset = 0;
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM message WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?"
        );
        values.push(integer(page.limit as u64).into());
        values.push(integer(offset).into());
        let items = self
            .rows(doing, &sql, params_from_iter(values.iter()), |row| Ok(read(row)))?
            .into_iter()
            .collect::<Result<_, _>>()?;
        Ok(Page { items, offset: page.offset, total })
    }
}
