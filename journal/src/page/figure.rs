//! The frame around an embedded output: caption, mark, provenance, code.

use askama::Template;

use crate::highlight;
use crate::notebook::{Cell, CellState, Notebook};

/// A state in words, for the theme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateWords {
    pub(crate) class: &'static str,
    pub(crate) name: &'static str,
    pub(crate) short: &'static str,
    pub(crate) meaning: &'static str,
    /// Whether it is said in a line of its own.
    pub(crate) is_marked: bool,
}

pub(crate) fn words(state: CellState) -> StateWords {
    let (class, name, short, meaning, is_marked) = match state {
        CellState::Fresh => ("fresh", "Fresh", "as last run", "", false),
        CellState::Stale => (
            "stale",
            "Stale",
            "stale",
            "The code of this cell, or of one before it, has changed since this was made.",
            true,
        ),
        CellState::NeverRun => {
            ("never", "Never run", "never run", "No run of this cell is on record.", true)
        }
        CellState::Failed => ("failed", "Failed", "failed", "This cell ended with an error.", true),
        CellState::Unrecorded => (
            "unrecorded",
            "Unrecorded",
            "no record of the run",
            "The kernel that made this keeps no record of its runs.",
            false,
        ),
    };
    StateWords { class, name, short, meaning, is_marked }
}

/// The state as a mark of a word or two.
pub(crate) fn state_name(state: CellState) -> &'static str {
    words(state).short
}

#[derive(Template)]
#[template(path = "figure.html")]
struct FigurePage<'a> {
    state: StateWords,
    body: &'a str,
    caption: &'a str,
    link: &'a str,
    place: String,
    parts: Vec<String>,
    code: String,
    shows_code: bool,
}

/// The figure of an embedded output.
pub(crate) fn figure(
    notebook: &Notebook,
    cell: &Cell,
    caption: &str,
    body: &str,
    link: &str,
    shows_code: bool,
) -> String {
    let count = cell.execution_count.map(|count| format!(" [{count}]")).unwrap_or_default();
    let place = format!("{} › {}{count}", crate::root::stem_of(&notebook.file), cell.anchor());
    let page = FigurePage {
        state: words(cell.state),
        body,
        caption,
        link,
        place,
        parts: provenance(notebook, cell),
        code: highlight::block(cell.code(), &notebook.language),
        shows_code,
    };
    // The template has no filter that can fail, and writing to a string does not fail.
    page.render().unwrap_or_default()
}

/// What made the outputs of a cell, as far as it is on record.
pub(crate) fn provenance(notebook: &Notebook, cell: &Cell) -> Vec<String> {
    let mut parts = Vec::new();
    if let (Some(run), Some(chain)) = (&notebook.run, &cell.recorded_chain) {
        parts.push(run.kernel.clone());
        // `rustc 1.95.0 (59807616e 2026-04-14)` is said in short.
        parts.push(run.compiler.split(" (").next().unwrap_or_default().to_owned());
        if !run.helpers.is_empty() {
            parts.push(format!("helpers {}", run.helpers));
        }
        parts.push(format!("chain {}", chain.chars().take(12).collect::<String>()));
        if let Some(ms) = notebook.cell_duration_ms(cell) {
            parts.push(duration(ms));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A duration in the unit that suits it.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{} min {} s", ms / 60_000, ms / 1000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_that_suits() {
        let said: Vec<String> = [7, 1_400, 59_999, 61_000].map(duration).into();
        assert_eq!(said, ["7 ms", "1.4 s", "60.0 s", "1 min 1 s"]);
    }
}
