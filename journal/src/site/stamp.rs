//! Stamps: by which a file that was not touched since the last build is known without reading it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::cache::write_whole;
use crate::key::{Key, renderer};
use crate::root::{Root, RootError};

/// What the file system says of a file. Any write changes it, unless it comes within one tick of
/// the system's clock; see [`SETTLED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    /// Seconds and nanoseconds of the last write.
    modified: (u64, u32),
    /// The same of the last change of any kind, and the file's number.
    changed: (i64, i64, u64),
}

/// A file younger than this may be written again within the same tick, so its stamp proves nothing.
const SETTLED: Duration = Duration::from_secs(1);

impl Stamp {
    pub(crate) fn of(data: &std::fs::Metadata) -> Option<Self> {
        let modified = data.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt;
            (data.ctime(), data.ctime_nsec(), data.ino())
        };
        #[cfg(not(unix))]
        let changed = (0, 0, 0);
        let modified = (modified.as_secs(), modified.subsec_nanos());
        Some(Self { size: data.len(), modified, changed })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let last = Duration::new(self.modified.0, self.modified.1)
            .max(Duration::new(u64::try_from(self.changed.0).unwrap_or(0), 0));
        now.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|now| now > last + SETTLED)
    }
}

/// The keys of the series' files as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    known: HashMap<String, Met>,
    /// What the build under way has read.
    new: Mutex<HashMap<String, Met>>,
}

/// A file as it was read.
#[derive(Debug, Serialize, Deserialize)]
struct Met {
    stamp: Stamp,
    key: Key,
    /// The build under way has met it as it was.
    #[serde(skip)]
    again: AtomicBool,
}

/// A file as it is now: its key, and its bytes where they had to be read.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) key: Key,
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Stamps {
    /// What the last build of the series at `root` left in the cache's folder.
    pub(crate) fn open(folder: Option<&Path>, root: &Path) -> Self {
        let read = || postcard::from_bytes(&std::fs::read(place(folder?, root)).ok()?).ok();
        Self { known: read().unwrap_or_default(), new: Mutex::default() }
    }

    /// The content of a file of at most `limit` bytes; it is read only where that is needed.
    pub(crate) fn content(
        &self,
        root: &Root,
        file: &str,
        stamp: Option<Stamp>,
        limit: u64,
    ) -> Result<Content, RootError> {
        if let Some(key) = stamp.and_then(|stamp| self.known_as(file, stamp)) {
            return Ok(Content { key, bytes: None });
        }
        let bytes = root.read(file, limit)?;
        let key = Key::of(&bytes);
        self.met(file, stamp, key);
        Ok(Content { key, bytes: Some(bytes) })
    }

    /// The key of a file of any size, as [`Stamps::content`] has it; `None` where there is none.
    pub(crate) fn hash(&self, root: &Root, file: &str) -> Option<Key> {
        let stamp = root.stamp(file)?;
        if let Some(key) = self.known_as(file, stamp) {
            return Some(key);
        }
        let key = root.hash(file).ok()?;
        self.met(file, Some(stamp), key);
        Some(key)
    }

    fn known_as(&self, file: &str, stamp: Stamp) -> Option<Key> {
        let met = self.known.get(file).filter(|met| met.stamp == stamp)?;
        met.again.store(true, Ordering::Relaxed);
        Some(met.key)
    }

    /// A file was read, with the stamp that it had before.
    pub(crate) fn met(&self, file: &str, stamp: Option<Stamp>, key: Key) {
        if let Some(stamp) = stamp.filter(|stamp| stamp.is_settled(SystemTime::now()))
            && let Ok(mut new) = self.new.lock()
        {
            new.insert(file.to_owned(), Met { stamp, key, again: AtomicBool::new(true) });
        }
    }

    /// Forgets the files that this build did not meet, and writes the rest for the next one.
    pub(crate) fn save(&mut self, folder: Option<&Path>, root: &Path) {
        let Ok(new) = self.new.get_mut() else { return };
        let n_known = self.known.len();
        let has_new = !new.is_empty();
        self.known.extend(new.drain());
        self.known.retain(|_, met| std::mem::take(met.again.get_mut()));
        if !has_new && self.known.len() == n_known {
            return;
        }
        if let (Some(folder), Ok(bytes)) = (folder, postcard::to_stdvec(&self.known)) {
            let _ = write_whole(&place(folder, root), &bytes);
        }
    }
}

/// Stamps are of one folder on one machine, so each root has a file of its own.
fn place(folder: &Path, root: &Path) -> std::path::PathBuf {
    let key = renderer().text(&root.to_string_lossy()).finish();
    folder.join(format!("{}.stamps", key.hex()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_rests_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.md");
        std::fs::write(&path, "one").unwrap();
        let root = Root::open(folder.path()).unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let mut stamp = Stamp::of(&path.metadata().unwrap()).unwrap();
        let stamps = Stamps::default();
        // The file system's own time of the last change is now, so it is not trusted yet.
        stamps.content(&root, "a.md", Some(stamp), 10).unwrap();
        assert!(stamps.new.lock().unwrap().is_empty());
        stamp.changed.0 -= 3600;
        let mut stamps = Stamps::default();
        assert!(stamps.content(&root, "a.md", Some(stamp), 10).unwrap().bytes.is_some());
        stamps.save(None, folder.path());
        let content = stamps.content(&root, "a.md", Some(stamp), 10).unwrap();
        assert_eq!((content.key, content.bytes), (Key::of(b"one"), None));
        let touched = Stamp { size: 4, ..stamp };
        assert!(stamps.content(&root, "a.md", Some(touched), 10).unwrap().bytes.is_some());
    }
}
