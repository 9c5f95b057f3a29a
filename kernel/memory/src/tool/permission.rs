//! What a tool may touch.

use std::collections::BTreeSet;
use std::fmt;

/// Something of an agent's that a tool may touch. A tool has what it declares and nothing else.
///
/// This guards the agent's own memory, which a tool reaches only through the handle it is given. It
/// is no sandbox: what else a plain Rust function does is up to whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// Read the blocks of core memory.
    ReadBlocks,
    /// Edit the blocks of core memory that are not read-only.
    WriteBlocks,
    /// Search recall storage.
    SearchConversation,
    /// Search archival storage.
    SearchArchive,
    /// Insert into archival storage.
    WriteArchive,
    /// Read facts.
    ReadFacts,
    /// Write facts down.
    WriteFacts,
    /// Send messages to other agents.
    MessageAgents,
}

const ALL: [Permission; 8] = [
    Permission::ReadBlocks,
    Permission::WriteBlocks,
    Permission::SearchConversation,
    Permission::SearchArchive,
    Permission::WriteArchive,
    Permission::ReadFacts,
    Permission::WriteFacts,
    Permission::MessageAgents,
];

/// The permission as it is told: "may not" and this.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Permission::ReadBlocks => "read core memory",
            Permission::WriteBlocks => "edit core memory",
            Permission::SearchConversation => "search the conversation",
            Permission::SearchArchive => "search archival memory",
            Permission::WriteArchive => "insert into archival memory",
            Permission::ReadFacts => "read facts",
            Permission::WriteFacts => "write facts down",
            Permission::MessageAgents => "send messages to other agents",
        })
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// No permission.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every permission.
    pub fn all() -> Self {
        Permissions(ALL.into())
    }

    /// Every permission but this one.
    pub fn without(mut self, permission: Permission) -> Self {
        self.0.remove(&permission);
        self
    }

    /// Whether this permission is in the set.
    pub fn contains(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// The first permission of this set that is not in `granted`.
    pub fn first_beyond(&self, granted: &Permissions) -> Option<Permission> {
        self.0.difference(&granted.0).next().copied()
    }
}

impl<const N: usize> From<[Permission; N]> for Permissions {
    fn from(permissions: [Permission; N]) -> Self {
        Permissions(permissions.into())
    }
}
