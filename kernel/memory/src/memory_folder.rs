//! Memory as files: a folder that an agent reads and edits, with its whole history.
//!
//! Letta's successor and Anthropic's memory tool keep an agent's memory in files, which a person
//! can read, edit with any editor and put under version control. The commands here are those of
//! Anthropic's tool: view, create, str_replace, insert, delete, rename. Every change is kept: who
//! made it, when, what stood there before. Any version can be read, compared and restored, and
//! restoring is a change like any other. What a person edits from outside is found at the next
//! command and kept as a change too.
//!
//! Paths lead nowhere but into the folder: no `..`, no absolute path, no hidden name, no symbolic
//! link. A change is on the disk as a whole or not at all, also when the process is killed within
//! it. Several processes may use one folder; they wait for each other.
//!
//! ```
//! use momentum_memory::memory_folder::MemoryFolder;
//!
//! let place = tempfile::tempdir().unwrap();
//! let folder = MemoryFolder::open(place.path())?;
//! folder.create("people/sara.md", "Sara lives in Paris.\n")?;
//! folder.str_replace("people/sara.md", "Paris", "Lyon")?;
//! assert_eq!(folder.text("people/sara.md")?, "Sara lives in Lyon.\n");
//!
//! // Nothing is lost.
//! assert_eq!(folder.text_at("people/sara.md", 1)?.unwrap(), "Sara lives in Paris.\n");
//! folder.undo()?;
//! assert_eq!(folder.text("people/sara.md")?, "Sara lives in Paris.\n");
//! assert_eq!(folder.history()?.len(), 3);
//!
//! // An agent edits it by a tool.
//! assert_eq!(folder.tool().definition().name, "memory");
//! # Ok::<(), momentum_memory::memory_folder::MemoryFolderError>(())
//! ```

mod command;
mod error;
mod history;
mod path;
mod tool;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use similar::TextDiff;

pub use self::error::MemoryFolderError;
pub use self::history::{Change, FileChange};
use self::path::MemoryPath;
use self::tree::{Edit, Tree};
use crate::storage::{Author, Timestamp};

/// The largest file that is read or written, in bytes.
const LARGEST_FILE: usize = 1 << 18;
/// The most files in a folder.
const MOST_FILES: usize = 10_000;

type Clock = dyn Fn() -> Timestamp + Send + Sync;
type Files = BTreeMap<MemoryPath, Vec<u8>>;

/// A folder of memory files with its history, in a hidden folder `.history` beside them. Clones
/// share it.
#[derive(Clone)]
pub struct MemoryFolder {
    tree: Arc<Mutex<Tree>>,
    clock: Arc<Clock>,
    author: Author,
}

impl MemoryFolder {
    /// The memory folder at this place, which is made if it is not there. Files that stand there
    /// already become its first version.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when the folder cannot be read or written, or its history is damaged.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, MemoryFolderError> {
        let tree = Arc::new(Mutex::new(Tree::open(folder.as_ref())?));
        let clock = Arc::new(|| Timestamp::from(SystemTime::now()));
        let folder = MemoryFolder { tree, clock, author: Author::Program("momentum".to_owned()) };
        folder.history()?;
        Ok(folder)
    }

    /// The same folder, whose further changes are made by this author.
    pub fn by(&self, author: Author) -> Self {
        MemoryFolder { author, ..self.clone() }
    }

    /// The same folder, whose further changes are made at the times that `clock` tells; the
    /// system's clock by default.
    pub fn with_clock(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        MemoryFolder { clock: Arc::new(clock), ..self.clone() }
    }

    /// The tree, free of what a panic elsewhere may have left: it is read afresh from the disk
    /// whenever it is used.
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Reads the folder as it is now.
    fn read<T>(
        &self,
        look: impl FnOnce(&Tree, &Files) -> Result<T, MemoryFolderError>,
    ) -> Result<T, MemoryFolderError> {
        let mut tree = self.tree();
        let _lock = tree.lock()?;
        let files = tree.refresh(&*self.clock)?;
        look(&tree, &files)
    }

    /// Changes the folder: `edit` gets all files and leaves them as they shall be.
    fn change(
        &self,
        command: &str,
        edit: impl FnOnce(&Tree, &mut Files) -> Result<(), MemoryFolderError>,
    ) -> Result<Change, MemoryFolderError> {
        let mut tree = self.tree();
        let _lock = tree.lock()?;
        let before = tree.refresh(&*self.clock)?;
        let mut after = before.clone();
        edit(&tree, &mut after)?;
        let edit = Edit { command, by: &self.author, at: (self.clock)(), restores: None };
        tree.commit(edit, &before, &after)
    }

    /// The paths of all files, in order.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when the folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>, MemoryFolderError> {
        self.read(|_, files| Ok(files.keys().map(MemoryPath::to_string).collect()))
    }

    /// What stands in a file.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when it is not there or is no text.
    pub fn text(&self, path: &str) -> Result<String, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.read(|_, files| command::text_of(files, &path).map(str::to_owned))
    }

    /// All changes, oldest first.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when the history cannot be read.
    pub fn history(&self) -> Result<Vec<Change>, MemoryFolderError> {
        self.read(|tree, _| Ok(tree.changes().to_vec()))
    }

    /// The changes of one file, oldest first.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn history_of(&self, path: &str) -> Result<Vec<Change>, MemoryFolderError> {
        let path = MemoryPath::parse(path)?.to_string();
        let mut changes = self.history()?;
        changes.retain(|change| change.files.iter().any(|file| file.path == path));
        Ok(changes)
    }

    /// The number of the newest version; 0 for a folder in which nothing was ever written.
    ///
    /// # Errors
    /// As [`history`](Self::history).
    pub fn version(&self) -> Result<u64, MemoryFolderError> {
        self.read(|tree, _| Ok(tree.version()))
    }

    /// What stood in a file in a version; [`None`] when it was not there.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such version, or the file was no text.
    pub fn text_at(&self, path: &str, version: u64) -> Result<Option<String>, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.read(|tree, _| {
            let files = tree.files_at(version)?;
            files
                .contains_key(&path)
                .then(|| command::text_of(&files, &path).map(str::to_owned))
                .transpose()
        })
    }

    /// What changed between two versions, as a unified diff of each file.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such version.
    pub fn diff(&self, from: u64, to: u64) -> Result<String, MemoryFolderError> {
        self.read(|tree, _| {
            let (before, after) = (tree.files_at(from)?, tree.files_at(to)?);
            let mut diff = String::new();
            let mut paths: Vec<_> = before.keys().chain(after.keys()).collect();
            paths.sort();
            paths.dedup();
            for path in paths {
                let shown = |files: &Files| {
                    let bytes = files.get(path).map(Vec::as_slice).unwrap_or_default();
                    String::from_utf8_lossy(bytes).into_owned()
                };
                let name = |files: &Files, version| match files.contains_key(path) {
                    true => format!("{path} (version {version})"),
                    false => "nothing".to_owned(),
                };
                if before.get(path) != after.get(path) {
                    let (old, new) = (shown(&before), shown(&after));
                    let text = TextDiff::from_lines(&old, &new);
                    let (old_name, new_name) = (name(&before, from), name(&after, to));
                    let text = text.unified_diff().header(&old_name, &new_name).to_string();
                    diff.push_str(&text);
                }
            }
            Ok(diff)
        })
    }

    /// Makes all files as they were in a version. The versions since then stay in the history.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such version or nothing to change.
    pub fn revert(&self, version: u64) -> Result<Change, MemoryFolderError> {
        self.restore(&format!("revert to version {version}"), |_| Ok(version))
    }

    /// Takes the newest change back that is not taken back yet. Called again, it takes back the
    /// one before.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such change.
    pub fn undo(&self) -> Result<Change, MemoryFolderError> {
        self.restore("undo", |tree| {
            let now = tree.origin(tree.version());
            now.checked_sub(1).ok_or(MemoryFolderError::NothingToUndo)
        })
    }

    fn restore(
        &self,
        command: &str,
        version: impl FnOnce(&Tree) -> Result<u64, MemoryFolderError>,
    ) -> Result<Change, MemoryFolderError> {
        let mut tree = self.tree();
        let _lock = tree.lock()?;
        let before = tree.refresh(&*self.clock)?;
        let version = version(&tree)?;
        let after = tree.files_at(version)?;
        let edit = Edit { command, by: &self.author, at: (self.clock)(), restores: Some(version) };
        tree.commit(edit, &before, &after)
    }
}

impl fmt::Debug for MemoryFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFolder").field("author", &self.author).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
