//! The folder on the disk: its files, their history, and how a change gets there as a whole.
//!
//! `.history/objects/` holds every content that a file ever had, under its SHA-256. A change first
//! puts its contents there, then names itself in `.history/pending`, then appends its line to
//! `.history/log.jsonl`, which decides: before that nothing has happened, after it everything has.
//! Then the files are replaced one by one, and the mark is removed. Whoever comes upon a mark
//! finishes what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::history::{self, Change, FileChange};
use super::path::MemoryPath;
use super::{Clock, Files, LARGEST_FILE, MOST_FILES, MemoryFolderError};
use crate::replacement;
use crate::storage::{Author, Timestamp};

const LOG: &str = ".history/log.jsonl";
const PENDING: &str = ".history/pending";
const OBJECTS: &str = ".history/objects";
/// The command of a change that no command made.
const OUTSIDE: &str = "edit from outside";

/// Which content each file has.
type Hashes = BTreeMap<MemoryPath, String>;

#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    changes: Vec<Change>,
    /// How much of the log has been read.
    n_read: u64,
}

/// What is written into the history about a change, besides its files.
pub(super) struct Edit<'a> {
    pub(super) command: &'a str,
    pub(super) by: &'a Author,
    pub(super) at: Timestamp,
    pub(super) restores: Option<u64>,
}

/// A lock on the folder against other processes, until it is dropped.
pub(super) struct Lock {
    _file: File,
}

fn system(action: &'static str, path: &str) -> impl FnOnce(io::Error) -> MemoryFolderError {
    let path = path.to_owned();
    move |source| MemoryFolderError::System { action, path, source }
}

fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Tree {
    pub(super) fn open(folder: &Path) -> Result<Self, MemoryFolderError> {
        let objects = folder.join(OBJECTS);
        fs::create_dir_all(objects).map_err(system("make", OBJECTS))?;
        let root = folder.canonicalize().map_err(system("find", "."))?;
        Ok(Tree { root, changes: Vec::new(), n_read: 0 })
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) fn version(&self) -> u64 {
        self.changes.len() as u64
    }

    /// The version whose files this version has: an earlier one, if it restored that.
    pub(super) fn origin(&self, version: u64) -> u64 {
        let change =
            version.checked_sub(1).and_then(|at| self.changes.get(usize::try_from(at).ok()?));
        change.and_then(|change| change.restores).unwrap_or(version)
    }

    /// Waits until no other process uses the folder.
    pub(super) fn lock(&self) -> Result<Lock, MemoryFolderError> {
        let path = self.root.join(".history/lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(path);
        let file = file.map_err(system("open", ".history/lock"))?;
        file.lock().map_err(system("lock", ".history/lock"))?;
        Ok(Lock { _file: file })
    }

    /// Brings everything up to date: the log, a change that was interrupted, and what was edited
    /// from outside. Returns the files.
    pub(super) fn refresh(&mut self, clock: &Clock) -> Result<Files, MemoryFolderError> {
        self.read_log()?;
        self.finish_pending()?;
        let files = self.scan()?;
        let known = self.hashes_at(self.version())?;
        let found: Hashes =
            files.iter().map(|(path, bytes)| (path.clone(), hash_of(bytes))).collect();
        if found != known {
            let outside = Author::Person("somebody".to_owned());
            let (command, at) = (OUTSIDE, clock());
            let edit = Edit { command, by: &outside, at, restores: None };
            self.append(edit, &known, &found, &files)?;
            self.unmark()?;
        }
        Ok(files)
    }

    /// Makes the files as `after` says.
    pub(super) fn commit(
        &mut self,
        edit: Edit<'_>,
        before: &Files,
        after: &Files,
    ) -> Result<Change, MemoryFolderError> {
        if after.len() > MOST_FILES {
            let limit = format!("{MOST_FILES} files");
            return Err(MemoryFolderError::TooLarge { path: ".".to_owned(), limit });
        }
        for (path, bytes) in after {
            if bytes.len() > LARGEST_FILE {
                let limit = format!("{LARGEST_FILE} bytes");
                return Err(MemoryFolderError::TooLarge { path: path.to_string(), limit });
            }
            let mut folders = path.folders();
            if let Some(file) = folders.find(|folder| after.contains_key(folder)) {
                let (path, file) = (path.to_string(), file.to_string());
                return Err(MemoryFolderError::FileInTheWay { path, file });
            }
        }
        // A folder of hidden files only, which are none of ours.
        let in_the_way = |path: &&MemoryPath| {
            path.below(&self.root).is_dir() && !before.keys().any(|file| file.is_within(path))
        };
        if let Some(path) = after.keys().find(in_the_way) {
            return Err(MemoryFolderError::Exists { path: path.to_string() });
        }
        let hashes = |files: &Files| -> Hashes {
            files.iter().map(|(path, bytes)| (path.clone(), hash_of(bytes))).collect()
        };
        let (before, hashes) = (hashes(before), hashes(after));
        if before == hashes {
            return Err(MemoryFolderError::NoChange);
        }
        let change = self.append(edit, &before, &hashes, after)?;
        self.apply(&change)?;
        self.unmark()?;
        Ok(change)
    }

    /// The files of a version.
    pub(super) fn files_at(&self, version: u64) -> Result<Files, MemoryFolderError> {
        let hashes = self.hashes_at(version)?.into_iter();
        hashes.map(|(path, hash)| Ok((path, self.object(&hash)?))).collect()
    }

    fn hashes_at(&self, version: u64) -> Result<Hashes, MemoryFolderError> {
        let newest = self.version();
        let n = usize::try_from(version).ok().filter(|n| *n <= self.changes.len());
        let n = n.ok_or(MemoryFolderError::NoVersion { version, newest })?;
        let mut hashes = Hashes::new();
        for file in self.changes[..n].iter().flat_map(|change| &change.files) {
            let path = MemoryPath::parse(&file.path)?;
            match &file.after {
                Some(hash) => drop(hashes.insert(path, hash.clone())),
                None => drop(hashes.remove(&path)),
            }
        }
        Ok(hashes)
    }

    fn object(&self, hash: &str) -> Result<Vec<u8>, MemoryFolderError> {
        let name = format!("{OBJECTS}/{hash}");
        let bytes = fs::read(self.root.join(&name)).map_err(system("read", &name))?;
        if hash_of(&bytes) != hash {
            let problem = "its content is not the one that it is named after".to_owned();
            return Err(MemoryFolderError::Damaged { file: name, line: 0, problem });
        }
        Ok(bytes)
    }

    /// Puts a change into the history, marked as pending.
    fn append(
        &mut self,
        edit: Edit<'_>,
        before: &Hashes,
        after: &Hashes,
        files: &Files,
    ) -> Result<Change, MemoryFolderError> {
        let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let touched = paths.into_iter().filter(|path| before.get(path) != after.get(path));
        let mut change = Change {
            version: self.version() + 1,
            command: edit.command.to_owned(),
            by: edit.by.clone(),
            at: edit.at,
            restores: edit.restores.map(|version| self.origin(version)),
            files: Vec::new(),
        };
        for path in touched {
            if let (Some(hash), Some(bytes)) = (after.get(path), files.get(path)) {
                let name = format!("{OBJECTS}/{hash}");
                let place = self.root.join(&name);
                if !place.exists() {
                    replacement::write(&place, bytes).map_err(system("write", &name))?;
                }
            }
            change.files.push(FileChange {
                path: path.to_string(),
                before: before.get(path).cloned(),
                after: after.get(path).cloned(),
            });
        }
        let mark = change.version.to_string();
        replacement::write(&self.root.join(PENDING), mark.as_bytes())
            .map_err(system("write", PENDING))?;
        let line = history::encode(&change);
        let mut options = OpenOptions::new();
        let log = options.create(true).append(true).open(self.root.join(LOG));
        let written = log.and_then(|mut log| {
            log.write_all(line.as_bytes())?;
            log.sync_all()
        });
        written.map_err(system("write", LOG))?;
        self.n_read += line.len() as u64;
        self.changes.push(change.clone());
        Ok(change)
    }

    /// Makes the files on the disk what a change says.
    fn apply(&self, change: &Change) -> Result<(), MemoryFolderError> {
        // First what goes, so that a folder may come where a file was.
        for file in change.files.iter().filter(|file| file.after.is_none()) {
            let path = MemoryPath::parse(&file.path)?;
            self.refuse_links(&path)?;
            match fs::remove_file(path.below(&self.root)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(system("delete", &file.path)(error));
                }
                _ => {}
            }
            // Folders are there for their files only. One that is not empty stays.
            let folders: Vec<_> = path.folders().collect();
            for folder in folders.iter().rev() {
                if fs::remove_dir(folder.below(&self.root)).is_err() {
                    break;
                }
            }
        }
        for file in &change.files {
            let Some(hash) = &file.after else { continue };
            let path = MemoryPath::parse(&file.path)?;
            self.refuse_links(&path)?;
            let place = path.below(&self.root);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(system("make the folder of", &file.path))?;
            }
            replacement::write(&place, &self.object(hash)?).map_err(system("write", &file.path))?;
        }
        Ok(())
    }

    fn unmark(&self) -> Result<(), MemoryFolderError> {
        fs::remove_file(self.root.join(PENDING)).map_err(system("delete", PENDING))
    }

    fn finish_pending(&mut self) -> Result<(), MemoryFolderError> {
        let mark = match fs::read_to_string(self.root.join(PENDING)) {
            Ok(mark) => mark,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(system("read", PENDING)(error)),
        };
        // An edit from outside stands in its files already; applying it again would undo what was
        // edited since.
        if let Some(change) = self.changes.last()
            && mark.trim() == change.version.to_string()
            && change.command != OUTSIDE
        {
            self.apply(change)?;
        }
        self.unmark()
    }

    /// Refuses a path on which a symbolic link stands.
    pub(super) fn refuse_links(&self, path: &MemoryPath) -> Result<(), MemoryFolderError> {
        for part in path.folders().chain([path.clone()]) {
            let kind = fs::symlink_metadata(part.below(&self.root));
            if kind.is_ok_and(|kind| kind.file_type().is_symlink()) {
                let problem = "a symbolic link stands on it";
                return Err(MemoryFolderError::Path { path: path.to_string(), problem });
            }
        }
        Ok(())
    }

    fn read_log(&mut self) -> Result<(), MemoryFolderError> {
        let mut options = OpenOptions::new();
        let log = options.read(true).write(true).create(true).truncate(false);
        let mut log = log.open(self.root.join(LOG)).map_err(system("open", LOG))?;
        let mut bytes = Vec::new();
        let read = log.seek(SeekFrom::Start(self.n_read)).and_then(|_| log.read_to_end(&mut bytes));
        read.map_err(system("read", LOG))?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let number = self.changes.len() + 1;
            if !line.ends_with(b"\n") {
                // Its writer was killed within the line, so the change never happened.
                log.set_len(self.n_read).map_err(system("shorten", LOG))?;
                break;
            }
            let damaged = |problem| MemoryFolderError::Damaged {
                file: LOG.to_owned(),
                line: number,
                problem,
            };
            let text = std::str::from_utf8(line).map_err(|error| damaged(error.to_string()))?;
            let change = history::decode(text, number as u64).map_err(damaged)?;
            for file in &change.files {
                MemoryPath::parse(&file.path).map_err(|error| damaged(error.to_string()))?;
            }
            self.changes.push(change);
            self.n_read += line.len() as u64;
        }
        Ok(())
    }

    /// All files. What is hidden, a link, or has a name that no memory file may have, is none.
    fn scan(&self) -> Result<Files, MemoryFolderError> {
        let mut files = Files::new();
        let mut folders = vec![(self.root.clone(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let entries = fs::read_dir(&folder).map_err(system("list", &prefix))?;
            for entry in entries {
                let entry = entry.map_err(system("list", &prefix))?;
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let path = format!("{prefix}{name}");
                let Ok(memory_path) = MemoryPath::parse(&path) else { continue };
                if memory_path.to_string() != path {
                    continue;
                }
                let kind = entry.file_type().map_err(system("look at", &path))?;
                if kind.is_dir() {
                    folders.push((entry.path(), format!("{path}/")));
                } else if kind.is_file() {
                    let length = entry.metadata().map_err(system("look at", &path))?.len();
                    if length > LARGEST_FILE as u64 || files.len() >= MOST_FILES {
                        let limit = format!("{LARGEST_FILE} bytes a file, {MOST_FILES} files");
                        return Err(MemoryFolderError::TooLarge { path, limit });
                    }
                    let bytes = fs::read(entry.path()).map_err(system("read", &path))?;
                    files.insert(memory_path, bytes);
                }
            }
        }
        Ok(files)
    }
}
