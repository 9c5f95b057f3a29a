//! Notebooks as files: nbformat 4, read with all that is in them, written so that diffs are small.

mod write;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// A notebook file.
///
/// The JSON is kept as it is, unknown fields included; only what a run changes is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Notebook {
    path: PathBuf,
    root: Map<String, Value>,
}

/// Why a notebook cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotebookError {
    /// The file cannot be read.
    #[error("cannot read the notebook `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written; the old one is still whole.
    #[error("cannot write the notebook `{}`; it is as it was before the run", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{}:{}:{}: this is not JSON; a notebook is a JSON file, so it may have been cut or merged by hand", path.display(), source.line(), source.column())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// Its cells are in another language than Rust.
    #[error("{}: this is a notebook in {language}; Momentum runs notebooks in Rust", path.display())]
    Language {
        /// The file.
        path: PathBuf,
        /// The language that it names.
        language: String,
    },
    /// The JSON is not that of a notebook.
    #[error("{}{}: {expected}", path.display(), cell.map_or(String::new(), |n| format!(", cell {n}")))]
    Shape {
        /// The file.
        path: PathBuf,
        /// The cell, from 1, if it is in one.
        cell: Option<usize>,
        /// What was expected, and what to do.
        expected: String,
    },
}

/// A code cell: its place and what can be read off it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeCell {
    /// Index among all cells, from 0.
    pub index: usize,
    /// The cell's identity in the file.
    pub id: String,
    /// Its text.
    pub source: String,
    /// Its tags.
    pub tags: Vec<String>,
}

impl CodeCell {
    /// How to call the cell when speaking to its author: its label, else its id.
    pub fn label(&self) -> &str {
        crate::cell::option(&self.source, "label").unwrap_or(&self.id)
    }
}

impl Notebook {
    /// Reads a notebook of nbformat 4; gives cells an id where they have none (nbformat 4.5).
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not JSON, or not a notebook of nbformat 4.
    pub fn read(path: &Path) -> Result<Notebook, NotebookError> {
        let bytes = fs::read(path)
            .map_err(|source| NotebookError::Read { path: path.to_owned(), source })?;
        Notebook::parse(path, &bytes)
    }

    /// Reads a notebook from the bytes of its file; the path is used in messages.
    ///
    /// # Errors
    ///
    /// As [`Notebook::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Notebook, NotebookError> {
        let root: Value = serde_json::from_slice(bytes)
            .map_err(|source| NotebookError::Syntax { path: path.to_owned(), source })?;
        let shape = |cell, expected: &str| NotebookError::Shape {
            path: path.to_owned(),
            cell,
            expected: expected.to_owned(),
        };
        let Value::Object(root) = root else {
            return Err(shape(None, "expected a JSON object with `cells`: this is no notebook"));
        };
        match root.get("nbformat").and_then(Value::as_u64) {
            Some(4) => {}
            Some(_) => {
                return Err(shape(
                    None,
                    "expected nbformat 4: open it in Jupyter and save it, or run `jupyter nbconvert --to notebook --inplace`",
                ));
            }
            None => return Err(shape(None, "expected a field `nbformat`: this is no notebook")),
        }
        let mut notebook = Notebook { path: path.to_owned(), root };
        let Some(Value::Array(cells)) = notebook.root.get("cells") else {
            return Err(shape(None, "expected a list `cells`"));
        };
        for (index, cell) in cells.iter().enumerate() {
            let kind = cell.get("cell_type").and_then(Value::as_str);
            if !matches!(kind, Some("code" | "markdown" | "raw")) {
                return Err(shape(
                    Some(index + 1),
                    "expected `cell_type` to be code, markdown or raw",
                ));
            }
            if text(cell.get("source")).is_none() {
                return Err(shape(
                    Some(index + 1),
                    "expected `source` to be a text or a list of texts",
                ));
            }
        }
        notebook.complete();
        Ok(notebook)
    }

    /// Whether its cells can be Rust: it says so, or says nothing of its language.
    ///
    /// # Errors
    ///
    /// [`NotebookError::Language`] when it names another language.
    pub fn check_language(&self) -> Result<(), NotebookError> {
        let named = |key: &str, field: &str| self.metadata(key)?.get(field)?.as_str();
        let language = named("kernelspec", "language").or_else(|| named("language_info", "name"));
        match language {
            Some(language) if !language.eq_ignore_ascii_case("rust") => {
                let language = language.to_owned();
                Err(NotebookError::Language { path: self.path.clone(), language })
            }
            _ => Ok(()),
        }
    }

    /// Adds what nbformat 4.5 demands and older notebooks lack.
    fn complete(&mut self) {
        self.root.insert("nbformat_minor".into(), json!(self.minor().max(5)));
        self.root.entry("metadata").or_insert_with(|| json!({}));
        let mut taken: BTreeSet<String> =
            self.cells().filter_map(|cell| Some(cell.get("id")?.as_str()?.to_owned())).collect();
        let mut seen = BTreeSet::new();
        for (index, cell) in self.cells_mut().enumerate() {
            let id = cell.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let valid = !id.is_empty()
                && id.len() <= 64
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            if !valid || !seen.insert(id) {
                let mut number = index + 1;
                while taken.contains(&format!("cell-{number}")) {
                    number += 1;
                }
                let fresh = format!("cell-{number}");
                taken.insert(fresh.clone());
                seen.insert(fresh.clone());
                cell.insert("id".into(), json!(fresh));
            }
            if !cell.get("metadata").is_some_and(Value::is_object) {
                cell.insert("metadata".into(), json!({}));
            }
            if cell.get("cell_type") == Some(&json!("code")) {
                cell.entry("outputs").or_insert_with(|| json!([]));
                cell.entry("execution_count").or_insert(Value::Null);
            }
        }
    }

    fn minor(&self) -> u64 {
        self.root.get("nbformat_minor").and_then(Value::as_u64).unwrap_or_default()
    }

    fn cells(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.root
            .get("cells")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
    }

    fn cells_mut(&mut self) -> impl Iterator<Item = &mut Map<String, Value>> {
        self.root
            .get_mut("cells")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
    }

    fn cell_mut(&mut self, index: usize) -> Option<&mut Map<String, Value>> {
        self.cells_mut().nth(index)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The code cells, in order.
    pub fn code_cells(&self) -> Vec<CodeCell> {
        let code = |(index, cell): (usize, &Map<String, Value>)| {
            (cell.get("cell_type")? == "code").then(|| CodeCell {
                index,
                id: cell.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
                source: text(cell.get("source")).unwrap_or_default(),
                tags: tags(cell),
            })
        };
        self.cells().enumerate().filter_map(code).collect()
    }

    /// Replaces the text of a cell.
    pub fn set_source(&mut self, index: usize, source: &str) {
        if let Some(cell) = self.cell_mut(index) {
            cell.insert("source".into(), json!(source));
        }
    }

    /// Gives a cell a tag that it does not have yet.
    pub fn add_tag(&mut self, index: usize, tag: &str) {
        let Some(Value::Object(metadata)) =
            self.cell_mut(index).and_then(|cell| cell.get_mut("metadata"))
        else {
            return;
        };
        let tags = metadata.entry("tags").or_insert_with(|| json!([]));
        if let Value::Array(tags) = tags
            && !tags.iter().any(|known| known == tag)
        {
            tags.push(json!(tag));
        }
    }

    /// Puts a markdown cell before the cell at `index`, or at the end.
    pub fn insert_markdown(&mut self, index: usize, id: &str, source: &str) {
        if let Some(Value::Array(cells)) = self.root.get_mut("cells") {
            let cell = json!({
                "cell_type": "markdown", "id": id, "metadata": {}, "source": source,
            });
            cells.insert(index.min(cells.len()), cell);
        }
    }

    /// The same notebook in another file, which is written when it is.
    pub fn at(mut self, path: PathBuf) -> Notebook {
        self.path = path;
        self
    }

    /// Whether the other notebook has the same cells: kinds, texts and tags, whatever they showed.
    pub fn has_the_cells_of(&self, other: &Notebook) -> bool {
        let cells = |notebook: &Notebook| -> Vec<_> {
            let cell = |cell: &Map<String, Value>| {
                (cell.get("cell_type").cloned(), text(cell.get("source")), tags(cell))
            };
            notebook.cells().map(cell).collect()
        };
        cells(self) == cells(other)
    }

    /// What the notebook says under a key of its metadata.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.root.get("metadata")?.get(key)
    }

    /// Removes a key of the notebook's metadata.
    pub fn remove_metadata(&mut self, key: &str) {
        if let Some(Value::Object(metadata)) = self.root.get_mut("metadata") {
            metadata.shift_remove(key);
        }
    }

    /// Sets a key of the notebook's metadata.
    pub fn set_metadata(&mut self, key: &str, value: Value) {
        if let Some(Value::Object(metadata)) = self.root.get_mut("metadata") {
            metadata.insert(key.into(), value);
        }
    }

    /// What a cell says under `momentum` in its metadata.
    pub fn cell_record(&self, index: usize) -> Option<&Value> {
        self.cells().nth(index)?.get("metadata")?.get("momentum")
    }

    /// Sets what a cell says under `momentum`; `None` removes it.
    pub fn set_cell_record(&mut self, index: usize, record: Option<Value>) {
        let Some(Value::Object(metadata)) =
            self.cell_mut(index).and_then(|cell| cell.get_mut("metadata"))
        else {
            return;
        };
        match record {
            Some(record) => metadata.insert("momentum".into(), record),
            None => metadata.shift_remove("momentum"),
        };
    }

    /// The outputs of a cell.
    pub fn outputs(&self, index: usize) -> &[Value] {
        let outputs = self.cells().nth(index).and_then(|cell| cell.get("outputs"));
        outputs.and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Replaces the outputs and the execution count of a cell.
    pub fn set_outputs(&mut self, index: usize, outputs: Vec<Value>, count: Option<u32>) {
        if let Some(cell) = self.cell_mut(index) {
            cell.insert("outputs".into(), Value::Array(outputs));
            cell.insert("execution_count".into(), json!(count));
        }
    }
}

/// A text that nbformat gives in one piece or in lines.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn tags(cell: &Map<String, Value>) -> Vec<String> {
    let tags =
        cell.get("metadata").and_then(|metadata| metadata.get("tags")).and_then(Value::as_array);
    tags.into_iter().flatten().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(json: &str, expected: &str) {
        let error = Notebook::parse(Path::new("a.ipynb"), json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check(
            "{\"a\": ",
            "a.ipynb:1:6: this is not JSON; a notebook is a JSON file, so it may have been cut or merged by hand",
        );
        check("[]", "a.ipynb: expected a JSON object with `cells`: this is no notebook");
        check(
            r#"{"nbformat":3}"#,
            "a.ipynb: expected nbformat 4: open it in Jupyter and save it, or run `jupyter nbconvert --to notebook --inplace`",
        );
        check(
            r#"{"nbformat":4,"cells":[{"cell_type":"code","source":""},{"cell_type":"code","source":7}]}"#,
            "a.ipynb, cell 2: expected `source` to be a text or a list of texts",
        );
    }

    #[test]
    fn old_notebooks_get_ids_and_keep_unknown_fields() {
        let json = r#"{"nbformat":4,"nbformat_minor":2,"metadata":{"mine":1},"cells":[{"cell_type":"code","source":["a\n","b"],"metadata":{},"outputs":[],"execution_count":null,"extra":true}]}"#;
        let notebook = Notebook::parse(Path::new("a.ipynb"), json.as_bytes()).unwrap();
        assert_eq!(notebook.code_cells()[0].id, "cell-1");
        assert_eq!(notebook.code_cells()[0].source, "a\nb");
        assert_eq!(notebook.metadata("mine"), Some(&json!(1)));
        assert!(notebook.to_json().contains("\"extra\": true"));
    }

    proptest! {
        #[test]
        fn mutated_notebooks_never_panic(at in 0_usize..160, byte in any::<u8>()) {
            let mut bytes = br#"{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","id":"a","source":["x"],"metadata":{"tags":["t"]},"outputs":[],"execution_count":1}]}"#.to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(notebook) = Notebook::parse(Path::new("a.ipynb"), &bytes) {
                let again = Notebook::parse(Path::new("a.ipynb"), notebook.to_json().as_bytes()).unwrap();
                prop_assert_eq!(again.code_cells(), notebook.code_cells());
            }
        }
    }
}
