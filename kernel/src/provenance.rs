//! What made a notebook's outputs (ARCHITECTURE.md, "The notebook file").

mod data;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::notebook::{CodeCell, Notebook};
use data::data_hashes;

/// The version of the record.
const FORMAT: u32 = 1;

/// What ran the cells: outputs made by another are out of date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Name and version of the kernel.
    pub kernel: String,
    /// First line of `rustc --version`.
    pub compiler: String,
    /// Version and hash of the helpers.
    pub helpers: String,
    /// What the helpers start their random numbers from.
    pub seed: u64,
}

/// The record in a notebook's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    format: u32,
    status: String,
    #[serde(flatten)]
    environment: Environment,
}

/// Why a notebook has to be run, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Its outputs are those of its code, in this environment.
    Fresh,
    /// It was never run by this kernel.
    NeverRun,
    /// A cell has changed since.
    CodeChanged,
    /// A file that a cell declares as its data has changed since.
    DataChanged,
    /// Kernel, compiler, helpers or seed are others.
    EnvironmentChanged,
    /// The last run ended with an error.
    Failed,
}

/// The chain of hashes over the sources of the code cells: one for each, as hex digits, standing
/// for the cell and all before it.
///
/// ```
/// use momentum_kernel::provenance::chain;
/// let one = chain(["let x = 1;", "x + 1"]);
/// let two = chain(["let x = 2;", "x + 1"]);
/// assert_ne!(one[1], two[1]); // an earlier cell changed
/// ```
pub fn chain<'a>(sources: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut last = format!("{:x}", Sha256::digest("momentum-chain-1"));
    let link = |source: &str| {
        last = format!("{:x}", Sha256::digest(format!("{last}\n{source}")));
        last.clone()
    };
    sources.into_iter().map(link).collect()
}

/// The chain of a notebook's code cells.
pub(crate) fn notebook_chain(cells: &[CodeCell]) -> Vec<String> {
    chain(cells.iter().map(|cell| cell.source.as_str()))
}

/// Whether a notebook's outputs still hold. The files that its cells declare as their data are
/// read, beside the notebook.
pub fn freshness(notebook: &Notebook, environment: &Environment) -> Freshness {
    let record = notebook.metadata("momentum").cloned();
    let Some(record) = record.and_then(|json| serde_json::from_value::<Record>(json).ok()) else {
        return Freshness::NeverRun;
    };
    let cells = notebook.code_cells();
    let recorded = |cell: &CodeCell| {
        notebook
            .cell_record(cell.index)
            .and_then(|record| Some(record.get("chain")?.as_str()?.to_owned()))
    };
    let same = cells
        .iter()
        .zip(notebook_chain(&cells))
        .all(|(cell, chain)| cell.source.trim().is_empty() || recorded(cell) == Some(chain));
    let folder = notebook.path().parent().unwrap_or(Path::new(""));
    let data_same = || {
        cells.iter().all(|cell| {
            let recorded = notebook.cell_record(cell.index).and_then(|record| record.get("data"));
            recorded.cloned() == data_hashes(&cell.source, folder)
        })
    };
    match record {
        // A failed run leaves its later cells without outputs: that is no change of code.
        record if record.status != "ok" => Freshness::Failed,
        _ if !same => Freshness::CodeChanged,
        _ if !data_same() => Freshness::DataChanged,
        record if record.format != FORMAT || record.environment != *environment => {
            Freshness::EnvironmentChanged
        }
        _ => Freshness::Fresh,
    }
}

/// The record of a cell that is about to run in `folder`: its chain, and the data that it declares
/// as they are now.
pub(crate) fn cell_record(chain: &str, source: &str, folder: &Path) -> Value {
    let mut record = json!({ "chain": chain });
    if let Some(data) = data_hashes(source, folder) {
        record["data"] = data;
    }
    record
}

/// The record of a run.
pub(crate) fn record(environment: &Environment, ok: bool) -> Value {
    let status = if ok { "ok" } else { "failed" }.to_owned();
    json!(Record { format: FORMAT, status, environment: environment.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same vector is pinned in the journal.
    #[test]
    fn the_chain_is_that_of_the_architecture() {
        assert_eq!(
            chain(["let x = 1;", "x + 1"]),
            [
                "a7d87d1b89431d76dfec89ac2541643bc534ef3714be6206c0ead96dcd0de6c8",
                "cffd62e15ad7086190d1abc017028ab33d5563011a19be94d505f276a9ac927e",
            ]
        );
    }
}
