//! What authors of exercises need: learners' notebooks from sources, and proofs of the checks.

use std::path::PathBuf;

use anstream::println;
use miette::{IntoDiagnostic, Result, miette};
use momentum_kernel::notebook::Notebook;
use momentum_lessons::{Catalogue, Grade, Outcome, Source, Submission};

use super::view::paint;
use crate::helpers::Workshop;

/// Whether what an assertion said was written by its author, and not by the standard library alone.
fn teaches(message: &str) -> bool {
    let first = message.lines().next().unwrap_or_default();
    let is_bare = first.starts_with("assertion `left") && !first.contains("failed: ");
    !is_bare && !first.starts_with("assertion failed: ")
}

#[derive(clap::Args)]
pub(crate) struct Publish {
    /// The folder of the learners' notebooks
    #[arg(default_value = "notebooks", value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Prove {
    /// Only these lessons
    #[arg(value_name = "LESSON")]
    only: Vec<String>,
}

/// Writes the learner's notebook of each source. Its outputs are gone where its cells differ from
/// those that were there: `momentum run` makes them anew.
pub(super) fn publish(catalogue: &Catalogue, arguments: &Publish) -> Result<()> {
    for source in catalogue.sources() {
        let path = arguments.folder.join(source.lesson()).with_extension("ipynb");
        let learners = source.learners(path.clone());
        if Notebook::read(&path).is_ok_and(|there| there.has_the_cells_of(&learners)) {
            println!("{} is up to date", path.display());
            continue;
        }
        learners.write().into_diagnostic()?;
        println!("Wrote {}; run it to give it its outputs", path.display());
    }
    Ok(())
}

/// Whether each solution passes, and each hole fails with words that teach.
pub(super) fn prove(catalogue: &Catalogue, arguments: &Prove) -> Result<bool> {
    let sources: Vec<&Source> = match &arguments.only[..] {
        [] => catalogue.sources().iter().collect(),
        names => {
            let found: Result<_, _> = names.iter().map(|name| catalogue.lesson(name)).collect();
            found.into_diagnostic()?
        }
    };
    if sources.iter().all(|source| source.exercises().is_empty()) {
        return Err(miette!("there is no exercise to prove"));
    }
    let mut workshop = Workshop::open(0)?;
    let mut holds = true;
    for source in sources {
        let solved = source.solved(source.path().to_owned());
        let solved = grade(&mut workshop, source, solved)?;
        let holes = holes(source);
        let holes = grade(&mut workshop, source, holes)?;
        for (solved, hole) in solved.iter().zip(&holes) {
            let faults = faults(solved, hole);
            let mark = if faults.is_empty() { paint("32", "✔") } else { paint("31", "✘") };
            println!("{mark} {}/{}", source.lesson(), solved.exercise);
            for fault in &faults {
                println!("      {fault}");
            }
            holds &= faults.is_empty();
        }
    }
    Ok(holds)
}

/// The learner's notebook, with each hole touched: an untouched one would not be checked at all.
fn holes(source: &Source) -> Notebook {
    let mut holes = source.learners(source.path().to_owned());
    for cell in holes.code_cells() {
        if momentum_kernel::cell::option(&cell.source, "exercise").is_some() {
            holes.set_source(cell.index, &format!("{}\n// not solved", cell.source));
        }
    }
    holes
}

fn grade(workshop: &mut Workshop, source: &Source, notebook: Notebook) -> Result<Vec<Grade>> {
    let folder = tempfile::tempdir().into_diagnostic()?;
    let mut engine = workshop.engine(folder.path().to_owned(), false)?;
    Ok(Submission::new(notebook, source).grade(&mut engine, None, &mut |_| {}))
}

fn faults(solved: &Grade, hole: &Grade) -> Vec<String> {
    let mut faults = Vec::new();
    if !solved.outcome.is_passed() {
        let message = solved.outcome.message().unwrap_or_default();
        faults.push(format!("the solution does not pass its check: {message}"));
    }
    match &hole.outcome {
        Outcome::Failed { message } => {
            let message = message.split_once(": ").map_or(message.as_str(), |(_, said)| said);
            if !teaches(message) {
                faults.push(format!("the check of the hole does not teach: {message}"));
            }
        }
        other => faults.push(format!(
            "the hole should fail its check: {} {}",
            other.title(),
            other.message().unwrap_or_default()
        )),
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::teaches;

    #[test]
    fn bare_assertions_do_not_teach() {
        assert!(teaches("one comes before two"));
        assert!(teaches("assertion `left == right` failed: one comes before two\n  left: 2"));
        assert!(!teaches("assertion `left == right` failed\n  left: 2\n right: 1"));
        assert!(!teaches("assertion failed: one() == 1"));
    }
}
