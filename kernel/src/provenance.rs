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

fn run_record(notebook: &Notebook) -> Option<Record> {
    serde_json::from_value(notebook.metadata("momentum")?.clone()).ok()
}

/// What ran a notebook, and whether that run came to its end; nothing if it has no record.
pub(crate) fn recorded_environment(notebook: &Notebook) -> Option<(Environment, bool)> {
    run_record(notebook).map(|record| (record.environment, record.status == "ok"))
}

/// The labels of the cells that are not those of the run on record, or stand behind such a cell.
pub(crate) fn changed_cells(notebook: &Notebook) -> Vec<String> {
    let cells = notebook.code_cells();
    let recorded = |cell: &CodeCell| {
        notebook
            .cell_record(cell.index)
            .and_then(|record| Some(record.get("chain")?.as_str()?.to_owned()))
    };
    let chain = notebook_chain(&cells);
    let changed = cells.iter().zip(chain).filter(|(cell, chain)| {
        !cell.source.trim().is_empty() && recorded(cell).as_ref() != Some(chain)
    });
    changed.map(|(cell, _)| cell.label().to_owned()).collect()
}

/// The declared files that are not those of the run on record: name, hash on record, hash now.
/// Where a cell had declared none, or declares none now, its hashes are null.
pub(crate) fn changed_data(notebook: &Notebook) -> Vec<(String, Value, Value)> {
    let folder = notebook.path().parent().unwrap_or(Path::new(""));
    let mut changed = Vec::new();
    for cell in notebook.code_cells() {
        let recorded = notebook.cell_record(cell.index).and_then(|record| record.get("data"));
        let now = data_hashes(&cell.source, folder);
        if recorded == now.as_ref() {
            continue;
        }
        let of = |data: Option<&Value>, file: &str| {
            data.and_then(|data| data.get(file)).cloned().unwrap_or_default()
        };
        let files = [recorded, now.as_ref()].into_iter().flatten().filter_map(Value::as_object);
        let names: std::collections::BTreeSet<_> = files.flat_map(|files| files.keys()).collect();
        let pairs = names
            .into_iter()
            .map(|file| (file.clone(), of(recorded, file), of(now.as_ref(), file)));
        changed.extend(pairs.filter(|(_, then, now)| then != now));
    }
    changed
}

/// Whether a notebook's outputs still hold. The files that its cells declare as their data are
/// read, beside the notebook.
pub fn freshness(notebook: &Notebook, environment: &Environment) -> Freshness {
    let Some(record) = run_record(notebook) else { return Freshness::NeverRun };
    match record {
        // A failed run leaves its later cells without outputs: that is no change of code.
        record if record.status != "ok" => Freshness::Failed,
        _ if !changed_cells(notebook).is_empty() => Freshness::CodeChanged,
        _ if !changed_data(notebook).is_empty() => Freshness::DataChanged,
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

/// The files of a cell's record that were not there.
pub(crate) fn missing_data(record: &Value) -> Vec<String> {
    let data = record.get("data").and_then(Value::as_object).into_iter().flatten();
    data.filter(|(_, hash)| hash.is_null()).map(|(name, _)| name.clone()).collect()
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
