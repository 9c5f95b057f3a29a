//! An agent as one file: blocks with their history, messages, passages, facts, the names of tools.
//!
//! The file is JSON with a version. It is made from any [`Storage`] and brings the agent into any
//! other. Letta's agent files (`.af`) are read as far as they map, with a [`Report`] of what did
//! not. No file holds a key, and no code: tools are given again by the program that opens the
//! agent.
//!
//! ```
//! use momentum_memory::agent_file::AgentFile;
//! use momentum_memory::message::Message;
//! use momentum_memory::storage::{AgentId, MemoryStorage, NewMessage, Storage, Timestamp};
//!
//! let (here, there) = (MemoryStorage::new(), MemoryStorage::new());
//! let sara = AgentId::new("sara");
//! here.create_agent(&sara, Timestamp::default())?;
//! here.append_messages(&sara, &[NewMessage::new(Message::user("Hello"), Timestamp::default())])?;
//!
//! let file = AgentFile::export(&here, &sara)?;
//! let report = AgentFile::from_json(&file.to_json(), "sara.agent.json")?.import(&there, &sara)?;
//! assert!(report.is_empty());
//! assert_eq!(AgentFile::export(&there, &sara)?, file);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod letta;
mod report;
mod transfer;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::error::AgentFileError;
pub use self::letta::LettaImport;
pub use self::report::{Note, Report};
pub(crate) use self::transfer::{file_message, imported};
#[cfg(doc)]
use crate::storage::Storage;
use crate::storage::Timestamp;
use crate::{message, replacement};

/// The version of the format.
const FORMAT: u64 = 1;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// An agent as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// The version of the format, 1.
    momentum_agent: u64,
    /// The agent's name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its instructions, where the file knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The name of the model that it used, where the file knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Core memory.
    pub blocks: Vec<FileBlock>,
    /// Recall storage, oldest first.
    pub messages: Vec<FileMessage>,
    /// Archival storage, oldest first.
    pub passages: Vec<FilePassage>,
    /// Facts with the time in which they held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FileFact>,
    /// The tools that it had besides the built-in ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<FileTool>,
    /// What the agent keeps of itself, such as the state of its queue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, String>,
}

/// A core memory block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileBlock {
    /// The name by which the agent edits it.
    pub label: String,
    /// What belongs there.
    pub description: String,
    /// The largest number of characters.
    pub limit: usize,
    /// Whether no agent may edit it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Whether this agent may only read it, though others may write.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_access_only: bool,
    /// Whether another agent had it too. On import it becomes this agent's own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// Its values, oldest first, the last of which is the one now. There is at least one.
    pub history: Vec<FileEdit>,
}

/// A value that a block had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEdit {
    /// The value.
    pub value: String,
    /// Who wrote it: `agent:NAME`, `person:NAME` or `program:NAME`.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The version, from 1, that it brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMessage {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: FileRole,
    /// Its text.
    pub text: String,
    /// The tool calls in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<FileCall>,
    /// The id of the call that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// When it was said.
    pub at: Timestamp,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the same as in `Role`")]
pub enum FileRole {
    System,
    User,
    Assistant,
    Tool,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCall {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
}

/// A passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePassage {
    /// The text.
    pub text: String,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was written down.
    pub at: Timestamp,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFact {
    /// Whom it is about.
    pub subject: String,
    /// What of them.
    pub attribute: String,
    /// The value.
    pub value: String,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when it held, if it does no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it was written down.
    pub at: Timestamp,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A tool: only what a reader needs to give the agent its like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTool {
    /// The name.
    pub name: String,
    /// What it does.
    pub description: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Only the version, to be read before anything else.
#[derive(Deserialize)]
struct Version {
    momentum_agent: u64,
}

impl AgentFile {
    /// An agent of this name with nothing in it.
    pub fn new(name: &str, created: Timestamp) -> Self {
        AgentFile {
            momentum_agent: FORMAT,
            name: name.to_owned(),
            created,
            instructions: None,
            model: None,
            blocks: Vec::new(),
            messages: Vec::new(),
            passages: Vec::new(),
            facts: Vec::new(),
            tools: Vec::new(),
            state: BTreeMap::new(),
        }
    }

    /// The agent in a file: one of ours, or one of Letta's (`.af`) that holds one agent. The
    /// report says what of it did not map.
    ///
    /// # Errors
    /// [`AgentFileError`] when it is none of these.
    pub fn read(path: impl AsRef<Path>) -> Result<(Self, Report), AgentFileError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let unreadable = |source| AgentFileError::Unreadable { file: file.clone(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            return Err(AgentFileError::TooLarge { file, limit: LARGEST });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        if serde_json::from_str::<Version>(&text).is_ok() {
            return Ok((Self::from_json(&text, &file)?, Report::default()));
        }
        let mut import = LettaImport::from_json(&text, &file)?;
        let n_agents = import.agents.len();
        match import.agents.pop() {
            Some(agent) if n_agents == 1 => Ok((agent, import.report)),
            _ => Err(AgentFileError::SeveralAgents { file, n_agents }),
        }
    }

    /// The agent in a text of our format; `name` is what errors call it.
    ///
    /// # Errors
    /// [`AgentFileError`] when it is no agent file of a version that we know.
    pub fn from_json(text: &str, name: &str) -> Result<Self, AgentFileError> {
        let version: Version = error::parse(text, name)?;
        if version.momentum_agent != FORMAT {
            let (found, known) = (version.momentum_agent, FORMAT);
            return Err(AgentFileError::Version { file: name.to_owned(), found, known });
        }
        let agent: AgentFile = error::parse(text, name)?;
        match agent.blocks.iter().find(|block| block.history.is_empty()) {
            Some(block) => Err(AgentFileError::Malformed {
                file: name.to_owned(),
                place: String::new(),
                problem: format!("the block `{}` has no value in its `history`", block.label),
            }),
            None => Ok(agent),
        }
    }

    /// The agent as text: indented JSON. The same agent gives the same text.
    pub fn to_json(&self) -> String {
        // Plain data with text for keys: there is nothing in it that JSON cannot express.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Writes the agent to a file, which is replaced whole or not at all.
    ///
    /// # Errors
    /// [`AgentFileError`] when the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), AgentFileError> {
        let path = path.as_ref();
        replacement::write(path, self.to_json().as_bytes()).map_err(|source| {
            AgentFileError::Unwritable { file: path.display().to_string(), source }
        })
    }
}

impl From<message::Role> for FileRole {
    fn from(role: message::Role) -> Self {
        match role {
            message::Role::System => FileRole::System,
            message::Role::User => FileRole::User,
            message::Role::Assistant => FileRole::Assistant,
            message::Role::Tool => FileRole::Tool,
        }
    }
}

impl From<FileRole> for message::Role {
    fn from(role: FileRole) -> Self {
        match role {
            FileRole::System => message::Role::System,
            FileRole::User => message::Role::User,
            FileRole::Assistant => message::Role::Assistant,
            FileRole::Tool => message::Role::Tool,
        }
    }
}

#[cfg(test)]
mod tests;
