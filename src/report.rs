//! How failures are told: once, with place, reason and what to do.

use std::fmt;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, Report, SourceCode};
use momentum_journal::{JournalError, Problem};
use momentum_kernel::notebook::NotebookError;
use momentum_kernel::runner::CellFailure;

/// Where no terminal shows it, a message has long lines: whoever reads them may look for words.
pub(crate) fn prepare() {
    if !std::io::stderr().is_terminal() {
        let set = miette::set_hook(Box::new(|_| {
            Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
        }));
        // Only a hook that is set already is refused.
        debug_assert!(set.is_ok());
    }
}

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
    report: String,
}

impl CellFailed {
    pub(crate) fn new(path: &Path, failure: &CellFailure) -> CellFailed {
        CellFailed {
            path: path.to_owned(),
            label: failure.cell.label().to_owned(),
            number: failure.number,
            report: cell_report(failure),
        }
    }
}

/// Lines of standard error that are shown of a cell that failed.
const SHOWN: usize = 20;

/// What went wrong in a cell, with what it had written to standard error.
pub(crate) fn cell_report(failure: &CellFailure) -> String {
    let mut report = failure.error.traceback.join("\n");
    // Frames of the runtime say nothing of the cell.
    let printed: Vec<&str> = failure
        .standard_error
        .trim_end()
        .lines()
        .take_while(|line| !line.starts_with("stack backtrace:"))
        .collect();
    if !printed.is_empty() {
        let from = printed.len().saturating_sub(SHOWN);
        let head = if from > 0 { "\nIt wrote, at last:" } else { "\nIt wrote:" };
        for line in std::iter::once(head).chain(printed[from..].iter().copied()) {
            report.push('\n');
            report.push_str(line);
        }
    }
    for file in &failure.missing_data {
        report.push_str(&format!(
            "\nThe cell declares `{file}` as its data, and there is no such file beside the notebook."
        ));
    }
    report
}

impl fmt::Display for CellFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, label, number) = (self.path.display(), &self.label, self.number);
        write!(f, "{path}: cell [{number}] `{label}` failed\n\n{}", self.report)
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
        (!failures.is_empty()).then(|| Several::of(failures, what))
    }

    /// The failures, and what came of them.
    pub(crate) fn ending_with(last: Report, mut failures: Vec<Report>) -> Several {
        failures.push(last);
        Several::of(failures, "problems")
    }

    fn of(failures: Vec<Report>, what: &str) -> Several {
        let heading = format!("{what}: {}", failures.len());
        Several { heading, failures: failures.into_iter().map(Into::into).collect() }
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

/// An error with what to do about it.
#[derive(Debug)]
struct Helped {
    error: Box<dyn std::error::Error + Send + Sync>,
    help: String,
}

impl fmt::Display for Helped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Helped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl Diagnostic for Helped {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }
}

/// An error with what to do about it.
pub(crate) fn helped(
    error: impl std::error::Error + Send + Sync + 'static,
    help: impl Into<String>,
) -> Report {
    Helped { error: Box::new(error), help: help.into() }.into()
}

/// A notebook that cannot be read, written or run.
pub(crate) fn notebook(error: NotebookError) -> Report {
    let help = match &error {
        NotebookError::Read { path, source } if source.kind() == ErrorKind::NotFound => {
            nearby(path)
        }
        NotebookError::Read { path, source } if source.kind() == ErrorKind::IsADirectory => {
            format!("name its notebooks: `momentum run {}`", path.join("*.ipynb").display())
        }
        NotebookError::Read { .. } => "look at the file's owner and permissions".to_owned(),
        NotebookError::Write { .. } => {
            "look whether its folder can be written, and has room (`df -h .`)".to_owned()
        }
        NotebookError::Syntax { path, .. } => format!(
            "look at that place in a text editor, or take the last good file: `git checkout -- {}`",
            path.display()
        ),
        NotebookError::Language { .. } => {
            "run it by its own kernel; or choose the kernel \"Rust (Momentum)\" in Jupyter, and write Rust"
                .to_owned()
        }
        _ => "Momentum reads notebooks of Jupyter (.ipynb, nbformat 4)".to_owned(),
    };
    helped(error, help)
}

/// The notebooks of the folder in which one was looked for.
fn nearby(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return format!("there is no folder `{}`, either", folder.display());
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "ipynb"))
        .filter_map(|path| Some(format!("`{}`", path.file_name()?.to_str()?)))
        .collect();
    names.sort();
    names.truncate(8);
    match &names[..] {
        [] => format!("there is no notebook in `{}`", folder.display()),
        _ => format!("the notebooks in `{}` are {}", folder.display(), names.join(", ")),
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
    let problems = match error {
        JournalError::Problems(problems) => problems,
        JournalError::NoConfig { .. } => {
            let help = "go to the folder of your series, or name it behind the command; `momentum init my-log` makes a new one";
            return helped(error, help);
        }
        JournalError::Io { action: "read", ref path, ref source }
            if source.kind() == ErrorKind::NotFound && !path.exists() =>
        {
            let help = format!(
                "look at the name; `momentum init {}` makes a new series there",
                path.display()
            );
            return helped(error, help);
        }
        JournalError::Io { .. } => {
            return helped(
                error,
                "look whether the folder can be written, and has room (`df -h .`)",
            );
        }
        error => return miette::Error::from_err(error),
    };
    let failures = problems
        .0
        .into_iter()
        .map(|problem| {
            let source =
                problem.text.as_ref().map(|text| NamedSource::new(&problem.file, text.to_string()));
            InFile { problem, source }.into()
        })
        .collect();
    match Several::new(failures, "problems in the journal (no page was changed)") {
        Some(problems) => problems.into(),
        None => miette::miette!("the journal cannot be built"),
    }
}
