//! What can go wrong with a memory folder. The texts also go back to the model.

use std::io;

/// Why a memory folder did not do what it was asked. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryFolderError {
    /// The path leads out of the folder or to a place that is not for memory.
    #[error("the path {path:?} is refused: {problem}; use a path such as `people/sara.md`")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no such file.
    #[error("there is no file `{path}`; `view` without a path lists the files")]
    NoFile {
        /// The path.
        path: String,
    },
    /// There is a file or a folder already.
    #[error(
        "`{path}` is there already; change it with `str_replace` or `insert`, or choose another path"
    )]
    Exists {
        /// The path.
        path: String,
    },
    /// A file stands where a folder would have to be.
    #[error("`{file}` is a file, so it cannot hold `{path}`; choose another path")]
    FileInTheWay {
        /// The path that was asked for.
        path: String,
        /// The file.
        file: String,
    },
    /// The file is not text.
    #[error("`{path}` is not text in UTF-8, so it cannot be shown or edited here")]
    NotText {
        /// The path.
        path: String,
    },
    /// The text to replace is not in the file.
    #[error("`{path}` does not hold this text: {old:?}; view the file and copy the text exactly")]
    OldTextMissing {
        /// The path.
        path: String,
        /// The text.
        old: String,
    },
    /// The text to replace is in the file more than once.
    #[error("`{path}` holds this text in the lines {lines}: {old:?}; give more of it")]
    OldTextAmbiguous {
        /// The path.
        path: String,
        /// The text.
        old: String,
        /// The lines in which it begins, from 1.
        lines: String,
    },
    /// The line is not in the file.
    #[error(
        "`{path}` has {n_lines} lines, and line {line} was asked for; the lines are 1 to {n_lines}, and 0 is before the first"
    )]
    NoLine {
        /// The path.
        path: String,
        /// The line that was asked for.
        line: u64,
        /// The number of lines.
        n_lines: usize,
    },
    /// The file would be too large, or the folder too full.
    #[error("`{path}` would pass the limit of {limit}; write less, or use another file")]
    TooLarge {
        /// The path.
        path: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// The command would change nothing.
    #[error("this changes nothing: the files are so already")]
    NoChange,
    /// There is no such version.
    #[error("there is no version {version}; the versions are 0 to {newest}")]
    NoVersion {
        /// The version.
        version: u64,
        /// The newest version.
        newest: u64,
    },
    /// There is no change to undo.
    #[error("there is no change to undo")]
    NothingToUndo,
    /// A parameter of the tool is missing.
    #[error("the command `{command}` needs `{parameter}`")]
    MissingParameter {
        /// The command.
        command: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
    /// The history is damaged.
    #[error(
        "{file}:{line}: the history is damaged: {problem}. Restore it from a copy, or move the `.history` folder away to begin a new one."
    )]
    Damaged {
        /// The file, within the memory folder.
        file: String,
        /// The line, from 1; 0 where it is not about a line.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The system refused.
    #[error("the memory folder cannot {action} `{path}`: {source}")]
    System {
        /// What was to be done.
        action: &'static str,
        /// The path within the folder.
        path: String,
        /// The cause.
        source: io::Error,
    },
}
