//! Recall storage's records.

use super::Timestamp;
use crate::message::{Message, Role};

/// A message on its way into recall storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// What was said.
    pub message: Message,
    /// When.
    pub at: Timestamp,
}

impl NewMessage {
    /// This message, said at this time.
    pub fn new(message: Message, at: Timestamp) -> Self {
        NewMessage { message, at }
    }
}

/// A message in recall storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place in the agent's history, from 0.
    pub position: u64,
    /// What was said.
    pub message: Message,
    /// When.
    pub at: Timestamp,
}

/// Which messages are meant. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only those of these roles; empty for all.
    pub roles: Vec<Role>,
    /// Only those said at this time or later.
    pub from: Option<Timestamp>,
    /// Only those said before this time.
    pub until: Option<Timestamp>,
    /// Only those at this position or behind it.
    pub from_position: Option<u64>,
    /// Only those before this position.
    pub until_position: Option<u64>,
}

impl MessageFilter {
    /// Whether a message is meant.
    pub fn fits(&self, message: &StoredMessage) -> bool {
        (self.roles.is_empty() || self.roles.contains(&message.message.role))
            && self.from.is_none_or(|from| message.at >= from)
            && self.until.is_none_or(|until| message.at < until)
            && self.from_position.is_none_or(|from| message.position >= from)
            && self.until_position.is_none_or(|until| message.position < until)
    }

    /// Whether all messages are meant, or all of some roles.
    pub(crate) fn is_of_roles_only(&self) -> bool {
        MessageFilter { roles: Vec::new(), ..self.clone() }.is_empty()
    }

    /// Whether all messages are meant.
    pub fn is_empty(&self) -> bool {
        *self == MessageFilter::default()
    }
}
