//! A notebook as its file has it: cells, outputs, the record of the run that made them.

pub(crate) mod beside;
pub(crate) mod chain;
pub(crate) mod read;
pub(crate) mod state;

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

pub use self::state::{CellState, RunEnvironment};

use crate::markdown;

/// A notebook of any kernel, nbformat 3 to 4.5.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Notebook {
    /// The file, relative to the series' root.
    pub file: String,
    /// The language of its code cells, such as `rust`.
    pub language: String,
    /// The cells, in order.
    pub cells: Vec<Cell>,
    /// The record of the run, where a kernel left one.
    pub run: Option<RunRecord>,
    /// The times of that run, where they are at hand.
    pub timing: Option<Timing>,
}

/// What `metadata.momentum` of a notebook says about the run that made its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunRecord {
    /// `ok` or `failed`.
    pub status: String,
    /// The kernel and its version.
    pub kernel: String,
    /// The compiler and its version.
    pub compiler: String,
    /// The version of the helpers in scope.
    pub helpers: String,
    /// The seed given to what is random.
    pub seed: Option<u64>,
}

/// The times of a run, from `.momentum/<notebook stem>.json` beside the notebook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Timing {
    /// The last chain of the run; times of another run than the recorded one are not used.
    pub chain: String,
    /// When the run began, as RFC 3339 has it: `2026-11-22T17:00:00Z`.
    pub started: String,
    /// The whole run, in milliseconds.
    pub duration_ms: u64,
    /// Each cell, in milliseconds, by its id.
    pub cells: BTreeMap<String, u64>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cell {
    /// Its place, counted from 1.
    pub number: usize,
    /// The id that nbformat 4.5 gives it.
    pub id: Option<String>,
    /// What kind of cell it is.
    pub kind: CellKind,
    /// Its text, label line included.
    pub source: String,
    /// The `//| label: name` line on top of it.
    pub label: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How many executions the kernel had done, this one included.
    pub execution_count: Option<u64>,
    /// What it showed.
    pub outputs: Vec<Output>,
    /// The chain that the kernel recorded when it ran the cell.
    pub recorded_chain: Option<String>,
    /// The chain of the file as it is; empty for cells without code.
    pub chain: String,
    /// The SHA-256 that the kernel recorded of each file that the cell declares as its data, by the
    /// name that the cell gives it; `None` where there was no such file.
    pub recorded_data: BTreeMap<String, Option<String>>,
    /// Whether its outputs still hold.
    pub state: CellState,
    /// Why they do not, or what else is to be known about them; empty where nothing is.
    pub reason: String,
    /// A second run, compared with this one, gave the same.
    pub is_reproduced: bool,
    /// Pictures pasted into a markdown cell, by name.
    pub attachments: BTreeMap<String, MimeBundle>,
}

/// The kind of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellKind {
    /// Text.
    Markdown,
    /// Code, with outputs.
    Code,
    /// Neither: shown as it is.
    Raw,
}

/// One output of a cell.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// What it printed.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// The text, ANSI escapes included.
        text: String,
    },
    /// What it displayed, or its result.
    Display {
        /// The same thing in several forms.
        data: MimeBundle,
        /// What is said about it, such as `alt`.
        metadata: Value,
    },
    /// The error it ended with.
    Error {
        /// The error's name.
        name: String,
        /// Its message.
        value: String,
        /// Lines, ANSI escapes included.
        traceback: Vec<String>,
    },
}

/// One thing in several forms, by MIME type.
pub type MimeBundle = BTreeMap<String, String>;

/// The tag of a cell whose outputs differ from run to run, as its author knows.
pub(crate) const NONDETERMINISTIC: &str = "nondeterministic";

/// Tags that steer tools; they name no cell.
const DIRECTIVES: [&str; 8] = [
    NONDETERMINISTIC,
    "raises-exception",
    "skip-execution",
    "parameters",
    "injected-parameters",
    "hide-input",
    "hide-output",
    "hide-cell",
];

impl Notebook {
    /// The cell that `label` names: by its label line, else by a tag, else by its id, else by its
    /// place (`cell-7`, or a heading above it: `the-heading`, `the-heading/2`).
    ///
    /// # Errors
    /// The numbers of the cells that share the label; none where no cell has it.
    pub fn cell(&self, label: &str) -> Result<&Cell, Vec<usize>> {
        let by: [&dyn Fn(&Cell) -> bool; 3] = [
            &|cell| cell.label.as_deref() == Some(label),
            &|cell| cell.naming_tags().any(|tag| tag == label),
            &|cell| cell.id.as_deref() == Some(label),
        ];
        for rule in by {
            let found: Vec<&Cell> = self.cells.iter().filter(|cell| rule(cell)).collect();
            match found[..] {
                [] => {}
                [one] => return Ok(one),
                _ => return Err(found.iter().map(|cell| cell.number).collect()),
            }
        }
        self.cell_at(label).ok_or_else(Vec::new)
    }

    /// The cell at a place: `cell-7` is the seventh; `the-heading` is the first code cell with
    /// outputs below that heading, `the-heading/2` the second.
    fn cell_at(&self, place: &str) -> Option<&Cell> {
        if let Some(number) = place.strip_prefix("cell-").and_then(|n| n.parse::<usize>().ok()) {
            return self.cells.get(number.checked_sub(1)?);
        }
        let (heading, nth) = match place.rsplit_once('/') {
            Some((heading, nth)) => (heading, nth.parse::<usize>().ok()?.checked_sub(1)?),
            None => (place, 0),
        };
        let mut ids = HashSet::new();
        let at = self.cells.iter().position(|cell| {
            cell.kind == CellKind::Markdown
                && markdown::heading_ids(&cell.source, &mut ids).iter().any(|id| id == heading)
        })?;
        let below = self.cells[at + 1..].iter();
        below.filter(|cell| cell.kind == CellKind::Code && !cell.outputs.is_empty()).nth(nth)
    }

    /// The labels by which code cells can be named, in order: what to choose from.
    pub fn labels(&self) -> impl Iterator<Item = &str> + Clone {
        self.cells.iter().filter(|cell| cell.kind == CellKind::Code).filter_map(Cell::own_name)
    }

    /// The first heading of the first text cell, else the file's name.
    #[must_use]
    pub fn title(&self) -> String {
        let first = self.cells.iter().find(|cell| cell.kind == CellKind::Markdown);
        first
            .and_then(|cell| cell.source.trim_start().strip_prefix("# "))
            .and_then(|text| text.lines().next())
            .map(|line| line.trim().trim_end_matches('#').replace(['`', '*'], "").trim().to_owned())
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| crate::root::stem_of(&self.file).to_owned())
    }

    /// How long the cell took in the recorded run, in milliseconds.
    #[must_use]
    pub fn cell_duration_ms(&self, cell: &Cell) -> Option<u64> {
        let timing = self.timing.as_ref()?;
        timing.cells.get(cell.id.as_deref()?).copied()
    }
}

impl Cell {
    /// The anchor of the cell on the notebook's page, and the name to link to it by.
    #[must_use]
    pub fn anchor(&self) -> String {
        self.own_name().map_or_else(|| format!("cell-{}", self.number), str::to_owned)
    }

    /// The source without the option lines on top.
    #[must_use]
    pub fn code(&self) -> &str {
        let mut rest = self.source.as_str();
        while let Some(line) = rest.split_inclusive('\n').next() {
            if option_line(line).is_none() {
                break;
            }
            rest = &rest[line.len()..];
        }
        rest.trim_start_matches('\n')
    }

    fn own_name(&self) -> Option<&str> {
        self.label
            .as_deref()
            .or_else(|| self.naming_tags().next())
            .or(self.id.as_deref())
            .filter(|name| !name.is_empty())
    }

    fn naming_tags(&self) -> impl Iterator<Item = &str> {
        self.tags
            .iter()
            .map(String::as_str)
            .filter(|tag| !DIRECTIVES.contains(tag) && !tag.starts_with("remove"))
    }
}

/// What follows `//|` or `#|` on a line.
fn option_line(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("//|").or_else(|| line.strip_prefix("#|")).map(str::trim)
}

/// The value of the `label:` line among the option lines on top of a cell.
pub(crate) fn label_line(source: &str) -> Option<String> {
    named_line(source, "label:")
}

/// The name of the exercise that a cell is, by its `exercise:` line.
pub(crate) fn exercise_line(source: &str) -> Option<String> {
    named_line(source, "exercise:")
}

fn named_line(source: &str, option: &str) -> Option<String> {
    source
        .lines()
        .map_while(option_line)
        .find_map(|line| line.strip_prefix(option))
        .map(|name| name.trim().trim_matches(['"', '\'']).to_owned())
        .filter(|name| !name.is_empty())
}

/// The files that a cell declares as its data, by lines such as `//| data: a.csv, b.csv` on top of
/// it; relative to its notebook.
pub(crate) fn data_files(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .map_while(option_line)
        .filter_map(|option| option.split_once(':'))
        .filter(|(name, _)| name.trim() == "data")
        .flat_map(|(_, files)| files.split(','))
        .map(|file| file.trim().trim_matches(['"', '\'']))
        .filter(|file| !file.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_declared_on_top() {
        let files = |source| data_files(source).collect::<Vec<_>>();
        let source = "//| label: x\n//| data: a b.csv, \"c.csv\"\n#| data: d\nx\n//| data: e";
        assert_eq!(files(source), ["a b.csv", "c.csv", "d"]);
        assert_eq!(files("//| database: x\n//| data:"), [""; 0]);
    }

    #[test]
    fn labels_stand_on_top() {
        assert_eq!(label_line("//| label: maps\nx").as_deref(), Some("maps"));
        assert_eq!(label_line("#| echo: false\n#| label: \"maps\"\nx").as_deref(), Some("maps"));
        assert_eq!(label_line("let x = 1;\n//| label: late"), None);
        assert_eq!(label_line("//| label:\n"), None);
    }
}
