//! Reads `.ipynb` files: nbformat 3 to 4.5, unknown fields and sloppy writers tolerated.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::chain::judge;
use super::{Cell, CellKind, CellState, MimeBundle, Notebook, Output, RunRecord, label_line};
use crate::problem::Problem;

/// The most bytes of a notebook.
pub(crate) const MAX_NOTEBOOK: u64 = 64 * 1024 * 1024;
/// The most cells of a notebook.
const MAX_CELLS: usize = 20_000;
/// The most outputs of a cell.
const MAX_OUTPUTS: usize = 10_000;

/// Reads a notebook from the bytes of its file; `file` is named in errors.
///
/// ```
/// let json = br#"{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
///     {"cell_type": "code", "id": "a", "source": ["//| label: sum\n", "1 + 1"],
///      "metadata": {}, "execution_count": null, "outputs": []}]}"#;
/// let notebook = momentum_journal::read_notebook("sum.ipynb", json).unwrap();
/// assert_eq!(notebook.cell("sum").unwrap().code(), "1 + 1");
/// ```
///
/// # Errors
/// A [`Problem`] that names the line of broken JSON, or the cell that is not as nbformat has it.
pub fn read_notebook(file: &str, bytes: &[u8]) -> Result<Notebook, Box<Problem>> {
    let refuse = |message: String| Box::new(Problem::of_file(file, message));
    if bytes.len() as u64 > MAX_NOTEBOOK {
        return Err(refuse(format!("the notebook is larger than {MAX_NOTEBOOK} bytes")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let raw: RawNotebook = serde_json::from_slice(bytes).map_err(|error| {
        let full = error.to_string();
        // The place is said by the problem itself, once.
        let message = full.split(" at line ").next().unwrap_or(&full);
        let mut problem = refuse(format!("this is not a notebook: {message}"));
        problem.line = error.line().max(1);
        problem.column = error.column().max(1);
        problem
    })?;
    let Some(format) = raw.nbformat else {
        return Err(refuse("`nbformat` is missing, so this is not a notebook".into()));
    };
    if !(3..=4).contains(&format) {
        return Err(refuse(format!("nbformat {format} cannot be read, only 3 and 4")));
    }
    let raw_cells: Vec<Value> = if format == 3 && raw.cells.is_empty() {
        raw.worksheets.into_iter().flat_map(|sheet| sheet.cells).collect()
    } else {
        raw.cells
    };
    if raw_cells.len() > MAX_CELLS {
        return Err(refuse(format!("the notebook has more than {MAX_CELLS} cells")));
    }
    let mut cells = Vec::with_capacity(raw_cells.len());
    for (index, value) in raw_cells.into_iter().enumerate() {
        let raw_cell: RawCell = serde_json::from_value(value)
            .map_err(|error| refuse(format!("cell {} is not a cell: {error}", index + 1)))?;
        if raw_cell.outputs.len() > MAX_OUTPUTS {
            let message = format!("cell {} has more than {MAX_OUTPUTS} outputs", index + 1);
            return Err(refuse(message));
        }
        cells.push(raw_cell.into_cell(index + 1));
    }
    let run = raw
        .metadata
        .get("momentum")
        .and_then(|record| serde_json::from_value::<RunRecord>(record.clone()).ok());
    judge(&mut cells, run.is_some());
    let language = language(&raw.metadata, &cells);
    Ok(Notebook { file: file.to_owned(), language, cells, run, timing: None })
}

#[derive(Deserialize)]
struct RawNotebook {
    nbformat: Option<u64>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    worksheets: Vec<Worksheet>,
}

/// nbformat 3 kept its cells in sheets.
#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<Value>,
}

#[derive(Deserialize)]
struct RawCell {
    cell_type: String,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    source: Text,
    /// nbformat 3: the source of a code cell.
    #[serde(default)]
    input: Text,
    /// nbformat 3: the level of a heading cell.
    #[serde(default)]
    level: Value,
    #[serde(default)]
    execution_count: Value,
    #[serde(default)]
    prompt_number: Value,
    #[serde(default, deserialize_with = "null_is_empty")]
    outputs: Vec<Map<String, Value>>,
    #[serde(default)]
    attachments: Value,
}

/// nbformat's multi-line string: one text, or a list of lines that keep their line ends.
#[derive(Deserialize, Default)]
#[serde(untagged, expecting = "expected a text or a list of lines")]
enum Text {
    One(String),
    Lines(Vec<String>),
    #[default]
    Nothing,
}

impl Text {
    fn join(self) -> String {
        match self {
            Self::One(text) => text,
            Self::Lines(lines) => lines.concat(),
            Self::Nothing => String::new(),
        }
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

impl RawCell {
    fn into_cell(self, number: usize) -> Cell {
        let mut source = self.source.join();
        if source.is_empty() {
            source = self.input.join();
        }
        let kind = match self.cell_type.as_str() {
            "code" => CellKind::Code,
            "markdown" | "html" => CellKind::Markdown,
            "heading" => {
                let level = self.level.as_u64().unwrap_or(1).clamp(1, 6);
                source = format!("{} {source}", "#".repeat(level as usize));
                CellKind::Markdown
            }
            _ => CellKind::Raw,
        };
        let tags = self.metadata.get("tags").and_then(Value::as_array);
        let tags =
            tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let recorded_chain = self.metadata.pointer("/momentum/chain").and_then(Value::as_str);
        let recorded_data = self.metadata.pointer("/momentum/data").and_then(Value::as_object);
        let recorded_data = recorded_data.into_iter().flatten();
        let attachments = match self.attachments {
            Value::Object(map) => map
                .into_iter()
                .filter_map(|(name, value)| match value {
                    Value::Object(data) => Some((name, bundle(data))),
                    _ => None,
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        Cell {
            number,
            id: self.id.and_then(|id| id.as_str().map(str::to_owned)),
            kind,
            label: (kind == CellKind::Code).then(|| label_line(&source)).flatten(),
            source,
            tags,
            execution_count: self.execution_count.as_u64().or(self.prompt_number.as_u64()),
            outputs: self.outputs.into_iter().filter_map(output).collect(),
            recorded_chain: recorded_chain.map(str::to_owned),
            chain: String::new(),
            recorded_data: recorded_data
                .map(|(file, hash)| (file.clone(), hash.as_str().map(str::to_owned)))
                .collect(),
            state: CellState::NeverRun,
            reason: String::new(),
            is_reproduced: false,
            attachments,
        }
    }
}

/// An output, in the words of nbformat 4 or 3; `None` for kinds that are not known.
fn output(mut raw: Map<String, Value>) -> Option<Output> {
    let kind = raw.get("output_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut text_of = |key: &str| raw.remove(key).map(text).unwrap_or_default();
    Some(match kind.as_str() {
        "stream" => {
            let name = text_of("name");
            let name = if name.is_empty() { text_of("stream") } else { name };
            Output::Stream {
                name: if name.is_empty() { "stdout".into() } else { name },
                text: text_of("text"),
            }
        }
        "error" | "pyerr" => Output::Error {
            name: text_of("ename"),
            value: text_of("evalue"),
            traceback: match raw.remove("traceback") {
                Some(Value::Array(lines)) => lines.into_iter().map(text).collect(),
                Some(Value::String(text)) => vec![text],
                _ => Vec::new(),
            },
        },
        "display_data" | "execute_result" | "pyout" | "update_display_data" => {
            let metadata = raw.remove("metadata").unwrap_or_default();
            let data = match raw.remove("data") {
                Some(Value::Object(data)) => bundle(data),
                _ => bundle(old_bundle(raw)),
            };
            Output::Display { data, metadata }
        }
        _ => return None,
    })
}

/// nbformat 3 kept the forms of an output beside its type, by short names.
fn old_bundle(raw: Map<String, Value>) -> Map<String, Value> {
    const NAMES: [(&str, &str); 7] = [
        ("text", "text/plain"),
        ("html", "text/html"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("jpeg", "image/jpeg"),
        ("latex", "text/latex"),
        ("json", "application/json"),
    ];
    raw.into_iter()
        .filter_map(|(key, value)| {
            let (_, mime) = NAMES.iter().find(|(name, _)| *name == key)?;
            Some(((*mime).to_owned(), value))
        })
        .collect()
}

fn bundle(data: Map<String, Value>) -> MimeBundle {
    data.into_iter().map(|(mime, value)| (mime.to_ascii_lowercase(), text(value))).collect()
}

/// The text of a value: lists of lines are joined, anything else is written as JSON.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Array(lines) if lines.iter().all(Value::is_string) => {
            lines.iter().filter_map(Value::as_str).collect()
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn language(metadata: &Map<String, Value>, cells: &[Cell]) -> String {
    let at = |path: [&str; 2]| metadata.get(path[0])?.get(path[1])?.as_str();
    let named = at(["language_info", "name"])
        .or_else(|| at(["kernelspec", "language"]))
        .or_else(|| at(["kernelspec", "name"]));
    let language = named.unwrap_or(if cells.is_empty() { "text" } else { "python" });
    match language.to_ascii_lowercase() {
        name if name.starts_with("python") || name.contains("ipython") => "python".into(),
        name if name.contains("rust") || name.contains("momentum") => "rust".into(),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::chain::{chain_next, chain_start};

    fn read(json: &str) -> Result<Notebook, String> {
        read_notebook("n.ipynb", json.as_bytes()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn an_old_notebook_reads_like_a_new_one() {
        let notebook = read(
            r#"{"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [
                {"cell_type": "heading", "level": 2, "source": ["Title"]},
                {"cell_type": "code", "input": ["1 +", " 1"], "prompt_number": 7, "outputs": [
                    {"output_type": "pyout", "text": ["2"]},
                    {"output_type": "stream", "stream": "stderr", "text": "warn"},
                    {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]}]}]}]}"#,
        )
        .unwrap();
        assert_eq!(notebook.cells[0].source, "## Title");
        let cell = &notebook.cells[1];
        assert_eq!((cell.source.as_str(), cell.execution_count), ("1 + 1", Some(7)));
        assert_eq!(cell.state, CellState::Failed);
        let Output::Display { data, .. } = &cell.outputs[0] else { panic!("a result") };
        assert_eq!(data["text/plain"], "2");
        assert_eq!(cell.outputs[1], Output::Stream { name: "stderr".into(), text: "warn".into() });
        assert_eq!(cell.anchor(), "cell-2");
    }

    /// Two code cells with the chains and outputs given; the states that follow.
    fn states(record: &str, chains: [Option<&str>; 2], tail: &str) -> Vec<CellState> {
        let cell = |source: &str, chain: Option<&str>, outputs: &str| {
            let chain = chain
                .map_or(String::new(), |chain| format!(r#""momentum": {{"chain": "{chain}"}}"#));
            format!(
                r#"{{"cell_type": "code", "source": "{source}", "metadata": {{{chain}}}, "outputs": [{outputs}]}}"#
            )
        };
        let error = r#"{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}"#;
        let json = format!(
            r#"{{"nbformat": 4, "metadata": {{{record}}}, "cells": [{}, {{"cell_type": "markdown", "source": "x"}}, {}]}}"#,
            cell("let x = 1;", chains[0], ""),
            cell("x + 1", chains[1], if tail == "error" { error } else { tail }),
        );
        let notebook = read(&json).unwrap();
        let code = notebook.cells.iter().filter(|cell| cell.kind == CellKind::Code);
        code.map(|cell| cell.state).collect()
    }

    #[test]
    fn states_follow_from_the_chain() {
        use CellState::{Failed, Fresh, NeverRun, StaleCode, Unrecorded};
        let one = chain_next(&chain_start(), "let x = 1;");
        let two = chain_next(&one, "x + 1");
        let momentum = r#""momentum": {"format": 1, "status": "ok", "kernel": "k"}"#;
        let stream = r#"{"output_type": "stream", "name": "stdout", "text": "2"}"#;
        assert_eq!(states(momentum, [Some(&one), Some(&two)], stream), [Fresh, Fresh]);
        assert_eq!(states(momentum, [Some(&one), Some(&one)], stream), [Fresh, StaleCode]);
        assert_eq!(states(momentum, [Some(&one), None], stream), [Fresh, NeverRun]);
        assert_eq!(states(momentum, [Some(&one), Some(&two)], "error"), [Fresh, Failed]);
        assert_eq!(states("", [None, None], stream), [NeverRun, Unrecorded]);
    }

    #[test]
    fn broken_notebooks_are_refused_with_a_place() {
        insta::assert_snapshot!(read("{\"nbformat\": 4,\n \"cells\": [}").unwrap_err(), @"n.ipynb:2:12: this is not a notebook: expected value");
        insta::assert_snapshot!(read("{\"cells\": []}").unwrap_err(), @"n.ipynb:1:1: `nbformat` is missing, so this is not a notebook");
        insta::assert_snapshot!(read("{\"nbformat\": 2}").unwrap_err(), @"n.ipynb:1:1: nbformat 2 cannot be read, only 3 and 4");
        insta::assert_snapshot!(
            read("{\"nbformat\": 4, \"cells\": [{\"cell_type\": \"raw\"}, {\"source\": 3}]}").unwrap_err(),
            @"n.ipynb:1:1: cell 2 is not a cell: expected a text or a list of lines"
        );
    }

    const SAMPLE: &str = include_str!("../testdata/sample.ipynb");

    proptest::proptest! {
        #[test]
        fn no_mutation_makes_it_panic(at in 0usize..SAMPLE.len(), len in 0usize..40, with in "[\\[\\]{}\",:0-9a-z\\\\ ]{0,12}") {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            let end = (at + len).min(bytes.len());
            bytes.splice(at..end, with.bytes());
            if let Ok(notebook) = read_notebook("m.ipynb", &bytes) {
                for cell in &notebook.cells {
                    proptest::prop_assert!(cell.source.ends_with(cell.code()));
                    let _ = notebook.cell(&cell.anchor());
                }
            }
        }
    }
}
