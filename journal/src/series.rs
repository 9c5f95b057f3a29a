//! A series: the configuration, the entries and the notebooks below one root folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::SeriesConfig;
use crate::embed::Notebooks;
use crate::entry::Entry;
use crate::link::Target;
use crate::markdown;
use crate::notebook::Timing;
use crate::notebook::read::{MAX_NOTEBOOK, read_notebook};
use crate::problem::{JournalError, Problem};
use crate::root::{Root, RootError, folder_of, stem_of};
use crate::site::{BuildConfig, BuildReport};
use crate::suggest::did_you_mean;

/// A study log: one folder with a `momentum.yaml`, entries and notebooks.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) root: Root,
    pub(crate) config: SeriesConfig,
    /// Sorted by day, then by file.
    pub(crate) entries: Vec<Entry>,
    /// What is wrong with single entries. It is kept for the build, which reports all at once.
    pub(crate) problems: Vec<Problem>,
}

impl Series {
    /// Opens the series at `root`: reads `momentum.yaml` or `journal/momentum.yaml`, and the
    /// entries.
    ///
    /// A mistake in an entry is not an error here: [`Series::build`] reports it with all others.
    ///
    /// # Errors
    /// No configuration, a wrong one, or a folder that cannot be listed.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, JournalError> {
        let root = Root::open(root.as_ref())?;
        let config = SeriesConfig::read(&root)?;
        let mut entries = Vec::new();
        let mut problems = Vec::new();
        for file in root.list(&config.entries, "md", false)? {
            let (entry, found) = Entry::read(&root, &file);
            entries.extend(entry);
            problems.extend(found);
        }
        let mut by_day: BTreeMap<u32, &Entry> = BTreeMap::new();
        for entry in &entries {
            // Without a day of its own, its front matter has been refused already.
            if entry.day_span.is_empty() {
                continue;
            }
            if let Some(first) = by_day.insert(entry.front.day, entry) {
                let message = format!("day {} is `{}` already", entry.front.day, first.file);
                let span = entry.day_span.clone();
                problems.push(Problem::at(&entry.file, &entry.text, span, message));
            }
        }
        entries.sort_by(|a, b| (a.front.day, &a.file).cmp(&(b.front.day, &b.file)));
        Ok(Self { root, config, entries, problems })
    }

    /// The root folder, canonical.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SeriesConfig {
        &self.config
    }

    /// The entries, sorted by day.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The notebooks of the series that exist: those in the notebooks folder, those named in a
    /// front matter, those linked. Absolute paths, sorted.
    ///
    /// # Errors
    /// The notebooks folder cannot be listed.
    pub fn notebooks(&self) -> Result<Vec<PathBuf>, JournalError> {
        let files = self.notebook_files()?;
        Ok(files.iter().map(|file| self.root.join(file)).collect())
    }

    /// Renders the site and swaps it in for the last one.
    ///
    /// # Errors
    /// All problems of all entries and notebooks at once, in order; the last good site stays.
    /// With [`BuildConfig::strict`], outputs that no longer hold are problems too.
    pub fn build(&self, config: &BuildConfig) -> Result<BuildReport, JournalError> {
        crate::site::build(self, config)
    }

    fn notebook_files(&self) -> Result<BTreeSet<String>, JournalError> {
        let mut files: BTreeSet<String> = BTreeSet::new();
        if !self.config.notebooks.is_empty() {
            files.extend(self.root.list(&self.config.notebooks, "ipynb", true)?);
        }
        for entry in &self.entries {
            let folder = folder_of(&entry.file);
            let linked = markdown::targets(entry.body());
            for target in linked.iter().chain(&entry.front.notebooks) {
                if let Target::Notebook { file, .. } = Target::parse(folder, target)
                    && !files.contains(&file)
                    && self.root.has_file(&file)
                {
                    files.insert(file);
                }
            }
        }
        Ok(files)
    }

    /// Reads every notebook, and the times of its run where they are at hand.
    pub(crate) fn read_notebooks(
        &self,
        problems: &mut Vec<Problem>,
    ) -> Result<Notebooks, JournalError> {
        let mut notebooks = Notebooks::new();
        for file in self.notebook_files()? {
            let read = match self.root.read(&file, MAX_NOTEBOOK) {
                Ok(bytes) => read_notebook(&file, &bytes).map_err(|problem| *problem),
                Err(error) => Err(Problem::of_file(&file, error.to_string())),
            };
            let notebook = match read {
                Ok(mut notebook) => {
                    notebook.timing = self.timing(&file).filter(|timing| {
                        let last =
                            notebook.cells.iter().rev().find_map(|c| c.recorded_chain.as_ref());
                        last == Some(&timing.chain)
                    });
                    Some(notebook)
                }
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            };
            notebooks.insert(file, notebook);
        }
        Ok(notebooks)
    }

    /// Times are an extra: whatever is wrong with them, they are done without.
    fn timing(&self, file: &str) -> Option<Timing> {
        let folder = folder_of(file);
        let slash = if folder.is_empty() { "" } else { "/" };
        let path = format!("{folder}{slash}.momentum/{}.json", stem_of(file));
        let bytes = self.root.read(&path, 4 * 1024 * 1024).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Checks `notebooks:` of every front matter against what there is.
    pub(crate) fn check_named(&self, notebooks: &Notebooks) -> Vec<Problem> {
        let mut problems = Vec::new();
        for entry in &self.entries {
            for name in &entry.front.notebooks {
                let mut refuse = |message: String, help: Option<String>| {
                    let span = entry.notebooks_span.clone();
                    let mut problem = Problem::at(&entry.file, &entry.text, span, message);
                    problem.help = help;
                    problems.push(problem);
                };
                match Target::parse(folder_of(&entry.file), name) {
                    Target::Notebook { file, .. } if notebooks.contains_key(&file) => {}
                    Target::Notebook { file, .. } => {
                        let help = did_you_mean(&file, notebooks.keys().map(String::as_str));
                        refuse(format!("there is no notebook `{file}`"), help);
                    }
                    Target::Outside => {
                        refuse(RootError::Outside(name.clone()).to_string(), None);
                    }
                    _ => refuse(
                        format!("`{name}` is not a notebook"),
                        Some("name `.ipynb` files, relative to the entry".into()),
                    ),
                }
            }
        }
        problems
    }
}
