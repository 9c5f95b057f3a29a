//! The frame around an embedded output: caption, mark, provenance, code.

use askama::Template;

use crate::highlight;
use crate::notebook::{Cell, CellState, Notebook};

/// A cell's state in words, for the theme.
#[derive(Debug, Clone)]
pub(crate) struct StateWords {
    pub(crate) class: &'static str,
    pub(crate) name: &'static str,
    pub(crate) short: &'static str,
    /// A sentence that says why.
    pub(crate) meaning: String,
    /// Whether it is said in a line of its own.
    pub(crate) is_marked: bool,
}

pub(crate) fn words(cell: &Cell) -> StateWords {
    let (class, name, short) = match cell.state {
        CellState::Fresh => ("fresh", "Fresh", "as last run"),
        CellState::Nondeterministic => ("varies", "Varies", "differs from run to run"),
        CellState::StaleCode => ("stale", "Stale code", "stale code"),
        CellState::StaleData => ("stale", "Stale data", "stale data"),
        CellState::StaleEnvironment => ("stale", "Stale environment", "stale environment"),
        CellState::NeverRun => ("never", "Never run", "never run"),
        CellState::Failed => ("failed", "Failed", "failed"),
        CellState::NotReproduced => ("unlike", "Not reproduced", "not reproduced"),
        CellState::Unrecorded => ("unrecorded", "Unrecorded", "no record of the run"),
    };
    let is_marked = !cell.state.holds();
    StateWords { class, name, short, meaning: sentence(&cell.reason), is_marked }
}

fn sentence(reason: &str) -> String {
    let mut rest = reason.chars();
    match rest.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), rest.as_str()),
        None => String::new(),
    }
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
    let mut parts = Vec::new();
    if cell.recorded_chain.is_some() {
        parts.push(match when(notebook) {
            Some(when) => format!("run {when}"),
            None => UNTIMED.to_owned(),
        });
    }
    parts.extend(provenance(notebook, cell).into_iter().flatten());
    let page = FigurePage {
        state: words(cell),
        body,
        caption,
        link,
        place,
        parts,
        code: highlight::block(cell.code(), &notebook.language),
        shows_code,
    };
    // The template has no filter that can fail, and writing to a string does not fail.
    page.render().unwrap_or_default()
}

/// What made the outputs of a cell, as far as it is on record: what is the same for the whole
/// notebook, and what is the cell's own.
pub(crate) fn provenance(notebook: &Notebook, cell: &Cell) -> [Vec<String>; 2] {
    let (Some(run), Some(chain)) = (&notebook.run, &cell.recorded_chain) else {
        return [Vec::new(), Vec::new()];
    };
    let mut whole = vec![run.kernel.clone()];
    // `rustc 1.95.0 (59807616e 2026-04-14)` is said in short.
    whole.push(run.compiler.split(" (").next().unwrap_or_default().to_owned());
    if !run.helpers.is_empty() {
        whole.push(format!("helpers {}", run.helpers));
    }
    whole.retain(|part| !part.is_empty());
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let mut own = vec![format!("chain {}", short(chain))];
    for (file, hash) in &cell.recorded_data {
        let hash = hash.as_deref().map_or("not there".to_owned(), short);
        own.push(format!("data {file} {hash}"));
    }
    if let Some(ms) = notebook.cell_duration_ms(cell) {
        own.push(format!("took {}", duration(ms)));
    }
    if cell.is_reproduced {
        own.push("reproduced by a second run".to_owned());
    }
    [whole, own]
}

/// Said of a run whose times are not known: they lie beside the notebook, not in it, and a clone of
/// the repository has none.
pub(crate) const UNTIMED: &str = "when it ran, and how long, is not recorded here";

/// When the notebook was run, where that is on record: `22 November 2026, 17:00 UTC`.
pub(crate) fn when(notebook: &Notebook) -> Option<String> {
    let timing = notebook.timing.as_ref()?;
    let began = chrono::DateTime::parse_from_rfc3339(&timing.started).ok()?.to_utc();
    Some(format!("{}, {} UTC", crate::calendar::said(began.date_naive()), began.format("%H:%M")))
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
