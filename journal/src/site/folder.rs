//! The site's folder and its double: a build brings the double up to date, then swaps the two in
//! one step. Killed at any moment, it leaves either the old site or the new one.
//!
//! Files that are the same in both are hard links, so a build writes only what changed. A marker in
//! each folder lists what is in it and what each file was made from.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rayon::prelude::*;

use crate::key::Key;
use crate::problem::JournalError;

/// The file by which a folder is known as ours: only such a folder is ever replaced.
const MARKER: &str = ".momentum-site";
const MARKER_HEAD: &str = "Built by momentum. This folder is replaced as a whole.\n";
/// Keeps the double out of the author's version control.
const IGNORE: &str = ".gitignore";

/// What a folder holds: each file's path and the key of what it was made from.
type Manifest = Vec<(String, Key)>;

/// What is known of a file of the site, in either folder: the key of what it was made from.
#[derive(Debug, Default)]
struct Slot {
    live: Option<Key>,
    /// In the double.
    lying: Option<Key>,
    /// What the build under way wants: one of the numbers below.
    wanted: AtomicU8,
}

/// The build wants nothing of it (yet), or what lies in the double, or what is live and has been
/// linked into the double.
const UNWANTED: u8 = 0;
const AS_LYING: u8 = 1;
const AS_LIVE: u8 = 2;

#[derive(Debug)]
pub(crate) struct SiteFolder {
    out: PathBuf,
    double: PathBuf,
    /// By path.
    slots: HashMap<String, Slot>,
    /// The live folder holds what no build put there.
    has_strangers: bool,
    /// The inode and time of the live marker, to notice builds by others.
    seen: Option<super::stamp::Stamp>,
    /// What the build under way has written into the double.
    written: Mutex<BTreeMap<String, Key>>,
    /// A file could not be written, so the double is not as it is known.
    is_torn: AtomicBool,
    lock: Option<File>,
}

impl SiteFolder {
    pub(crate) fn new(out: PathBuf) -> Self {
        let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("site");
        let double = out.with_file_name(format!(".{name}.double"));
        Self {
            out,
            double,
            slots: HashMap::new(),
            has_strangers: false,
            seen: None,
            written: Mutex::default(),
            is_torn: AtomicBool::new(false),
            lock: None,
        }
    }

    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// Starts a build: waits for others that build the same site, and looks at what is there.
    ///
    /// # Errors
    /// The folder holds something that is not a site of ours, or cannot be read or written.
    pub(crate) fn begin(&mut self) -> Result<(), JournalError> {
        let stranger = || JournalError::ForeignOutput { path: self.out.clone() };
        match std::fs::read_dir(&self.out) {
            Ok(mut entries) => {
                if entries.next().is_some() && !self.out.join(MARKER).is_file() {
                    return Err(stranger());
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(stranger());
            }
            Err(error) => return Err(JournalError::io("list", &self.out)(error)),
        }
        self.take_lock()?;
        let seen = stamp_of(&self.out.join(MARKER));
        if seen.is_none() || seen != self.seen {
            let (live, lying) = rayon::join(|| look(&self.out), || look(&self.double));
            let (live, strangers) = live.unwrap_or_default();
            self.has_strangers = !strangers.is_empty();
            let live = live
                .into_iter()
                .map(|(path, key)| (path, Slot { live: Some(key), ..Slot::default() }));
            self.slots = live.collect();
            match lying {
                Some((lying, strangers)) => {
                    for stranger in strangers {
                        remove(&self.double.join(stranger))?;
                    }
                    for (path, key) in lying {
                        self.slots.entry(path).or_default().lying = Some(key);
                    }
                }
                // A build was killed here, or there was none.
                None => remove_inside(&self.double)?,
            }
        }
        self.written = Mutex::default();
        let ignore = self.double.join(IGNORE);
        std::fs::write(&ignore, "*\n").map_err(JournalError::io("write", ignore))?;
        remove(&self.double.join(MARKER))
    }

    /// A lock on the double itself: another build waits until this one has ended.
    fn take_lock(&mut self) -> Result<(), JournalError> {
        let error = |error| JournalError::io("write", &self.double)(error);
        loop {
            std::fs::create_dir_all(&self.double).map_err(error)?;
            // A folder can be opened and locked like a file where that matters.
            let Ok(file) = File::open(&self.double) else { return Ok(()) };
            if file.lock().is_err() {
                return Ok(());
            }
            // The one before may have swapped the folders meanwhile.
            let same = file.metadata().ok().and_then(|data| number(&data));
            if same == self.double.metadata().ok().and_then(|data| number(&data)) {
                self.lock = Some(file);
                return Ok(());
            }
        }
    }

    /// Whether `path` made from `key` is there already, in the double or in the live site. If so,
    /// the new site will have it.
    pub(crate) fn keep(&self, path: &str, key: Key) -> Result<bool, JournalError> {
        let Some(slot) = self.slots.get(path) else { return Ok(false) };
        if slot.lying == Some(key) {
            slot.wanted.store(AS_LYING, Ordering::Relaxed);
            return Ok(true);
        }
        if slot.live != Some(key) {
            return Ok(false);
        }
        self.link(path)?;
        slot.wanted.store(AS_LIVE, Ordering::Relaxed);
        Ok(true)
    }

    /// The paths that the build under way wants, of those that are `asked` for; sorted.
    pub(crate) fn wanted(&self, asked: impl Fn(&str) -> bool) -> Vec<String> {
        let written = self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let kept = self.slots.iter().filter(|(path, slot)| {
            slot.wanted.load(Ordering::Relaxed) != UNWANTED && !written.contains_key(*path)
        });
        let paths = kept.map(|(path, _)| path).chain(written.keys());
        let mut paths: Vec<String> = paths.filter(|path| asked(path)).cloned().collect();
        paths.sort_unstable();
        paths
    }

    fn link(&self, path: &str) -> Result<(), JournalError> {
        let target = self.room_for(path)?;
        let source = self.out.join(path);
        match std::fs::hard_link(&source, &target) {
            Ok(()) => Ok(()),
            // Copying over a link to the same file would empty it.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(JournalError::io("write", target)(error))
            }
            Err(_) => std::fs::copy(&source, &target)
                .map(|_| ())
                .map_err(|error| self.torn(target, error)),
        }
    }

    /// What is left of a file that could not be written goes: no later build may take it for whole.
    fn torn(&self, target: PathBuf, error: std::io::Error) -> JournalError {
        self.is_torn.store(true, Ordering::Relaxed);
        let _ = remove(&target);
        JournalError::io("write", target)(error)
    }

    /// Writes a file of the new site.
    pub(crate) fn write(&self, path: &str, key: Key, bytes: &[u8]) -> Result<(), JournalError> {
        let target = self.room_for(path)?;
        std::fs::write(&target, bytes).map_err(|error| self.torn(target, error))?;
        let mut written = self.written.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        written.insert(path.to_owned(), key);
        Ok(())
    }

    /// Where `path` goes, with nothing there: what lies there may be a link to the live site.
    fn room_for(&self, path: &str) -> Result<PathBuf, JournalError> {
        let target = self.double.join(path);
        if self.slots.contains_key(path) {
            remove(&target)?;
        }
        if self.slots.get(path).is_some_and(|slot| slot.lying.is_some()) {
            // So its folder is there.
        } else if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(JournalError::io("write", folder))?;
        }
        Ok(target)
    }

    /// Takes down what now lies in the double. `keep_rest` says whether what the build did not want
    /// lies there still.
    fn settle(&mut self, keep_rest: bool) {
        for slot in self.slots.values_mut() {
            match std::mem::replace(slot.wanted.get_mut(), UNWANTED) {
                AS_LYING => {}
                AS_LIVE => slot.lying = slot.live,
                _ if keep_rest => {}
                _ => slot.lying = None,
            }
        }
        let written = std::mem::take(self.written.get_mut().unwrap_or_else(|p| p.into_inner()));
        for (path, key) in written {
            self.slots.entry(path).or_default().lying = Some(key);
        }
    }

    /// Gives the build up: the live site stays. What was written is kept for the next build.
    pub(crate) fn abandon(&mut self) -> Result<(), JournalError> {
        self.settle(true);
        if std::mem::take(self.is_torn.get_mut()) {
            // The next build looks for itself.
            self.seen = None;
        }
        let result = self.write_marker();
        self.lock = None;
        result
    }

    /// Ends the build: the site holds what was wanted, and nothing else. Tells what changed.
    pub(crate) fn finish(&mut self) -> Result<Vec<String>, JournalError> {
        {
            let written = self.written.get_mut().unwrap_or_else(|p| p.into_inner());
            for (path, slot) in &mut self.slots {
                let is_unwanted = *slot.wanted.get_mut() == UNWANTED;
                if is_unwanted && slot.lying.is_some() && !written.contains_key(path) {
                    remove(&self.double.join(path))?;
                }
            }
        }
        self.settle(false);
        let changed = self.slots.iter().filter(|(_, slot)| slot.live != slot.lying);
        let mut changed: Vec<String> = changed.map(|(path, _)| path.clone()).collect();
        changed.sort_unstable();
        self.write_marker()?;
        if !self.out.exists() {
            remove(&self.double.join(IGNORE))?;
            std::fs::rename(&self.double, &self.out)
                .map_err(JournalError::io("replace", &self.out))?;
            self.slots.values_mut().for_each(|slot| slot.live = slot.lying.take());
            self.copy_live()?;
        } else if !changed.is_empty() || self.has_strangers {
            remove(&self.double.join(IGNORE))?;
            exchange(&self.double, &self.out)?;
            for slot in self.slots.values_mut() {
                std::mem::swap(&mut slot.live, &mut slot.lying);
            }
            let ignore = self.double.join(IGNORE);
            std::fs::write(&ignore, "*\n").map_err(JournalError::io("write", ignore))?;
            if self.has_strangers {
                // They went aside with the old site.
                remove_inside(&self.double)?;
                self.slots.values_mut().for_each(|slot| slot.lying = None);
                self.has_strangers = false;
            }
        }
        self.slots.retain(|_, slot| slot.live.is_some() || slot.lying.is_some());
        self.seen = stamp_of(&self.out.join(MARKER));
        self.lock = None;
        Ok(changed)
    }

    fn write_marker(&self) -> Result<(), JournalError> {
        let lying = self.slots.iter().filter_map(|(path, slot)| Some((path, slot.lying?)));
        let mut lying: Vec<(&String, Key)> = lying.collect();
        lying.sort_unstable();
        let mut text = MARKER_HEAD.to_owned();
        for (path, key) in lying {
            text.push_str(&key.hex());
            text.push(' ');
            text.push_str(path);
            text.push('\n');
        }
        let marker = self.double.join(MARKER);
        // It may be a link to the live one.
        remove(&marker)?;
        std::fs::write(&marker, text).map_err(JournalError::io("write", marker))
    }

    /// Makes the double of a first site, so that the next build finds one.
    fn copy_live(&mut self) -> Result<(), JournalError> {
        std::fs::create_dir_all(&self.double).map_err(JournalError::io("write", &self.double))?;
        let ignore = self.double.join(IGNORE);
        std::fs::write(&ignore, "*\n").map_err(JournalError::io("write", ignore))?;
        let paths: Vec<&String> = self.slots.keys().collect();
        paths.par_iter().try_for_each(|path| self.link(path))?;
        self.slots.values_mut().for_each(|slot| slot.lying = slot.live);
        self.write_marker()
    }
}

fn stamp_of(path: &Path) -> Option<super::stamp::Stamp> {
    super::stamp::Stamp::of(&path.metadata().ok()?)
}

#[cfg(unix)]
fn number(data: &std::fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(data))
}

#[cfg(not(unix))]
fn number(_: &std::fs::Metadata) -> Option<u64> {
    None
}

/// What a site's folder holds: the files that its marker lists and that are there, and the paths of
/// all others. `None` where it has no marker that can be read.
fn look(folder: &Path) -> Option<(Manifest, Vec<String>)> {
    let text = std::fs::read_to_string(folder.join(MARKER)).ok()?;
    let listed: HashMap<&str, Key> = text
        .strip_prefix(MARKER_HEAD)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| {
            let (key, path) = line.split_once(' ')?;
            Some((path, Key::from_hex(key)?))
        })
        .collect();
    let mut found = Vec::with_capacity(listed.len());
    let mut strangers = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(folder.join(&inner)).ok()?.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if inner.is_empty() { name } else { format!("{inner}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Some(key) = listed.get(path.as_str()) {
                found.push((path, *key));
            } else if path != MARKER && path != IGNORE {
                strangers.push(path);
            }
        }
    }
    Some((found, strangers))
}

/// Removes a file, a link, or a folder with all in it; nothing there is fine.
fn remove(path: &Path) -> Result<(), JournalError> {
    let gone = match path.symlink_metadata() {
        Ok(data) if data.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(JournalError::io("replace", path)(error))
        }
        _ => Ok(()),
    }
}

/// Empties a folder; the folder itself stays, because it is locked.
fn remove_inside(folder: &Path) -> Result<(), JournalError> {
    let entries = std::fs::read_dir(folder).map_err(JournalError::io("list", folder))?;
    for entry in entries.flatten() {
        remove(&entry.path())?;
    }
    Ok(())
}

/// Swaps two folders in one step where the system can, else in two.
fn exchange(new: &Path, old: &Path) -> Result<(), JournalError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let spare = new.with_extension("old");
    remove(&spare)?;
    std::fs::rename(old, &spare).map_err(JournalError::io("replace", old))?;
    if let Err(error) = std::fs::rename(new, old) {
        // Put the last good site back.
        let _ = std::fs::rename(&spare, old);
        return Err(JournalError::io("replace", old)(error));
    }
    std::fs::rename(&spare, new).map_err(JournalError::io("replace", new))
}
