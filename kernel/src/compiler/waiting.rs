//! A compiler that was started ahead and waits for its cell.
//!
//! More than half of a small cell's time goes by before the compiler looks at it: the compiler
//! starts, and reads what it must know of the helpers and of all crates below them. So a compiler
//! is started on a crate that names the helpers and then includes a file which is a pipe. It stops
//! there, with all this done, until the cell is written into the pipe.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags};

use super::{CompilerConfig, direct, source};

/// What a compiler is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To compile a cell into an object file.
    Build,
    /// To tell the types of a cell's variables.
    Probe,
}

/// The process that compiles now, for the one who interrupts.
pub(super) type Running = Mutex<Option<u32>>;

/// A compiler that waits.
pub(super) struct Waiting {
    process: Child,
    folder: PathBuf,
    pipe: PathBuf,
}

impl Waiting {
    /// Starts one in a folder of its own.
    pub(super) fn start(
        config: &CompilerConfig,
        folder: PathBuf,
        purpose: Purpose,
    ) -> io::Result<Waiting> {
        fs::create_dir_all(&folder)?;
        let helpers = config.helpers.as_ref().map(|set| set.crate_name.as_str());
        let root = folder.join("root.rs");
        fs::write(&root, source::root(helpers))?;
        let pipe = folder.join("lib.rs");
        rustix::fs::mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR)?;
        let mut rustc = match purpose {
            Purpose::Build => direct::object(config, &root, &folder.join("cell.o"), "0"),
            Purpose::Probe => direct::probe(config, &root, &folder.join("probe.rmeta")),
        };
        // Places in messages and panics are in evcxr's file.
        let mut remap = std::ffi::OsString::from("--remap-path-prefix=");
        remap.push(&pipe);
        remap.push("=src/lib.rs");
        rustc.arg(remap).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        direct::end_with_us(&mut rustc);
        let process = rustc.spawn()?;
        Ok(Waiting { process, folder, pipe })
    }

    /// Gives it the cell.
    pub(super) fn give(&mut self, source: &str, running: &Running) -> io::Result<()> {
        set(running, Some(self.process.id()));
        let given = self.open().and_then(|mut pipe| pipe.write_all(source.as_bytes()));
        if given.is_err() {
            set(running, None);
        }
        given
    }

    /// Waits for its end; gives what it said.
    pub(super) fn finish(&mut self, running: &Running) -> io::Result<Output> {
        let mut stderr = Vec::new();
        if let Some(mut pipe) = self.process.stderr.take() {
            pipe.read_to_end(&mut stderr)?;
        }
        let status = self.process.wait()?;
        set(running, None);
        Ok(Output { status, stdout: Vec::new(), stderr })
    }

    /// Where the compiler leaves the object file.
    pub(super) fn object(&self) -> PathBuf {
        self.folder.join("cell.o")
    }

    /// Opens the pipe, once the compiler reads from it.
    fn open(&mut self) -> io::Result<File> {
        loop {
            match rustix::fs::open(&self.pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
                Ok(pipe) => {
                    rustix::fs::fcntl_setfl(&pipe, OFlags::empty())?;
                    return Ok(File::from(pipe));
                }
                Err(rustix::io::Errno::NXIO) => {}
                Err(error) => return Err(error.into()),
            }
            if self.process.try_wait()?.is_some() {
                return Err(io::Error::other("the compiler ended before it was given the cell"));
            }
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn set(running: &Running, process: Option<u32>) {
    *running.lock().unwrap_or_else(PoisonError::into_inner) = process;
}

/// The folder of the n-th compiler that waits.
pub(super) fn folder(session: &Path, number: u64) -> PathBuf {
    session.join("ahead").join(number.to_string())
}
