//! What evcxr starts in place of `rustup`, `cargo` and `rustc`, and what these start.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::crates::{self, Prepared};
use super::request::{Asked, ask, is_servers, session, word};
use super::{CompilerConfig, PROCESS, direct, probe, source};

/// The names by which this program is called.
pub(super) const NAMES: [&str; 4] = ["rustup", "cargo", "rustc", crates::LINKER];

/// The folder of the cargo that evcxr's rust-analyzer finds. At the start, and whenever a crate was
/// added, it asks cargo and rustc a dozen questions about the session's crate; together they take a
/// second. Types come from the compiler (see `source/stand_ins`), so it need not know more than where
/// the crate is.
pub(super) const FOR_ANALYZER: &str = "for-rust-analyzer";

/// Runs as the stand-in if this process was started as such; else gives nothing.
pub fn run_if_called() -> Option<ExitCode> {
    let called = PathBuf::from(std::env::args_os().next()?);
    let name = called.file_name()?.to_str()?;
    if !NAMES.contains(&name) {
        return None;
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if called.parent().is_some_and(|folder| folder.ends_with(FOR_ANALYZER)) {
        return Some(answer_analyzer(&arguments));
    }
    let folder = session(&called)?;
    let read = fs::read(folder.join("compiler.json")).ok()?;
    let config: CompilerConfig = serde_json::from_slice(&read).ok()?;
    let code = match name {
        "rustup" => rustup(&config, &folder, &arguments),
        "rustc" => rustc(&config, &folder, &arguments),
        crates::LINKER => crates::link(&config, &arguments).unwrap_or(ExitCode::from(101)),
        _ => cargo(&config, &folder, &arguments),
    };
    Some(code)
}

/// Answers `rustup which cargo` and `rustup which rustc`; leaves all else to the real one.
fn rustup(config: &CompilerConfig, folder: &Path, arguments: &[OsString]) -> ExitCode {
    match arguments {
        [which, tool] if which == "which" && (tool == "cargo" || tool == "rustc") => {
            println!("{}", folder.join("bin").join(tool).display());
            ExitCode::SUCCESS
        }
        _ => replace(Command::new("rustup").args(arguments).env("PATH", &config.path)),
    }
}

/// Answers what evcxr asks at its start; is the compiler otherwise.
fn rustc(config: &CompilerConfig, folder: &Path, arguments: &[OsString]) -> ExitCode {
    match arguments {
        [ask] if ask == "-Vv" => {
            println!("{}\nhost: {}", config.version, config.host);
            ExitCode::SUCCESS
        }
        [print, what] if print == "--print" && what == "target-libdir" => {
            println!("{}", config.library_folder.display());
            ExitCode::SUCCESS
        }
        _ if crates::is_package(arguments) => {
            crates::compile(config, folder, arguments).unwrap_or(ExitCode::from(101))
        }
        _ if direct::is_cell(arguments) => cell(config, arguments).unwrap_or(ExitCode::from(101)),
        _ => replace(Command::new(&config.rustc).args(arguments)),
    }
}

/// Compiles a cell for cargo.
fn cell(config: &CompilerConfig, arguments: &[OsString]) -> io::Result<ExitCode> {
    let mut rustc = Command::new(&config.rustc);
    rustc.args(direct::with_metadata(arguments)).stdout(Stdio::inherit());
    let output = rustc.stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        eprintln!("{}", source::without_hint_at_ours(line));
    }
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::from(101) })
}

fn cargo(config: &CompilerConfig, folder: &Path, arguments: &[OsString]) -> ExitCode {
    let manifest = fs::read_to_string("Cargo.toml").unwrap_or_default();
    let word = word(arguments);
    let purpose = match word {
        Some("build") => Some(Asked::Build),
        Some("check") => Some(Asked::Check),
        _ => None,
    };
    if let Some(purpose) = purpose {
        if is_servers(&manifest, folder) {
            return ask(folder, purpose);
        }
        match crates::prepare(config, folder, &manifest) {
            Prepared::Ready => return ask(folder, purpose),
            Prepared::Failed(code) => return code,
            Prepared::ByCargo => {}
        }
    }
    match word {
        Some("metadata") if crates::is_known(config, &manifest) => {
            println!("{}", metadata(&folder.join("crate")));
            ExitCode::SUCCESS
        }
        Some("build" | "check") if ask(folder, Asked::Text) != ExitCode::SUCCESS => {
            ExitCode::from(101)
        }
        Some("check") => probe::check_by_cargo(config, folder, arguments),
        _ => {
            // Who interrupts stops cargo itself, which this process becomes, and all that it started.
            let _ = rustix::process::setpgid(None, None);
            #[cfg(target_os = "linux")]
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let _ = fs::write(folder.join(PROCESS), std::process::id().to_string());
            replace(&mut direct::real_cargo(config, folder, arguments, &[]))
        }
    }
}

/// Tells rust-analyzer where the session's crate is, and nothing else.
fn answer_analyzer(arguments: &[OsString]) -> ExitCode {
    let manifest = arguments.windows(2).find(|pair| pair[0] == "--manifest-path");
    let folder = manifest.and_then(|pair| Path::new(&pair[1]).parent());
    match (word(arguments), folder) {
        (Some("metadata"), Some(folder)) => {
            println!("{}", metadata(folder));
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(101),
    }
}

/// What `cargo metadata` says of a crate without dependencies.
fn metadata(folder: &Path) -> Value {
    let id = format!("path+file://{}#ctx@1.0.0", folder.display());
    let target = json!({
        "name": "ctx", "kind": ["cdylib"], "crate_types": ["cdylib"], "edition": "2024",
        "src_path": folder.join("src/lib.rs"), "doc": true, "doctest": false, "test": true,
    });
    let package = json!({
        "name": "ctx", "version": "1.0.0", "id": id, "edition": "2024", "source": null,
        "dependencies": [], "targets": [target], "features": {}, "authors": [], "categories": [],
        "keywords": [], "manifest_path": folder.join("Cargo.toml"), "metadata": null,
    });
    json!({
        "packages": [package], "workspace_members": [id], "workspace_default_members": [id],
        "resolve": {
            "nodes": [{"id": id, "dependencies": [], "deps": [], "features": []}],
            "root": id,
        },
        "target_directory": folder.join("target"), "build_directory": folder.join("target"),
        "version": 1, "workspace_root": folder, "metadata": null,
    })
}

/// Becomes another program: its exit code is ours.
fn replace(command: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    eprintln!("error: cannot run {:?}: {error}", command.get_program());
    ExitCode::from(101)
}
