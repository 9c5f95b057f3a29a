//! Which files of a series change, as soon as they are whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::series::Series;
use crate::site::Sources;

/// How long a change waits for others that belong to it: one that is whole (a file was closed or
/// took its name), and one that may go on (bytes were written).
const WHOLE: Duration = Duration::from_millis(4);
const GOES_ON: Duration = Duration::from_millis(100);
/// The longest that changes are collected.
const LONGEST: Duration = Duration::from_millis(250);

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("the files of the series cannot be watched")]
pub struct WatchError(#[from] notify::Error);

/// What has changed, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// The notebooks that were saved; absolute paths.
    pub notebooks: Vec<PathBuf>,
    /// The other files: configuration, entries, pictures.
    pub others: Vec<PathBuf>,
}

impl Changes {
    /// Whether nothing has changed: the watch was only woken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notebooks.is_empty() && self.others.is_empty()
    }
}

/// The watch over a series.
pub struct Watch {
    watcher: RecommendedWatcher,
    sends: Sender<Option<Change>>,
    receives: Receiver<Option<Change>>,
    watched: BTreeSet<(PathBuf, bool)>,
    filter: Filter,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watch({:?})", self.watched)
    }
}

struct Change {
    paths: Vec<PathBuf>,
    whole: bool,
    /// The paths are gone from where they were.
    gone: bool,
}

/// Which paths are of the series.
#[derive(Debug, Default)]
struct Filter {
    config: PathBuf,
    folders: Vec<PathBuf>,
    /// The files that cells declare as their data.
    data: BTreeSet<PathBuf>,
    out: PathBuf,
}

impl Watch {
    /// Watches the configuration, the folders of entries and notebooks, and those of the pictures
    /// that entries show. What lies in `out` or in a hidden folder is passed over.
    ///
    /// # Errors
    /// [`WatchError`]: the system watches no more files.
    pub fn start(series: &Series, out: &Path) -> Result<Watch, WatchError> {
        let (sends, receives) = channel();
        let heard = sends.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event
                && let Some(whole) = weight(&event.kind)
            {
                // The watch is gone: nobody to tell.
                let moved = matches!(event.kind, EventKind::Modify(ModifyKind::Name(_)));
                let gone = moved || event.kind.is_remove();
                let _ = heard.send(Some(Change { paths: event.paths, whole, gone }));
            }
        })?;
        let filter = Filter { out: out.to_owned(), ..Filter::default() };
        let mut watch = Watch { watcher, sends, receives, watched: BTreeSet::new(), filter };
        watch.follow(&Sources::of_series(series))?;
        Ok(watch)
    }

    /// Follows a series that has changed: other folders, other pictures, other data that cells
    /// declare.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn follow(&mut self, sources: &Sources) -> Result<(), WatchError> {
        self.filter.data = sources.data.clone();
        self.filter.config = sources.config.clone();
        self.filter.folders = sources.folders.iter().map(|(path, _)| path.clone()).collect();
        for (path, deep) in sources.folders.iter().cloned() {
            let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            // A folder that is not there yet is looked for again at the next change.
            if !self.watched.contains(&(path.clone(), deep)) && path.is_dir() {
                self.watcher.watch(&path, mode)?;
                self.watched.insert((path, deep));
            }
        }
        Ok(())
    }

    /// Gives up folders that are gone: what takes their place is watched anew by the next
    /// [`Watch::follow`].
    fn forget(&mut self, gone: &[PathBuf]) {
        self.watched.retain(|(path, _)| {
            let is_gone = gone.iter().any(|gone| path.starts_with(gone));
            if is_gone {
                // The system has given it up by itself where it was removed.
                let _ = self.watcher.unwatch(path);
            }
            !is_gone
        });
    }

    /// Something that ends the waiting of [`Watch::wait`] from another thread.
    pub fn waker(&self) -> impl Fn() + Send + 'static {
        let sends = self.sends.clone();
        move || {
            let _ = sends.send(None);
        }
    }

    /// Waits for changes. None are given when the watch was woken.
    pub fn wait(&mut self) -> Changes {
        let mut paths = BTreeSet::new();
        let mut woken = false;
        let mut until: Option<(Instant, Instant)> = None;
        while !woken {
            let heard = match until {
                None => self.receives.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((at, _)) => {
                    self.receives.recv_timeout(at.saturating_duration_since(Instant::now()))
                }
            };
            match heard {
                Ok(Some(change)) => {
                    if change.gone {
                        self.forget(&change.paths);
                    }
                    let before = paths.len();
                    paths.extend(change.paths.into_iter().filter(|path| self.filter.takes(path)));
                    let now = Instant::now();
                    if paths.len() > before || (until.is_some() && change.whole) {
                        let last = until.map_or(now + LONGEST, |(_, last)| last);
                        let at = now + if change.whole { WHOLE } else { GOES_ON };
                        until = Some((at.min(last), last));
                    }
                }
                Ok(None) => woken = true,
                Err(_) => break,
            }
        }
        let is_notebook = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "ipynb");
        let (notebooks, others) = paths.into_iter().partition(is_notebook);
        Changes { notebooks, others }
    }
}

/// Whether an event changes files, and if so whether the change is whole.
fn weight(kind: &EventKind) -> Option<bool> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) => {
            Some(true)
        }
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => None,
        EventKind::Modify(ModifyKind::Name(_)) => Some(true),
        _ => Some(false),
    }
}

impl Filter {
    fn takes(&self, path: &Path) -> bool {
        // A folder of the series itself: it was removed, or is there again.
        let is_folder = self.folders.iter().any(|folder| folder == path);
        if *path == *self.config || self.data.contains(path) || is_folder {
            return true;
        }
        if path.starts_with(&self.out) {
            return false;
        }
        let kinds = ["md", "ipynb", "svg", "png", "jpg", "jpeg", "gif", "webp"];
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        kinds.contains(&kind)
            && self.folders.iter().any(|folder| {
                path.strip_prefix(folder).is_ok_and(|rest| {
                    !rest.components().any(|part| part.as_os_str().as_encoded_bytes()[0] == b'.')
                })
            })
    }
}
