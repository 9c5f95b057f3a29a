//! The folder as a tool for a model, under the name and with the parameters of Anthropic's.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{MemoryFolder, MemoryFolderError};
use crate::tool::Tool;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Command {
    View,
    Create,
    StrReplace,
    Insert,
    Delete,
    Rename,
}

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// What to do.
    command: Command,
    /// The file or folder, such as `people/sara.md`; for `view` it may be left out to list all
    /// files.
    path: Option<String>,
    /// For `view`: the first and the last line, from 1; -1 as last is the end.
    view_range: Option<(u64, i64)>,
    /// For `create`: the text of the new file.
    file_text: Option<String>,
    /// For `str_replace`: the text to replace, which must stand in the file exactly once.
    old_str: Option<String>,
    /// For `str_replace`: the text to put in its place; left out, the old text is deleted.
    new_str: Option<String>,
    /// For `insert`: the line behind which to insert; 0 is before the first.
    insert_line: Option<u64>,
    /// For `insert`: the text.
    insert_text: Option<String>,
    /// For `rename`: the path now.
    old_path: Option<String>,
    /// For `rename`: the path then.
    new_path: Option<String>,
}

const DESCRIPTION: &str = "Your memory as files, which outlive this conversation. View it before \
    you answer, write down what is worth knowing later, keep it short and true. Commands: view, \
    create, str_replace, insert, delete, rename.";

impl MemoryFolder {
    /// The folder as a tool named `memory`, with the parameters of Anthropic's memory tool. What
    /// is refused goes back to the model as a tool error that says what to do.
    ///
    /// ```
    /// use momentum_memory::memory_folder::MemoryFolder;
    /// use momentum_memory::prelude::*;
    ///
    /// let place = tempfile::tempdir().unwrap();
    /// let folder = MemoryFolder::open(place.path()).unwrap();
    /// let tool = folder.tool();
    /// let call = |arguments: serde_json::Value| {
    ///     tool.call(&ToolCall { id: "1".into(), name: "memory".into(),
    ///                           arguments: arguments.to_string() })
    /// };
    /// let created = call(json!({"command": "create", "path": "/memories/notes.md",
    ///                           "file_text": "Tea, not coffee.\n"}))?;
    /// assert_eq!(created, "Version 1: create notes.md.");
    /// let refused = call(json!({"command": "view", "path": "../secrets"})).unwrap_err();
    /// assert!(refused.to_string().contains("no name may begin with a dot"));
    /// # Ok::<(), ToolError>(())
    /// ```
    pub fn tool(&self) -> Tool {
        let folder = self.clone();
        Tool::new("memory", DESCRIPTION, move |arguments: Arguments| folder.perform(arguments))
    }

    fn perform(&self, arguments: Arguments) -> Result<String, MemoryFolderError> {
        let Arguments { command, path, view_range, file_text, old_str, new_str, .. } = arguments;
        let Arguments { insert_line, insert_text, old_path, new_path, .. } = arguments;
        fn needed<T>(
            value: Option<T>,
            command: &'static str,
            parameter: &'static str,
        ) -> Result<T, MemoryFolderError> {
            value.ok_or(MemoryFolderError::MissingParameter { command, parameter })
        }
        let change = match command {
            Command::View => {
                let range =
                    view_range.map(|(from, to)| (from, u64::try_from(to).unwrap_or(u64::MAX)));
                return self.view(path.as_deref().unwrap_or_default(), range);
            }
            Command::Create => {
                let path = needed(path, "create", "path")?;
                self.create(&path, &needed(file_text, "create", "file_text")?)?
            }
            Command::StrReplace => {
                let path = needed(path, "str_replace", "path")?;
                let old = needed(old_str, "str_replace", "old_str")?;
                self.str_replace(&path, &old, &new_str.unwrap_or_default())?
            }
            Command::Insert => {
                let path = needed(path, "insert", "path")?;
                let line = needed(insert_line, "insert", "insert_line")?;
                self.insert(&path, line, &needed(insert_text, "insert", "insert_text")?)?
            }
            Command::Delete => self.delete(&needed(path, "delete", "path")?)?,
            Command::Rename => {
                let old = needed(old_path, "rename", "old_path")?;
                self.rename(&old, &needed(new_path, "rename", "new_path")?)?
            }
        };
        let paths: Vec<_> = change.files.iter().map(|file| file.path.as_str()).collect();
        Ok(format!("Version {}: {} {}.", change.version, change.command, paths.join(", ")))
    }
}
