//! Whether the outputs of a cell still hold, and if not, why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Cell, CellKind, Notebook, RunRecord, data_files};
use crate::key::Key;

/// Whether the outputs of a cell still hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CellState {
    /// Code, data and environment are those of the recorded run.
    Fresh,
    /// The same, and the cell is tagged `nondeterministic`: another run gives other outputs.
    Nondeterministic,
    /// The code of this cell, or of one before it, has changed since.
    StaleCode,
    /// A file that this cell, or one before it, declares as its data has changed since.
    StaleData,
    /// Kernel, compiler or helpers are not those that made it.
    StaleEnvironment,
    /// No run of this cell is on record.
    NeverRun,
    /// The cell ended with an error that it was not tagged to raise.
    Failed,
    /// Run again as it is, it gave another output.
    NotReproduced,
    /// It was run by a kernel that keeps no record, so nothing can be said.
    Unrecorded,
}

impl CellState {
    /// The state as one word, for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CellState::Fresh => "fresh",
            CellState::Nondeterministic => "nondeterministic",
            CellState::StaleCode => "stale-code",
            CellState::StaleData => "stale-data",
            CellState::StaleEnvironment => "stale-environment",
            CellState::NeverRun => "never-run",
            CellState::Failed => "failed",
            CellState::NotReproduced => "not-reproduced",
            CellState::Unrecorded => "unrecorded",
        }
    }

    /// Whether nothing speaks against the outputs.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(self, CellState::Fresh | CellState::Nondeterministic | CellState::Unrecorded)
    }

    /// Why, where the state alone decides that.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            CellState::StaleCode => {
                "the code of this cell, or of one before it, has changed since this was made"
            }
            CellState::NeverRun => "no run of this cell is on record",
            CellState::Failed => "this cell ended with an error",
            CellState::NotReproduced => "run again as it is, the cell gave another output",
            CellState::Nondeterministic => "its author says that it differs from run to run",
            CellState::Unrecorded => "the kernel that made this keeps no record of its runs",
            CellState::Fresh | CellState::StaleData | CellState::StaleEnvironment => "",
        }
    }
}

impl std::fmt::Display for CellState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CellState::StaleCode => "stale code",
            CellState::StaleData => "stale data",
            CellState::StaleEnvironment => "stale environment",
            CellState::NeverRun => "never run",
            CellState::NotReproduced => "not reproduced",
            CellState::Unrecorded => "run by a kernel that keeps no record",
            other => other.name(),
        })
    }
}

/// What would run the notebooks now: outputs made by another are out of date. The words are those
/// of [`RunRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunEnvironment {
    /// The kernel and its version.
    pub kernel: String,
    /// The compiler and its version.
    pub compiler: String,
    /// The version of the helpers in scope.
    pub helpers: String,
}

impl RunEnvironment {
    /// What differs from the record of a run, as a reason.
    fn differs(&self, run: &RunRecord) -> Option<String> {
        let short = |compiler: &str| compiler.split(" (").next().unwrap_or_default().to_owned();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        if run.kernel != self.kernel {
            old.push(run.kernel.clone());
            new.push(self.kernel.clone());
        }
        if run.compiler != self.compiler {
            old.push(short(&run.compiler));
            new.push(short(&self.compiler));
        }
        if run.helpers != self.helpers {
            old.push(format!("helpers {}", run.helpers));
            new.push(format!("helpers {}", self.helpers));
        }
        (!old.is_empty()).then(|| {
            format!(
                "this was made by {}; it would now be made by {}",
                old.join(", "),
                new.join(", ")
            )
        })
    }
}

/// What is known of a second run, from `.momentum/<notebook stem>.rerun.json` beside the notebook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rerun {
    /// The key of the notebook's bytes that were compared, in hex digits.
    pub(crate) notebook: String,
    /// The numbers of the cells that were compared.
    pub(crate) compared: BTreeSet<usize>,
    /// Those of them that gave another output.
    pub(crate) differ: BTreeSet<usize>,
}

/// What outputs are judged by, besides the code.
#[derive(Debug, Default)]
pub(crate) struct Evidence<'a> {
    pub(crate) environment: Option<&'a RunEnvironment>,
    /// The declared files as they are now, by the names that cells give them; `None` where there
    /// is no such file in the series.
    pub(crate) data: BTreeMap<String, Option<Key>>,
    pub(crate) rerun: Option<Rerun>,
}

impl Notebook {
    /// Judges the outputs whose code has not changed by what else they were made from.
    pub(crate) fn weigh(&mut self, evidence: &Evidence<'_>) {
        let environment =
            self.run.as_ref().and_then(|run| evidence.environment.and_then(|now| now.differs(run)));
        let mut data: Option<String> = None;
        for cell in self.cells.iter_mut().filter(|cell| cell.kind == CellKind::Code) {
            if cell.recorded_chain.is_none() {
                continue;
            }
            let changed = data_files(&cell.source)
                .find_map(|file| changed(file, cell, evidence.data.get(file).copied().flatten()));
            // What comes after it may rest on it.
            data = data.or(changed);
            if !cell.state.holds() {
                continue;
            }
            let rerun = evidence.rerun.as_ref();
            let (state, reason) = if let Some(reason) = &data {
                (CellState::StaleData, reason.clone())
            } else if let Some(reason) = &environment {
                (CellState::StaleEnvironment, reason.clone())
            } else if cell.state == CellState::Fresh
                && rerun.is_some_and(|rerun| rerun.differ.contains(&cell.number))
            {
                let state = CellState::NotReproduced;
                (state, state.reason().to_owned())
            } else {
                cell.is_reproduced = cell.state == CellState::Fresh
                    && rerun.is_some_and(|rerun| rerun.compared.contains(&cell.number));
                continue;
            };
            (cell.state, cell.reason) = (state, reason);
        }
    }

    /// The files that cells declare as their data, by the names that they give them.
    pub(crate) fn data_files(&self) -> BTreeSet<&str> {
        let code = self.cells.iter().filter(|cell| cell.kind == CellKind::Code);
        code.flat_map(|cell| data_files(&cell.source)).collect()
    }
}

/// Why a declared file is not what the recorded run read.
fn changed(file: &str, cell: &Cell, now: Option<Key>) -> Option<String> {
    let now = now.map(Key::hex);
    match (cell.recorded_data.get(file), now) {
        // The key is the first half of the hash on record.
        (Some(Some(then)), Some(now)) if then.starts_with(&now) => None,
        (Some(None), None) => None,
        (Some(Some(_)), None) => {
            Some(format!("the data file {file} is not in the series any more"))
        }
        (Some(_), Some(_)) => Some(format!("the data file {file} has changed since this was made")),
        (None, _) => Some(format!("the run that made this has not recorded the data file {file}")),
    }
}

#[cfg(test)]
mod tests;
