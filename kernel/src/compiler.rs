//! What stands between evcxr and the compiler.
//!
//! evcxr compiles a cell with `cargo build`. Cargo reads manifests, a lock file and fingerprints
//! each time, which costs more than a small cell itself. While only the helpers are used, this
//! stand-in asks the kernel's own compiler (`server`), which has a `rustc` waiting with the helpers
//! loaded; once a cell adds crates with `:dep`, the real cargo builds those (`crates`), and cells are
//! compiled against them in the same way.
//!
//! evcxr asks `rustup which cargo` for its cargo, so a session's folder holds links to this very
//! program, called `rustup`, `cargo` and `rustc`, and stands first in the path of the kernel's
//! process.

mod again;
mod cache;
mod companions;
mod crates;
mod direct;
mod linker;
mod probe;
mod request;
mod server;
mod source;
mod stand_in;
mod turn;
mod types;
mod waiting;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::helpers::{HelperSet, cache_folder};
use crate::toolchain::Toolchain;

pub(crate) use again::UNFIXABLE;
pub(crate) use companions::{messenger, preload};
pub(crate) use crates::crates_folder;
pub(crate) use probe::left_types;
pub(crate) use server::CompilerServer;
pub(crate) use source::KEEPER;
pub use stand_in::run_if_called;
pub use types::VariableType;

/// What the stand-in needs to know; `compiler.json` in the session's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompilerConfig {
    /// The compiler.
    pub rustc: PathBuf,
    /// The real cargo.
    pub cargo: PathBuf,
    /// Target triple of this machine.
    pub host: String,
    /// The helpers, if cells have any.
    pub helpers: Option<HelperSet>,
    /// The path as it was before the stand-in stood first.
    pub path: OsString,
    /// The linker, with its first arguments.
    pub linker: Vec<OsString>,
    /// The compiler's own runtime, an archive.
    pub compiler_builtins: Option<PathBuf>,
    /// First line of `rustc --version`.
    pub version: String,
    /// The folder of the standard library.
    pub library_folder: PathBuf,
    /// What makes a compiler wait for cells (see `waiting`).
    pub preload: Option<PathBuf>,
    /// What is small enough to be started for each cell in place of cargo (see `companions`).
    pub messenger: Option<PathBuf>,
}

impl CompilerConfig {
    /// The configuration for this toolchain and helper set, with the current path.
    pub fn new(toolchain: &Toolchain, helpers: Option<HelperSet>) -> CompilerConfig {
        let path = original_path();
        let beside = helpers.as_ref().and_then(|set| set.library.parent());
        CompilerConfig {
            linker: linker::linker(&toolchain.library_folder, &path),
            compiler_builtins: linker::compiler_builtins(&toolchain.library_folder),
            version: toolchain.version.clone(),
            library_folder: toolchain.library_folder.clone(),
            preload: beside.and_then(|folder| preload(toolchain, folder)),
            messenger: beside.and_then(|folder| messenger(toolchain, folder)),
            rustc: toolchain.rustc.clone(),
            cargo: toolchain.cargo.clone(),
            host: toolchain.host.clone(),
            helpers,
            path,
        }
    }

    /// Makes a session's folder: the configuration, the links, a stub of the library's sources.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let programs = folder.join("bin");
        fs::create_dir_all(&programs)?;
        let this = std::env::current_exe()?;
        for name in stand_in::NAMES.into_iter().chain([request::KERNEL]) {
            let program = self.messenger.as_ref().filter(|_| name == "cargo").unwrap_or(&this);
            let link = programs.join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(program, link)?;
        }
        // rust-analyzer would have rustup download the library's sources. Variables' types come
        // from the compiler (see `probe`), so an empty library serves it as well.
        let core = library_stub(folder).join("core");
        fs::create_dir_all(core.join("src"))?;
        fs::write(core.join("Cargo.toml"), "[package]\nname = \"core\"\nversion = \"0.0.0\"\n")?;
        fs::write(core.join("src/lib.rs"), "")?;
        let cargo = analyzers_cargo(folder);
        if !cargo.is_symlink() {
            fs::create_dir_all(cargo.parent().unwrap_or(folder))?;
            // Another kernel may have done the same by now.
            let _ = std::os::unix::fs::symlink(&this, &cargo);
        }
        fs::write(folder.join("compiler.json"), serde_json::to_vec(self)?)
    }

    /// The name of the helper crate, if cells have one.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.helpers.as_ref().map(|set| set.crate_name.as_str())
    }

    /// The environment in which evcxr must be started for this session. What rust-analyzer needs of it
    /// (`ANALYZERS`) must stay, and is the same for all sessions.
    pub fn environment(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        let mut path = folder.join("bin").into_os_string();
        path.push(":");
        path.push(&self.path);
        vec![
            (request::SESSION, folder.into()),
            ("PATH", path),
            ("EVCXR_TMPDIR", folder.join("crate").into()),
            ("RUST_SRC_PATH", library_stub(folder).into()),
            // rust-analyzer's own questions; see `stand_in`.
            ("CARGO", analyzers_cargo(folder).into()),
            ("RUSTC", analyzers_cargo(folder).with_file_name("none").into()),
        ]
    }
}

/// Writes a file as a whole or not at all.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    new.write_all(content)?;
    new.persist(file)?;
    Ok(())
}

/// Where the empty library is: in the cache, since it is read as long as the kernel runs.
fn library_stub(folder: &Path) -> PathBuf {
    cache_folder().unwrap_or_else(|_| folder.to_owned()).join("library")
}

/// The cargo that rust-analyzer asks: one for each kernel program, because it stays in the
/// environment.
fn analyzers_cargo(folder: &Path) -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    let hash = Sha256::digest(this.as_os_str().as_encoded_bytes());
    let name = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>();
    library_stub(folder).join(name).join(stand_in::FOR_ANALYZER).join("cargo")
}

/// The path as it was before any session changed it.
fn original_path() -> OsString {
    original("PATH").unwrap_or_default()
}

/// A variable of the environment as it was before any session changed it; one of [`CHANGED`].
pub(crate) fn original(name: &str) -> Option<OsString> {
    static ORIGINAL: OnceLock<[Option<OsString>; 3]> = OnceLock::new();
    let values = ORIGINAL.get_or_init(|| CHANGED.map(std::env::var_os));
    values[CHANGED.iter().position(|&changed| changed == name)?].clone()
}

/// What sessions change and others may want to know.
const CHANGED: [&str; 3] = ["PATH", "CARGO", "RUSTC"];
/// What evcxr's rust-analyzer reads again whenever a cell adds a crate.
pub(crate) const ANALYZERS: [&str; 3] = ["RUST_SRC_PATH", "CARGO", "RUSTC"];

/// The file with the number of the cargo that runs now.
const PROCESS: &str = "cargo.pid";

/// Stops the cargo of a session and what it has started; tells whether one was running.
pub(crate) fn interrupt(folder: &Path) -> bool {
    let file = folder.join(PROCESS);
    let number = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else { return false };
    let _ = fs::remove_file(file);
    // By now the number may be a stranger's.
    let place = fs::read_link(format!("/proc/{}/cwd", process.as_raw_nonzero()));
    let is_ours = !cfg!(target_os = "linux") || place.is_ok_and(|place| place.starts_with(folder));
    is_ours && rustix::process::kill_process_group(process, rustix::process::Signal::KILL).is_ok()
}
