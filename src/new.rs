//! `momentum new`: the next day of a series.

use std::path::PathBuf;

use chrono::NaiveDate;
use miette::{IntoDiagnostic, Result};
use momentum_journal::{ScaffoldError, Series};

use crate::report;

/// Make the next day: its entry and its notebook, from the series' templates.
///
/// Templates of your own are templates/entry.md and templates/notebook.ipynb beside momentum.yaml;
/// {{day}}, {{title}}, {{date}}, {{series}} and {{notebook}} are filled in.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum new \"Convolutions by hand\"\n  momentum new \"Recall\" my-log --date 2026-11-22"
)]
pub(crate) struct Arguments {
    /// The entry's title
    title: String,
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// The entry's date, such as 2026-11-22 [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    date: Option<NaiveDate>,
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| "expected a day such as 2026-11-22".to_owned())
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let series = Series::open(&arguments.folder).map_err(report::journal)?;
    let date = arguments.date.unwrap_or_else(|| chrono::Local::now().date_naive());
    let made = match series.new_day(&arguments.title, date) {
        Ok(made) => made,
        Err(ScaffoldError::Journal(error)) => return Err(report::journal(error)),
        error => error.into_diagnostic()?,
    };
    println!("Day {}: {}", made.day, arguments.title);
    for file in &made.files {
        println!("Wrote {}", file.display());
    }
    Ok(())
}
