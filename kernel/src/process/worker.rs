//! The process in which cells run.

#![allow(
    unsafe_code,
    reason = "running a cell means calling into a library that was just compiled"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::{COMMANDS, LIBRARIES, inherited};

/// A cell's entry point: takes the store of variables, gives it back.
type Entry = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

pub(super) fn run() -> ExitCode {
    // The worker must not outlive its supervisor, even in an endless loop.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the cell cannot be run: {error}");
            ExitCode::from(99)
        }
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let helpers = load_helpers()?;
    let commands = File::open(inherited(COMMANDS).ok_or("no commands")?)?;
    let mut variables: *mut c_void = std::ptr::null_mut();
    // Libraries stay loaded for ever: variables may hold functions of theirs.
    let mut loaded = Vec::new();
    for (number, command) in BufReader::new(commands).lines().enumerate() {
        let command = command?;
        let (library, entry) = command.rsplit_once(' ').ok_or("a command without a function")?;
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
        let end = format!("\u{1e}{{\"end\":{number}}}\n");
        for stream in [&mut std::io::stdout() as &mut dyn Write, &mut std::io::stderr()] {
            stream.write_all(end.as_bytes())?;
            stream.flush()?;
        }
    }
    std::mem::forget(loaded);
    Ok(())
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
