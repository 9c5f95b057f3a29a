//! Why a storage did not do what it was asked.

use std::error::Error;

use super::{AgentId, BlockConflict, BlockId, PassageId};

/// Why a storage did not do what it was asked. Nothing of the call has happened then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is no agent of this id.
    #[error("there is no agent `{agent}` in this storage; create it first")]
    NoAgent {
        /// The id.
        agent: AgentId,
    },
    /// There is an agent of this id already.
    #[error("there is already an agent `{agent}` in this storage; open it, or choose another id")]
    AgentExists {
        /// The id.
        agent: AgentId,
    },
    /// There is no such block, or it is not attached to the agent.
    #[error("there is no block {block} here; the agent's `blocks` lists those that it has")]
    NoBlock {
        /// The block.
        block: BlockId,
    },
    /// The agent has another block of this label.
    #[error("the agent `{agent}` has a block `{label}` already; labels are unique in an agent")]
    LabelTaken {
        /// The agent.
        agent: AgentId,
        /// The label.
        label: String,
    },
    /// Someone else edited the block first.
    #[error(transparent)]
    Conflict(Box<BlockConflict>),
    /// The agent may not write this block.
    #[error(
        "the agent `{agent}` may not write the block `{label}`: it is read-only, or not attached \
         to this agent with the right to write"
    )]
    NoRight {
        /// The agent.
        agent: AgentId,
        /// The block's label.
        label: String,
    },
    /// The block never had this version.
    #[error("the block {block} has no version {version}; `block_history` lists its versions")]
    NoVersion {
        /// The block.
        block: BlockId,
        /// The version.
        version: u64,
    },
    /// All edits of the block are undone.
    #[error("the block {block} has its first value; there is no edit left to undo")]
    NothingToUndo {
        /// The block.
        block: BlockId,
    },
    /// There is no such passage.
    #[error("there is no passage {passage} in archival storage; it may have been deleted")]
    NoPassage {
        /// The passage.
        passage: PassageId,
    },
    /// A vector was given for a message or passage that is not there.
    #[error("there is no message or passage {id} to keep a vector of")]
    NoItem {
        /// The position of the message, or the passage's id.
        id: u64,
    },
    /// A vector has another length than those of the same model.
    #[error(
        "a vector of the model `{model}` has {found} numbers, and those kept have {expected}; use \
         another model name for another kind of vector"
    )]
    Dimension {
        /// The model.
        model: String,
        /// The length of the kept vectors.
        expected: usize,
        /// The length of this one.
        found: usize,
    },
    /// The storage was written by a newer version of this program.
    #[error(
        "{place}: its schema has version {found}, and this program knows versions up to {known}; \
         use a newer momentum-memory"
    )]
    NewerSchema {
        /// Which storage.
        place: String,
        /// Its version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// What stands in the storage cannot be understood.
    #[error("{what} in the storage cannot be read: {why}")]
    Corrupt {
        /// Which part.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// The backend failed.
    #[error("the storage failed to {doing}")]
    Backend {
        /// What was to be done.
        doing: &'static str,
        /// What the backend says.
        source: Box<dyn Error + Send + Sync>,
    },
}
