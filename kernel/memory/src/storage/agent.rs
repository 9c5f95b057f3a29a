//! Whose memory it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The name of an agent, chosen by whoever creates it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentId(String);

impl AgentId {
    /// An id. Any text will do.
    pub fn new(id: impl Into<String>) -> Self {
        AgentId(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a storage knows of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    /// Its id.
    pub id: AgentId,
    /// When it was created.
    pub created: Timestamp,
    /// The number of messages in recall storage, which is also the position of the next one.
    pub n_messages: u64,
    /// The number of passages in archival storage.
    pub n_passages: u64,
}
