//! The notebooks of a build: known by their keys, read only where something is made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::stamp::Stamps;
use crate::key::{Key, KeyParts};
use crate::notebook::read::{MAX_NOTEBOOK, read_notebook};
use crate::notebook::{Notebook, Timing};
use crate::problem::Problem;
use crate::root::{Listed, Root, folder_of, stem_of};

/// The most bytes of the times of a run.
const MAX_TIMING: u64 = 4 * 1024 * 1024;

/// The notebooks that there are, by file.
#[derive(Debug, Default)]
pub(crate) struct Notebooks {
    files: BTreeMap<String, Arc<NotebookFile>>,
}

/// A notebook file.
#[derive(Debug)]
pub(crate) struct NotebookFile {
    /// Of its content and of the times of its run.
    pub(crate) key: Key,
    file: String,
    root: Root,
    read: OnceLock<Result<Notebook, Box<Problem>>>,
}

impl NotebookFile {
    /// The notebook as it was found: read, or broken.
    pub(crate) fn read(&self) -> Result<&Notebook, &Problem> {
        let read = self.read.get_or_init(|| {
            let bytes = self.root.read(&self.file, MAX_NOTEBOOK);
            let bytes =
                bytes.map_err(|error| Box::new(Problem::of_file(&self.file, error.to_string())))?;
            let mut notebook = read_notebook(&self.file, &bytes)?;
            notebook.timing = timing(&self.root, &self.file).filter(|timing| {
                let last = notebook.cells.iter().rev().find_map(|c| c.recorded_chain.as_ref());
                last == Some(&timing.chain)
            });
            Ok(notebook)
        });
        read.as_ref().map_err(AsRef::as_ref)
    }
}

impl Notebooks {
    /// Looks at the notebooks `files`; those of `before` that are the same are taken from there.
    pub(crate) fn look(
        root: &Root,
        stamps: &Stamps,
        files: &BTreeMap<String, Listed>,
        before: &Self,
    ) -> Self {
        let found = files.values().map(|listed| {
            let file = &listed.file;
            let content = stamps.content(root, file, listed.stamp, MAX_NOTEBOOK);
            let times = timing_place(file);
            let times = root
                .stamp(&times)
                .and_then(|stamp| stamps.content(root, &times, Some(stamp), MAX_TIMING).ok());
            let mut parts = KeyParts::new("notebook");
            match content {
                Ok(content) => parts.push_key(content.key),
                Err(error) => parts.push(&error.to_string()),
            }
            if let Some(times) = times {
                parts.push_key(times.key);
            }
            let key = parts.finish();
            let known = before.files.get(file).filter(|known| known.key == key);
            let notebook = known.cloned().unwrap_or_else(|| {
                let (file, root) = (file.clone(), root.clone());
                Arc::new(NotebookFile { key, file, root, read: OnceLock::new() })
            });
            (file.clone(), notebook)
        });
        Self { files: found.collect() }
    }

    pub(crate) fn get(&self, file: &str) -> Option<&NotebookFile> {
        self.files.get(file).map(AsRef::as_ref)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &NotebookFile)> {
        self.files.iter().map(|(file, notebook)| (file.as_str(), notebook.as_ref()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.files.keys().map(String::as_str)
    }
}

/// Adds the notebooks that entries name to those `listed` in the notebooks' folder.
pub(crate) fn all_notebooks<'a>(
    root: &Root,
    listed: Vec<Listed>,
    named: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, Listed> {
    let mut files: BTreeMap<String, Listed> =
        listed.into_iter().map(|listed| (listed.file.clone(), listed)).collect();
    let named: BTreeSet<&str> = named.collect();
    for file in named {
        if !files.contains_key(file)
            && let Some(stamp) = root.stamp(file)
        {
            let listed = Listed { file: file.to_owned(), stamp: Some(stamp) };
            files.insert(file.to_owned(), listed);
        }
    }
    files
}

fn timing_place(file: &str) -> String {
    let folder = folder_of(file);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}.momentum/{}.json", stem_of(file))
}

/// Times are an extra: whatever is wrong with them, they are done without.
fn timing(root: &Root, file: &str) -> Option<Timing> {
    serde_json::from_slice(&root.read(&timing_place(file), MAX_TIMING).ok()?).ok()
}
