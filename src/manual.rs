//! `momentum man`: the manual, made from what the commands say of themselves.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use miette::{IntoDiagnostic, Result};
use momentum_lessons::write_whole;

/// Write the manual: a man page for each command, or all of them as one page of Markdown.
///
/// To read them by `man`: --out ~/.local/share/man/man1, then `man momentum-build`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum man --out ~/.local/share/man/man1\n  momentum man --format markdown --out docs/reference"
)]
pub(crate) struct Arguments {
    /// The folder that the pages go to; it is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// A man page for each command, or commands.md
    #[arg(long, default_value = "roff", value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Roff,
    Markdown,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    std::fs::create_dir_all(&arguments.out).into_diagnostic()?;
    let pages = match arguments.format {
        Format::Roff => man_pages(crate::command())?,
        Format::Markdown => vec![("commands.md".to_owned(), markdown(crate::command()))],
    };
    for (name, text) in &pages {
        let path = arguments.out.join(name);
        write_whole(&path, text).into_diagnostic()?;
    }
    let n = pages.len();
    let s = if n == 1 { "" } else { "s" };
    println!("Wrote {n} page{s} to {}", Path::new(&arguments.out).display());
    Ok(())
}

/// The name and text of the man page of each command.
fn man_pages(command: Command) -> Result<Vec<(String, String)>> {
    fn add(command: &Command, pages: &mut Vec<(String, String)>) -> Result<()> {
        let man = Man::new(command.clone());
        let mut text = Vec::new();
        man.render(&mut text).into_diagnostic()?;
        pages.push((man.get_filename(), String::from_utf8(text).into_diagnostic()?));
        command.get_subcommands().try_for_each(|subcommand| add(subcommand, pages))
    }
    let mut command = command.disable_help_subcommand(true);
    // Gives the subcommands their full names and the options of their parents.
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

/// All commands as one page.
fn markdown(command: Command) -> String {
    let command = with_examples_as_code(command.disable_help_subcommand(true));
    let options = clap_markdown::MarkdownOptions::new()
        .title("Commands".to_owned())
        .show_footer(false)
        .show_table_of_contents(true);
    let text = clap_markdown::help_markdown_command_custom(&command, &options);
    let head = "# Commands\n\n<!-- Written by `momentum man --format markdown --out docs/reference`; a test holds it. -->\n";
    let text = text.replacen("# Commands\n", head, 1);
    let text = text.replace("###### **", "**");
    let is_wanted = |line: &&str| !line.starts_with("This document contains the help content");
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(is_wanted).collect();
    lines.join("\n").trim_end().to_owned() + "\n"
}

/// Examples between fences, so that Markdown keeps their lines.
fn with_examples_as_code(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    let help = command.get_after_help().map(ToString::to_string);
    let command = match help.as_deref().and_then(|help| help.split_once("Examples:\n")) {
        Some((before, examples)) => {
            let lines: Vec<_> = examples.lines().map(str::trim_start).collect();
            command.after_help(format!("{before}```sh\n{}\n```", lines.join("\n")))
        }
        None => command,
    };
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, with_examples_as_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of an example, as a shell has them.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().expect("there is a word").push(c),
            }
        }
        words
    }

    fn check(command: &Command, path: &str, faults: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.split_once("Examples:\n").map_or("", |(_, examples)| examples);
        if examples.is_empty() {
            faults.push(format!("{path}: no example"));
        }
        for example in examples.lines().map(str::trim) {
            if !example.starts_with(path) {
                faults.push(format!("{path}: an example of another command: {example}"));
            }
            if let Err(error) = crate::command().try_get_matches_from(words(example)) {
                faults.push(format!("{example}: {error}"));
            }
        }
        for subcommand in command.get_subcommands() {
            check(subcommand, &format!("{path} {}", subcommand.get_name()), faults);
        }
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let mut faults = Vec::new();
        check(&crate::command(), "momentum", &mut faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// Every page below a folder, with what is in it.
    fn pages_below(folder: &Path, pages: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                pages_below(&path, pages);
            } else if path.extension().is_some_and(|kind| kind == "md") {
                pages.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn the_commands_of_the_documentation_can_be_typed() {
        let (mut pages, mut faults, mut tried) = (Vec::new(), Vec::new(), 0);
        pages_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs"), &mut pages);
        for (path, text) in &pages {
            for block in text.split("```sh\n").skip(1) {
                let lines = block.split("```").next().unwrap_or_default().lines();
                for line in lines.filter(|line| line.starts_with("momentum ")) {
                    tried += 1;
                    if let Err(error) = crate::command().try_get_matches_from(words(line)) {
                        faults.push(format!("{}: {line}: {error}", path.display()));
                    }
                }
            }
        }
        assert!(tried > 30, "{tried}");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn every_command_has_a_man_page_with_its_example() {
        let pages = man_pages(crate::command()).unwrap();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["momentum.1", "momentum-build.1", "momentum-exercise-start.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
        for (name, text) in &pages {
            assert!(text.contains("Examples:"), "{name}: {text}");
        }
    }
}
