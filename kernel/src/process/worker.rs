//! The process in which cells run.

#![allow(
    unsafe_code,
    reason = "running a cell means calling into a library that was just compiled"
)]

mod snapshot;

use std::ffi::c_void;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use rustix::process::{Resource, Rlimit, Signal};

use super::{COMMANDS, COMMIT, LIBRARIES, MEMORY_LIMIT, inherited};
use crate::comm::COMM;
use snapshot::{Snapshot, Taken};

/// A cell's entry point: takes the store of variables, gives it back.
type Entry = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

pub(super) fn run() -> ExitCode {
    end_with_supervisor();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the cell cannot be run: {error}");
            ExitCode::from(99)
        }
    }
}

/// The worker must not outlive its supervisor, even in an endless loop.
fn end_with_supervisor() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    crate::sandbox::enter_if_asked()?;
    let helpers = load_helpers()?;
    limit_memory();
    let mut commands =
        Commands::open(File::open(inherited(COMMANDS).ok_or("no commands")?)?, helpers.as_ref());
    let mut variables: *mut c_void = std::ptr::null_mut();
    // Libraries stay loaded for ever: variables may hold functions of theirs.
    let mut loaded = Vec::new();
    let mut snapshot: Option<Snapshot> = None;
    let mut number = 0_u64;
    while let Some(command) = commands.next()? {
        if let Some(before) = snapshot.take() {
            before.end();
        }
        if command == COMMIT {
            continue;
        }
        let (library, entry) = command.rsplit_once(' ').ok_or("a command without a function")?;
        match Snapshot::take() {
            Taken::Worker(taken) => {
                if let Some(taken) = &taken {
                    let message = format!("{{\"snapshot\":{}}}", taken.process());
                    write(&mut std::io::stdout(), &message)?;
                }
                snapshot = taken;
            }
            // A later life: the process that ran the cell is gone, and this one knows nothing of
            // the cell.
            Taken::Revived { lost_threads } => {
                end_with_supervisor();
                let lost = serde_json::to_string(&lost_threads)?;
                end_both(&format!("{{\"revived\":{{\"lost_threads\":{lost}}}}}"))?;
                continue;
            }
        }
        // SAFETY: the library was compiled by evcxr from a cell; that the cell's own code runs
        // here, with all that it may do, is the purpose of this process.
        variables = unsafe {
            let library = Library::open(Some(library), RTLD_NOW)?;
            let function = *library.get::<Entry>(entry.as_bytes())?;
            loaded.push(library);
            function(variables)
        };
        if let Some(helpers) = &helpers {
            call(helpers, b"momentum_finish");
        }
        // If the cell has closed one of the descriptors, this fails, and the worker ends: a crash.
        commands.check()?;
        end_both(&format!("{{\"end\":{number}}}"))?;
        number += 1;
    }
    std::mem::forget(loaded);
    Ok(())
}

/// Writes a message in band on both streams.
fn end_both(message: &str) -> std::io::Result<()> {
    write(&mut std::io::stdout(), message)?;
    write(&mut std::io::stderr(), message)
}

fn write(stream: &mut dyn Write, message: &str) -> std::io::Result<()> {
    stream.write_all(format!("\u{1e}{message}\n").as_bytes())?;
    stream.flush()
}

/// What a cell may ask for at most, if the session has a limit.
fn limit_memory() {
    let limit = std::env::var(MEMORY_LIMIT).ok().and_then(|bytes| bytes.parse().ok());
    if let Some(bytes) = limit {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        let _ = rustix::process::setrlimit(Resource::As, limit);
    }
}

/// What the worker is told: cells to run and, between them, comms' messages.
struct Commands<'a> {
    reader: BufReader<File>,
    comms: Option<File>,
    helpers: Option<&'a Library>,
}

impl<'a> Commands<'a> {
    fn open(commands: File, helpers: Option<&'a Library>) -> Self {
        // Open for both, so that it never ends.
        let comms = std::env::var_os(COMM)
            .and_then(|path| File::options().read(true).write(true).open(path).ok());
        Commands { reader: BufReader::new(commands), comms, helpers }
    }

    /// The next cell; none when there are no more. Callbacks of comms run while it is waited for.
    fn next(&mut self) -> std::io::Result<Option<String>> {
        while self.reader.buffer().is_empty() && self.comm_comes_first() {
            if let Some(helpers) = self.helpers {
                call(helpers, b"momentum_comm");
            }
        }
        let mut line = String::new();
        let length = self.reader.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        Ok((length > 0).then_some(line))
    }

    /// Whether commands can still come, and answers go: writing to a standard stream that is closed
    /// is no error.
    fn check(&self) -> std::io::Result<()> {
        rustix::io::fcntl_getfd(self.reader.get_ref())?;
        rustix::io::fcntl_getfd(std::io::stdout())?;
        rustix::io::fcntl_getfd(std::io::stderr())?;
        Ok(())
    }

    /// Waits for a command or a comm's message.
    fn comm_comes_first(&self) -> bool {
        let Some(comms) = &self.comms else { return false };
        let wait =
            |descriptor: i32| libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
        let mut waits = [wait(self.reader.get_ref().as_raw_fd()), wait(comms.as_raw_fd())];
        loop {
            // SAFETY: the array outlives the call, and its length is 2.
            let ready = unsafe { libc::poll(waits.as_mut_ptr(), 2, -1) };
            if ready >= 0 {
                return waits[0].revents == 0 && waits[1].revents & libc::POLLIN != 0;
            }
        }
    }
}

/// Loads the standard library and the helpers once, so that no cell pays for it, and so that the
/// loader need not be told where they are.
fn load_helpers() -> Result<Option<Library>, libloading::Error> {
    let paths = std::env::var_os(LIBRARIES).unwrap_or_default();
    let mut last = None;
    for path in std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()) {
        // SAFETY: the standard library comes with the compiler, and the helpers were built from
        // sources that belong to this kernel.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL)? };
        call(&library, b"momentum_start");
        // Never unloaded: cells use both.
        std::mem::forget(last.replace(library));
    }
    Ok(last)
}

/// Calls one of the helpers' hooks, if they have it.
fn call(helpers: &Library, name: &[u8]) {
    // SAFETY: both hooks are functions without arguments (see the display protocol).
    unsafe {
        if let Ok(hook) = helpers.get::<extern "C" fn()>(name) {
            hook();
        }
    }
}
