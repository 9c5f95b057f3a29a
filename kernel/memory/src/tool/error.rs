//! Why a tool call did not work.

use std::time::Duration;

use super::Permission;

/// Why a tool call did not work. Its text goes back to the model, so it says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// No tool has this name.
    #[error("there is no tool `{name}`; the tools are: {known}. Call one of these instead.")]
    Unknown {
        /// The name in the call.
        name: String,
        /// The names that exist, sorted.
        known: String,
    },
    /// The arguments are not JSON.
    #[error("the arguments of `{tool}` are not a JSON object: {source}. Send valid JSON.")]
    MalformedArguments {
        /// The tool.
        tool: String,
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// One argument has the wrong type, or is missing.
    #[error("argument `{path}` of `{tool}`: {problem}. Send it as the schema says.")]
    WrongArgument {
        /// The tool.
        tool: String,
        /// The argument, as a path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The arguments as a whole have the wrong shape.
    #[error("the arguments of `{tool}`: {problem}. Send them as the schema says.")]
    WrongArguments {
        /// The tool.
        tool: String,
        /// What is wrong.
        problem: String,
    },
    /// The arguments are longer than any tool takes.
    #[error("the arguments of `{tool}` hold {n_bytes} bytes, and the limit is {limit}. Send less.")]
    TooLong {
        /// The tool.
        tool: String,
        /// Their length in bytes.
        n_bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The tool ran and refused.
    #[error("{0}")]
    Refused(String),
    /// The tool's own code panicked.
    #[error("`{tool}` failed inside (it panicked): {message}. Do not call it like this again.")]
    Panicked {
        /// The tool.
        tool: String,
        /// The panic's message.
        message: String,
    },
    /// The tool did not end in time.
    #[error("`{tool}` did not end within {limit:?} and was given up. Ask it for less, or go on.")]
    TimedOut {
        /// The tool.
        tool: String,
        /// The time it had.
        limit: Duration,
    },
    /// The tool touched what it has not declared.
    #[error("`{tool}` may not {permission}: it does not declare that. Go on without it.")]
    NotPermitted {
        /// The tool.
        tool: String,
        /// What it would need.
        permission: Permission,
    },
    /// A tool rule forbids the call now.
    #[error("{rule}. Do that first, or call another tool.")]
    AgainstRule {
        /// The rule, as a sentence without a full stop.
        rule: String,
    },
    /// The person refused the call.
    #[error("the user did not approve this call of `{tool}`{reason}. Do not repeat it.")]
    NotApproved {
        /// The tool.
        tool: String,
        /// `: ` and the reason, or empty.
        reason: String,
    },
    /// The turn was cancelled while the tool ran.
    #[error("the turn was cancelled before `{tool}` ended.")]
    Cancelled {
        /// The tool.
        tool: String,
    },
    /// The background runtime failed.
    #[error("`{tool}` could not be run: {source}")]
    NotRun {
        /// The tool.
        tool: String,
        /// The cause.
        source: crate::runtime::RuntimeError,
    },
}

impl ToolError {
    /// What the model reads as the call's result.
    pub fn to_result(&self) -> String {
        format!("Error: {self}")
    }
}
