//! `momentum init`: a new series.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Result};
use momentum_journal::{InitConfig, init};

use crate::report;

/// Make a new series: a configuration, a first entry and its notebook. Nothing is overwritten.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum init my-log --title \"My study log\"")]
pub(crate) struct Arguments {
    /// The folder of the series; it is made if it is not there
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// What the series is called
    #[arg(long, default_value = "My study log", value_name = "TEXT")]
    title: String,
    /// Who writes it
    #[arg(long, default_value = "", value_name = "NAME")]
    author: String,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let config = InitConfig {
        title: arguments.title.clone(),
        author: arguments.author.clone(),
        date: chrono::Local::now().date_naive(),
    };
    let made = match init(&arguments.folder, &config) {
        Ok(made) => made,
        Err(momentum_journal::ScaffoldError::Journal(error)) => return Err(report::journal(error)),
        error => error.into_diagnostic()?,
    };
    for file in &made.files {
        println!("Wrote {}", file.display());
    }
    let folder = arguments.folder.display();
    println!("Build it: momentum build {folder}");
    println!("Or write with the page beside you: momentum serve {folder}");
    Ok(())
}
