//! Where the files that a site is made from lie: what a watch follows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::entries::Known;
use crate::config::SeriesConfig;
use crate::entry::Entry;
use crate::record::Need;
use crate::reference::ReferenceTarget;
use crate::root::{Root, folder_of};
use crate::series::Series;

/// The configuration, the folders of entries, notebooks and pictures, and the files that cells
/// declare as their data, as they were found last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    pub(crate) config: PathBuf,
    /// Folders, and whether those below them count too.
    pub(crate) folders: BTreeSet<(PathBuf, bool)>,
    pub(crate) data: BTreeSet<PathBuf>,
}

impl Sources {
    /// The files that cells declare as their data; absolute paths.
    pub fn data(&self) -> impl Iterator<Item = &Path> {
        self.data.iter().map(PathBuf::as_path)
    }

    fn of_config(root: &Root, config: &SeriesConfig) -> Self {
        let file = root.join(&config.file);
        let mut sources = Self { config: file, ..Self::default() };
        sources.folders.insert((root.join(folder_of(&config.file)), false));
        for folder in [&config.entries, &config.notebooks] {
            sources.folders.insert((root.join(folder), !folder.is_empty()));
        }
        sources
    }

    /// Adds the folders of the `files` that entries link to, relative to the root.
    fn add<'a>(&mut self, root: &Root, files: impl Iterator<Item = &'a str>) {
        let folders: BTreeSet<&str> = files.map(folder_of).collect();
        for folder in folders {
            let folder = root.join(folder);
            let is_in = |(known, deep): &(PathBuf, bool)| {
                folder == *known || (*deep && folder.starts_with(known))
            };
            if !self.folders.iter().any(is_in) {
                self.folders.insert((folder, false));
            }
        }
    }

    /// As a series was read.
    pub(crate) fn of_series(series: &Series) -> Self {
        let mut sources = Self::of_config(&series.root, &series.config);
        let files: Vec<String> = series.entries.iter().flat_map(linked).collect();
        sources.add(&series.root, files.iter().map(String::as_str));
        sources
    }

    /// As a build has met them; `data` are relative to the root.
    pub(crate) fn of_build<'a>(
        root: &Root,
        config: &SeriesConfig,
        entries: &[Known],
        data: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut sources = Self::of_config(root, config);
        let records = entries.iter().filter_map(|known| known.record.as_deref());
        let needs = records.flat_map(|record| &record.needs).map(|need| match need {
            Need::Entry(file) | Need::Notebook(file, _) | Need::File(file, _) => file.as_str(),
        });
        sources.add(root, needs);
        // What an entry with a problem links to need not be there yet.
        let broken: Vec<String> =
            entries.iter().filter_map(|known| known.entry.as_ref()).flat_map(linked).collect();
        sources.add(root, broken.iter().map(String::as_str));
        for file in data {
            let file = root.join(file);
            if let Some(folder) = file.parent() {
                sources.folders.insert((folder.to_owned(), false));
            }
            sources.data.insert(file);
        }
        sources
    }
}

/// The files that an entry links to.
fn linked(entry: &Entry) -> impl Iterator<Item = String> {
    let references = entry.references().into_iter();
    references.filter_map(|reference| match reference.target {
        ReferenceTarget::File { file, .. } | ReferenceTarget::Notebook { file, .. } => Some(file),
        _ => None,
    })
}
