//! `momentum check`: what is wrong with a series.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result, miette};
use momentum_journal::{CheckFormat, ComparisonConfig, Finding, Rule, Series};
use momentum_kernel::notebook::Notebook;

use crate::copy::RunCopy;
use crate::helpers::Workshop;
use crate::progress::cell_line;
use crate::report::{self, Several};

/// Look for what is wrong: dead links, missing texts, stale outputs, days, dates, keys.
///
/// Outputs are stale when code, data or what runs them have changed, and each is told apart. With
/// --rerun, those that another run does not give again are kept beside the notebook, for the pages.
/// Exits with 1 when something is found. No address of the web is asked.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum check --rerun --format github\n  momentum check --rerun --exact\n  momentum check --allow stale-environment"
)]
pub(crate) struct Arguments {
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Run every notebook again, in a copy, and compare the outputs cell by cell
    #[arg(long)]
    rerun: bool,
    /// How far numbers may be apart with --rerun, as a share of the larger one
    #[arg(long, default_value_t = 1e-6, value_name = "SHARE")]
    tolerance: f64,
    /// With --rerun, outputs must be the same byte for byte, pictures as well
    #[arg(long, requires = "rerun", conflicts_with = "tolerance")]
    exact: bool,
    /// Leave out cells with this tag with --rerun, instead of those tagged nondeterministic; can be
    /// given several times
    #[arg(long = "skip-tag", default_value = "nondeterministic", value_name = "TAG")]
    skip_tags: Vec<String>,
    /// Do not look for this; can be given several times
    #[arg(long, value_name = "RULE", value_parser = rule)]
    allow: Vec<Rule>,
    /// How findings are written
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Github,
}

fn rule(name: &str) -> Result<Rule, String> {
    let names = || Rule::ALL.map(Rule::name).join(", ");
    Rule::ALL
        .into_iter()
        .find(|rule| rule.name() == name)
        .ok_or_else(|| format!("the rules are {}", names()))
}

/// Whether nothing was found.
pub(crate) fn execute(arguments: &Arguments) -> Result<bool> {
    if !(0.0..=1.0).contains(&arguments.tolerance) {
        return Err(miette!("--tolerance should be a share from 0 to 1"));
    }
    let mut series = Series::open(&arguments.folder).map_err(report::journal)?;
    let mut workshop = match Workshop::open(0) {
        // Without a compiler, nothing is known of what made the outputs.
        Err(_) if !arguments.rerun => None,
        opened => Some(opened?),
    };
    if let Some(workshop) = &workshop {
        series = series.with_environment(workshop.run_environment());
    }
    let mut found = series.check().map_err(report::journal)?;
    let mut failures = Vec::new();
    if let Some(workshop) = workshop.as_mut().filter(|_| arguments.rerun) {
        // Of an earlier run: this one tells anew.
        found.allow(&[Rule::NotReproduced]);
        let config = ComparisonConfig {
            tolerance: arguments.tolerance,
            exact: arguments.exact,
            skip: arguments.skip_tags.clone(),
            ..ComparisonConfig::default()
        };
        for notebook in series.notebooks().map_err(report::journal)? {
            // A notebook that cannot be read has been found already; one in another language is not
            // ours to run.
            if Notebook::read(&notebook).is_ok_and(|one| one.check_language().is_ok()) {
                match rerun(&series, &notebook, workshop, &config) {
                    Ok(findings) => found.add(findings),
                    // The other notebooks' findings are not lost.
                    Err(failure) => failures.push(failure),
                }
            }
        }
    }
    found.allow(&arguments.allow);
    if matches!(arguments.format, Format::Github) {
        // GitHub looks for files from the repository's root, where its jobs begin.
        let here = std::env::current_dir().and_then(std::fs::canonicalize).into_diagnostic()?;
        if let Ok(below) = series.root().strip_prefix(here) {
            for finding in &mut found.findings {
                finding.problem.file = below.join(&finding.problem.file).display().to_string();
            }
        }
    }
    let format = match arguments.format {
        Format::Text => CheckFormat::Text,
        Format::Json => CheckFormat::Json,
        Format::Github => CheckFormat::Github,
    };
    print!("{}", found.to_text(format));
    if let Some(failures) = Several::new(failures, "notebooks that could not be run again") {
        return Err(failures.into());
    }
    Ok(found.findings.is_empty())
}

/// Runs a copy of a notebook, and compares.
fn rerun(
    series: &Series,
    notebook: &Path,
    workshop: &mut Workshop,
    config: &ComparisonConfig,
) -> Result<Vec<Finding>> {
    eprintln!("Running a copy of {}", notebook.display());
    let mut copy = RunCopy::of(notebook).into_diagnostic()?;
    // A cell that fails now leaves its error in the copy, and so differs.
    copy.run(workshop, &mut |_| {}, &mut cell_line)?;
    series.compare_run(notebook, copy.path(), config).map_err(report::journal)
}
