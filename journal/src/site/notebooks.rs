//! The notebooks of a build: known by their keys, read only where something is made from them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::cache::Cache;
use super::entries::Known;
use super::stamp::Stamps;
use crate::key::{Key, KeyParts, renderer};
use crate::notebook::beside::{MAX_BESIDE, read_whole, rerun_place, timing_place};
use crate::notebook::read::{MAX_NOTEBOOK, read_notebook};
use crate::notebook::{Notebook, RunEnvironment};
use crate::problem::Problem;
use crate::record::Need;
use crate::root::{Listed, Root, folder_of, resolve};

/// The notebooks that there are, by file.
#[derive(Debug, Default)]
pub(crate) struct Notebooks {
    files: BTreeMap<String, Arc<NotebookFile>>,
}

/// A notebook file.
#[derive(Debug)]
pub(crate) struct NotebookFile {
    /// Of its content and of all that its outputs are judged by.
    pub(crate) key: Key,
    /// The record in the cache that names its data.
    pub(crate) data_key: Key,
    file: String,
    root: Root,
    environment: Option<RunEnvironment>,
    /// The files that its cells declare as their data, relative to the root, as they are now.
    data: BTreeMap<String, Option<Key>>,
    read: OnceLock<Result<Notebook, Box<Problem>>>,
}

impl NotebookFile {
    /// The notebook as it was found: read, or broken.
    pub(crate) fn read(&self) -> Result<&Notebook, &Problem> {
        let read = self.read.get_or_init(|| {
            let bytes = self.root.read(&self.file, MAX_NOTEBOOK);
            let bytes =
                bytes.map_err(|error| Box::new(Problem::of_file(&self.file, error.to_string())))?;
            let hash = |file: &str| self.data.get(file).copied().flatten();
            read_whole(&self.root, &self.file, &bytes, self.environment.as_ref(), &hash)
        });
        read.as_ref().map_err(AsRef::as_ref)
    }
}

/// What notebooks are looked at with.
pub(crate) struct Look<'a> {
    pub(crate) root: &'a Root,
    pub(crate) stamps: &'a Stamps,
    pub(crate) cache: &'a Cache,
    pub(crate) environment: Option<&'a RunEnvironment>,
}

impl Look<'_> {
    fn notebook(&self, listed: &Listed, before: &Notebooks) -> Arc<NotebookFile> {
        let file = &listed.file;
        let content = self.stamps.content(self.root, file, listed.stamp, MAX_NOTEBOOK);
        let mut parts = KeyParts::new("notebook");
        match &content {
            Ok(content) => parts.push_key(content.key),
            Err(error) => parts.push(&error.to_string()),
        }
        let data_key = parts.clone().text("data").key(renderer().finish()).finish();
        for place in [timing_place(file), rerun_place(file)] {
            let beside = self.root.stamp(&place).and_then(|stamp| {
                self.stamps.content(self.root, &place, Some(stamp), MAX_BESIDE).ok()
            });
            match beside {
                Some(content) => parts.push_key(content.key),
                None => parts.push(""),
            }
        }
        if let Some(RunEnvironment { kernel, compiler, helpers }) = self.environment {
            [kernel, compiler, helpers].into_iter().for_each(|name| parts.push(name));
        }
        let declared = self.cache.get::<Vec<String>>(data_key).unwrap_or_else(|| {
            let bytes = content.ok().and_then(|content| content.bytes);
            let bytes = bytes.or_else(|| self.root.read(file, MAX_NOTEBOOK).ok());
            let files = bytes.map_or_else(Vec::new, |bytes| declared(file, &bytes));
            self.cache.put(data_key, &files);
            files
        });
        let now = |file: String| {
            let key = self.stamps.hash(self.root, &file);
            (file, key)
        };
        let data: BTreeMap<String, Option<Key>> = declared.into_iter().map(now).collect();
        for (file, key) in &data {
            Need::File(file.clone(), *key).push_to(&mut parts);
        }
        let key = parts.finish();
        if let Some(known) = before.files.get(file).filter(|known| known.key == key) {
            return Arc::clone(known);
        }
        let (file, root) = (file.clone(), self.root.clone());
        let environment = self.environment.cloned();
        Arc::new(NotebookFile {
            key,
            data_key,
            file,
            root,
            environment,
            data,
            read: OnceLock::new(),
        })
    }
}

/// The files of the series that a notebook's cells declare as their data.
fn declared(file: &str, bytes: &[u8]) -> Vec<String> {
    // Most notebooks declare none, and need not be parsed for that.
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    if !text.contains("| data:") {
        return Vec::new();
    }
    let Ok(notebook) = read_notebook(file, bytes) else { return Vec::new() };
    let files = notebook.data_files().into_iter();
    files.filter_map(|name| resolve(folder_of(file), name)).collect()
}

impl Notebooks {
    /// Looks at the notebooks `files`; those of `before` that are the same are taken from there.
    pub(crate) fn look(look: &Look<'_>, files: &BTreeMap<String, Listed>, before: &Self) -> Self {
        let files: Vec<(&String, &Listed)> = files.iter().collect();
        let found = files
            .into_par_iter()
            .map(|(file, listed)| (file.clone(), look.notebook(listed, before)));
        Self { files: found.collect() }
    }

    /// The files that cells declare as their data, relative to the root.
    pub(crate) fn data(&self) -> BTreeSet<&str> {
        self.files.values().flat_map(|one| one.data.keys().map(String::as_str)).collect()
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
pub(crate) fn all_notebooks(
    root: &Root,
    listed: Vec<Listed>,
    entries: &[Known],
) -> BTreeMap<String, Listed> {
    let named = entries.iter().map(Known::notebooks);
    with_named(root, listed, named.flat_map(Cow::into_owned))
}

/// The same for names that are at hand.
pub(crate) fn with_named(
    root: &Root,
    listed: Vec<Listed>,
    named: impl Iterator<Item = String>,
) -> BTreeMap<String, Listed> {
    let mut files: BTreeMap<String, Listed> =
        listed.into_iter().map(|listed| (listed.file.clone(), listed)).collect();
    for file in named {
        if !files.contains_key(&file)
            && let Some(stamp) = root.stamp(&file)
        {
            files.insert(file.clone(), Listed { file, stamp: Some(stamp) });
        }
    }
    files
}
