//! What can go wrong with an agent file.

use std::io;

use serde::de::DeserializeOwned;

use crate::storage::StorageError;

/// Why an agent file could not be read, written or brought into a storage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentFileError {
    /// The file cannot be read.
    #[error("the agent file {file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("the agent file {file} cannot be written: {source}. Does its folder exist?")]
    Unwritable {
        /// The file.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// The file is larger than we read.
    #[error("the agent file {file} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is no agent file.
    #[error("{file}{place}: no agent file: {problem}. Export the agent again.")]
    Malformed {
        /// The file.
        file: String,
        /// `:line:column`, or nothing where that is not known.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The file was written by a later version.
    #[error(
        "{file} is an agent file of format {found}; this program knows format {known}. Update momentum."
    )]
    Version {
        /// The file.
        file: String,
        /// The version that it names.
        found: u64,
        /// The version that we know.
        known: u64,
    },
    /// A Letta file with no agent or more than one.
    #[error("{file} holds {n_agents} agents; read it with `LettaImport` and choose one")]
    SeveralAgents {
        /// The file.
        file: String,
        /// How many.
        n_agents: usize,
    },
    /// The storage refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// JSON as a type, with the place and the path of what does not fit.
pub(super) fn parse<T: DeserializeOwned>(text: &str, name: &str) -> Result<T, AgentFileError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let malformed = |path: String, error: &serde_json::Error| {
        let text = error.to_string();
        let problem = text.split(" at line ").next().unwrap_or(&text);
        AgentFileError::Malformed {
            file: name.to_owned(),
            place: format!(":{}:{}", error.line(), error.column()),
            problem: if path.is_empty() || path == "." || path == "?" {
                problem.to_owned()
            } else {
                format!("{path}: {problem}")
            },
        }
    };
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| malformed(error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| malformed(String::new(), &error))?;
    Ok(value)
}
