//! The embedded default: one SQLite file.
//!
//! The file is in WAL mode: readers and one writer at a time, in any number of threads and
//! processes. Each method is one transaction. What a method returned `Ok` for is there after the
//! process is killed at any moment; with [`Durability::Power`] also after a power cut. A copy of the
//! process (`fork`) opens the file for itself.

mod blocks;
mod connection;
mod facts;
mod messages;
mod passages;
mod schema;
mod search;
mod segments;
mod vectors;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use self::connection::{Open, Opener};
use super::{
    Access, AgentId, AgentRecord, AttachedBlock, Author, BlockEdit, BlockId, Collection,
    EditRequest, Fact, FactOutcome, FactQuery, Hit, MessageFilter, NewBlock, NewFact, NewMessage,
    NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, Search, Storage,
    StorageError, StoredBlock, StoredMessage, Timestamp, Weights,
};
use crate::retrieval::index::Index;

/// What an acknowledged write outlives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however sudden. A power cut may take the last writes, never parts
    /// of one.
    #[default]
    Process,
    /// A power cut too: each write waits for the disk.
    Power,
}

/// A storage in one SQLite file (and, while it is open, SQLite's own two files beside it).
///
/// ```
/// use momentum_memory::storage::{AgentId, SqliteStorage, Storage, Timestamp};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("memory.sqlite");
/// let sara = AgentId::new("sara");
/// SqliteStorage::open(&path)?.create_agent(&sara, Timestamp::from_millis(0))?;
/// assert_eq!(SqliteStorage::open(&path)?.agents()?[0].id, sara);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStorage {
    opener: Opener,
    weights: Weights,
}

/// An agent's or a space's number and a place in it, as one key.
const PLACES: u32 = 40;

/// The first key of an agent or space.
fn first_key(owner: i64) -> i64 {
    owner << PLACES
}

/// The first key behind those of an agent or space.
fn end_key(owner: i64) -> i64 {
    (owner + 1) << PLACES
}

/// The place in a key.
fn place_of(key: i64) -> u64 {
    (key & ((1 << PLACES) - 1)).unsigned_abs()
}

/// A count or place as SQLite's integer.
fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Keeps SQLite's error as the source.
fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StorageError {
    move |source| StorageError::Backend { doing, source: Box::new(source) }
}

fn corrupt(what: impl Into<String>, why: impl fmt::Display) -> StorageError {
    StorageError::Corrupt { what: what.into(), why: why.to_string() }
}

impl SqliteStorage {
    /// Opens the file, and makes it when it is not there.
    ///
    /// # Errors
    /// [`StorageError::Backend`] when SQLite cannot open it; [`StorageError::NewerSchema`];
    /// [`StorageError::Corrupt`] when it is a file of another kind.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Ok(Self::with_opener(Opener::of_file(path.as_ref())?))
    }

    /// A storage in memory, gone when it is dropped: SQLite without a file.
    ///
    /// # Errors
    /// [`StorageError::Backend`] when there is no memory for it.
    pub fn temporary() -> Result<Self, StorageError> {
        Ok(Self::with_opener(Opener::in_memory()?))
    }

    fn with_opener(opener: Opener) -> Self {
        SqliteStorage { opener, weights: Weights::default() }
    }

    /// Sets what an acknowledged write outlives.
    ///
    /// # Errors
    /// [`StorageError::Backend`].
    pub fn with_durability(mut self, durability: Durability) -> Result<Self, StorageError> {
        self.opener.set_durability(durability)?;
        Ok(self)
    }

    /// Lets SQLite check the whole file. It reads all of it.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with what SQLite found.
    pub fn check(&self) -> Result<(), StorageError> {
        self.read(|open| {
            let found: Option<String> = open.value("check the file", "PRAGMA quick_check", ())?;
            match found.as_deref() {
                Some("ok") => Ok(()),
                _ => Err(corrupt(self.opener.place(), found.unwrap_or_default())),
            }
        })
    }

    /// Sets how much what stands around a hit counts in searches.
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Reads in one transaction, so that all of it is of one moment.
    fn read<T>(
        &self,
        work: impl FnOnce(&mut Cached<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Deferred, work)
    }

    /// Writes in one transaction. It is the only writer from its first moment on.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut Cached<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.transaction(TransactionBehavior::Immediate, work)
    }

    fn transaction<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&mut Cached<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let open = self.opener.open()?;
        let mut open = Open::lock(&open);
        let Open { connection, indexes, spaces } = &mut *open;
        let transaction = connection
            .transaction_with_behavior(behavior)
            .map_err(failed("begin a transaction"))?;
        let mut cached = Cached { transaction, indexes, spaces, weights: &self.weights };
        // What fails here has not touched what is kept in memory, or has dropped it.
        let done = work(&mut cached)?;
        let committed = cached.transaction.commit().map_err(failed("commit"));
        if committed.is_err() {
            // It may hold what was rolled back.
            cached.indexes.clear();
            cached.spaces.clear();
        }
        committed.map(|()| done)
    }
}

/// A transaction, and what is kept in memory.
struct Cached<'a> {
    transaction: Transaction<'a>,
    indexes: &'a mut HashMap<(i64, Collection), Index>,
    spaces: &'a mut HashMap<i64, vectors::Space>,
    weights: &'a Weights,
}

impl Cached<'_> {
    /// The agent's number.
    fn agent(&self, agent: &AgentId) -> Result<i64, StorageError> {
        self.transaction
            .prepare_cached("SELECT id FROM agent WHERE name = ?1")
            .and_then(|mut query| query.query_row([agent.as_str()], |row| row.get(0)).optional())
            .map_err(failed("look for the agent"))?
            .ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })
    }

    /// Runs one statement.
    fn run(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<usize, StorageError> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(parameters))
            .map_err(failed(doing))
    }

    /// One value, if there is a row.
    fn value<T: rusqlite::types::FromSql>(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<Option<T>, StorageError> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(parameters, |row| row.get(0)).optional())
            .map_err(failed(doing))
    }

    /// All rows, each read by `read`.
    fn rows<T>(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StorageError> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map(parameters, |row| read(row))?.collect())
            .map_err(failed(doing))
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("place", &self.opener.place()).finish_non_exhaustive()
    }
}

impl Storage for SqliteStorage {
    fn create_agent(&self, agent: &AgentId, at: Timestamp) -> Result<(), StorageError> {
        self.write(|open| {
            let sql = "INSERT OR IGNORE INTO agent (name, created) VALUES (?1, ?2)";
            match open.run("create an agent", sql, (agent.as_str(), at.millis()))? {
                0 => Err(StorageError::AgentExists { agent: agent.clone() }),
                _ => Ok(()),
            }
        })
    }

    fn agent(&self, agent: &AgentId) -> Result<Option<AgentRecord>, StorageError> {
        self.read(|open| match open.agent(agent) {
            Ok(id) => Ok(Some(open.record(id)?)),
            Err(StorageError::NoAgent { .. }) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn agents(&self) -> Result<Vec<AgentRecord>, StorageError> {
        self.read(|open| {
            let ids: Vec<i64> =
                open.rows("list the agents", "SELECT id FROM agent ORDER BY name", (), |row| {
                    row.get(0)
                })?;
            ids.into_iter().map(|id| open.record(id)).collect()
        })
    }

    fn delete_agent(&self, agent: &AgentId) -> Result<(), StorageError> {
        self.write(|open| open.delete_agent(agent))
    }

    fn state(&self, agent: &AgentId, key: &str) -> Result<Option<String>, StorageError> {
        self.read(|open| open.state(agent, key))
    }

    fn set_state(&self, agent: &AgentId, key: &str, value: &str) -> Result<(), StorageError> {
        self.write(|open| open.set_state(agent, key, value))
    }

    fn replace_state(
        &self,
        agent: &AgentId,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, StorageError> {
        self.write(|open| open.replace_state(agent, key, expected, value))
    }

    fn append_messages(
        &self,
        agent: &AgentId,
        messages: &[NewMessage],
    ) -> Result<u64, StorageError> {
        self.write(|open| open.append_messages(agent, messages))
    }

    fn messages(
        &self,
        agent: &AgentId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StorageError> {
        self.read(|open| open.messages(agent, filter, page))
    }

    fn search_messages(
        &self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        self.read(|open| open.search_messages(agent, search))
    }

    fn insert_passages(
        &self,
        agent: &AgentId,
        passages: &[NewPassage],
    ) -> Result<Vec<PassageId>, StorageError> {
        self.write(|open| open.insert_passages(agent, passages))
    }

    fn passages(
        &self,
        agent: &AgentId,
        filter: &PassageFilter,
        page: PageRequest,
    ) -> Result<Page<Passage>, StorageError> {
        self.read(|open| open.passages(agent, filter, page))
    }

    fn delete_passage(&self, agent: &AgentId, passage: PassageId) -> Result<(), StorageError> {
        self.write(|open| open.delete_passage(agent, passage))
    }

    fn search_passages(
        &self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        self.read(|open| open.search_passages(agent, search))
    }

    fn set_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError> {
        self.write(|open| open.set_vectors(agent, collection, model, vectors))
    }

    fn without_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StorageError> {
        self.read(|open| open.without_vectors(agent, collection, model, limit))
    }

    fn create_block(
        &self,
        agent: &AgentId,
        block: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.write(|open| open.create_block(agent, block, by, at))
    }

    fn attach_block(
        &self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError> {
        self.write(|open| open.attach_block(agent, block, access))
    }

    fn detach_block(&self, agent: &AgentId, block: BlockId) -> Result<(), StorageError> {
        self.write(|open| {
            let agent = open.agent(agent)?;
            let sql = "DELETE FROM attachment WHERE agent = ?1 AND block = ?2";
            match open.run("detach a block", sql, (agent, integer(block.0)))? {
                0 => Err(StorageError::NoBlock { block }),
                _ => Ok(()),
            }
        })
    }

    fn blocks(&self, agent: &AgentId) -> Result<Vec<AttachedBlock>, StorageError> {
        self.read(|open| open.blocks(agent))
    }

    fn block(&self, block: BlockId) -> Result<StoredBlock, StorageError> {
        self.read(|open| open.block(block))
    }

    fn edit_block(&self, edit: &EditRequest<'_>) -> Result<StoredBlock, StorageError> {
        self.write(|open| open.edit_block(edit, None))
    }

    fn block_history(
        &self,
        block: BlockId,
        page: PageRequest,
    ) -> Result<Page<BlockEdit>, StorageError> {
        self.read(|open| open.block_history(block, page))
    }

    fn restore_block(
        &self,
        block: BlockId,
        version: u64,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.write(|open| open.restore_block(block, version, expected_version, by, at))
    }

    fn record_fact(&self, agent: &AgentId, fact: &NewFact) -> Result<FactOutcome, StorageError> {
        self.write(|open| open.record_fact(agent, fact))
    }

    fn facts(
        &self,
        agent: &AgentId,
        query: &FactQuery,
        page: PageRequest,
    ) -> Result<Page<Fact>, StorageError> {
        self.read(|open| open.facts(agent, query, page))
    }
}
