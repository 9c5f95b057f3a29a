//! `momentum exercise`: begin, check and follow exercises.

mod author;
mod check;
mod class;
mod view;

use std::path::PathBuf;

use anstream::println;
use miette::{IntoDiagnostic, Result, miette};
use momentum_lessons::{Catalogue, LearnerFolder, Progress, Started};

use crate::helpers;
use view::{lesson_line, paint};

/// Exercises: list them, begin one, check it, ask for a hint, see how far you are.
///
/// Example: momentum exercise start day-02-cnn
#[derive(clap::Args)]
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
    ///
    /// Example: momentum exercise list
    List,
    /// Put a lesson's notebook into your folder; one that is there stays as it is
    ///
    /// Example: momentum exercise start day-02-cnn
    Start {
        /// The lesson
        lesson: String,
    },
    /// Run your notebook, shut in, and say which exercises are right
    ///
    /// The cells have no network but the loopback, write only beside a copy of your notebook, and
    /// are limited in memory and time. Exits with 1 unless all that was checked is passed.
    ///
    /// Example: momentum exercise check day-02-cnn
    Check(check::Arguments),
    /// Check again whenever you save your notebook
    ///
    /// Example: momentum exercise watch day-02-cnn
    Watch(check::Arguments),
    /// The next hint of an exercise
    ///
    /// Example: momentum exercise hint map-side
    Hint {
        /// The exercise, with its lesson before a slash where several have one of this name
        exercise: String,
    },
    /// A solution of an exercise
    ///
    /// Example: momentum exercise solution day-02-cnn/map-side
    Solution {
        /// The exercise, with its lesson before a slash where several have one of this name
        exercise: String,
    },
    /// Make an exercise the hole that it was, or a whole notebook; a copy of yours is kept
    ///
    /// Example: momentum exercise reset day-02-cnn --exercise map-side
    Reset {
        /// The lesson
        lesson: String,
        /// Only this exercise
        #[arg(long, value_name = "NAME")]
        exercise: Option<String>,
    },
    /// How far you are in each lesson
    ///
    /// Example: momentum exercise progress
    Progress,
    /// For authors: write the learners' notebooks from their sources
    ///
    /// Example: momentum exercise publish notebooks
    Publish(author::Publish),
    /// For authors: prove that every solution passes its check, and that no hole does
    ///
    /// Example: momentum exercise prove
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
        catalogue: Catalogue::open(&lessons).into_diagnostic()?,
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
        match self.learner.start(source).into_diagnostic()? {
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
