//! What stands between evcxr and the compiler.
//!
//! evcxr compiles a cell with `cargo build`. Cargo reads manifests, a lock file and fingerprints
//! each time, which costs more than a small cell itself. While only the helpers are used, this
//! stand-in asks the kernel's own compiler (`server`), which has a `rustc` waiting with the helpers
//! loaded; once a cell adds crates with `:dep`, the real cargo builds them, with the helpers still
//! at hand.
//!
//! evcxr asks `rustup which cargo` for its cargo, so a session's folder holds two links to this
//! very program, `rustup` and `cargo`, and stands first in the path of the kernel's process.

mod cache;
mod direct;
mod probe;
mod server;
mod source;
mod waiting;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::helpers::{HelperSet, cache_folder};
use crate::process::GIVEN_UP;
use crate::toolchain::Toolchain;

pub use probe::VariableType;
pub(crate) use probe::left_types;
pub(crate) use server::CompilerServer;

/// Names the folder of the session to the stand-in.
const SESSION: &str = "MOMENTUM_SESSION";

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
}

impl CompilerConfig {
    /// The configuration for this toolchain and helper set, with the current path.
    pub fn new(toolchain: &Toolchain, helpers: Option<HelperSet>) -> CompilerConfig {
        let path = original_path();
        CompilerConfig {
            linker: direct::linker(&toolchain.library_folder, &path),
            compiler_builtins: direct::compiler_builtins(&toolchain.library_folder),
            version: toolchain.version.clone(),
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
        for name in ["rustup", "cargo"] {
            let link = programs.join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&this, link)?;
        }
        // rust-analyzer would have rustup download the library's sources. Variables' types come
        // from the compiler (see `probe`), so an empty library serves it as well.
        let core = library_stub(folder).join("core");
        fs::create_dir_all(core.join("src"))?;
        fs::write(core.join("Cargo.toml"), "[package]\nname = \"core\"\nversion = \"0.0.0\"\n")?;
        fs::write(core.join("src/lib.rs"), "")?;
        fs::write(folder.join("compiler.json"), serde_json::to_vec(self)?)
    }

    /// The name of the helper crate, if cells have one.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.helpers.as_ref().map(|set| set.crate_name.as_str())
    }

    /// The environment in which evcxr must be started for this session.
    pub fn environment(&self, folder: &Path) -> Vec<(&'static str, OsString)> {
        let mut path = folder.join("bin").into_os_string();
        path.push(":");
        path.push(&self.path);
        vec![
            (SESSION, folder.into()),
            ("PATH", path),
            ("EVCXR_TMPDIR", folder.join("crate").into()),
            ("RUST_SRC_PATH", library_stub(folder).into()),
        ]
    }
}

/// Where the empty library is: in the cache, since it is read as long as the kernel runs.
fn library_stub(folder: &Path) -> PathBuf {
    cache_folder().unwrap_or_else(|_| folder.to_owned()).join("library")
}

/// The path as it was before any session changed it.
fn original_path() -> OsString {
    static ORIGINAL: OnceLock<OsString> = OnceLock::new();
    ORIGINAL.get_or_init(|| std::env::var_os("PATH").unwrap_or_default()).clone()
}

/// Runs as the stand-in if this process was started as such; else gives nothing.
pub fn run_if_called() -> Option<ExitCode> {
    let called = PathBuf::from(std::env::args_os().next()?);
    let name = called.file_name()?.to_str()?;
    if !matches!(name, "cargo" | "rustup") {
        return None;
    }
    // Called by its full path, it belongs to the session in whose folder it lies.
    let of_session = called.parent().and_then(Path::parent).filter(|_| called.is_absolute());
    let folder =
        of_session.map(PathBuf::from).or_else(|| std::env::var_os(SESSION).map(Into::into))?;
    let read = fs::read(folder.join("compiler.json")).ok()?;
    let config: CompilerConfig = serde_json::from_slice(&read).ok()?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let code = match name {
        "rustup" => rustup(&config, &folder, &arguments),
        _ => cargo(&config, &folder, &arguments),
    };
    Some(code)
}

/// Answers `rustup which cargo` and `rustup which rustc`; leaves all else to the real one.
fn rustup(config: &CompilerConfig, folder: &Path, arguments: &[OsString]) -> ExitCode {
    match arguments {
        [which, tool] if which == "which" && tool == "cargo" => {
            println!("{}", folder.join("bin/cargo").display());
            ExitCode::SUCCESS
        }
        [which, tool] if which == "which" && tool == "rustc" => {
            println!("{}", config.rustc.display());
            ExitCode::SUCCESS
        }
        _ => replace(Command::new("rustup").args(arguments).env("PATH", &config.path)),
    }
}

fn cargo(config: &CompilerConfig, folder: &Path, arguments: &[OsString]) -> ExitCode {
    let manifest = fs::read_to_string("Cargo.toml").unwrap_or_default();
    let alone = direct::has_no_dependencies(&manifest);
    let word = arguments.iter().find_map(|a| a.to_str().filter(|a| !a.starts_with('-')));
    if word == Some("build") && fs::remove_file(folder.join(GIVEN_UP)).is_ok() {
        eprintln!("error: the cell was given up");
        return ExitCode::from(101);
    }
    match word {
        Some("build") if alone => server::ask(folder, false),
        Some("check") if alone => server::ask(folder, true),
        Some("check") => probe::check_by_cargo(config, folder, arguments),
        _ => {
            // Who interrupts stops cargo itself: this process becomes it.
            let _ = fs::write(folder.join(PROCESS), std::process::id().to_string());
            replace(&mut direct::real_cargo(config, arguments, &[]))
        }
    }
}

/// Becomes another program: its exit code is ours.
fn replace(command: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    eprintln!("error: cannot run {:?}: {error}", command.get_program());
    ExitCode::from(101)
}

/// The file with the number of the cargo that runs now.
const PROCESS: &str = "cargo.pid";

/// Stops the cargo of a session; tells whether one was running.
pub(crate) fn interrupt(folder: &Path) -> bool {
    let file = folder.join(PROCESS);
    let number = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else { return false };
    let _ = fs::remove_file(file);
    rustix::process::kill_process(process, rustix::process::Signal::KILL).is_ok()
}
