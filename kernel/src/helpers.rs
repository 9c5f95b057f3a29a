//! The helpers that every cell has: one crate, compiled once into a dynamic library.
//!
//! A cell links to that library, so nothing of the helpers is compiled with the cell. The set is
//! built at first use (or by `momentum kernel install`) into the user's cache folder, under a key
//! made of its sources, its locked dependencies and the compiler, and is shared by all kernels.

mod build;
mod sources;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::toolchain::Toolchain;

/// Which crate the cells get, and where its sources are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelperCrate {
    /// Folder of the workspace, with `Cargo.toml` and `Cargo.lock`.
    pub workspace: PathBuf,
    /// The package, such as `momentum-cells`.
    pub package: String,
    /// The folders below `workspace` whose sources decide the version: the package's own and those
    /// of the workspace members that it uses.
    pub folders: Vec<PathBuf>,
    /// Version of the package, such as `0.1.0`.
    pub version: String,
}

impl HelperCrate {
    /// The name under which a cell knows the crate: `momentum_cells`.
    pub fn crate_name(&self) -> String {
        self.package.replace('-', "_")
    }
}

/// A helper set that is ready to be linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperSet {
    /// The name under which a cell knows the crate.
    pub crate_name: String,
    /// The dynamic library.
    pub library: PathBuf,
    /// The folder with what the compiler needs to know of the crates inside.
    pub dependencies: PathBuf,
    /// Version and hash of the sources, such as `0.1.0+1f2e3d4c5b6a`.
    pub version: String,
    /// The folders of the crates it was built from, as they are now: for completion.
    #[serde(skip)]
    pub sources: Vec<PathBuf>,
}

/// How far the building of the helpers is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperProgress {
    /// Another process builds them; this one waits for it.
    Waiting,
    /// Crates done so far, of about so many, and the last one of them.
    Compiling {
        /// Crates compiled or found compiled.
        done: usize,
        /// How many there are.
        of: usize,
        /// The last one.
        name: String,
    },
}

/// Why there are no helpers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} `{}`; check that the folder exists, is yours and has room (MOMENTUM_CACHE_DIR names another cache folder)", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no folder for caches.
    #[error(
        "there is no cache folder: set MOMENTUM_CACHE_DIR, XDG_CACHE_HOME or HOME to a folder that can be written"
    )]
    NoCacheFolder,
    /// Cargo could not be started.
    #[error("cannot run `{}`", cargo.display())]
    Cargo {
        /// The cargo that was tried.
        cargo: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Cargo ran and failed.
    #[error("the helper crate `{package}` does not compile:\n{report}")]
    Build {
        /// The package.
        package: String,
        /// What the compiler said.
        report: String,
    },
    /// The lock file is not what it should be.
    #[error("`{}` is not a Cargo.lock that lists `{package}`; run `cargo generate-lockfile` in its folder", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The package that is looked for.
        package: String,
    },
}

impl HelperError {
    fn file(action: &'static str, path: &Path, source: std::io::Error) -> HelperError {
        HelperError::File { action, path: path.to_owned(), source }
    }
}

/// The folder for everything that can be made again: `MOMENTUM_CACHE_DIR`, else
/// `XDG_CACHE_HOME/momentum`, else `~/.cache/momentum`.
///
/// # Errors
///
/// When none of these variables is set.
pub fn cache_folder() -> Result<PathBuf, HelperError> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("MOMENTUM_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("momentum")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/momentum")))
        .ok_or(HelperError::NoCacheFolder)
}

/// Gives the helper set, building it if there is none for these sources and this compiler.
///
/// Safe to call from several processes at once, and after a kill in the middle of a build: a set
/// becomes visible by one rename, when it is whole.
///
/// # Errors
///
/// When the sources cannot be read, the cache cannot be written, or the crate does not compile.
pub fn prepare(
    helpers: &HelperCrate,
    toolchain: &Toolchain,
    progress: &mut dyn FnMut(HelperProgress, Duration),
) -> Result<HelperSet, HelperError> {
    let mut set = prepare_set(helpers, toolchain, progress)?;
    if let Some(folder) = set.library.parent() {
        let _ = crate::compiler::preload(toolchain, folder);
        let _ = crate::compiler::messenger(toolchain, folder);
    }
    set.sources = helpers.folders.iter().map(|folder| helpers.workspace.join(folder)).collect();
    Ok(set)
}

fn prepare_set(
    helpers: &HelperCrate,
    toolchain: &Toolchain,
    progress: &mut dyn FnMut(HelperProgress, Duration),
) -> Result<HelperSet, HelperError> {
    let version = helper_version(helpers)?;
    let root = cache_folder()?.join("helpers");
    let folder = root.join(sources::key(&version, toolchain));
    if let Some(set) = ready(&folder) {
        return Ok(set);
    }
    fs::create_dir_all(&root).map_err(|e| HelperError::file("create", &root, e))?;
    let lock_path = root.join("lock");
    let lock = File::create(&lock_path).map_err(|e| HelperError::file("create", &lock_path, e))?;
    if lock.try_lock().is_err() {
        progress(HelperProgress::Waiting, Duration::ZERO);
        lock.lock().map_err(|e| HelperError::file("lock", &lock_path, e))?;
    }
    if let Some(set) = ready(&folder) {
        return Ok(set);
    }
    build::build(helpers, toolchain, &root, &folder, version, progress)
}

/// The helper set for these sources and this compiler, if it was built before.
///
/// # Errors
///
/// When the sources cannot be read, or there is no cache folder.
pub fn find(
    helpers: &HelperCrate,
    toolchain: &Toolchain,
) -> Result<Option<HelperSet>, HelperError> {
    let version = helper_version(helpers)?;
    Ok(ready(&cache_folder()?.join("helpers").join(sources::key(&version, toolchain))))
}

/// The version that provenance records: the package's version and a hash of its sources.
///
/// # Errors
///
/// When the sources or the lock file cannot be read.
pub fn helper_version(helpers: &HelperCrate) -> Result<String, HelperError> {
    Ok(format!("{}+{}", helpers.version, &sources::hash(helpers)?[..12]))
}

/// The record of a set; written last, so that its presence says that the set is whole.
const RECORD: &str = "set.json";

/// The set in a folder, if it is whole.
fn ready(folder: &Path) -> Option<HelperSet> {
    let record = fs::read_to_string(folder.join(RECORD)).ok()?;
    let set: HelperSet = serde_json::from_str(&record).ok()?;
    set.library.is_file().then_some(set)
}
