//! What can be wrong with a series, and where.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// One thing wrong at one place of the series.
///
/// It carries all that a printer of diagnostics needs: the text of the file and a byte span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, relative to the series' root, with `/` between its parts.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1 in characters.
    pub column: usize,
    /// The same place as bytes of [`Problem::text`].
    pub span: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The whole text of the file, where it is short enough to print.
    pub text: Option<Arc<str>>,
}

impl Problem {
    /// A problem at `span` of `text`; line and column are counted from the text.
    pub(crate) fn at(
        file: &str,
        text: &Arc<str>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: start..end,
            message: message.into(),
            help: None,
            text: Some(Arc::clone(text)),
        }
    }

    /// A problem of a file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            column: 1,
            span: 0..0,
            message: message.into(),
            help: None,
            text: None,
        }
    }

    /// The same problem with advice.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The nearest character boundary at or before `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// All problems found, in the order of files and of places in them. Never empty in an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Why a series could not be opened or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// No `momentum.yaml` at the root nor in its `journal` folder.
    #[error(
        "{} holds no momentum.yaml, nor does its journal folder: write one with a `title:` line",
        root.display()
    )]
    NoConfig {
        /// The folder that was searched.
        root: PathBuf,
    },
    /// Files of the series are wrong. Nothing was written.
    #[error("{0}")]
    Problems(#[source] Problems),
    /// The output folder holds something that this program did not make.
    #[error(
        "{} is not a site built by momentum, so it is not replaced: name another output folder, or empty this one",
        path.display()
    )]
    ForeignOutput {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder of the configuration is the root itself, or outside it.
    #[error("the output folder `{out}` must be a folder of its own inside the series")]
    OutputPath {
        /// As the configuration has it.
        out: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: "read", "write", "list", "replace".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A page template failed, which is a fault of this crate.
    #[error("the page template for {page} failed")]
    Template {
        /// The page.
        page: String,
        /// Why.
        source: askama::Error,
    },
}

impl JournalError {
    /// The problems, where the series' own files are at fault.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problems(problems) => &problems.0,
            _ => &[],
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl From<Problem> for JournalError {
    fn from(problem: Problem) -> Self {
        Self::Problems(Problems(vec![problem]))
    }
}
