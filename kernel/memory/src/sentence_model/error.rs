//! Why a sentence model cannot be read.

use std::path::PathBuf;

/// Why a sentence model cannot be read from its folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentenceModelError {
    /// A file cannot be read.
    #[error(
        "{}: cannot be read; a sentence model's folder holds config.json, vocab.txt and \
         model.safetensors",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no JSON, or a field is missing or of another type.
    #[error("{}: not the configuration of a BERT model", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The model is one of another kind.
    #[error(
        "{}: `{field}` is {found}, expected {expected}; only BERT encoders with mean or first-token \
         pooling run here, for others use an endpoint",
        path.display()
    )]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// The weights are damaged, or do not fit the configuration.
    #[error("{}: {why}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The vocabulary has no such token.
    #[error("{}: has no line `{token}`; expected BERT's vocabulary, a token a line", path.display())]
    Vocabulary {
        /// The file.
        path: PathBuf,
        /// The token.
        token: &'static str,
    },
}
