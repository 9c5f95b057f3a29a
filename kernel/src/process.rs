//! The processes of a session.
//!
//! The kernel starts a **supervisor** (through evcxr), which starts a **worker**. The worker loads
//! each compiled cell and runs it: whatever happens to it happens to it alone. The supervisor reads
//! what the worker prints, passes on what is meant for evcxr, sends everything else to the kernel
//! as frames, and lives to tell how the worker died.
//!
//! Before each cell the worker leaves a copy of itself (`worker/snapshot`). When a cell panics, or
//! takes the worker with it, or is interrupted, the copy becomes the worker: variables are as they
//! were before the cell. evcxr must then keep *its* state from before as well, which it does when
//! the compilation of a cell fails; so it is made to compile once more, and is refused.

mod frame;
mod rehearsal;
mod supervisor;
mod worker;

use std::ffi::OsStr;
use std::io::PipeReader;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::compiler;
use crate::engine::EngineConfig;

pub(crate) use frame::{Control, Crash, Frame, FrameReader, FrameSender, Panic, Shown};

/// Which part a process of this program plays.
pub(crate) const ROLE: &str = "MOMENTUM_ROLE";
/// The libraries that the worker loads before any cell: the standard library, then the helpers.
const LIBRARIES: &str = "MOMENTUM_LIBRARIES";
/// Descriptor on which the supervisor writes frames for the kernel.
const FRAMES: &str = "MOMENTUM_FRAMES";
/// Descriptor from which the worker reads which cell to run.
const COMMANDS: &str = "MOMENTUM_COMMANDS";
/// Descriptor on which the supervisor reads what the kernel tells it.
const CONTROL: &str = "MOMENTUM_CONTROL";
/// Descriptor from which a copy of the worker reads that it shall live.
const REVIVAL: &str = "MOMENTUM_REVIVAL";
/// The supervisor's process number.
const SUPERVISOR: &str = "MOMENTUM_SUPERVISOR";
/// The session's folder.
const SESSION_FOLDER: &str = "MOMENTUM_SESSION_FOLDER";
/// Bytes of memory that cells may ask for.
const MEMORY_LIMIT: &str = "MOMENTUM_MEMORY_LIMIT";
/// Bytes that a cell may show.
const OUTPUT_LIMIT: &str = "MOMENTUM_OUTPUT_LIMIT";
/// The worker is told that the cell's effects stay.
const COMMIT: &str = "commit";
/// How the names of threads begin that the helpers start again by themselves.
const HELPER_THREADS: &str = "momentum-";
/// The supervisor is told to stop the cell.
pub(crate) const INTERRUPT: &str = "interrupt";
/// The supervisor is told that the session ends in order.
pub(crate) const END: &str = "end";
/// File in the session's folder: the next compilation is to be refused (see `supervisor`).
pub(crate) const GIVEN_UP: &str = "given-up";
/// Set when no one answers a cell that reads its input.
const NO_INPUT: &str = "MOMENTUM_NO_INPUT";
/// Tells the cells crate that this kernel listens.
const LISTENING: &str = "MOMENTUM_KERNEL";

/// What the process that evcxr starts does with a session's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It supervises a worker, which runs them.
    Supervisor,
    /// It runs none.
    Rehearsal,
}

/// The command by which evcxr starts the process of a session.
pub(crate) fn command(
    part: Part,
    frames: &FrameSender,
    control: &PipeReader,
    libraries: &[PathBuf],
    path: &OsStr,
    folder: &Path,
    config: &EngineConfig,
) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env(
            ROLE,
            match part {
                Part::Supervisor => "supervisor",
                Part::Rehearsal => "rehearsal",
            },
        )
        .env(FRAMES, frames.descriptor())
        .env(CONTROL, control.as_raw_fd().to_string())
        .env(SESSION_FOLDER, folder)
        .env(LISTENING, "1")
        .env("MOMENTUM_SEED", config.seed.to_string())
        .env("PATH", path)
        .current_dir(&config.folder);
    for private in ["EVCXR_TMPDIR", "RUST_SRC_PATH", "MOMENTUM_SESSION"] {
        command.env_remove(private);
    }
    // As the kernel's own environment has them, not as evcxr is to see them.
    for tool in ["CARGO", "RUSTC"] {
        match compiler::original(tool) {
            Some(value) => command.env(tool, value),
            None => command.env_remove(tool),
        };
    }
    if let Some(bytes) = config.memory_limit {
        command.env(MEMORY_LIMIT, bytes.to_string());
    }
    if let Some(bytes) = config.output_limit {
        command.env(OUTPUT_LIMIT, bytes.to_string());
    }
    if !config.interactive {
        command.env(NO_INPUT, "1");
    }
    if let Some(sandbox) = &config.sandbox {
        let mut sandbox = sandbox.clone();
        sandbox.readable.extend(libraries.iter().cloned());
        sandbox.readable.extend(std::env::current_exe());
        // The libraries of crates that cells add.
        let crates = compiler::crates_folder();
        sandbox.readable.extend(crates.filter(|folder| std::fs::create_dir_all(folder).is_ok()));
        sandbox.writable.extend([config.folder.clone(), folder.to_owned()]);
        // Its own temporary files are the session's.
        sandbox.ask(&mut command).env("TMPDIR", folder);
    }
    command.env(LIBRARIES, std::env::join_paths(libraries).map_err(std::io::Error::other)?);
    Ok(command)
}

/// Runs as supervisor or worker if this process was started as such; else gives nothing.
pub(crate) fn run_if_called() -> Option<ExitCode> {
    match std::env::var(ROLE).ok()?.as_str() {
        "supervisor" => Some(supervisor::run()),
        "worker" => Some(worker::run()),
        "rehearsal" => Some(rehearsal::run()),
        _ => None,
    }
}

/// The path by which a process opens a descriptor that it inherited.
fn inherited(variable: &str) -> Option<String> {
    std::env::var(variable).ok().map(|descriptor| format!("/dev/fd/{descriptor}"))
}
