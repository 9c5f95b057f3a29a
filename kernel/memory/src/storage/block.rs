//! Core memory blocks with versions and the history of their edits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AgentId, StorageError, Timestamp};

/// The number of a block, unique in a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockId(pub u64);

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A block on its way into a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlock {
    /// The name by which agents edit it.
    pub label: String,
    /// What belongs there.
    pub description: String,
    /// What stands there.
    pub value: String,
    /// The largest number of characters, for agents to keep.
    pub limit: usize,
    /// Whether no agent may edit it.
    pub read_only: bool,
}

/// A block as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its number.
    pub id: BlockId,
    /// The name by which agents edit it.
    pub label: String,
    /// What belongs there.
    pub description: String,
    /// What stands there.
    pub value: String,
    /// The largest number of characters, for agents to keep.
    pub limit: usize,
    /// Whether no agent may edit it.
    pub read_only: bool,
    /// 1 when created, one more with each edit.
    pub version: u64,
}

/// Whether an agent may only see a block, or write it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It sees the block.
    Read,
    /// It sees and edits the block.
    Write,
}

/// A block of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedBlock {
    /// The block.
    pub block: StoredBlock,
    /// What this agent may do with it.
    pub access: Access,
    /// Whether other agents have it too.
    pub shared: bool,
}

impl AttachedBlock {
    /// Whether this agent may edit the block.
    pub fn is_writable(&self) -> bool {
        self.access == Access::Write && !self.block.read_only
    }
}

/// Who edited a block. The right to write is asked of agents only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// An agent.
    Agent(AgentId),
    /// A person, by name.
    Person(String),
    /// A program, by name, such as an import.
    Program(String),
}

impl Author {
    /// The author as one text: `agent:`, `person:` or `program:` and the name.
    pub fn to_text(&self) -> String {
        match self {
            Author::Agent(agent) => format!("agent:{agent}"),
            Author::Person(name) => format!("person:{name}"),
            Author::Program(name) => format!("program:{name}"),
        }
    }

    /// The author from [`to_text`](Author::to_text).
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] for any other text.
    pub fn from_text(text: &str) -> Result<Self, StorageError> {
        match text.split_once(':') {
            Some(("agent", name)) => Ok(Author::Agent(AgentId::new(name))),
            Some(("person", name)) => Ok(Author::Person(name.to_owned())),
            Some(("program", name)) => Ok(Author::Program(name.to_owned())),
            _ => Err(StorageError::Corrupt {
                what: "the author of an edit".to_owned(),
                why: format!("{text:?} begins with none of agent:, person:, program:"),
            }),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Author::Agent(agent) => write!(f, "agent {agent}"),
            Author::Person(name) => f.write_str(name),
            Author::Program(name) => write!(f, "program {name}"),
        }
    }
}

/// An edit of a block.
#[derive(Debug, Clone)]
pub struct EditRequest<'a> {
    /// The block.
    pub block: BlockId,
    /// The version that the author saw.
    pub expected_version: u64,
    /// The new value.
    pub value: &'a str,
    /// Who edits.
    pub by: &'a Author,
    /// When.
    pub at: Timestamp,
}

/// An entry of a block's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEdit {
    /// The version that the edit made.
    pub version: u64,
    /// Who.
    pub by: Author,
    /// When.
    pub at: Timestamp,
    /// What stood there before; [`None`] for the block's creation.
    pub before: Option<String>,
    /// What stood there afterwards.
    pub after: String,
    /// For an undo or a return to an earlier value: the version that had it.
    pub restores: Option<u64>,
}

/// Someone else edited the block first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the block `{}` was edited meanwhile: version {expected} was expected, and it has version {}; \
     read it again, and make the edit to what stands there now",
    found.label, found.version
)]
pub struct BlockConflict {
    /// The version that the author saw.
    pub expected: u64,
    /// The block as it is now.
    pub found: StoredBlock,
}
