//! External context: where an agent's messages, passages, blocks and facts are kept.
//!
//! MemGPT (arXiv 2310.08560, section 2.3) keeps what does not fit into the prompt in two stores.
//! **Recall storage** holds every message ever, **archival storage** holds passages of any text.
//! Here the core memory blocks are kept too, with the history of their edits, and facts with the
//! time in which they held.
//!
//! [`MemoryStorage`] lasts as long as the process, [`SqliteStorage`] is one file. With the feature
//! `postgres` there is `PostgresStorage`, for several machines on the same agents. All of them
//! search with the same index and the same ranking ([`Weights`]).
//!
//! [`Storage`] is one synchronous trait. Async code calls it on a blocking thread
//! (`tokio::task::spawn_blocking`). No implementation reads a clock: each write is told its time.
//!
//! ```
//! use momentum_memory::message::Message;
//! use momentum_memory::storage::{
//!     AgentId, MemoryStorage, NewMessage, PageRequest, Search, Storage, Timestamp,
//! };
//!
//! let storage = MemoryStorage::new();
//! let sara = AgentId::new("sara");
//! let monday = Timestamp::parse("2026-11-23T09:00:00Z")?;
//! storage.create_agent(&sara, monday)?;
//! storage.append_messages(
//!     &sara,
//!     &[
//!         NewMessage::new(Message::user("We adopted a dog and called him Pixel."), monday),
//!         NewMessage::new(Message::assistant("Congratulations!"), monday),
//!     ],
//! )?;
//!
//! let page = storage.search_messages(&sara, &Search::ranked("adopting dogs"))?;
//! assert_eq!(page.items[0].item.message.text, "We adopted a dog and called him Pixel.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agent;
mod block;
#[cfg(test)]
mod conformance;
pub(crate) mod embedding;
mod encoding;
mod error;
mod fact;
mod in_memory;
mod meaning;
mod message;
mod passage;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod session;
mod sqlite;
mod time;
mod vector;

use std::fmt;

pub use self::agent::{AgentId, AgentRecord};
pub use self::block::{
    Access, AttachedBlock, Author, BlockConflict, BlockEdit, BlockId, EditRequest, NewBlock,
    StoredBlock,
};
pub use self::embedding::embed_missing;
pub use self::error::StorageError;
pub(crate) use self::fact::same_text;
pub use self::fact::{Fact, FactId, FactOutcome, FactQuery, NewFact, Values};
pub use self::in_memory::MemoryStorage;
pub use self::meaning::{Embedder, SearchByMeaning};
pub use self::message::{MessageFilter, NewMessage, StoredMessage};
pub use self::passage::{NewPassage, Passage, PassageFilter, PassageId};
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresConfig, PostgresStorage};
pub use self::query::{Collection, Hit, Match, Page, PageRequest, QueryVector, Search};
pub use self::sqlite::{Durability, SqliteStorage};
pub use self::time::{Timestamp, TimestampError};
pub(crate) use self::vector::{dot, unit};
pub use crate::retrieval::ranking::Weights;

/// A place to keep agents. Each method is one transaction: it happens as a whole or not at all,
/// and what it returned `Ok` for is still there after a crash (where the implementation keeps
/// anything beyond the process).
///
/// All methods take `&self` and may be called from several threads at once, and where the
/// implementation allows it (see its page) from several processes.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Creates an agent without messages, passages and blocks.
    ///
    /// # Errors
    /// [`StorageError::AgentExists`].
    fn create_agent(&self, agent: &AgentId, at: Timestamp) -> Result<(), StorageError>;

    /// What is known of an agent, or [`None`] when there is none of this id.
    ///
    /// # Errors
    /// What the backend says.
    fn agent(&self, agent: &AgentId) -> Result<Option<AgentRecord>, StorageError>;

    /// All agents, in the order of their ids.
    ///
    /// # Errors
    /// What the backend says.
    fn agents(&self) -> Result<Vec<AgentRecord>, StorageError>;

    /// Deletes an agent with its messages, passages, facts and state. Blocks that no other agent
    /// has attached go with it.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn delete_agent(&self, agent: &AgentId) -> Result<(), StorageError>;

    /// A text kept for the agent under a key, such as the state of its queue.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn state(&self, agent: &AgentId, key: &str) -> Result<Option<String>, StorageError>;

    /// Keeps a text for the agent under a key, in the place of the one before.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn set_state(&self, agent: &AgentId, key: &str, value: &str) -> Result<(), StorageError>;

    /// Keeps a text for the agent under a key if the one before is the expected one ([`None`] for
    /// none), and says whether it was. So that several processes can change it and none loses what
    /// another wrote: read, change, replace, and begin again when that was too late.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn replace_state(
        &self,
        agent: &AgentId,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, StorageError>;

    /// Appends messages to recall storage and returns the position of the first. Positions count
    /// from 0 without gaps in each agent.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn append_messages(
        &self,
        agent: &AgentId,
        messages: &[NewMessage],
    ) -> Result<u64, StorageError>;

    /// The messages that fit the filter, oldest first.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn messages(
        &self,
        agent: &AgentId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StorageError>;

    /// Searches recall storage, best first.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`]; [`StorageError::Dimension`] when the query's vector does not fit
    /// the kept ones.
    fn search_messages(
        &self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError>;

    /// Puts passages into archival storage and returns their ids, in order.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn insert_passages(
        &self,
        agent: &AgentId,
        passages: &[NewPassage],
    ) -> Result<Vec<PassageId>, StorageError>;

    /// The passages that fit the filter, in the order in which they were inserted.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn passages(
        &self,
        agent: &AgentId,
        filter: &PassageFilter,
        page: PageRequest,
    ) -> Result<Page<Passage>, StorageError>;

    /// Deletes a passage for good.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::NoPassage`].
    fn delete_passage(&self, agent: &AgentId, passage: PassageId) -> Result<(), StorageError>;

    /// Searches archival storage, best first.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`]; [`StorageError::Dimension`] when the query's vector does not fit
    /// the kept ones.
    fn search_passages(
        &self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError>;

    /// Keeps vectors of messages (by position) or passages (by id), made by the embedding model of
    /// this name. A vector that is there already is replaced. All vectors of one model in one
    /// collection have the same length.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::Dimension`], [`StorageError::NoItem`].
    fn set_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError>;

    /// The first `limit` messages or passages that have no vector of this model yet, as position
    /// or id and text, oldest first.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn without_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StorageError>;

    /// Creates a block and attaches it to the agent, which may write it unless it is read-only.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::LabelTaken`].
    fn create_block(
        &self,
        agent: &AgentId,
        block: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError>;

    /// Attaches a block of another agent, so that both share it. Attaching again changes the
    /// access.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::NoBlock`], [`StorageError::LabelTaken`].
    fn attach_block(
        &self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError>;

    /// Takes a block away from an agent. The block and its history stay.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`], [`StorageError::NoBlock`] when it is not attached.
    fn detach_block(&self, agent: &AgentId, block: BlockId) -> Result<(), StorageError>;

    /// The agent's blocks, in the order in which they were attached.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn blocks(&self, agent: &AgentId) -> Result<Vec<AttachedBlock>, StorageError>;

    /// The block as it is now.
    ///
    /// # Errors
    /// [`StorageError::NoBlock`].
    fn block(&self, block: BlockId) -> Result<StoredBlock, StorageError>;

    /// Replaces a block's value if its version still is the expected one (optimistic concurrency),
    /// and keeps what stood there in its history.
    ///
    /// # Errors
    /// [`StorageError::NoBlock`]; [`StorageError::Conflict`] with the block as it is now, when
    /// someone else edited it first; [`StorageError::NoRight`] when the author is an agent that
    /// may not write it.
    fn edit_block(&self, edit: &EditRequest<'_>) -> Result<StoredBlock, StorageError>;

    /// The edits of a block, the newest first. The last one is its creation.
    ///
    /// # Errors
    /// [`StorageError::NoBlock`].
    fn block_history(
        &self,
        block: BlockId,
        page: PageRequest,
    ) -> Result<Page<BlockEdit>, StorageError>;

    /// Gives a block the value that it had in an earlier version. That is an edit like any other,
    /// and stands in the history.
    ///
    /// # Errors
    /// As [`edit_block`](Storage::edit_block); [`StorageError::NoVersion`].
    fn restore_block(
        &self,
        block: BlockId,
        version: u64,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError>;

    /// Undoes the newest edit that is not undone yet. Called again, it undoes the one before.
    ///
    /// # Errors
    /// As [`restore_block`](Storage::restore_block); [`StorageError::NothingToUndo`].
    fn undo_block(
        &self,
        block: BlockId,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        let edit_of = |version: u64| -> Result<BlockEdit, StorageError> {
            let offset = self.block(block)?.version.saturating_sub(version);
            let page = self.block_history(block, PageRequest::new(offset, 1))?;
            let edit = page.items.into_iter().next();
            edit.filter(|edit| edit.version == version)
                .ok_or(StorageError::NoVersion { block, version })
        };
        let newest = edit_of(expected_version)?;
        let undone = newest.restores.unwrap_or(newest.version);
        if undone <= 1 {
            return Err(StorageError::NothingToUndo { block });
        }
        let before = edit_of(undone - 1)?;
        let target = before.restores.unwrap_or(before.version);
        self.restore_block(block, target, expected_version, by, at)
    }

    /// Writes a fact down. Whether it is new, known, a change of an older one or in contradiction
    /// with one is found out in the same transaction.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn record_fact(&self, agent: &AgentId, fact: &NewFact) -> Result<FactOutcome, StorageError>;

    /// The facts that fit the query, by subject, attribute and the time from which they hold.
    ///
    /// # Errors
    /// [`StorageError::NoAgent`].
    fn facts(
        &self,
        agent: &AgentId,
        query: &FactQuery,
        page: PageRequest,
    ) -> Result<Page<Fact>, StorageError>;
}
