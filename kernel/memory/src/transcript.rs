//! Record and replay: what went to a model and what came back, as a file.
//!
//! A transcript is recorded at the HTTP boundary, below the library that speaks to the endpoint, so
//! that on replay all our code runs and only the network is missing. Whoever has a model records a
//! lesson once; everyone else replays it, offline and exactly. The file is YAML: readable,
//! diffable, versioned. It holds no header, no key, no address and no time.
//!
//! Requests are compared as values. A request that differs from what was recorded is an error that
//! shows the difference. What was repeated on the way (a 429, say) is not recorded, only its end.
//!
//! ```
//! use momentum_memory::prelude::*;
//! use momentum_memory::transcript::Transcript;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("lesson.yaml");
//!
//! // Once, with a model. Here it is the rule-based one.
//! let client = Client::tutor()?.recording_to(&file)?;
//! let recorded = client.chat(&[Message::user("I live in Lyon. Where do I live?")], &[])?;
//!
//! // Ever after, without.
//! let client = Client::replay(&file)?;
//! assert_eq!(client.chat(&[Message::user("I live in Lyon. Where do I live?")], &[])?, recorded);
//!
//! // The same file as data.
//! assert_eq!(Transcript::read(&file)?.steps().len(), 1);
//! # Ok::<(), ClientError>(())
//! ```

mod compact;
mod error;
mod file;
mod replay;

use std::path::Path;

use serde_json::Value;

pub use self::error::TranscriptError;
pub use self::file::Recording;
pub(crate) use self::replay::{Recorder, Replayer};
use crate::replacement;

/// The largest transcript that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// A recorded conversation with one model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    model: String,
    steps: Vec<Exchange>,
}

/// A request and what came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The part of the address behind the base URL: `/chat/completions`, for instance.
    pub path: String,
    /// The request's body.
    pub request: Value,
    /// The HTTP status of the reply.
    pub status: u16,
    /// The reply's body.
    pub reply: Body,
}

/// The body of a reply.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// A JSON object or array.
    Json(Value),
    /// Server-sent events, as they came, with line feeds for line ends.
    Events(String),
    /// Any other text: a proxy's error page, for instance.
    Text(String),
}

impl Transcript {
    /// An empty transcript of a conversation with the model of this name.
    pub fn new(model: &str) -> Self {
        Transcript { model: model.to_owned(), steps: Vec::new() }
    }

    /// The name of the model that was asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The name of the embedding model that was asked, if any was.
    pub fn embedding_model(&self) -> Option<&str> {
        let asked = self.steps.iter().find(|step| step.path == "/embeddings");
        asked.and_then(|step| step.request["model"].as_str())
    }

    /// What was asked and answered, in order.
    pub fn steps(&self) -> &[Exchange] {
        &self.steps
    }

    /// Adds a step.
    pub fn push(&mut self, step: Exchange) {
        self.steps.push(step);
    }

    /// The transcript in a file.
    ///
    /// # Errors
    /// [`TranscriptError`] when the file cannot be read or is no transcript of a version that we
    /// know.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TranscriptError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let unreadable = |source| TranscriptError::Unreadable { file: name.clone(), source };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > LARGEST {
            return Err(TranscriptError::TooLarge { file: name, limit: LARGEST });
        }
        Self::from_yaml(&std::fs::read_to_string(path).map_err(unreadable)?, &name)
    }

    /// The transcript in a text; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, TranscriptError> {
        file::decode(text, name)
    }

    /// The transcript as text. The same transcript gives the same text.
    ///
    /// # Errors
    /// [`TranscriptError`] when YAML cannot express it.
    pub fn to_yaml(&self) -> Result<String, TranscriptError> {
        file::encode(self)
    }

    /// Writes the transcript to a file, which is replaced whole or not at all.
    ///
    /// # Errors
    /// [`TranscriptError`] when the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), TranscriptError> {
        let (path, text) = (path.as_ref(), self.to_yaml()?);
        replacement::write(path, text.as_bytes()).map_err(|source| TranscriptError::Unwritable {
            file: path.display().to_string(),
            source,
        })
    }
}

#[cfg(test)]
mod tests;
