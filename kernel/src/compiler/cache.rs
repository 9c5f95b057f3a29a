//! Cells that were compiled before.
//!
//! A notebook that is run again compiles nothing: the library of a cell is found by a hash of all
//! that decides it. The order of the items in evcxr's text is not among it, because evcxr keeps
//! them in hash maps, and their order differs from run to run; the order of the user's own text is,
//! by the chain of cells. Folder `cells` in the user's cache; safe to delete at any time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::source::CellTypes;
use super::{CompilerConfig, VariableType, write};
use crate::helpers::cache_folder;

/// Another folder for the cells' libraries.
const FOLDER: &str = "MOMENTUM_CELL_CACHE";
/// Begins the keys of what comes before the first cell.
const START: &str = "start-";
/// Begins the name of the function by which a cell is run.
const ENTRY: &str = "run_user_code_";
/// How much the folder may hold before the oldest go.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

pub(super) struct CellCache {
    folder: PathBuf,
    /// What is compiled before the first cell, the same in each session: beside the helpers.
    start: PathBuf,
    /// What all cells of the session share: the compiler and the helpers.
    common: String,
}

impl CellCache {
    /// Nothing, if there is no folder to write to.
    pub(super) fn open(config: &CompilerConfig) -> Option<CellCache> {
        let folder = match std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => cache_folder().ok()?.join("cells"),
        };
        fs::create_dir_all(&folder).ok()?;
        let helpers = config.helpers.as_ref().map(|set| set.library.to_string_lossy().into_owned());
        let beside =
            config.helpers.as_ref().and_then(|set| Some(set.library.parent()?.join("start")));
        let start = beside.filter(|place| fs::create_dir_all(place).is_ok());
        let common = format!(
            "momentum-cell-2\n{}\n{}\n{}",
            env!("CARGO_PKG_VERSION"),
            config.version,
            helpers.unwrap_or_default()
        );
        let start = start.unwrap_or_else(|| folder.clone());
        let cache = CellCache { folder, start, common };
        cache.sweep();
        Some(cache)
    }

    /// What decides the library of something that is compiled before the first cell.
    pub(super) fn start_key(&self, parts: &[&str], source: &str) -> String {
        format!("{START}{}", self.key(parts, source))
    }

    /// Whether a key is that of something that is compiled before the first cell.
    pub(super) fn is_start(key: &str) -> bool {
        key.starts_with(START)
    }

    /// What decides a cell's library.
    pub(super) fn key(&self, parts: &[&str], source: &str) -> String {
        let mut lines: Vec<&str> = source.lines().collect();
        lines.sort_unstable();
        let mut hash = Sha256::new();
        for part in [self.common.as_str()].iter().chain(parts).chain(&lines) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Puts the library at its place; gives the text of which it was compiled.
    pub(super) fn library(&self, key: &str, library: &Path) -> Option<String> {
        let source = fs::read_to_string(self.file(key, "rs")).ok()?;
        let compiled = fs::read(self.file(key, "so")).ok()?;
        // A disk that was full, or a hand that was in it: what cannot be the cell's is compiled
        // again.
        let whole = entry(&source).is_none_or(|name| contains(&compiled, name.as_bytes()));
        whole.then(|| fs::write(library, compiled)).and_then(Result::ok)?;
        Some(source)
    }

    /// Keeps a library. If that fails, the cell is compiled again next time.
    pub(super) fn keep_library(&self, key: &str, library: &Path, source: &str) {
        if let Ok(bytes) = fs::read(library) {
            // The text comes last: its presence says that the library is there.
            let _ = self.write(key, "so", &bytes);
            let _ = self.write(key, "rs", source.as_bytes());
        }
    }

    pub(super) fn types(&self, key: &str) -> Option<Vec<VariableType>> {
        serde_json::from_slice(&fs::read(self.file(key, "json")).ok()?).ok()
    }

    pub(super) fn keep_types(&self, key: &str, types: &[VariableType]) {
        let _ = self.write(key, "json", &serde_json::to_vec(types).unwrap_or_default());
    }

    /// The types of a compiled cell's variables that nobody had written down.
    pub(super) fn stand_ins(&self, key: &str) -> Option<CellTypes> {
        serde_json::from_slice(&fs::read(self.file(key, "types")).ok()?).ok()
    }

    pub(super) fn keep_stand_ins(&self, key: &str, types: &CellTypes) {
        if !types.0.is_empty() {
            let _ = self.write(key, "types", &serde_json::to_vec(types).unwrap_or_default());
        }
    }

    /// The messages of a start that does not compile: evcxr tries `42` in two ways.
    pub(super) fn failure(&self, key: &str) -> Option<Vec<u8>> {
        fs::read(self.file(key, "failed")).ok().filter(|_| Self::is_start(key))
    }

    pub(super) fn keep_failure(&self, key: &str, messages: &[u8]) {
        if Self::is_start(key) {
            let _ = self.write(key, "failed", messages);
        }
    }

    fn folder(&self, key: &str) -> &Path {
        if Self::is_start(key) { &self.start } else { &self.folder }
    }

    fn file(&self, key: &str, extension: &str) -> PathBuf {
        self.folder(key).join(key).with_extension(extension)
    }

    fn write(&self, key: &str, extension: &str, content: &[u8]) -> std::io::Result<()> {
        write(&self.file(key, extension), content)
    }

    /// Removes the oldest files, once there are too many.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let about = entry.metadata().ok()?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        if bytes <= MOST_BYTES {
            return;
        }
        files.sort();
        for (_, length, file) in files {
            if bytes <= MOST_BYTES / 2 {
                break;
            }
            bytes -= length;
            let _ = fs::remove_file(file);
        }
    }
}

/// The function by which a cell is run.
fn entry(source: &str) -> Option<&str> {
    let start = source.find(ENTRY)?;
    source[start..].split('(').next()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_may_change_places_and_the_cells_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_owned();
        let cache = CellCache { start: place.join("start"), folder: place, common: "c".into() };
        let key = cache.key(&["chain", "0"], "use a;\nuse b;\nx");
        assert_eq!(key, cache.key(&["chain", "0"], "use b;\nuse a;\nx"));
        assert_ne!(key, cache.key(&["other", "0"], "use a;\nuse b;\nx"));
        assert_ne!(key, cache.key(&["chain", "2"], "use a;\nuse b;\nx"));

        let library = folder.path().join("lib");
        assert_eq!(cache.library(&key, &library), None);
        fs::write(&library, "object").unwrap();
        cache.keep_library(&key, &library, "source");
        let other = folder.path().join("other");
        assert_eq!(cache.library(&key, &other).unwrap(), "source");
        assert_eq!(fs::read(&other).unwrap(), b"object");
        let cell = "pub extern \"C\" fn run_user_code_7(x: *mut u8) {}";
        cache.keep_library(&key, &library, cell);
        assert_eq!(cache.library(&key, &other), None, "it has no such function");
        fs::write(&library, "\0run_user_code_7\0").unwrap();
        cache.keep_library(&key, &library, cell);
        assert_eq!(cache.library(&key, &other).unwrap(), cell);
    }
}
