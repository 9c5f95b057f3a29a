//! A folder in which a mistake is made.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::said::Said;

/// What decides about models and keys: none of it comes from the developer's own environment.
const MODELS: [&str; 8] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "OPENAI_ORG_ID",
    "MOMENTUM_MODEL",
    "MOMENTUM_EMBEDDING_MODEL",
    "MOMENTUM_MODEL_TIMEOUT",
    "MOMENTUM_CONNECT_TIMEOUT",
];

/// A folder that goes away with the mistake.
pub(super) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(super) fn new() -> Place {
        let folder = tempfile::Builder::new().prefix("momentum-mistake-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("here")).unwrap();
        Place { folder }
    }

    /// The folder in which commands run.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("here")
    }

    /// A folder beside it.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(super) fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Changes what a file says.
    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(file)).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`:\n{text}");
        self.write(file, text.replace(from, to));
    }

    /// A new series, with or without the outputs that its entry shows.
    pub(super) fn series(&self, shows: bool) {
        let made = self.command(&["init"]).stdout(Stdio::null()).status().unwrap();
        assert!(made.success());
        if !shows {
            self.edit("entries/day-01.md", "![", "[");
        }
    }

    /// More text at the end of the first entry.
    pub(super) fn add(&self, text: &str) {
        let path = self.path().join("entries/day-01.md");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{before}\n{text}\n")).unwrap();
    }

    /// A notebook of code cells.
    pub(super) fn notebook(&self, file: &str, cells: &[&str]) {
        let cells: Vec<_> = cells
            .iter()
            .enumerate()
            .map(|(n, source)| {
                serde_json::json!({"cell_type": "code", "id": format!("cell-{}", n + 1), "metadata": {},
                    "source": source, "outputs": [], "execution_count": null})
            })
            .collect();
        let metadata = serde_json::json!({"language_info": {"name": "rust"},
            "kernelspec": {"name": "momentum", "display_name": "Rust (Momentum)", "language": "rust"}});
        let notebook = serde_json::json!({"cells": cells, "metadata": metadata, "nbformat": 4,
            "nbformat_minor": 5});
        self.write(file, notebook.to_string());
    }

    /// A program of the test's own, in a folder to be put on the path.
    pub(super) fn program(&self, folder: &Path, name: &str, script: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// `momentum` with these arguments, among nothing of the developer's own.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.through(env!("CARGO_BIN_EXE_momentum"), &[]);
        command.args(arguments);
        command
    }

    /// As [`Place::command`], by another program that starts it.
    pub(super) fn through(&self, program: impl AsRef<OsStr>, before: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(before).current_dir(self.path()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("MOMENTUM_DATA_DIR", self.folder.path().join("data"));
        command.env("JUPYTER_DATA_DIR", self.folder.path().join("jupyter"));
        for name in MODELS {
            command.env_remove(name);
        }
        command
    }

    /// What is said when these arguments are typed.
    pub(super) fn say(&self, arguments: &[&str]) -> Said {
        self.say_by(self.command(arguments), &typed(arguments))
    }

    /// What a prepared command says; `typed` is how a reader would type it.
    pub(super) fn say_by(&self, mut command: Command, typed: &str) -> Said {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Said::new(typed, &output, self.folder.path())
    }
}

/// The arguments as one types them.
pub(super) fn typed(arguments: &[&str]) -> String {
    let words = arguments.iter().map(|word| match word.contains(' ') || word.is_empty() {
        true => format!("\"{word}\""),
        false => (*word).to_owned(),
    });
    std::iter::once("momentum".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
