//! What the kernel asks the analyst, and what it answers: one JSON object a line.

use serde::{Deserialize, Serialize};

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Matter {
    /// What can be typed at the place.
    Complete,
    /// What the name at the place is.
    Inspect,
}

/// A question about a place in a source text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Question {
    /// Comes back with the answer.
    pub(super) number: u64,
    pub(super) matter: Matter,
    /// The session and the cell as one source file.
    pub(super) text: String,
    /// The place: a byte offset.
    pub(super) offset: usize,
}

/// The answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) number: u64,
    /// Byte offsets of what a completion replaces.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Best first.
    pub(super) matches: Vec<Match>,
    /// Documentation and type in Markdown, if there is something at the place.
    pub(super) documentation: Option<String>,
}

/// One completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Match {
    pub(super) text: String,
    pub(super) kind: String,
    pub(super) signature: String,
}
