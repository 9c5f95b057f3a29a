//! The processes of a session.
//!
//! The kernel starts a **supervisor** (through evcxr), which starts a **worker**. The worker loads
//! each compiled cell and runs it: whatever happens to it happens to it alone. The supervisor reads
//! what the worker prints, passes on what is meant for evcxr, sends everything else to the kernel
//! as frames, and lives to tell how the worker died.

mod frame;
mod supervisor;
mod worker;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::engine::EngineConfig;

pub(crate) use frame::{Crash, Frame, FrameReader, FrameSender, Panic, Shown};

/// Which part a process of this program plays.
const ROLE: &str = "MOMENTUM_ROLE";
/// The libraries that the worker loads before any cell: the standard library, then the helpers.
const LIBRARIES: &str = "MOMENTUM_LIBRARIES";
/// Descriptor on which the supervisor writes frames for the kernel.
const FRAMES: &str = "MOMENTUM_FRAMES";
/// Descriptor from which the worker reads which cell to run.
const COMMANDS: &str = "MOMENTUM_COMMANDS";
/// Set when no one answers a cell that reads its input.
const NO_INPUT: &str = "MOMENTUM_NO_INPUT";
/// Tells the cells crate that this kernel listens.
const LISTENING: &str = "MOMENTUM_KERNEL";

/// The command by which evcxr starts the supervisor of a session.
pub(crate) fn supervisor(
    frames: &FrameSender,
    libraries: &[PathBuf],
    path: &OsStr,
    config: &EngineConfig,
) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env(ROLE, "supervisor")
        .env(FRAMES, frames.descriptor())
        .env(LISTENING, "1")
        .env("MOMENTUM_SEED", config.seed.to_string())
        .env("PATH", path)
        .current_dir(&config.folder);
    for private in ["EVCXR_TMPDIR", "RUST_SRC_PATH", "MOMENTUM_SESSION"] {
        command.env_remove(private);
    }
    if !config.interactive {
        command.env(NO_INPUT, "1");
    }
    command.env(LIBRARIES, std::env::join_paths(libraries).map_err(std::io::Error::other)?);
    Ok(command)
}

/// Runs as supervisor or worker if this process was started as such; else gives nothing.
pub(crate) fn run_if_called() -> Option<ExitCode> {
    match std::env::var(ROLE).ok()?.as_str() {
        "supervisor" => Some(supervisor::run()),
        "worker" => Some(worker::run()),
        _ => None,
    }
}

/// The path by which a process opens a descriptor that it inherited.
fn inherited(variable: &str) -> Option<String> {
    std::env::var(variable).ok().map(|descriptor| format!("/dev/fd/{descriptor}"))
}
