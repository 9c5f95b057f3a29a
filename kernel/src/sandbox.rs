//! Shutting cells in: for notebooks of strangers, such as those that a class hands in.
//!
//! The worker, and whatever it starts, gets a network of its own in which only the loopback is up,
//! may read the system, the toolchain and the helpers, and may write its own folder and the
//! session's; it may not signal processes outside. Linux only, by namespaces and Landlock: no
//! privilege is needed where the system lets users have namespaces.
//!
//! What it does not stop: the compiler reads a cell's `include!` with the rights of the kernel, so
//! a grader starts the kernel with an environment and a home that hold no secrets. Limits of memory
//! and time are the engine's own.

#![allow(unsafe_code, reason = "namespaces and the loopback are set up by system calls")]

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};

use crate::process::ROLE;

/// Tells the worker that it is shut in, and with what.
const SANDBOX: &str = "MOMENTUM_SANDBOX";
/// The role of a process that only tries it out.
const TRIAL: &str = "sandbox-trial";
/// Landlock as of Linux 5.13 is enough for files; what later kernels add is used where it is there.
const LANDLOCK: ABI = ABI::V6;
/// What every program reads: libraries, devices, and what it asks of the system.
const SYSTEM: [&str; 9] =
    ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev", "/nix"];
/// Devices that are written.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/shm", "/dev/tty"];

/// The largest file that can be written.
const MOST_FILE_BYTES: u64 = 256 << 20;

/// What a worker that is shut in may still touch, besides the system's own files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Folders and files that may be read.
    pub readable: Vec<PathBuf>,
    /// Folders that may be written, too.
    pub writable: Vec<PathBuf>,
}

/// Why cells cannot be shut in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No process could be started to try it.
    #[error("cannot try out the sandbox")]
    Start(#[from] std::io::Error),
    /// The system refuses.
    #[error(
        "this system cannot shut cells in: {0}. It takes Linux 5.13 with Landlock and network namespaces for users (`sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu)"
    )]
    Refused(String),
}

impl Sandbox {
    /// Tries it out in a process of its own.
    ///
    /// # Errors
    /// When the system does not let processes be shut in, with what it said.
    pub fn try_out(&self) -> Result<(), SandboxError> {
        let mut command = Command::new(std::env::current_exe()?);
        self.ask(&mut command).env(ROLE, TRIAL).stdin(Stdio::null()).stdout(Stdio::null());
        let output = command.stderr(Stdio::piped()).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(SandboxError::Refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Has a process shut itself in.
    pub(crate) fn ask<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        // Two lists of paths always serialise; a path that is no text is left out of reach.
        command.env(SANDBOX, serde_json::to_string(self).unwrap_or_default())
    }

    /// Shuts this process in for good. It must have one thread only.
    fn enter(&self) -> Result<(), String> {
        isolate_network()?;
        let most = Rlimit { current: Some(MOST_FILE_BYTES), maximum: Some(MOST_FILE_BYTES) };
        rustix::process::setrlimit(Resource::Fsize, most).map_err(|error| error.to_string())?;
        let status = self.restrict_files().map_err(|error| format!("Landlock: {error}"))?;
        match status.ruleset {
            landlock::RulesetStatus::NotEnforced => Err("Landlock is not enabled".to_owned()),
            _ => Ok(()),
        }
    }

    fn restrict_files(&self) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
        let (all, read) = (AccessFs::from_all(LANDLOCK), AccessFs::from_read(LANDLOCK));
        let system = SYSTEM.iter().map(PathBuf::from);
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(LANDLOCK))?
            .create()?
            // Paths that are not there are passed over.
            .add_rules(path_beneath_rules(system.chain(self.readable.iter().cloned()), read))?
            .add_rules(path_beneath_rules(&self.writable, all))?
            .add_rules(path_beneath_rules(DEVICES, all))?
            .restrict_self()
    }
}

/// Shuts this process in if it was asked to.
///
/// # Errors
/// What the system said; the process must not go on then.
pub(crate) fn enter_if_asked() -> Result<(), String> {
    let Ok(sandbox) = std::env::var(SANDBOX) else { return Ok(()) };
    let sandbox: Sandbox = serde_json::from_str(&sandbox).map_err(|error| error.to_string())?;
    sandbox.enter()
}

/// Tries the sandbox out if this process was started for that.
pub(crate) fn run_if_called() -> Option<ExitCode> {
    if std::env::var(ROLE).ok()? != TRIAL {
        return None;
    }
    Some(match enter_if_asked() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    })
}

/// Gives this process a network of its own, with the loopback up: lessons talk to a model on it.
fn isolate_network() -> Result<(), String> {
    let failed = |what: &str| format!("{what}: {}", std::io::Error::last_os_error());
    // SAFETY: this process has one thread, and holds no socket.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNET) != 0
            && libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) != 0
        {
            return Err(failed("a network of its own"));
        }
    }
    // SAFETY: the request is a plain structure of the system's, zeroed, that outlives both calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(failed("the loopback"));
        }
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        let is_up = libc::ioctl(socket, libc::SIOCSIFFLAGS, &request) == 0;
        let result = if is_up { Ok(()) } else { Err(failed("the loopback")) };
        libc::close(socket);
        result
    }
}
