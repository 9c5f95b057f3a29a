//! `momentum doctor`: is everything there that cells need, and would a notebook's outputs come out
//! the same here?

mod commit;

use std::path::{Path, PathBuf};

use anstream::println;
use miette::{IntoDiagnostic, Result};
use momentum_kernel::checkup::{Check, Health, checks, notebook_checks};
use momentum_kernel::notebook::Notebook;
use momentum_kernel::toolchain::Toolchain;

use crate::helpers::{Workshop, sources};
use crate::report;

/// Look at compiler, linker, folders, helpers and Jupyter, and say what to do about what is wrong.
///
/// With notebooks, compares what is on record of their runs with what would run them here: code,
/// data, kernel, compiler, helpers, seed. For each difference it says what to install or to do to
/// get the same bits. Changes nothing and compiles nothing. Ends with 1 if cells cannot run, or if
/// a notebook's outputs may come out differently.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum doctor\n  momentum doctor notebooks/day-02-cnn.ipynb"
)]
pub(crate) struct Arguments {
    /// Notebooks whose records are compared with what is here
    #[arg(value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
}

/// Gives whether all is well.
pub(crate) fn execute(arguments: &Arguments) -> Result<bool> {
    if !arguments.notebooks.is_empty() {
        return notebooks(&arguments.notebooks);
    }
    let program = std::env::current_exe().into_diagnostic()?;
    let checks = checks(&Toolchain::find(), sources().ok().as_ref(), &program);
    checks.iter().for_each(show);
    Ok(checks.iter().all(|check| check.health != Health::Bad))
}

fn show(check: &Check) {
    let (mark, colour) = match check.health {
        Health::Good => ("ok  ", "32"),
        Health::Note => ("note", "33"),
        Health::Bad => ("bad ", "31"),
    };
    println!("\u{1b}[{colour}m{mark}\u{1b}[0m {:17} {}", check.name, check.found);
    if let Some(advice) = &check.advice {
        println!("     {:17} \u{2192} {advice}", "");
    }
}

/// Whether each notebook's outputs would come out the same here.
fn notebooks(paths: &[PathBuf]) -> Result<bool> {
    let workshop = Workshop::open(0)?;
    let mut same = true;
    for path in paths {
        let notebook = Notebook::read(path).map_err(report::notebook)?;
        notebook.check_language().map_err(report::notebook)?;
        println!("\u{1b}[1m{}\u{1b}[0m", path.display());
        let mut checks = notebook_checks(&notebook, &workshop.environment);
        for check in checks.iter_mut().filter(|check| check.name == "helpers") {
            name_the_commit(check, &notebook, path);
        }
        checks.iter().for_each(show);
        if checks.iter().all(|check| check.health == Health::Good) {
            println!("     Another run here gives the same bits.");
        } else {
            same = false;
        }
    }
    Ok(same)
}

/// Says which commit of the clone has the helpers on record, where one is found.
fn name_the_commit(check: &mut Check, notebook: &Notebook, path: &Path) {
    let recorded = notebook.metadata("momentum").and_then(|record| record["helpers"].as_str());
    if let (Some(_), Some(recorded), Ok(clone)) = (&check.advice, recorded, sources())
        && let Some(commit) = commit::with_helpers(&clone, recorded, path)
    {
        check.advice = Some(format!(
            "git -C {} checkout {commit}, which has these helpers; then build it, and run the notebook",
            clone.workspace.display()
        ));
    }
}
