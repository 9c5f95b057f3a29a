//! The cache: records of what was rendered, by the key of what they were made from.
//!
//! A pack is a file that is never changed. It begins with a table of its records and of the hashes
//! of them, and its name is the hash of that table: so the name stands for all that is in it, and
//! yet a build checks no more than the records that it takes out. Each build that made something
//! new adds one pack. So the folder can be deleted at any time, copied, or shared by several builds
//! at once; a pack that is missing or damaged only costs time. Nothing here is an error for the
//! build.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::Key;

/// What every pack starts with; the number of its records follows.
const MAGIC: &[u8] = b"momentum-journal pack 2\n";
/// A line of the table: a record's key, the key of its bytes, where it starts and how long it is.
const LINE: usize = 16 + 16 + 8 + 4;
/// More packs than this are merged into one.
const MAX_PACKS: usize = 8;
/// The most bytes of packs that are read, all together.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    packs: Vec<Pack>,
    new: Mutex<HashMap<Key, Vec<u8>>>,
}

#[derive(Debug)]
struct Pack {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where the table lies; it is sorted by key.
    table: Range<usize>,
}

impl Cache {
    /// Opens the cache in `folder`; without a folder nothing is kept.
    pub(crate) fn open(folder: Option<PathBuf>) -> Self {
        let mut cache = Self { folder, ..Self::default() };
        cache.read_packs();
        cache
    }

    /// The folder, for what else is kept there.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn read_packs(&mut self) {
        let Some(folder) = &self.folder else { return };
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => return,
        };
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
        paths.sort();
        let mut budget = MAX_BYTES;
        for path in paths {
            let size = path.metadata().map_or(u64::MAX, |data| data.len());
            if size > budget {
                continue;
            }
            if let Some(pack) = Pack::read(path) {
                budget -= size;
                self.packs.push(pack);
            }
        }
    }

    /// The record under `key`, if one is there and is what was put.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: Key) -> Option<T> {
        self.all(key).next().or_else(|| {
            let new = self.new.lock().ok()?;
            postcard::from_bytes(new.get(&key)?).ok()
        })
    }

    /// What earlier builds have put under `key`: several records, where what it was made from
    /// besides has changed in between.
    pub(crate) fn all<T: DeserializeOwned>(&self, key: Key) -> impl Iterator<Item = T> {
        let packed = self.packs.iter().filter_map(move |pack| pack.get(key));
        packed.filter_map(|bytes| postcard::from_bytes(bytes).ok())
    }

    /// Whether an earlier build has put something under `key`.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.packs.iter().any(|pack| pack.find(key).is_some())
    }

    /// Keeps a record under `key`.
    pub(crate) fn put<T: Serialize>(&self, key: Key, record: &T) {
        if let (Ok(bytes), Ok(mut new)) = (postcard::to_stdvec(record), self.new.lock()) {
            new.insert(key, bytes);
        }
    }

    /// Keeps a record under the key of its own bytes, and gives that.
    pub(crate) fn put_content<T: Serialize>(&self, record: &T) -> Key {
        let bytes = postcard::to_stdvec(record).unwrap_or_default();
        let key = Key::of(&bytes);
        if !self.has(key)
            && let Ok(mut new) = self.new.lock()
        {
            new.insert(key, bytes);
        }
        key
    }

    /// Whether [`Cache::save`] asks what was used.
    pub(crate) fn merges(&self) -> bool {
        self.packs.len() >= MAX_PACKS
    }

    /// Writes what is new as a pack. Of the old packs, merged when there are many, only what is
    /// `used` stays. What cannot be written is known to this value all the same.
    pub(crate) fn save(&mut self, used: impl FnOnce() -> HashSet<Key>) {
        let merges = self.merges();
        let Ok(new) = self.new.get_mut() else { return };
        if new.is_empty() {
            return;
        }
        let mut records: Vec<(Key, Vec<u8>)> = new.drain().collect();
        if merges {
            let used = used();
            for pack in &self.packs {
                let old = pack.keys().filter(|key| used.contains(key));
                records.extend(old.filter_map(|key| Some((key, pack.get(key)?.to_vec()))));
            }
        }
        // Of several records under one key, the newest stays.
        records.sort_by_key(|(key, _)| *key);
        records.dedup_by_key(|(key, _)| *key);
        let folder = self.folder.clone().unwrap_or_default();
        let Some(pack) = Pack::of(&folder, &records) else { return };
        let is_written = self.folder.is_some() && write_whole(&pack.path, &pack.bytes).is_some();
        if merges {
            for old in self.packs.drain(..).filter(|old| is_written && old.path != pack.path) {
                let _ = std::fs::remove_file(&old.path);
            }
        }
        // The newest is asked first: a record that was made again is in several.
        self.packs.insert(0, pack);
    }
}

impl Pack {
    /// Reads a pack whose table is what its name says.
    fn read(path: PathBuf) -> Option<Self> {
        let bytes = std::fs::read(&path).ok()?;
        let named = Key::from_hex(path.file_stem()?.to_str()?)?;
        let count = bytes.strip_prefix(MAGIC)?.first_chunk()?;
        let start = MAGIC.len() + 4;
        let len = (u32::from_le_bytes(*count) as usize).checked_mul(LINE)?;
        let table = start..start.checked_add(len)?;
        (Key::of(bytes.get(..table.end)?) == named).then_some(Self { path, bytes, table })
    }

    /// The pack of `records`, which are sorted.
    fn of(folder: &Path, records: &[(Key, Vec<u8>)]) -> Option<Self> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u32::try_from(records.len()).ok()?.to_le_bytes());
        let table = bytes.len()..bytes.len() + records.len() * LINE;
        let mut start = table.end as u64;
        for (key, record) in records {
            bytes.extend(key.bytes());
            bytes.extend(Key::of(record).bytes());
            bytes.extend(start.to_le_bytes());
            bytes.extend(u32::try_from(record.len()).ok()?.to_le_bytes());
            start += record.len() as u64;
        }
        let name = Key::of(&bytes).hex();
        records.iter().for_each(|(_, record)| bytes.extend(record));
        Some(Self { path: folder.join(format!("{name}.pack")), bytes, table })
    }

    fn lines(&self) -> &[[u8; LINE]] {
        self.bytes.get(self.table.clone()).unwrap_or_default().as_chunks().0
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        self.lines().iter().filter_map(|line| Some(Key::from_bytes(*line.first_chunk()?)))
    }

    fn find(&self, key: Key) -> Option<&[u8; LINE]> {
        let lines = self.lines();
        let at = lines.binary_search_by(|line| line[..16].cmp(&key.bytes())).ok()?;
        lines.get(at)
    }

    /// The bytes of a record, if they are what the table says.
    fn get(&self, key: Key) -> Option<&[u8]> {
        let (hash, place) = self.find(key)?[16..].split_first_chunk()?;
        let (start, len) = place.split_first_chunk()?;
        let start = usize::try_from(u64::from_le_bytes(*start)).ok()?;
        let len = u32::from_le_bytes(*len.first_chunk()?) as usize;
        let record = self.bytes.get(start..start.checked_add(len)?)?;
        (Key::of(record) == Key::from_bytes(*hash)).then_some(record)
    }
}

/// Writes a file so that others see all of it or nothing.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Option<()> {
    let folder = path.parent()?;
    if !folder.is_dir() {
        std::fs::create_dir_all(folder).ok()?;
        // What is kept here is nobody's work: version control passes it over.
        std::fs::write(folder.join(".gitignore"), "*\n").ok()?;
    }
    let file = tempfile::NamedTempFile::new_in(folder).ok()?;
    std::fs::write(file.path(), bytes).ok()?;
    file.persist(path).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Cache {
        Cache::open(Some(folder.join("cache")))
    }

    #[test]
    fn records_outlive_the_build() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Key::of(b"one"), Key::of(b"two"));
        let mut cache = open(folder.path());
        cache.put(one, &"first".to_owned());
        assert_eq!(cache.get::<String>(one).unwrap(), "first");
        cache.save(HashSet::new);
        // Another build at the same time adds a pack of its own.
        let mut other = Cache::open(Some(folder.path().join("cache")));
        other.put(two, &"second".to_owned());
        other.save(HashSet::new);
        let cache = open(folder.path());
        assert_eq!(cache.get::<String>(one).unwrap(), "first");
        assert_eq!(cache.get::<String>(two).unwrap(), "second");
        assert_eq!(cache.get::<String>(Key::of(b"three")), None);
    }

    #[test]
    fn many_packs_become_one_with_what_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<Key> = (0..12u8).map(|n| Key::of(&[n])).collect();
        for key in &keys {
            let mut cache = open(folder.path());
            cache.put(*key, &1u8);
            cache.save(|| keys.iter().copied().filter(|key| *key != keys[3]).collect());
        }
        let n_packs = std::fs::read_dir(folder.path().join("cache")).unwrap().count() - 1;
        assert!(n_packs <= MAX_PACKS, "{n_packs} packs");
        let cache = open(folder.path());
        let found: Vec<bool> = keys.iter().map(|key| cache.get::<u8>(*key).is_some()).collect();
        assert_eq!(found.iter().filter(|found| !**found).count(), 1);
        assert!(!found[3]);
    }

    #[test]
    fn a_damaged_pack_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = open(folder.path());
        cache.put(Key::of(b"one"), &"first".to_owned());
        cache.save(HashSet::new);
        let path = cache.packs[0].path.clone();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(open(folder.path()).get::<String>(Key::of(b"one")), None);
    }
}
