//! Writing notebooks the way Jupyter does: sorted keys, one space of indentation, texts in lines.

use std::io::Write as _;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Notebook, NotebookError};

impl Notebook {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        let mut root = Value::Object(self.root.clone());
        for cell in root.get_mut("cells").and_then(Value::as_array_mut).into_iter().flatten() {
            split_lines(cell.get_mut("source"));
            for output in
                cell.get_mut("outputs").and_then(Value::as_array_mut).into_iter().flatten()
            {
                split_lines(output.get_mut("text"));
                for (mime, content) in
                    output.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten()
                {
                    if mime.starts_with("text/")
                        || mime == "image/svg+xml"
                        || mime == "application/javascript"
                    {
                        split_lines(Some(content));
                    }
                }
            }
        }
        root.sort_all_objects();
        let mut bytes = Vec::new();
        let mut serializer =
            Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b" "));
        // Writing JSON values into memory cannot fail.
        let _ = root.serialize(&mut serializer);
        bytes.push(b'\n');
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Writes the file: into a temporary one beside it, which then takes its name. A file that
    /// would not change is left alone.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written; the file is then as it was.
    pub fn write(&self) -> Result<(), NotebookError> {
        let json = self.to_json();
        if std::fs::read(&self.path).is_ok_and(|old| old == json.as_bytes()) {
            return Ok(());
        }
        let error = |source| NotebookError::Write { path: self.path.clone(), source };
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => std::path::Path::new("."),
        };
        let mut file =
            tempfile::Builder::new().prefix(".momentum-").tempfile_in(folder).map_err(error)?;
        file.write_all(json.as_bytes()).map_err(error)?;
        if let Ok(old) = std::fs::metadata(&self.path) {
            std::fs::set_permissions(file.path(), old.permissions()).map_err(error)?;
        }
        file.persist(&self.path).map(drop).map_err(|failure| error(failure.error))
    }
}

/// Turns a text into the list of its lines, each with its line end.
fn split_lines(text: Option<&mut Value>) {
    if let Some(value) = text
        && let Value::String(text) = value
    {
        *value = text.split_inclusive('\n').map(Value::from).collect();
    }
}
