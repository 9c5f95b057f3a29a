//! Agents and their states.

use super::text::{Found, Given};
use super::transaction::Transaction;
use crate::storage::{AgentId, AgentRecord, StorageError, Timestamp};

impl Transaction<'_> {
    pub(super) fn create_agent(&self, agent: &AgentId, at: Timestamp) -> Result<(), StorageError> {
        let sql = "INSERT INTO agent (name, created) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        match self.run("create an agent", sql, &[&Given(agent.as_str()), &at.millis()])? {
            0 => Err(StorageError::AgentExists { agent: agent.clone() }),
            _ => Ok(()),
        }
    }

    /// One agent's record or all.
    pub(super) fn records(
        &self,
        agent: Option<&AgentId>,
    ) -> Result<Vec<AgentRecord>, StorageError> {
        let sql = "SELECT name, created, n_passages,
                          coalesce((SELECT max(place) + 1 FROM message WHERE agent = agent.id), 0)
                   FROM agent WHERE $1::text IS NULL OR name = $1";
        let name = agent.map(|agent| Given(agent.as_str()));
        let rows = self.rows("read agents", sql, &[&name])?;
        let record = |row: &tokio_postgres::Row| AgentRecord {
            id: AgentId::new(row.get::<_, Found>(0).0),
            created: Timestamp::from_millis(row.get(1)),
            n_passages: row.get::<_, i64>(2).unsigned_abs(),
            n_messages: row.get::<_, i64>(3).unsigned_abs(),
        };
        let mut records: Vec<_> = rows.iter().map(record).collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(records)
    }

    pub(super) fn delete_agent(&mut self, agent: &AgentId) -> Result<(), StorageError> {
        let doing = "delete an agent";
        let sql = "SELECT id FROM agent WHERE name = $1 FOR UPDATE";
        let row = self.row(doing, sql, &[&Given(agent.as_str())])?;
        let id: i64 = row
            .map(|row| row.get(0))
            .ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })?;
        // Whoever is about to attach one of its blocks is waited for, or waits.
        let sql = "SELECT block.id FROM block JOIN attachment ON attachment.block = block.id
                   WHERE attachment.agent = $1 ORDER BY block.id FOR UPDATE OF block";
        let blocks = self.rows(doing, sql, &[&id])?;
        let blocks: Vec<i64> = blocks.iter().map(|row| row.get(0)).collect();
        self.forget_spaces(id)?;
        self.run(doing, "DELETE FROM agent WHERE id = $1", &[&id])?;
        let sql = "DELETE FROM block WHERE id = ANY($1) AND NOT EXISTS
                   (SELECT 1 FROM attachment WHERE attachment.block = block.id)";
        self.run(doing, sql, &[&blocks])?;
        self.session.indexes.retain(|(agent, _), _| *agent != id);
        Ok(())
    }

    pub(super) fn state(&self, agent: &AgentId, key: &str) -> Result<Option<String>, StorageError> {
        let agent = self.agent(agent)?;
        let sql = "SELECT value FROM state WHERE agent = $1 AND key = $2";
        let row = self.row("read the agent's state", sql, &[&agent, &Given(key)])?;
        Ok(row.map(|row| row.get::<_, Found>(0).0))
    }

    pub(super) fn set_state(
        &self,
        agent: &AgentId,
        key: &str,
        value: &str,
    ) -> Result<(), StorageError> {
        let agent = self.agent_alone(agent)?;
        let sql = "INSERT INTO state (agent, key, value) VALUES ($1, $2, $3)
                   ON CONFLICT (agent, key) DO UPDATE SET value = excluded.value";
        self.run("write the agent's state", sql, &[&agent, &Given(key), &Given(value)]).map(|_| ())
    }

    pub(super) fn replace_state(
        &self,
        agent: &AgentId,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, StorageError> {
        // From here on, no one else writes it.
        self.agent_alone(agent)?;
        let is_expected = self.state(agent, key)?.as_deref() == expected;
        if is_expected {
            self.set_state(agent, key, value)?;
        }
        Ok(is_expected)
    }
}
