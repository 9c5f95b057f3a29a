//! `momentum run`: execute notebooks and write their outputs back.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result};
use momentum_kernel::notebook::Notebook;
use momentum_kernel::runner::{self, RunConfig, RunReport};

use crate::helpers::{Limits, Workshop};
use crate::progress::{cell_line, clock};
use crate::report::{self, CellFailed, Several};

/// Execute notebooks: all cells in order, in one fresh session, outputs written back.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum run notebooks/day-02-cnn.ipynb\n  momentum run --time-limit 10m notebooks/*.ipynb"
)]
pub(crate) struct Arguments {
    /// The notebooks (.ipynb, nbformat 4)
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// Go on after a cell that fails
    #[arg(long)]
    allow_errors: bool,
    /// What the helpers start their random numbers from
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    // A name that is wrong is said before a compiler that is missing.
    if let [only] = &arguments.notebooks[..] {
        Notebook::read(only).map_err(report::notebook)?;
    }
    let mut workshop = Workshop::open(arguments.seed)?;
    workshop.limits = arguments.limits.clone();
    let run = |path: &PathBuf| run_notebook(path, &mut workshop, arguments.allow_errors).err();
    let mut failures: Vec<_> = arguments.notebooks.iter().filter_map(run).collect();
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Several::new(failures, "notebooks that did not run to their end")
            .map_or(Ok(()), |all| Err(all.into())),
    }
}

/// Runs one notebook, telling how it goes.
pub(crate) fn run_notebook(
    path: &Path,
    workshop: &mut Workshop,
    allow_errors: bool,
) -> Result<RunReport> {
    let mut notebook = Notebook::read(path).map_err(report::notebook)?;
    notebook.check_language().map_err(report::notebook)?;
    let folder = runner::folder_of(path).into_diagnostic()?;
    let mut engine = workshop.engine(folder.clone(), false)?;
    eprintln!("Running {}", path.display());
    let config = RunConfig { environment: workshop.environment.clone(), folder, allow_errors };
    let report = runner::run(&mut notebook, &mut engine, &config, &mut cell_line)
        .map_err(report::notebook)?;
    match &report.failure {
        None => {
            eprintln!("  {} cells in {}; outputs written", report.cells, clock(report.duration));
            Ok(report)
        }
        Some(failure) => Err(CellFailed::new(path, failure).into()),
    }
}
