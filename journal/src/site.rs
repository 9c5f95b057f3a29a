//! The site: all pages of a series, written aside and swapped in whole.

pub(crate) mod cache;
mod cards;
pub(crate) mod entries;
pub(crate) mod folder;
mod lists;
pub(crate) mod notebooks;
pub(crate) mod pages;
mod sources;
pub(crate) mod stamp;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::cache::Cache;
use self::entries::{Known, Remembered};
use self::folder::SiteFolder;
use self::notebooks::{Look, Notebooks, all_notebooks};
use self::pages::Pages;
pub use self::sources::Sources;
use self::stamp::Stamps;
use crate::asset::Pictures;
use crate::config::SeriesConfig;
use crate::embed::SiteMap;
use crate::key::{Key, KeyParts, renderer};
use crate::notebook::{CellState, RunEnvironment};
use crate::problem::{JournalError, Problem, Problems};
use crate::progress::Progress;
use crate::root::{Root, folder_of, stem_of};

/// How to build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildConfig {
    /// Write here instead of the configured folder. It may lie anywhere: the caller said so.
    pub out: Option<PathBuf>,
    /// Outputs that no longer hold are errors.
    pub strict: bool,
    /// Where to keep what the next build can use; `.momentum/journal` in the root where it is not
    /// named. It can be deleted at any time, and shared with other builds.
    pub cache: Option<PathBuf>,
    /// What would run the notebooks now. Without it, nothing is said about outputs that another
    /// kernel, compiler or helper set has made.
    pub environment: Option<RunEnvironment>,
    /// The file in which `momentum exercise` keeps what the learner has passed (ARCHITECTURE.md,
    /// "The progress file"). Pages show it where [`SeriesConfig::shows_progress`] says so; without
    /// the file they do without.
    ///
    /// [`SeriesConfig::shows_progress`]: crate::SeriesConfig::shows_progress
    pub progress: Option<PathBuf>,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildReport {
    /// The folder of the site.
    pub out: PathBuf,
    /// The page to open first.
    pub index: PathBuf,
    /// The page of each entry, sorted by day.
    pub entries: Vec<BuiltEntry>,
    /// All pages (HTML and the feed), relative to [`BuildReport::out`], sorted.
    pub pages: Vec<String>,
    /// The files of the site that this build wrote or removed, relative to [`BuildReport::out`],
    /// sorted.
    pub changed: Vec<String>,
    /// Linked outputs that no longer hold, in the order of entries and of places in them.
    pub unproven: Vec<UnprovenOutput>,
}

/// An entry and its page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltEntry {
    /// The day's number.
    pub day: u32,
    /// The entry's file, relative to the root.
    pub file: String,
    /// Its page.
    pub page: PathBuf,
}

/// An output on a page that is stale, failed, not reproduced, or was never run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnprovenOutput {
    /// The entry's file, relative to the root.
    pub entry: String,
    /// Line of the link, counted from 1.
    pub line: usize,
    /// Column of the link, counted from 1.
    pub column: usize,
    /// The link, in bytes of the entry's file.
    pub span: Range<usize>,
    /// The notebook, relative to the root.
    pub notebook: String,
    /// The label that the link names.
    pub label: String,
    /// How the output stands.
    pub state: CellState,
    /// Why it is not proven, in words.
    pub reason: String,
}

/// A site that is built again and again: it keeps what it knows from one build to the next.
///
/// ```
/// use momentum_journal::{BuildConfig, Site};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let root = tempfile::tempdir()?;
/// std::fs::create_dir(root.path().join("entries"))?;
/// std::fs::write(root.path().join("momentum.yaml"), "title: My log\n")?;
/// let entry = root.path().join("entries/day-01.md");
/// std::fs::write(&entry, "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\nOne.\n")?;
///
/// let mut site = Site::open(root.path(), BuildConfig::default())?;
/// site.build()?;
/// std::fs::write(&entry, "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\nTwo.\n")?;
/// let report = site.build()?;
/// assert!(report.changed.contains(&"entries/day-01.html".to_owned()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Site {
    root: Root,
    build: BuildConfig,
    cache: Cache,
    stamps: Stamps,
    folder: Option<SiteFolder>,
    notebooks: Notebooks,
    remembered: Remembered,
    sources: Sources,
}

/// One build: what everything in it is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build<'a> {
    pub(crate) root: &'a Root,
    pub(crate) config: &'a SeriesConfig,
    /// Of the renderer and the configuration.
    pub(crate) key: Key,
    pub(crate) stamps: &'a Stamps,
    pub(crate) cache: &'a Cache,
    pub(crate) folder: &'a SiteFolder,
    pub(crate) notebooks: &'a Notebooks,
    pub(crate) map: &'a SiteMap,
    pub(crate) has_tags: bool,
    /// How far the learner is, where that is shown.
    pub(crate) progress: Option<&'a Progress>,
}

impl Site {
    /// Opens the series at `root` for building. Nothing is built yet.
    ///
    /// # Errors
    /// No configuration, or a wrong one.
    pub fn open(root: impl AsRef<Path>, config: BuildConfig) -> Result<Self, JournalError> {
        let root = Root::open(root.as_ref())?;
        SeriesConfig::read(&root)?;
        let cache = config.cache.clone().unwrap_or_else(|| root.join(".momentum/journal"));
        let (cache, stamps) = rayon::join(
            || Cache::open(Some(cache.clone())),
            || Stamps::open(Some(&cache), root.path()),
        );
        Ok(Self {
            root,
            build: config,
            cache,
            stamps,
            folder: None,
            notebooks: Notebooks::default(),
            remembered: Remembered::new(),
            sources: Sources::default(),
        })
    }

    /// The same site, with its outputs judged by what would run its notebooks now: as
    /// [`BuildConfig::environment`], for a caller that learns it only after the series is found.
    #[must_use]
    pub fn with_environment(mut self, environment: RunEnvironment) -> Self {
        self.build.environment = Some(environment);
        self
    }

    /// The notebooks of the series that exist: those in the notebooks folder, those named in a
    /// front matter, those linked. Absolute paths, sorted.
    ///
    /// # Errors
    /// The configuration is wrong, or a folder cannot be listed.
    pub fn notebooks(&mut self) -> Result<Vec<PathBuf>, JournalError> {
        let config = SeriesConfig::read(&self.root)?;
        let folder = SiteFolder::new(PathBuf::new());
        let build = self.ground(&config, &folder);
        let entries = self.look(&build)?;
        let all = all_notebooks(&self.root, listed_notebooks(&self.root, &config)?, &entries);
        // The next build begins with what is known by now.
        self.remembered = remembered(entries);
        Ok(all.keys().map(|file| self.root.join(file)).collect())
    }

    /// The files that the last build met, whether it ended well or not; nothing before the first.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Brings the site up to date with the files of the series. What has not changed since the last
    /// build, by this value or by another, is not rendered again.
    ///
    /// # Errors
    /// All problems of all entries and notebooks at once, in order; the last good site stays, and
    /// the next call tries again. With [`BuildConfig::strict`], outputs that no longer hold are
    /// problems too.
    pub fn build(&mut self) -> Result<BuildReport, JournalError> {
        let config = SeriesConfig::read(&self.root)?;
        let out = out_folder(&self.root, &config, &self.build)?;
        let mut folder = match self.folder.take().filter(|folder| folder.out() == out) {
            Some(folder) => folder,
            None => SiteFolder::new(out),
        };
        folder.begin()?;
        let built = self.build_in(&config, &folder);
        let result = match built {
            Ok((mut report, used)) => folder.finish().map(|changed| {
                self.cache.save(|| used);
                self.stamps.save(self.cache.folder(), self.root.path());
                report.changed = changed;
                report
            }),
            Err(error) => folder.abandon().and(Err(error)),
        };
        self.folder = Some(folder);
        result
    }

    fn ground<'a>(&'a self, config: &'a SeriesConfig, folder: &'a SiteFolder) -> Build<'a> {
        Build {
            root: &self.root,
            config,
            key: renderer().text(&config.file).key(config.key).finish(),
            stamps: &self.stamps,
            cache: &self.cache,
            folder,
            notebooks: &self.notebooks,
            map: SiteMap::empty(),
            has_tags: false,
            progress: None,
        }
    }

    fn look(&self, build: &Build<'_>) -> Result<Vec<Known>, JournalError> {
        let listed = self.root.list(&build.config.entries, "md", false)?;
        Ok(entries::look(build, &listed, &self.remembered))
    }

    fn build_in(
        &mut self,
        config: &SeriesConfig,
        folder: &SiteFolder,
    ) -> Result<(BuildReport, HashSet<Key>), JournalError> {
        let ground = self.ground(config, folder);
        let entries = self.look(&ground)?;
        let files = all_notebooks(&self.root, listed_notebooks(&self.root, config)?, &entries);
        let look = Look {
            root: &self.root,
            stamps: &self.stamps,
            cache: &self.cache,
            environment: self.build.environment.as_ref(),
        };
        let notebooks = Notebooks::look(&look, &files, &self.notebooks);
        let (map, mut problems) = site_map(config, &entries, &notebooks);
        let progress = self.build.progress.as_deref().filter(|_| config.shows_progress());
        let progress = progress.and_then(Progress::read);
        let progress = progress.as_ref();
        let build = Build { notebooks: &notebooks, map: &map, progress, ..ground };
        let pictures = Pictures::new(&self.root, &self.stamps, folder);
        let mut entries = entries::settle(&build, entries, &pictures);
        let has_tags = entries.iter().any(Known::has_tags);
        let build = Build { has_tags, ..build };
        let pages = Pages::new(&build);
        problems.extend(entries::bring(&build, &mut entries, &pages, &pictures)?);
        if self.build.strict {
            problems.extend(entries.iter().flat_map(|known| refusals(&self.root, known)));
        }
        problems.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
        problems.extend(notebooks.iter().filter_map(|(file, notebook)| {
            pages.is_broken(file).then(|| notebook.read().err().cloned()).flatten()
        }));
        let result = if problems.is_empty() {
            pages.bring(&entries, &pictures).and_then(|()| pictures.finish())
        } else {
            Err(JournalError::Problems(Problems(problems)))
        };
        let mut used = HashSet::new();
        if self.cache.merges() {
            used = pages.used();
            used.extend(entries.iter().map(|known| known.key));
            let records = entries.iter().filter_map(|known| known.record.as_ref());
            used.extend(records.map(|record| record.words));
        }
        drop(pages);
        let out = folder.out().to_owned();
        let records = entries.iter().filter_map(|known| known.record.as_ref());
        let unproven = records.flat_map(|record| record.unproven.iter().cloned()).collect();
        let report = BuildReport {
            index: out.join("index.html"),
            entries: entries
                .iter()
                .map(|known| BuiltEntry {
                    day: known.day(),
                    file: known.file.clone(),
                    page: out.join(&known.page),
                })
                .collect(),
            pages: folder
                .wanted(|path| [".html", ".xml", ".json"].iter().any(|kind| path.ends_with(kind))),
            changed: Vec::new(),
            out,
            unproven,
        };
        let data = notebooks.data().into_iter();
        self.sources = Sources::of_build(&self.root, config, &entries, data);
        self.remembered = remembered(entries);
        self.notebooks = notebooks;
        result.map(|()| (report, used))
    }
}

/// What the next build of this process begins with.
fn remembered(entries: Vec<Known>) -> Remembered {
    let clean = entries.into_iter().filter(|known| known.is_clean);
    clean.filter_map(|known| Some((known.file, (known.key, known.record?)))).collect()
}

/// The folder to write to.
///
/// # Errors
/// The configured folder is the root, holds the series' own folders, or is reached through a link
/// that leads out of the root.
fn out_folder(
    root: &Root,
    config: &SeriesConfig,
    build: &BuildConfig,
) -> Result<PathBuf, JournalError> {
    if let Some(out) = &build.out {
        return std::path::absolute(out).map_err(JournalError::io("read", out));
    }
    let out = &config.out;
    let own = [&config.file, &config.entries, &config.notebooks];
    let holds = |folder: &str| folder == out || folder.starts_with(&format!("{out}/"));
    let path = root.join(out);
    // The nearest folder that exists must lie inside the root when links are followed.
    let real = path.ancestors().find_map(|folder| folder.canonicalize().ok());
    if out.is_empty()
        || own.into_iter().any(|folder| holds(folder))
        || !real.is_some_and(|real| real.starts_with(root.path()))
    {
        return Err(JournalError::OutputPath { out: out.clone() });
    }
    Ok(path)
}

/// The folder, below that of the notebooks, which is never published.
const SOLUTIONS: &str = "solutions";

pub(crate) fn listed_notebooks(
    root: &Root,
    config: &SeriesConfig,
) -> Result<Vec<crate::root::Listed>, JournalError> {
    if config.notebooks.is_empty() {
        return Ok(Vec::new());
    }
    let mut listed = root.list(&config.notebooks, "ipynb", true)?;
    // The sources of exercises hold their solutions: they are not part of the journal.
    listed.retain(|listed| !listed.file.split('/').any(|folder| folder == SOLUTIONS));
    Ok(listed)
}

/// The problems that the unproven outputs of an entry are under `--strict`.
fn refusals(root: &Root, known: &Known) -> Vec<Problem> {
    let Some(record) = known.record.as_ref().filter(|record| !record.unproven.is_empty()) else {
        return Vec::new();
    };
    let (Some(entry), _) = crate::entry::Entry::read(root, &known.file) else { return Vec::new() };
    let refusal = |output: &UnprovenOutput| {
        let UnprovenOutput { label, notebook, state, reason, .. } = output;
        let message =
            format!("the output of `{label}` in `{notebook}` does not hold ({state}): {reason}");
        Problem::at(&entry.file, &entry.text, output.span.clone(), message)
            .with_help(format!("run the notebook: momentum run {}", output.notebook))
    };
    record.unproven.iter().map(refusal).collect()
}

/// Gives every entry and notebook a page of its own.
fn site_map(
    config: &SeriesConfig,
    entries: &[Known],
    notebooks: &Notebooks,
) -> (SiteMap, Vec<Problem>) {
    let mut map = SiteMap::default();
    let mut problems = Vec::new();
    map.entries = entries.iter().map(|known| (known.file.clone(), known.page.clone())).collect();
    let folder = format!("{}/", config.notebooks);
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for file in notebooks.names() {
        let short = file.strip_prefix(&folder).unwrap_or(file);
        let within = folder_of(short);
        let slash = if within.is_empty() { "" } else { "/" };
        let page = format!("notebooks/{within}{slash}{}.html", stem_of(short));
        if let Some(other) = taken.insert(page.to_lowercase(), file) {
            problems.push(Problem::of_file(file, format!("its page would be that of `{other}`")));
        }
        map.notebooks.insert(file.to_owned(), page);
    }
    let mut parts = KeyParts::new("map");
    for (file, page) in map.entries.iter().chain(&map.notebooks) {
        parts.push(file);
        parts.push(page);
    }
    map.key = Some(parts.finish());
    (map, problems)
}

#[cfg(test)]
mod learners;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tests;
