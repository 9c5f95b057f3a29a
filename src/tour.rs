//! `momentum tour`: the first five minutes. The journal, the first lesson, JupyterLab.

mod screen;

use std::path::{Path, PathBuf};

use anstream::println;
use miette::{IntoDiagnostic, Result};
use momentum_journal::SeriesConfig;
use momentum_kernel::jupyter::{JupyterError, JupyterLab};
use momentum_kernel::kernelspec::{self, Location};
use momentum_lessons::{Catalogue, LearnerFolder, Progress, Source, Started};

use crate::helpers::{Limits, sources};
use crate::{build, exercise, kernel};
use screen::Screen;

/// See what is here: the journal in the browser, the first lesson, and JupyterLab to do it in.
///
/// Builds the journal, running only what was never run; puts the first lesson with open exercises
/// into your folder; starts JupyterLab with it, or says how to install that. Without a display, and
/// over SSH, addresses are written instead of opened.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum tour\n  momentum tour --no-open\n  momentum tour --lesson day-02-cnn"
)]
pub(crate) struct Arguments {
    /// The series [default: the one of this folder, else that of the clone of Momentum]
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Another lesson than the first one with open exercises
    #[arg(long, value_name = "NAME")]
    lesson: Option<String>,
    /// Where your notebooks are
    #[arg(long, default_value = "exercises", value_name = "FOLDER")]
    exercises: PathBuf,
    /// Open and start nothing: say what there is, and the commands
    #[arg(long)]
    no_open: bool,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let clone = sources()?.workspace;
    let screen = if arguments.no_open { Screen::NotAsked } else { Screen::find() };
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None if SeriesConfig::place(Path::new(".")).is_some() => PathBuf::from("."),
        None => clone.clone(),
    };
    heading(1, "The journal");
    let index = build::journal(&folder)?;
    line(&format!("{}", index.display()));
    for said in screen.open(&index, &folder) {
        line(&said);
    }

    let catalogue = Catalogue::open(&clone.join("notebooks/solutions")).into_diagnostic()?;
    let progress = Progress::load(&exercise::progress_file()?).into_diagnostic()?;
    let lesson = choose(&catalogue, &progress, arguments.lesson.as_deref())?;
    heading(2, &format!("A lesson: {}", lesson.lesson()));
    let notebook = begin(lesson, &progress, &arguments.exercises)?;

    heading(3, "JupyterLab");
    let lab = match JupyterLab::find() {
        Ok(lab) => lab,
        Err(error) => {
            without_lab(&error);
            return Ok(());
        }
    };
    let mut command = lab.command(&notebook, matches!(screen, Screen::Here | Screen::NotAsked));
    let written = written(&command);
    if let Screen::NotAsked = screen {
        line(&format!("JupyterLab {} is here.", lab.version));
        if !is_known() {
            line("Make the kernel known to it:  momentum kernel install");
        }
        line(&format!("Open the lesson in it:  {written}"));
        return Ok(());
    }
    if !is_known() {
        line("Making the kernel \"Rust (Momentum)\" known to it.");
        kernel::install(&Location::User, &Limits::default())?;
    }
    for said in screen.before_lab() {
        line(&said);
    }
    line(&format!("Starting it; Ctrl-C ends it:  {written}"));
    Err(replace_by(&mut command)).into_diagnostic()
}

fn heading(number: usize, title: &str) {
    println!("\n\u{1b}[1m{number}  {title}\u{1b}[0m");
}

fn line(text: &str) {
    println!("   {text}");
}

/// The lesson that was asked for, else the first with an open exercise, else the first.
fn choose<'a>(
    catalogue: &'a Catalogue,
    progress: &Progress,
    asked: Option<&str>,
) -> Result<&'a Source> {
    if let Some(name) = asked {
        return catalogue.lesson(name).into_diagnostic();
    }
    let with_exercises = || catalogue.sources().iter().filter(|s| !s.exercises().is_empty());
    let open = with_exercises().find(|source| progress.of(source).next.is_some());
    open.or_else(|| with_exercises().next()).ok_or_else(|| {
        miette::miette!(
            help = "notebooks/solutions in the clone of Momentum should hold some",
            "there is no lesson with exercises"
        )
    })
}

/// Puts the lesson into the learner's folder, and says what to do with it.
fn begin(lesson: &Source, progress: &Progress, folder: &Path) -> Result<PathBuf> {
    let notebook = match LearnerFolder::new(folder.to_owned()).start(lesson).into_diagnostic()? {
        Started::New(path) => path,
        Started::There(path) => {
            line("You have begun it; your notebook stays as it is.");
            path
        }
    };
    line(&format!("{}", notebook.display()));
    let name = lesson.lesson();
    let of = progress.of(lesson);
    let (passed, all) = (of.n_passed, of.n_exercises);
    let next = of.next.map_or("all are done".to_owned(), |next| format!("the next is `{next}`"));
    line(&format!("{passed} of {all} exercises passed; {next}"));
    line(&format!("Fill the holes, save, then:  momentum exercise check {name}"));
    Ok(notebook)
}

fn without_lab(error: &JupyterError) {
    line(&format!("{error}."));
    line(&format!("Get it:  {}", error.advice()));
    line("Then again:  momentum tour");
    line("Notebooks run without it, too:  momentum run NOTEBOOK");
}

/// Whether Jupyter knows the kernel, and the program that it starts is there.
fn is_known() -> bool {
    let text = Location::User
        .folder()
        .ok()
        .and_then(|folder| std::fs::read_to_string(folder.join("kernel.json")).ok());
    text.and_then(|text| kernelspec::program_of(&text)).is_some_and(|program| program.is_file())
}

/// A command as it can be typed.
fn written(command: &std::process::Command) -> String {
    // It was found on the path, so its name is enough.
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| match word.to_string_lossy() {
        word if word.contains([' ', '\'', '"', '$']) => {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
        word => word.into_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Goes on as another program, which then has the terminal for itself; returns only if it cannot.
fn replace_by(command: &mut std::process::Command) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}
