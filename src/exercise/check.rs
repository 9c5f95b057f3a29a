//! Checking a learner's notebook in a session that is shut in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::println;
use miette::{IntoDiagnostic, Result, WrapErr};
use momentum_kernel::helpers::cache_folder;
use momentum_kernel::sandbox::Sandbox;
use momentum_lessons::{Catalogue, Grade, Source, Submission};

use super::view::{grade_lines, paint};
use super::{Study, class};
use crate::helpers::{Limits, Workshop};

/// How often a watched notebook is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What a checked cell may use where nothing else is said.
const MEMORY: u64 = 4 << 30;
const OUTPUT: u64 = 16 << 20;
const TIME: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The lesson, or a notebook of it
    #[arg(required_unless_present = "all", value_name = "LESSON")]
    lesson: Option<String>,
    /// Only this exercise
    #[arg(long, value_name = "NAME")]
    exercise: Option<String>,
    /// Write the grades as JSON
    #[arg(long)]
    json: bool,
    /// Grade a class: a folder with a notebook, or a folder with one, for each student
    #[arg(long, value_name = "FOLDER")]
    all: Option<PathBuf>,
    /// With --all, also write a page with the grades
    #[arg(long, requires = "all", value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run the cells with all that you may do yourself
    #[arg(long)]
    no_sandbox: bool,
    #[command(flatten)]
    limits: Limits,
}

/// Whether all that was checked is passed.
pub(super) fn execute(study: &mut Study, arguments: &Arguments) -> Result<bool> {
    let mut grader = Grader::open(arguments)?;
    if let Some(folder) = &arguments.all {
        let lesson = arguments.lesson.as_deref();
        let report = arguments.report.as_deref();
        return class::grade(&study.catalogue, &mut grader, folder, lesson, report);
    }
    let name = arguments.lesson.as_deref().unwrap_or_default();
    let (source, path) = find(study, name)?;
    let mut tell = |grade: &Grade| {
        if !arguments.json {
            println!("{}", grade_lines(grade));
        }
    };
    let only = arguments.exercise.as_deref();
    let grades = grader.grade(&source, &path, only, &mut tell)?;
    let today = chrono::Local::now().date_naive().to_string();
    for grade in &grades {
        study.progress.keep(&source.lesson(), grade, &today);
    }
    study.progress.save().into_diagnostic()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&grades).into_diagnostic()?);
    }
    Ok(grades.iter().all(|grade| grade.outcome.is_passed()))
}

/// Checks whenever the notebook is saved, until the process is ended.
pub(super) fn watch(study: &mut Study, arguments: &Arguments) -> Result<()> {
    let name = arguments.lesson.as_deref().unwrap_or_default();
    let (_, path) = find(study, name)?;
    let mut last = None;
    loop {
        let now = fs::read(&path).ok();
        if now.is_some() && now != last {
            println!("{}", paint("1", &format!("Checking {}", path.display())));
            // What is wrong is told; the next save is a new try.
            match execute(study, arguments) {
                Ok(true) => println!("{}", paint("32", "All passed.")),
                Ok(false) => {
                    println!("{}", paint("2", "Save the notebook to check again; Ctrl-C ends."))
                }
                Err(failure) => crate::report::print(&failure),
            }
            last = now;
        }
        std::thread::sleep(LOOK);
    }
}

/// The lesson's source and the learner's notebook, by the lesson's name or the notebook's path.
fn find(study: &Study, name: &str) -> Result<(Source, PathBuf)> {
    let source = study.catalogue.lesson(name).into_diagnostic()?.clone();
    let path = if Path::new(name).is_file() {
        PathBuf::from(name)
    } else {
        study.learner.notebook(&source)
    };
    if !path.is_file() {
        let lesson = source.lesson();
        return Err(miette::miette!(
            help = format!(
                "begin it: `momentum exercise start {lesson}`; or say by --folder where your notebooks are"
            ),
            "there is no notebook `{}`: you have not begun the lesson `{lesson}` here",
            path.display()
        ));
    }
    Ok((source, path))
}

/// Runs notebooks to grade them.
pub(super) struct Grader {
    workshop: Workshop,
}

impl Grader {
    fn open(arguments: &Arguments) -> Result<Grader> {
        let mut workshop = Workshop::open(0)?;
        let limits = &arguments.limits;
        workshop.limits = Limits {
            memory: limits.memory.or(Some(MEMORY)),
            output: limits.output.or(Some(OUTPUT)),
            time: limits.time.or(Some(TIME)),
        };
        if !arguments.no_sandbox {
            // Cells link to the compiled helpers and to cells that were compiled before.
            let mut sandbox =
                Sandbox { readable: vec![cache_folder().into_diagnostic()?], ..Sandbox::default() };
            sandbox.readable.extend(std::env::var_os("MOMENTUM_CELL_CACHE").map(PathBuf::from));
            sandbox.try_out().into_diagnostic().wrap_err(
                "the notebook was not run (--no-sandbox runs it with all that you may do yourself)",
            )?;
            workshop.sandbox = Some(sandbox);
        }
        Ok(Grader { workshop })
    }

    /// Grades a notebook, in a folder of its own with a copy of what lies beside the notebook.
    pub(super) fn grade(
        &mut self,
        source: &Source,
        notebook: &Path,
        only: Option<&str>,
        on_grade: &mut dyn FnMut(&Grade),
    ) -> Result<Vec<Grade>> {
        if let Some(name) = only
            && source.exercise(name).is_none()
        {
            let known: Vec<_> = source.exercises().iter().map(|e| e.name.as_str()).collect();
            return Err(miette::miette!(
                help = format!("it has {}", known.join(", ")),
                "the lesson `{}` has no exercise `{name}`",
                source.lesson()
            ));
        }
        let submission = Submission::read(notebook, source).into_diagnostic()?;
        let folder = tempfile::Builder::new()
            .prefix("momentum-graded-")
            .tempdir()
            .into_diagnostic()
            .wrap_err("cannot make a folder to grade in")?;
        copy_data(notebook, folder.path()).into_diagnostic()?;
        let mut engine = self.workshop.engine(folder.path().to_owned(), false)?;
        Ok(submission.grade(&mut engine, only, on_grade))
    }
}

/// What a copied folder may hold: a lesson's data, not a disk.
const MOST_FILES: usize = 200;
const MOST_BYTES: u64 = 64 << 20;

/// Copies the files beside a notebook, so that its cells find their data and spoil nothing. Links
/// are left out: they may lead anywhere.
fn copy_data(notebook: &Path, to: &Path) -> std::io::Result<()> {
    let folder = notebook.parent().filter(|folder| !folder.as_os_str().is_empty());
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let is_notebook = entry.path().extension().is_some_and(|kind| kind == "ipynb");
        if !entry.file_type()?.is_file() || is_notebook {
            continue;
        }
        (files, bytes) = (files + 1, bytes + entry.metadata()?.len());
        if files > MOST_FILES || bytes > MOST_BYTES {
            break;
        }
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The catalogue's lesson that a notebook belongs to, by its name.
pub(super) fn lesson_of<'a>(catalogue: &'a Catalogue, notebook: &Path) -> Option<&'a Source> {
    catalogue.lesson(&notebook.to_string_lossy()).ok()
}
