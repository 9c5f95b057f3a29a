//! What can go wrong between us and a model, and what to do about it.

use std::time::Duration;

use crate::runtime::RuntimeError;
use crate::transcript::TranscriptError;
use crate::tutor::TutorError;
use crate::wire::WireError;

/// Why a model gave no reply. Each text says what to do. None holds the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// OpenAI's own address without a key.
    #[error(
        "no key: set OPENAI_API_KEY to your key, or unset OPENAI_BASE_URL as well to use the \
         rule-based tutor model."
    )]
    NoKey,
    /// An environment variable holds something that cannot be used.
    #[error("{variable} cannot be used: {problem}.")]
    Configuration {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// HTTP 401 or 403.
    #[error(
        "the endpoint refused the key ({status}): {message}. Check OPENAI_API_KEY, and that \
         OPENAI_BASE_URL belongs to the same provider."
    )]
    Unauthorised {
        /// The HTTP status.
        status: u16,
        /// What the endpoint said.
        message: String,
    },
    /// HTTP 404: no such model, or no such address.
    #[error(
        "the endpoint does not have the model `{model}`, or OPENAI_BASE_URL is not its address \
         (which mostly ends in /v1): {message}. Set MOMENTUM_MODEL to one of its models."
    )]
    ModelNotFound {
        /// The model asked for.
        model: String,
        /// What the endpoint said.
        message: String,
    },
    /// HTTP 429 until the last attempt, or with a longer pause than we wait.
    #[error(
        "the endpoint asks for fewer requests (429, attempts: {n_attempts}): {message}.{}",
        pause(.retry_after)
    )]
    RateLimited {
        /// How often we tried.
        n_attempts: u32,
        /// The pause that the endpoint asks for.
        retry_after: Option<Duration>,
        /// What the endpoint said.
        message: String,
    },
    /// HTTP 429 because nothing is left to spend.
    #[error("the account behind the key has nothing left to spend: {message}. Top it up.")]
    QuotaSpent {
        /// What the endpoint said.
        message: String,
    },
    /// Another 4xx: the request itself is at fault.
    #[error(
        "the endpoint refused the request ({status}): {message}. Does the model support what it \
         asks for (tools, for instance)?"
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the endpoint said.
        message: String,
    },
    /// 5xx until the last attempt.
    #[error(
        "the endpoint is out of order ({status}, attempts: {n_attempts}): {message}. Try again \
         later."
    )]
    Server {
        /// The HTTP status.
        status: u16,
        /// How often we tried.
        n_attempts: u32,
        /// What the endpoint said.
        message: String,
    },
    /// Nothing listens at the address, or its name is unknown.
    #[error("nothing answers at {address}. Is the server running, and is OPENAI_BASE_URL right?")]
    Unreachable {
        /// The base URL, or a name for it.
        address: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// No whole answer within the time limit.
    #[error(
        "no answer within {:.1} s. Try again, ask for less, or allow more time with \
         `ClientConfig::with_timeout`.", .after.as_secs_f64()
    )]
    Timeout {
        /// The time limit.
        after: Duration,
    },
    /// The connection broke in the middle, until the last attempt.
    #[error(
        "the connection broke before the answer was complete (attempts: {n_attempts}). Try again."
    )]
    Cut {
        /// How often we tried.
        n_attempts: u32,
        /// The cause.
        source: reqwest::Error,
    },
    /// A streamed answer ended before the model had finished. Part of it was handed on already, so
    /// nothing was repeated.
    #[error("the answer broke off in the middle (after {n_chunks} chunks). Ask again.")]
    StreamCut {
        /// How many chunks arrived.
        n_chunks: usize,
        /// The cause, where the connection broke; none where the endpoint ended it.
        source: Option<reqwest::Error>,
    },
    /// The answer is larger than we read.
    #[error("the answer is larger than {limit} bytes, which is no chat reply. Nothing was kept.")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not JSON.
    #[error(
        "the endpoint answered with {content_type}, not with JSON. OPENAI_BASE_URL probably \
         names a web page; an API's address mostly ends in /v1."
    )]
    NotJson {
        /// The answer's content type.
        content_type: String,
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// The answer should be JSON and is broken.
    #[error(
        "the endpoint's answer is malformed JSON ({source}). Ask again; if it stays so, the \
         endpoint is at fault."
    )]
    MalformedJson {
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// The answer is JSON, but no chat reply.
    #[error("the endpoint's answer is no chat reply: {0}. Is it an OpenAI-compatible endpoint?")]
    NotAReply(#[from] WireError),
    /// The request could not be built or the transport failed in a way not named above.
    #[error("the request could not be sent: {problem}")]
    Transport {
        /// What happened.
        problem: String,
    },
    /// No embedding model is configured.
    #[error(
        "no embedding model: set MOMENTUM_EMBEDDING_MODEL to one that the endpoint has, or use \
         lexical search, which needs none."
    )]
    NoEmbeddingModel,
    /// Vectors of one model have different lengths.
    #[error("the endpoint sent vectors of {expected} and of {found} numbers for one model.")]
    Dimension {
        /// The length of the first.
        expected: usize,
        /// Another length.
        found: usize,
    },
    /// A transcript could not be recorded or replayed.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// The background runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The rule-based tutor model could not be served.
    #[error(transparent)]
    Tutor(#[from] TutorError),
}

fn pause(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(pause) => format!(" Try again in {} s.", pause.as_secs().max(1)),
        None => " Try again in a minute.".to_owned(),
    }
}
