//! `momentum exercise`: begin, check and follow exercises.

mod author;
mod check;
mod class;
mod view;

use std::path::{Path, PathBuf};

use anstream::println;
use miette::{IntoDiagnostic, Result, miette};
use momentum_lessons::{Catalogue, LearnerFolder, Progress, SourceError, Started};

use crate::{helpers, report};
use view::{lesson_line, paint};

/// Exercises: list them, begin one, check it, ask for a hint, see how far you are.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum exercise start day-02-cnn")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Where the lessons' sources are [default: notebooks/solutions of the clone of Momentum]
    #[arg(long, global = true, value_name = "FOLDER")]
    lessons: Option<PathBuf>,
    /// Where your notebooks are
    #[arg(long, global = true, default_value = "exercises", value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(clap::Subcommand)]
enum Action {
    /// All lessons and their exercises, with what you have passed
    #[command(after_help = "Examples:\n  momentum exercise list")]
    List,
    /// Put a lesson's notebook into your folder; one that is there stays as it is
    #[command(after_help = "Examples:\n  momentum exercise start day-02-cnn")]
    Start {
        /// The lesson
        lesson: String,
    },
    /// Run your notebook, shut in, and say which exercises are right
    ///
    /// The cells have no network but the loopback, write only beside a copy of your notebook, and
    /// are limited in memory and time. Exits with 1 unless all that was checked is passed.
    #[command(
        after_help = "Examples:\n  momentum exercise check day-02-cnn\n  momentum exercise check --all students --report grades.html"
    )]
    Check(check::Arguments),
    /// Check again whenever you save your notebook
    #[command(after_help = "Examples:\n  momentum exercise watch day-02-cnn")]
    Watch(check::Arguments),
    /// The next hint of an exercise
    #[command(after_help = "Examples:\n  momentum exercise hint map-side")]
    Hint {
        /// The exercise, with its lesson before a slash where several have one of this name
        exercise: String,
    },
    /// A solution of an exercise
    #[command(after_help = "Examples:\n  momentum exercise solution day-02-cnn/map-side")]
    Solution {
        /// The exercise, with its lesson before a slash where several have one of this name
        exercise: String,
    },
    /// Make an exercise the hole that it was, or a whole notebook; a copy of yours is kept
    #[command(after_help = "Examples:\n  momentum exercise reset day-02-cnn --exercise map-side")]
    Reset {
        /// The lesson
        lesson: String,
        /// Only this exercise
        #[arg(long, value_name = "NAME")]
        exercise: Option<String>,
    },
    /// How far you are in each lesson
    #[command(after_help = "Examples:\n  momentum exercise progress")]
    Progress,
    /// For authors: write the learners' notebooks from their sources
    #[command(after_help = "Examples:\n  momentum exercise publish notebooks")]
    Publish(author::Publish),
    /// For authors: prove that every solution passes its check, and that no hole does
    #[command(after_help = "Examples:\n  momentum exercise prove")]
    Prove(author::Prove),
}

/// Where a learner's exercises come from and go to.
struct Study {
    catalogue: Catalogue,
    learner: LearnerFolder,
    progress: Progress,
}

/// Whether all is well.
pub(crate) fn execute(arguments: &Arguments) -> Result<bool> {
    let lessons = match &arguments.lessons {
        Some(folder) => folder.clone(),
        None => helpers::sources()?.workspace.join("notebooks/solutions"),
    };
    let mut study = Study {
        catalogue: catalogue(&lessons)?,
        learner: LearnerFolder::new(arguments.folder.clone()),
        progress: Progress::load(&progress_file()?).into_diagnostic()?,
    };
    match &arguments.action {
        Action::List => study.list(),
        Action::Start { lesson } => study.start(lesson)?,
        Action::Check(arguments) => return check::execute(&mut study, arguments),
        Action::Watch(arguments) => check::watch(&mut study, arguments)?,
        Action::Hint { exercise } => study.hint(exercise)?,
        Action::Solution { exercise } => study.solution(exercise)?,
        Action::Reset { lesson, exercise } => study.reset(lesson, exercise.as_deref())?,
        Action::Progress => study.overview(),
        Action::Publish(arguments) => author::publish(&study.catalogue, arguments)?,
        Action::Prove(arguments) => return author::prove(&study.catalogue, arguments),
    }
    Ok(true)
}

/// The lessons of a folder; there should be some.
fn catalogue(folder: &Path) -> Result<Catalogue> {
    let help = "--lessons names the folder of the lessons' sources; without it, they are those of the clone of Momentum, in notebooks/solutions";
    let catalogue = match Catalogue::open(folder) {
        Err(error @ SourceError::Folder { .. }) => return Err(report::helped(error, help)),
        opened => opened.into_diagnostic()?,
    };
    if catalogue.sources().is_empty() {
        return Err(miette!(help = help, "there are no lessons in `{}`", folder.display()));
    }
    Ok(catalogue)
}

/// `MOMENTUM_DATA_DIR`, else the user's folder for data, holds a learner's progress.
pub(crate) fn progress_file() -> Result<PathBuf> {
    Ok(data_folder()?.join("progress.json"))
}

/// The folder in which a learner's own data are kept.
pub(crate) fn data_folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("MOMENTUM_DATA_DIR")
        .or_else(|| variable("XDG_DATA_HOME").map(|folder| folder.join("momentum")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".local/share/momentum")))
        .ok_or_else(|| {
            miette!(
                help = "set MOMENTUM_DATA_DIR to a folder that can be written",
                "there is no folder for your progress"
            )
        })
}

impl Study {
    fn list(&self) {
        for source in self.catalogue.sources() {
            println!("{}", lesson_line(&self.progress.of(source)));
            for exercise in source.exercises() {
                let record = self.progress.record(&source.lesson(), &exercise.name);
                println!("  {}", view::exercise_line(&exercise.name, record));
            }
        }
    }

    fn overview(&self) {
        let (mut passed, mut all) = (0, 0);
        for source in self.catalogue.sources() {
            let lesson = self.progress.of(source);
            (passed, all) = (passed + lesson.n_passed, all + lesson.n_exercises);
            println!("{}", lesson_line(&lesson));
        }
        println!("\n{passed} of {all} exercises passed");
    }

    fn start(&self, lesson: &str) -> Result<()> {
        let source = self.catalogue.lesson(lesson).into_diagnostic()?;
        let lesson = source.lesson();
        let started = self.learner.start(source).map_err(|error| {
            report::helped(
                error,
                "look whether the folder can be written, and has room (`df -h .`)",
            )
        })?;
        match started {
            Started::New(path) => println!("Wrote {}", path.display()),
            Started::There(path) => println!("{} is there already, and stays", path.display()),
        }
        println!("Open it in Jupyter, fill the holes, then: momentum exercise check {lesson}");
        Ok(())
    }

    fn hint(&mut self, name: &str) -> Result<()> {
        let (source, exercise) = self.catalogue.exercise(name).into_diagnostic()?;
        if exercise.hints.is_empty() {
            println!("`{}` has no hints; its check says what is expected", exercise.name);
            return Ok(());
        }
        let lesson = source.lesson();
        let seen = self.progress.record(&lesson, &exercise.name).map_or(0, |record| record.hints);
        let n = exercise.hints.len();
        for (number, hint) in exercise.hints.iter().take(seen + 1).enumerate() {
            println!("Hint {} of {n}: {hint}", number + 1);
        }
        let exercise = exercise.name.clone();
        self.progress.change(&lesson, &exercise, |record| record.hints = (seen + 1).min(n));
        self.progress.save().into_diagnostic()
    }

    fn solution(&mut self, name: &str) -> Result<()> {
        let (source, exercise) = self.catalogue.exercise(name).into_diagnostic()?;
        println!("{}", exercise.solution);
        let (lesson, exercise) = (source.lesson(), exercise.name.clone());
        self.progress.change(&lesson, &exercise, |record| {
            record.solution_seen |= record.passed.is_none();
        });
        self.progress.save().into_diagnostic()
    }

    fn reset(&self, lesson: &str, exercise: Option<&str>) -> Result<()> {
        let source = self.catalogue.lesson(lesson).into_diagnostic()?;
        let copy = self.learner.reset(source, exercise).into_diagnostic()?;
        println!("Reset {}", self.learner.notebook(source).display());
        println!("{}", paint("2", &format!("What you had is in {}", copy.display())));
        Ok(())
    }
}
