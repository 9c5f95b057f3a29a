//! Scale-out: PostgreSQL with pgvector.
//!
//! Any number of processes, on any number of machines, work on the same agents. Each method is one
//! transaction. One that writes locks the agent's row (or the block's) first, so that writers of
//! one agent come one after the other, and those of different agents do not wait for each other.
//! One that reads sees one moment. What a method returned `Ok` for is on the server's disk, as far
//! as the server is set to wait for it (`synchronous_commit`).
//!
//! Ranked searches use the same index and the same ranking as the other storages: the segments are
//! kept in tables, the newest texts in memory. Vectors are compared by pgvector.

mod agents;
mod blocks;
mod connection;
mod encryption;
mod facts;
mod messages;
mod passages;
mod schema;
mod search;
mod segments;
#[cfg(test)]
mod tests;
mod text;
mod transaction;
mod vectors;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use self::connection::Pool;
use self::encryption::Encryption;
use super::{
    Access, AgentId, AgentRecord, AttachedBlock, Author, BlockEdit, BlockId, Collection,
    EditRequest, Fact, FactOutcome, FactQuery, Hit, MessageFilter, NewBlock, NewFact, NewMessage,
    NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, Search, Storage,
    StorageError, StoredBlock, StoredMessage, Timestamp, Weights,
};

/// The environment variable that names the database.
const VARIABLE: &str = "MOMENTUM_DATABASE_URL";

/// A storage in a PostgreSQL database that has the extension pgvector (0.5 or newer).
///
/// ```no_run
/// use momentum_memory::storage::{AgentId, PostgresConfig, PostgresStorage, Storage, Timestamp};
///
/// let url = "postgres://momentum:secret@db.example.org/momentum";
/// let storage = PostgresStorage::open(PostgresConfig::new(url).with_connections(16))?;
/// storage.create_agent(&AgentId::new("sara"), Timestamp::parse("2026-11-23T09:00:00Z")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The tables are in a schema of their own, made on the first connection. The extension is made
/// too, where the user may do that. Texts may be as long as PostgreSQL's (1 GB), ids of agents and
/// keys of states about 2,600 bytes.
///
/// A connection that breaks is replaced by the next call. A write that was on its way when it broke
/// is done or not done, as a whole; the error says that nobody knows.
///
/// With `sslmode=require` in its address the connection is encrypted, and the server's certificate
/// must be one that the operating system trusts, or [one of yours](PostgresConfig::with_root_certificates),
/// and bear the server's name. Otherwise it is not encrypted: for servers on this machine and
/// through tunnels.
pub struct PostgresStorage {
    pool: Pool,
    weights: Weights,
}

/// Where a [`PostgresStorage`] is, and how it is used.
#[derive(Clone)]
pub struct PostgresConfig {
    url: String,
    schema: String,
    n_connections: usize,
    root_certificates: Option<PathBuf>,
}

impl PostgresConfig {
    /// The database at this address: `postgres://user:password@host:port/database`, or PostgreSQL's
    /// `key=value` form. Schema `momentum`, at most eight connections.
    pub fn new(url: impl Into<String>) -> Self {
        PostgresConfig {
            url: url.into(),
            schema: "momentum".to_owned(),
            n_connections: 8,
            root_certificates: None,
        }
    }

    /// The database that the environment variable `MOMENTUM_DATABASE_URL` names.
    ///
    /// # Errors
    /// [`StorageError::Backend`] when it is not set.
    pub fn from_environment() -> Result<Self, StorageError> {
        let url = std::env::var(VARIABLE).map_err(|_| StorageError::Backend {
            doing: "find the database",
            source: format!(
                "{VARIABLE} is not set; set it to postgres://user:password@host:port/database"
            )
            .into(),
        })?;
        Ok(PostgresConfig::new(url))
    }

    /// Sets the schema that holds the tables, so that several storages share a database: lower-case
    /// letters, digits and underscores.
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Sets how many connections there are at most. So many threads work at a time; more wait.
    /// Each connection keeps its own part of the search index in memory.
    pub fn with_connections(mut self, n: usize) -> Self {
        self.n_connections = n;
        self
    }

    /// Sets whose certificates are trusted when the address says `sslmode=require`: a PEM file, such
    /// as the one that a provider of databases gives out. The operating system's otherwise.
    pub fn with_root_certificates(mut self, pem: impl Into<PathBuf>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("schema", &self.schema)
            .field("n_connections", &self.n_connections)
            .finish_non_exhaustive()
    }
}

/// A count or place as PostgreSQL's integer.
fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A collection's number in the tables.
fn number(collection: Collection) -> i16 {
    match collection {
        Collection::Recall => 0,
        Collection::Archival => 1,
    }
}

/// A page's limit, none for all.
fn limit(page: PageRequest) -> Option<i64> {
    i64::try_from(page.limit).ok().filter(|limit| *limit < i64::MAX)
}

/// Keeps PostgreSQL's error as the source.
fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> StorageError {
    move |source| StorageError::Backend { doing, source: Box::new(source) }
}

fn corrupt(what: impl Into<String>, why: impl fmt::Display) -> StorageError {
    StorageError::Corrupt { what: what.into(), why: why.to_string() }
}

impl PostgresStorage {
    /// Connects, and makes or migrates the tables.
    ///
    /// # Errors
    /// [`StorageError::Backend`] when the address is wrong, the server does not answer or has no
    /// pgvector; [`StorageError::NewerSchema`]; [`StorageError::Corrupt`] when the schema holds
    /// another program's tables.
    pub fn open(config: PostgresConfig) -> Result<Self, StorageError> {
        let PostgresConfig { url, schema, n_connections, root_certificates } = config;
        let refuse = |why: String| StorageError::Backend {
            doing: "read the configuration",
            source: why.into(),
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !begins || schema.len() > 63 || !schema.chars().all(fits) || schema.starts_with("pg_") {
            return Err(refuse(format!(
                "{schema:?} is no name for a schema; take up to 63 lower-case letters, digits and \
                 underscores, not beginning with a digit or pg_"
            )));
        }
        let mut config: Config = url.parse().map_err(failed("read the database's address"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_application_name().is_none() {
            config.application_name("momentum-memory");
        }
        config.tcp_user_timeout(Duration::from_secs(60));
        let encryption = match config.get_ssl_mode() {
            SslMode::Require => Some(Encryption::new(root_certificates.as_deref())?),
            _ => None,
        };
        let pool = Pool::new(config, encryption, schema, n_connections);
        // The first connection says what is wrong now, not at the first call.
        drop(pool.session()?);
        Ok(PostgresStorage { pool, weights: Weights::default() })
    }

    /// Sets how much what stands around a hit counts in searches.
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// Removes the schema with all that is in it, for good. For tests, and for who moves out.
    ///
    /// # Errors
    /// [`StorageError::Backend`].
    pub fn remove(self) -> Result<(), StorageError> {
        // No statement that drops takes bound parameters; the name was checked when it came in.
        let sql = format!("DROP SCHEMA {} CASCADE", self.pool.schema());
        self.write(|open| open.script("remove the schema", &sql))
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage").field("place", &self.pool.place()).finish_non_exhaustive()
    }
}

impl Storage for PostgresStorage {
    fn create_agent(&self, agent: &AgentId, at: Timestamp) -> Result<(), StorageError> {
        self.write(|open| open.create_agent(agent, at))
    }

    fn agent(&self, agent: &AgentId) -> Result<Option<AgentRecord>, StorageError> {
        self.read(|open| Ok(open.records(Some(agent))?.pop()))
    }

    fn agents(&self) -> Result<Vec<AgentRecord>, StorageError> {
        self.read(|open| open.records(None))
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
        self.write(|open| open.detach_block(agent, block))
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
