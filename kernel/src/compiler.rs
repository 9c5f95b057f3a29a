//! What stands between evcxr and the compiler.
//!
//! evcxr compiles a cell with `cargo build`. Cargo reads manifests, a lock file and fingerprints
//! each time, which costs more than a small cell itself. While only the helpers are used, this
//! stand-in starts `rustc` at once, with the prebuilt helper set as an external crate; once a cell
//! adds crates with `:dep`, the real cargo builds them, with the helpers still at hand.
//!
//! evcxr asks `rustup which cargo` for its cargo, so a session's folder holds two links to this
//! very program, `rustup` and `cargo`, and stands first in the path of the kernel's process.

mod direct;
mod probe;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::helpers::{HelperSet, cache_folder};
use crate::toolchain::Toolchain;

pub use probe::{VariableType, variable_types};

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
}

impl CompilerConfig {
    /// The configuration for this toolchain and helper set, with the current path.
    pub fn new(toolchain: &Toolchain, helpers: Option<HelperSet>) -> CompilerConfig {
        CompilerConfig {
            rustc: toolchain.rustc.clone(),
            cargo: toolchain.cargo.clone(),
            host: toolchain.host.clone(),
            helpers,
            path: original_path(),
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
    match word {
        Some("build") if alone => direct::build(config, folder, &manifest),
        Some("check") => probe::check(config, folder, alone, arguments),
        _ => replace(&mut direct::real_cargo(config, arguments, &[])),
    }
}

/// Becomes another program: its exit code is ours.
fn replace(command: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    eprintln!("error: cannot run {:?}: {error}", command.get_program());
    ExitCode::from(101)
}

/// Stops the compiler of a session; tells whether one was running.
pub(crate) fn interrupt(folder: &Path) -> bool {
    let file = folder.join(direct::PROCESS);
    let number = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else { return false };
    let _ = fs::remove_file(file);
    rustix::process::kill_process(process, rustix::process::Signal::KILL).is_ok()
}
