//! What can go wrong with a transcript.

/// Why a transcript could not be read, written or replayed. No text holds a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The file cannot be read.
    #[error("the transcript {file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the transcript {file} cannot be written: {source}. Does its folder exist?")]
    Unwritable {
        /// The file.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is larger than we read.
    #[error("the transcript {file} is larger than {limit} bytes; record shorter lessons")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is no transcript.
    #[error("{file}{place}: no transcript: {problem}. Record it again with MOMENTUM_RECORD=1.")]
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
        "{file} is a transcript of format {found}; this program knows format {known}. Update \
         momentum, or record it again."
    )]
    Version {
        /// The file.
        file: String,
        /// The version that it names.
        found: u64,
        /// The version that we know.
        known: u64,
    },
    /// A step of the file does not hold together.
    #[error("{file}, step {step}: {problem}. Record it again with MOMENTUM_RECORD=1.")]
    Step {
        /// The file.
        file: String,
        /// The step, from 1.
        step: usize,
        /// What is wrong.
        problem: String,
    },
    /// YAML cannot express the transcript.
    #[error("the transcript cannot be written as YAML: {problem}")]
    Inexpressible {
        /// What is wrong.
        problem: String,
    },
    /// The request is not the one that was recorded.
    #[error(
        "step {step} of {n_steps} of {file}: the request differs from the recorded one.\n\
         {difference}\n\
         Undo the change, or record the lesson again with MOMENTUM_RECORD=1 and a model."
    )]
    Differs {
        /// The file.
        file: String,
        /// The recorded step, from 1.
        step: usize,
        /// The number of recorded steps.
        n_steps: usize,
        /// What differs, as a unified diff of the two requests in YAML.
        difference: String,
    },
    /// Every recorded step has been replayed.
    #[error(
        "{file} holds {n_steps} steps, and all have been replayed; there is none for this \
         request:\n{request}\nUndo the change, or record the lesson again with MOMENTUM_RECORD=1 \
         and a model."
    )]
    Exhausted {
        /// The file.
        file: String,
        /// The number of recorded steps.
        n_steps: usize,
        /// The end of the request in YAML.
        request: String,
    },
}
