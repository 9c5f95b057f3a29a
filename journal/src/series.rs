//! A series: the configuration, the entries and the notebooks below one root folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::config::SeriesConfig;
use crate::entry::Entry;
use crate::notebook::RunEnvironment;
use crate::problem::{JournalError, Problem};
use crate::question::{Question, questions};
use crate::root::Root;
use crate::site::notebooks::with_named;
use crate::site::{BuildConfig, BuildReport, Site, listed_notebooks};

/// A study log: one folder with a `momentum.yaml`, entries and notebooks.
#[derive(Debug, Clone)]
pub struct Series {
    pub(crate) root: Root,
    pub(crate) config: SeriesConfig,
    /// Sorted by day, then by file.
    pub(crate) entries: Vec<Entry>,
    /// What is wrong with single entries. It is kept for the build, which reports all at once.
    pub(crate) problems: Vec<Problem>,
    /// What would run the notebooks now, where that is known.
    pub(crate) environment: Option<RunEnvironment>,
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
        let listed = root.list(&config.entries, "md", false)?;
        let read: Vec<_> =
            listed.par_iter().map(|listed| Entry::read(&root, &listed.file)).collect();
        let mut entries = Vec::new();
        let mut problems = Vec::new();
        for (entry, found) in read {
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
                let message = format!(
                    "day {} is `{}` already; give this entry another number",
                    entry.front.day, first.file
                );
                let span = entry.day_span.clone();
                problems.push(Problem::at(&entry.file, &entry.text, span, message));
            }
        }
        entries.sort_by(|a, b| (a.front.day, &a.file).cmp(&(b.front.day, &b.file)));
        Ok(Self { root, config, entries, problems, environment: None })
    }

    /// The same series, with its outputs judged by what would run its notebooks now: those that
    /// another kernel, compiler or helper set has made do not hold.
    #[must_use]
    pub fn with_environment(mut self, environment: RunEnvironment) -> Self {
        self.environment = Some(environment);
        self
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
        let listed = listed_notebooks(&self.root, &self.config)?;
        let all = with_named(&self.root, listed, self.entries.iter().flat_map(Entry::notebooks));
        Ok(all.keys().map(|file| self.root.join(file)).collect())
    }

    /// The questions of all entries, in the order of the days.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        self.entries.iter().flat_map(questions).collect()
    }

    /// Renders the site and swaps it in for the last one.
    ///
    /// # Errors
    /// All problems of all entries and notebooks at once, in order; the last good site stays.
    /// With [`BuildConfig::strict`], outputs that no longer hold are problems too.
    pub fn build(&self, config: &BuildConfig) -> Result<BuildReport, JournalError> {
        let mut config = config.clone();
        config.environment = config.environment.or_else(|| self.environment.clone());
        Site::open(self.root.path(), config)?.build()
    }

    /// What is wrong with single entries as they were read: their front matter, and days that two
    /// of them share. A build finds these and more.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
