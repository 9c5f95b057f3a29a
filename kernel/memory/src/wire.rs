//! The chat-completions format: our plain types to JSON and back.
//!
//! Pure functions of data. A reply is read **leniently**: only what we need must be there, since
//! providers leave out `created` and `object`, invent `service_tier`s, spread one answer over
//! several choices, and send `arguments` as an object where text is due. A request is read
//! strictly, since [`tutor`](crate::tutor) serves it and a learner wants to know what is wrong with
//! theirs.

mod chunks;
mod embeddings;
mod reply;
mod request;
mod responses;

use serde_json::Value;

pub use self::chunks::{ReplyAssembler, encode_chunks};
pub use self::embeddings::{decode_embeddings, encode_embedding_request};
pub use self::reply::{decode_reply, encode_reply};
pub(crate) use self::request::encode_tool;
pub use self::request::{decode_request, encode_request, encode_streamed_request};

/// What is wrong with a JSON body: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A value is missing or has the wrong type.
    #[error("`{path}`: expected {expected}, got {got}")]
    Unexpected {
        /// Where, as a path.
        path: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// The reply holds no answer at all.
    #[error("`choices` is empty: the model gave no answer")]
    NoChoice,
    /// The reply reports a failure, though its HTTP status says success.
    #[error("the endpoint reports an error instead: {message}")]
    Reported {
        /// What it says.
        message: String,
    },
    /// More tool calls in one reply than any model means.
    #[error("the reply asks for more than {limit} tool calls")]
    TooManyCalls {
        /// The most that are read.
        limit: usize,
    },
}

fn unexpected(path: impl Into<String>, expected: &'static str, got: Option<&Value>) -> WireError {
    let got = match got {
        None => "nothing".to_owned(),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::String(text)) if text.len() > 40 => "a long string".to_owned(),
        Some(value) => value.to_string(),
    };
    WireError::Unexpected { path: path.into(), expected, got }
}

/// Content is a string, or parts of which we read those with text, or nothing.
fn decode_content(content: Option<&Value>) -> Option<String> {
    match content? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
