//! Why data could not be read.

use std::path::PathBuf;

use super::DownloadError;

/// Why data could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The bytes are no file of the format, or a broken one.
    #[error("{file}, byte {offset}: {problem}")]
    Format {
        /// The file, or a name for bytes that have none.
        file: String,
        /// Offset into the (decompressed) bytes.
        offset: usize,
        /// What was expected, what was found.
        problem: String,
    },
    /// The file could not be read or decompressed.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A picture could not be decoded.
    #[error("{} is no whole PNG or JPEG picture: the decoder stopped at byte {offset}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// How many bytes the decoder had taken in when it found out.
        offset: usize,
        /// What the decoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A folder does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What was expected, what was found, what to do.
        problem: String,
    },
    /// Images and labels do not fit each other.
    #[error("{0}")]
    Mismatch(String),
    /// A file could not be downloaded.
    #[error(transparent)]
    Download(#[from] DownloadError),
}
