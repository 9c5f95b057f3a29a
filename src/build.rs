//! `momentum build`: execute what is new or changed, then render the journal.

use std::path::{Path, PathBuf};
use std::time::Instant;

use miette::{IntoDiagnostic, Result};
use momentum_journal::{BuildConfig, Series, Site};
use momentum_kernel::notebook::Notebook;
use momentum_kernel::provenance::{Freshness, freshness};

use crate::exercise::progress_file;
use crate::helpers::Workshop;
use crate::pdf;
use crate::progress::clock;
use crate::report::{self, Several};
use crate::run::run_notebook;

/// Execute every notebook of the series that is new or changed, then render the journal.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum build\n  momentum build --strict --pdf")]
pub(crate) struct Arguments {
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Where the site goes [default: _site in FOLDER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where what is rendered is kept for the next build [default: .momentum/journal in FOLDER]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Execute every notebook, changed or not
    #[arg(long)]
    rerun: bool,
    /// Execute nothing
    #[arg(long, conflicts_with = "rerun")]
    no_run: bool,
    /// Fail if an entry shows an output that no longer holds
    #[arg(long)]
    strict: bool,
    /// Make a PDF of the whole series too [default: the series' title, in FOLDER]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pdf: Option<Option<PathBuf>>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let index = build(arguments)?;
    println!("The journal is ready. Open {} in a browser.", index.display());
    Ok(())
}

/// The journal of a folder, with what it has: only notebooks that were never run are executed.
/// Gives the page to open.
pub(crate) fn journal(folder: &Path) -> Result<PathBuf> {
    let series = Series::open(folder).map_err(report::journal)?;
    let was_run = |path: &PathBuf| {
        // What cannot be read is said by the build.
        Notebook::read(path).map_or(true, |notebook| notebook.metadata("momentum").is_some())
    };
    let no_run = series.notebooks().map_err(report::journal)?.iter().all(was_run);
    build(&Arguments {
        folder: folder.to_owned(),
        out: None,
        cache: None,
        rerun: false,
        no_run,
        strict: false,
        pdf: None,
    })
}

/// Gives the page to open.
fn build(arguments: &Arguments) -> Result<PathBuf> {
    let started = Instant::now();
    let config = BuildConfig {
        out: arguments.out.clone(),
        strict: arguments.strict,
        cache: arguments.cache.clone(),
        environment: None,
        progress: progress_file().ok(),
    };
    // Whether there is a series at all comes before what it takes to run it.
    let mut site = Site::open(&arguments.folder, config).map_err(report::journal)?;
    let mut workshop = match Workshop::open(0) {
        // Rendering needs no compiler.
        Err(_) if arguments.no_run => None,
        opened => Some(opened?),
    };
    let environment = workshop.as_ref().map(Workshop::run_environment);
    if let Some(environment) = &environment {
        site = site.with_environment(environment.clone());
    }
    let failures = match &mut workshop {
        Some(workshop) if !arguments.no_run => {
            let notebooks = site.notebooks().map_err(report::journal)?;
            run_stale(&notebooks, arguments.rerun, workshop)
        }
        _ => Vec::new(),
    };
    eprintln!("Rendering the journal");
    let built = match site.build().map_err(report::journal) {
        Ok(built) => built,
        Err(problem) if failures.is_empty() => return Err(problem),
        // What stopped a notebook comes first: it may be why the journal misses an output.
        Err(problem) => return Err(Several::ending_with(problem, failures).into()),
    };
    for output in &built.unproven {
        eprintln!(
            "  warning: {}:{}:{}: the output `{}` of {} is marked on the page as {}: {}",
            output.entry,
            output.line,
            output.column,
            output.label,
            output.notebook,
            output.state,
            output.reason
        );
    }
    eprintln!(
        "  {} pages, {} files changed, in {}",
        built.pages.len(),
        built.changed.len(),
        clock(started.elapsed())
    );
    if let Some(file) = &arguments.pdf {
        let mut series = Series::open(&arguments.folder).map_err(report::journal)?;
        if let Some(environment) = environment {
            series = series.with_environment(environment);
        }
        let file = pdf::write(&series, &arguments.folder, file.as_deref())?;
        println!("The series on paper: {}", file.display());
    }
    if let Some(failures) = Several::new(failures, "notebooks that did not run to their end") {
        return Err(failures.into());
    }
    std::path::absolute(&built.index).into_diagnostic()
}

/// Runs the notebooks whose outputs do not hold; gives the failures.
fn run_stale(notebooks: &[PathBuf], rerun: bool, workshop: &mut Workshop) -> Vec<miette::Report> {
    let mut failures = Vec::new();
    for path in notebooks {
        let reason = match Notebook::read(path) {
            Ok(notebook) if notebook.check_language().is_err() => {
                eprintln!("Passed  {} (its language is not Rust)", path.display());
                continue;
            }
            Ok(_) if rerun => "asked for",
            Ok(notebook) => match freshness(&notebook, &workshop.environment) {
                Freshness::Fresh => {
                    eprintln!("Fresh   {}", path.display());
                    continue;
                }
                Freshness::NeverRun => "it was never run",
                Freshness::CodeChanged => "its code has changed",
                Freshness::DataChanged => "its data have changed",
                Freshness::EnvironmentChanged => "kernel, compiler or helpers have changed",
                Freshness::Failed => "its last run failed",
            },
            // Said by the journal, with all other problems.
            Err(_) => continue,
        };
        eprintln!("Stale   {} ({reason})", path.display());
        if let Err(failure) = run_notebook(path, workshop, false) {
            failures.push(failure);
        }
    }
    failures
}
