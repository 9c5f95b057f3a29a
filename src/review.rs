//! `momentum review`: what was learnt on earlier days, asked when it is about to be forgotten.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anstream::println;
use chrono::{DateTime, Utc};
use miette::{IntoDiagnostic, Result};
use momentum_journal::{Question, Series};
use momentum_lessons::{Recall, Schedule, anki_text, write_whole};

use crate::exercise::data_folder;
use crate::report;

/// Be asked what you learnt on earlier days: the entries' `Q:` and `A:` lists, spaced by FSRS.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum review --limit 10\n  momentum review --anki cards.txt"
)]
pub(crate) struct Arguments {
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Ask at most so many
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    limit: usize,
    /// List the questions and when they are due, and ask none
    #[arg(long)]
    list: bool,
    /// Write all questions into a file that Anki imports, and ask none
    #[arg(long, value_name = "FILE")]
    anki: Option<PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let series = Series::open(&arguments.folder).map_err(report::journal)?;
    let questions = series.questions();
    if questions.is_empty() {
        println!(
            "No entry has a question yet. Write one as an item of a list:\n\n- Q: Why do the maps shrink?\n  A: Pooling keeps one value of each block."
        );
        return Ok(());
    }
    if let Some(path) = &arguments.anki {
        let tags: Vec<_> = questions.iter().map(|q| format!("day-{:02}", q.day)).collect();
        let cards = questions.iter().zip(&tags);
        let cards = cards.map(|(q, tag)| (q.question.as_str(), q.answer.as_str(), tag.as_str()));
        write_whole(path, &anki_text(&series.config().title, cards)).into_diagnostic()?;
        println!("Wrote {} cards to {}", questions.len(), path.display());
        return Ok(());
    }
    let path = data_folder()?.join("review.json");
    let mut schedule = Schedule::load(&path).into_diagnostic()?;
    if arguments.list {
        for question in &questions {
            let due = schedule.due(&question.question);
            let due = due.map_or("now".to_owned(), day);
            println!("{due:<12} Day {:<4} {}", question.day, question.question);
        }
        return Ok(());
    }
    let now = Utc::now();
    let due: Vec<_> = questions.iter().filter(|q| schedule.is_due(&q.question, now)).collect();
    let mut asked = 0;
    for question in due.iter().take(arguments.limit) {
        let Some(recall) = ask(question)? else { break };
        let next = schedule.answered(&question.question, recall, Utc::now());
        // After each answer, so that none is lost.
        schedule.save().into_diagnostic()?;
        println!("Comes back on {}\n", day(next));
        asked += 1;
    }
    println!("{asked} of {} that were due", due.len());
    if due.is_empty() {
        let next = questions.iter().filter_map(|q| schedule.due(&q.question)).min();
        println!("The next is due on {}", next.map(day).unwrap_or_default());
    }
    Ok(())
}

fn day(time: DateTime<Utc>) -> String {
    time.with_timezone(&chrono::Local).format("%Y-%m-%d").to_string()
}

/// Asks; nothing if the learner has had enough.
fn ask(question: &Question) -> Result<Option<Recall>> {
    println!("\u{1b}[2mDay {}: {}\u{1b}[0m", question.day, question.title);
    println!("\u{1b}[1m{}\u{1b}[0m", question.question);
    if line("  (Enter shows the answer, q ends) ")?.is_none_or(|said| said.trim() == "q") {
        return Ok(None);
    }
    println!("  {}", question.answer);
    loop {
        let said = line("  How well did you know it? 1 not at all, 2 hardly, 3 well, 4 at once ")?;
        let Some(said) = said.filter(|said| said.trim() != "q") else { return Ok(None) };
        if let Some(recall) = Recall::parse(&said) {
            return Ok(Some(recall));
        }
    }
}

/// A line that the learner typed; nothing at the end of the input.
fn line(prompt: &str) -> Result<Option<String>> {
    print!("{prompt}");
    std::io::stdout().flush().into_diagnostic()?;
    let mut said = String::new();
    let length = std::io::stdin().lock().read_line(&mut said).into_diagnostic()?;
    if !std::io::stdin().is_terminal() {
        println!();
    }
    Ok((length > 0).then_some(said))
}
