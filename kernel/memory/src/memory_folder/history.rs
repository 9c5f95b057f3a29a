//! Changes, as they stand in the log: one JSON object a line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::storage::{Author, Timestamp};

/// One change of a memory folder, which may touch several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The version that it made, from 1.
    pub version: u64,
    /// What was done: a command's name, `edit from outside`, `undo`, or `revert to version N`.
    pub command: String,
    /// Who did it.
    pub by: Author,
    /// When.
    pub at: Timestamp,
    /// The version whose files this one has, for an undo or a revert.
    pub restores: Option<u64>,
    /// The files, in order.
    pub files: Vec<FileChange>,
}

/// What happened to one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// The path.
    pub path: String,
    /// The SHA-256 of what stood there before, in hex digits; none for a new file.
    pub before: Option<String>,
    /// The SHA-256 of what stands there now; none for a deleted file.
    pub after: Option<String>,
}

/// In one line, without the time: `3. str_replace by agent sara: changed people/sara.md`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {} by {}:", self.version, self.command, self.by)?;
        for (i, file) in self.files.iter().enumerate() {
            let what = match (&file.before, &file.after) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            write!(f, "{} {what} {}", if i == 0 { "" } else { "," }, file.path)?;
        }
        Ok(())
    }
}

/// A change as a line of the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    version: u64,
    command: String,
    by: String,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restores: Option<u64>,
    files: Vec<FileChange>,
}

pub(super) fn encode(change: &Change) -> String {
    let Change { version, command, by, at, restores, files } = change.clone();
    let line = Line { version, command, by: by.to_text(), at, restores, files };
    // Plain data: there is nothing in it that JSON cannot express.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

/// # Errors
/// What is wrong, in words.
pub(super) fn decode(text: &str, version: u64) -> Result<Change, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Line { version: found, command, by, at, restores, files } = line;
    if found != version {
        return Err(format!("version {version} was expected, and version {found} stands there"));
    }
    if restores.is_some_and(|restored| restored >= version) {
        return Err("it restores a version that is not before it".to_owned());
    }
    let by = Author::from_text(&by).map_err(|error| error.to_string())?;
    let is_hash = |hash: &String| {
        hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !files.iter().flat_map(|file| file.before.iter().chain(&file.after)).all(is_hash) {
        return Err("a hash is not 64 hex digits".to_owned());
    }
    Ok(Change { version, command, by, at, restores, files })
}
