//! The cache: records of what was rendered, by the key of what they were made from.
//!
//! A pack is a file that is never changed: its name is the hash of what is in it. Each build that
//! made something new adds one. So the folder can be deleted at any time, copied, or shared by
//! several builds at once; a pack that is missing or damaged only costs time. Nothing here is an
//! error for the build.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::Key;

/// What every pack starts with.
const MAGIC: &[u8] = b"momentum-journal pack 1\n";
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
    places: HashMap<Key, Range<usize>>,
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

    /// The record under `key`.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: Key) -> Option<T> {
        let packed = self.packs.iter().find_map(|pack| {
            let place = pack.places.get(&key)?;
            postcard::from_bytes(&pack.bytes[place.clone()]).ok()
        });
        packed.or_else(|| {
            let new = self.new.lock().ok()?;
            postcard::from_bytes(new.get(&key)?).ok()
        })
    }

    /// Keeps a record under `key`.
    pub(crate) fn put<T: Serialize>(&self, key: Key, record: &T) {
        if self.folder.is_none() {
            return;
        }
        if let (Ok(bytes), Ok(mut new)) = (postcard::to_stdvec(record), self.new.lock()) {
            new.insert(key, bytes);
        }
    }

    /// Writes what is new as a pack. Of the old packs, merged when there are many, only what is
    /// `used` stays.
    pub(crate) fn save(&mut self, used: &HashSet<Key>) {
        let Some(folder) = self.folder.clone() else { return };
        let Ok(new) = self.new.get_mut() else { return };
        if new.is_empty() {
            return;
        }
        let mut records: Vec<(Key, Vec<u8>)> = new.drain().collect();
        let merges = self.packs.len() >= MAX_PACKS;
        if merges {
            let known: HashSet<Key> = records.iter().map(|(key, _)| *key).collect();
            for pack in &self.packs {
                let old = pack.places.iter().filter(|(key, _)| used.contains(*key));
                let old = old.filter(|(key, _)| !known.contains(*key));
                records.extend(old.map(|(key, at)| (*key, pack.bytes[at.clone()].to_vec())));
            }
        }
        records.sort_by_key(|(key, _)| *key);
        records.dedup_by_key(|(key, _)| *key);
        let Some(pack) = Pack::write(&folder, &records) else { return };
        if merges {
            for old in self.packs.drain(..).filter(|old| old.path != pack.path) {
                let _ = std::fs::remove_file(&old.path);
            }
        }
        self.packs.push(pack);
    }
}

impl Pack {
    /// Reads a pack whose content is what its name says.
    fn read(path: PathBuf) -> Option<Self> {
        let bytes = std::fs::read(&path).ok()?;
        let named = Key::from_hex(path.file_stem()?.to_str()?)?;
        if !bytes.starts_with(MAGIC) || Key::of(&bytes) != named {
            return None;
        }
        let mut places = HashMap::new();
        let mut at = MAGIC.len();
        while at < bytes.len() {
            let head: &[u8; 20] = bytes.get(at..at + 20)?.try_into().ok()?;
            let key: Key = postcard::from_bytes(&head[..16]).ok()?;
            let len = u32::from_le_bytes([head[16], head[17], head[18], head[19]]) as usize;
            let end = (at + 20).checked_add(len).filter(|end| *end <= bytes.len())?;
            places.insert(key, at + 20..end);
            at = end;
        }
        Some(Self { path, bytes, places })
    }

    fn write(folder: &Path, records: &[(Key, Vec<u8>)]) -> Option<Self> {
        let mut bytes = MAGIC.to_vec();
        for (key, record) in records {
            bytes.extend(postcard::to_stdvec(key).ok()?);
            bytes.extend(u32::try_from(record.len()).ok()?.to_le_bytes());
            bytes.extend(record);
        }
        let path = folder.join(format!("{}.pack", Key::of(&bytes).hex()));
        write_whole(&path, &bytes)?;
        Self::read(path)
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
        cache.save(&HashSet::new());
        // Another build at the same time adds a pack of its own.
        let mut other = Cache::open(Some(folder.path().join("cache")));
        other.put(two, &"second".to_owned());
        other.save(&HashSet::new());
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
            cache.save(&keys.iter().copied().filter(|key| *key != keys[3]).collect());
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
        cache.save(&HashSet::new());
        let path = cache.packs[0].path.clone();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(open(folder.path()).get::<String>(Key::of(b"one")), None);
    }
}
