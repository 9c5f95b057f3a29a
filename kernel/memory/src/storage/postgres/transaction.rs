//! One call, one transaction.

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::connection::{Session, wait};
use super::text::Given;
use super::{PostgresStorage, failed};
use crate::storage::{AgentId, StorageError, Weights};

/// How often a transaction is tried that the server ended for others' sake, with nothing done.
const TRIES: u32 = 5;

/// What a statement's marks are bound to.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A transaction, and what its connection keeps in memory.
pub(super) struct Transaction<'a> {
    pub(super) session: &'a mut Session,
    pub(super) weights: &'a Weights,
}

/// Whether the server ended the transaction so that others can go on: a deadlock, or a conflict.
fn gave_way(error: &StorageError) -> bool {
    let StorageError::Backend { source, .. } = error else { return false };
    let code = source.downcast_ref::<tokio_postgres::Error>().and_then(|error| error.code());
    code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
        || code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
}

impl PostgresStorage {
    /// Reads in one transaction, so that all of it is of one moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnMut(&mut Transaction<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
    }

    /// Writes in one transaction. Each of its statements sees what was committed before it; the
    /// row that it locks first keeps others from what it is about.
    pub(super) fn write<T>(
        &self,
        work: impl FnMut(&mut Transaction<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", work)
    }

    fn transaction<T>(
        &self,
        begin: &str,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut n_tries = 0;
        loop {
            let mut lease = self.pool.session()?;
            let Some(session) = lease.session() else { continue };
            if let Err(error) = wait(session.client.batch_execute(begin)) {
                // The server was restarted while the connection lay idle. Nothing is done yet.
                let is_closed = session.client.is_closed() || error.is_closed();
                lease.close();
                n_tries += 1;
                if is_closed && n_tries < TRIES {
                    continue;
                }
                return Err(failed("begin a transaction")(error));
            }
            let done = work(&mut Transaction { session: &mut *session, weights: &self.weights });
            let ended = match &done {
                Ok(_) => wait(session.client.batch_execute("COMMIT")).map_err(failed("commit")),
                Err(_) => {
                    // What the index took up of this transaction never was.
                    session.indexes.clear();
                    wait(session.client.batch_execute("ROLLBACK")).map_err(failed("roll back"))
                }
            };
            if ended.is_err() {
                lease.close();
            }
            match done.and_then(|done| ended.map(|()| done)) {
                Err(error) if gave_way(&error) && n_tries + 1 < TRIES => n_tries += 1,
                result => return result,
            }
        }
    }
}

impl Transaction<'_> {
    /// Runs one statement, and says how many rows it touched.
    pub(super) fn run(
        &self,
        doing: &'static str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<u64, StorageError> {
        self.session
            .statement(sql)
            .and_then(|statement| wait(self.session.client.execute(&statement, values)))
            .map_err(failed(doing))
    }

    /// Runs statements that take no values, without preparing them.
    pub(super) fn script(&self, doing: &'static str, sql: &str) -> Result<(), StorageError> {
        wait(self.session.client.batch_execute(sql)).map_err(failed(doing))
    }

    /// All rows.
    pub(super) fn rows(
        &self,
        doing: &'static str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Vec<Row>, StorageError> {
        self.session
            .statement(sql)
            .and_then(|statement| wait(self.session.client.query(&statement, values)))
            .map_err(failed(doing))
    }

    /// The first row, if there is one.
    pub(super) fn row(
        &self,
        doing: &'static str,
        sql: &str,
        values: Values<'_>,
    ) -> Result<Option<Row>, StorageError> {
        Ok(self.rows(doing, sql, values)?.into_iter().next())
    }

    /// The agent's number.
    pub(super) fn agent(&self, agent: &AgentId) -> Result<i64, StorageError> {
        self.agent_by("SELECT id FROM agent WHERE name = $1", agent)
    }

    /// The agent's number, and the agent is this transaction's until its end.
    pub(super) fn agent_alone(&self, agent: &AgentId) -> Result<i64, StorageError> {
        self.agent_by("SELECT id FROM agent WHERE name = $1 FOR NO KEY UPDATE", agent)
    }

    fn agent_by(&self, sql: &str, agent: &AgentId) -> Result<i64, StorageError> {
        let row = self.row("look for the agent", sql, &[&Given(agent.as_str())])?;
        row.map(|row| row.get(0)).ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })
    }
}
