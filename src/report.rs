//! How failures are told: once, with place, reason and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, Report, SourceCode};
use momentum_journal::{JournalError, Problem};
use momentum_kernel::runner::CellFailure;

/// Prints a failure.
pub(crate) fn print(failure: &Report) {
    anstream::eprintln!("{failure:?}");
}

/// A cell stopped the run of its notebook.
#[derive(Debug)]
pub(crate) struct CellFailed {
    path: PathBuf,
    label: String,
    number: u32,
    traceback: String,
}

impl CellFailed {
    pub(crate) fn new(path: &Path, failure: &CellFailure) -> CellFailed {
        CellFailed {
            path: path.to_owned(),
            label: failure.cell.label().to_owned(),
            number: failure.number,
            traceback: failure.error.traceback.join("\n"),
        }
    }
}

impl fmt::Display for CellFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, label, number) = (self.path.display(), &self.label, self.number);
        write!(f, "{path}: cell [{number}] `{label}` failed\n\n{}", self.traceback)
    }
}

impl std::error::Error for CellFailed {}

impl Diagnostic for CellFailed {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(
            "correct the cell and run again; if it is meant to fail, tag it `raises-exception`, or pass --allow-errors",
        ))
    }
}

/// Several failures under one heading.
#[derive(Debug)]
pub(crate) struct Several {
    heading: String,
    failures: Vec<Box<dyn Diagnostic + Send + Sync>>,
}

impl Several {
    /// `None` if there are none.
    pub(crate) fn new(failures: Vec<Report>, what: &str) -> Option<Several> {
        let heading = format!("{what}: {}", failures.len());
        let failures: Vec<_> = failures.into_iter().map(Into::into).collect();
        (!failures.is_empty()).then_some(Several { heading, failures })
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.heading)
    }
}

impl std::error::Error for Several {}

impl Diagnostic for Several {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.failures.iter().map(|failure| &**failure as &dyn Diagnostic)))
    }
}

/// A problem of the journal, with the lines of the file that it is about.
#[derive(Debug)]
struct InFile {
    problem: Problem,
    source: Option<NamedSource<String>>,
}

impl fmt::Display for InFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, column, message, .. } = &self.problem;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

impl std::error::Error for InFile {}

impl Diagnostic for InFile {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let label =
            LabeledSpan::new_primary_with_span(Some("here".to_owned()), self.problem.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

/// A failure of the journal; all its problems are told.
pub(crate) fn journal(error: JournalError) -> Report {
    let JournalError::Problems(problems) = error else { return miette::Error::from_err(error) };
    let failures = problems
        .0
        .into_iter()
        .map(|problem| {
            let source =
                problem.text.as_ref().map(|text| NamedSource::new(&problem.file, text.to_string()));
            InFile { problem, source }.into()
        })
        .collect();
    match Several::new(failures, "problems in the journal (the last good site is still there)") {
        Some(problems) => problems.into(),
        None => miette::miette!("the journal cannot be built"),
    }
}
