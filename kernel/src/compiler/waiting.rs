//! A compiler that was started ahead and waits for cells.
//!
//! More than half of a small cell's time goes by before the compiler looks at it: the compiler
//! starts, and reads what it must know of the helpers and of all crates below them. So one compiler
//! is started for the session, on a crate that names the helpers and then includes the cell. A
//! library that is loaded into it (`companions/preload.rs`) makes it stop there and fork for each
//! cell: the copy, with all this done, compiles the cell.

use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::io::{FdFlags, fcntl_setfd};

use super::crates::Crates;
use super::{CompilerConfig, direct, source};

/// The process that compiles now, for the one who interrupts.
pub(super) type Running = Mutex<Option<u32>>;

/// A compiler's answer when its copy could not be made, or was killed.
const FAILED: i32 = 1 << 8;

/// A compiler that waits.
pub(super) struct Waiting {
    process: Child,
    folder: PathBuf,
    requests: PipeWriter,
    replies: PipeReader,
}

impl Waiting {
    /// Starts one in a folder of its own.
    pub(super) fn start(
        config: &CompilerConfig,
        crates: &Crates,
        folder: PathBuf,
    ) -> io::Result<Waiting> {
        let preload = config.preload.as_ref().ok_or(io::ErrorKind::NotFound)?;
        fs::create_dir_all(&folder)?;
        let root = folder.join("root.rs");
        fs::write(&root, source::root(config.crate_name(), crates.names()))?;
        let (requests_end, requests) = io::pipe()?;
        let (replies, replies_end) = io::pipe()?;
        // The compiler inherits its ends; nobody else that is started meanwhile should.
        let cell = folder.join(CELL);
        let mut rustc = direct::object(config, crates, &root, &folder.join(OBJECT), "0");
        // Places in messages and panics are in evcxr's file.
        let mut remap = OsString::from("--remap-path-prefix=");
        remap.push(&cell);
        remap.push("=src/lib.rs");
        rustc
            .arg(remap)
            .env("LD_PRELOAD", preload)
            .env("MOMENTUM_CELL", &cell)
            .env("MOMENTUM_MESSAGES", folder.join(MESSAGES))
            .env("MOMENTUM_REQUESTS", requests_end.as_raw_fd().to_string())
            .env("MOMENTUM_REPLIES", replies_end.as_raw_fd().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        direct::end_with_us(&mut rustc);
        let process = spawn_with(&mut rustc, [&requests_end as &dyn AsRawFd, &replies_end])?;
        Ok(Waiting { process, folder, requests, replies })
    }

    /// Has a cell compiled; gives what the compiler said.
    ///
    /// # Errors
    ///
    /// When the compiler is gone, or could not copy itself. The cell was not compiled then.
    pub(super) fn compile(&mut self, text: &str, running: &Running) -> io::Result<Output> {
        let (object, messages) = (self.object(), self.folder.join(MESSAGES));
        let _ = fs::remove_file(&object);
        let _ = fs::remove_file(&messages);
        fs::write(self.folder.join(CELL), text)?;
        self.requests.write_all(b"!")?;
        let copy = u32::try_from(self.reply()?).map_err(io::Error::other)?;
        set(running, Some(copy));
        let status = self.reply();
        set(running, None);
        let status = ExitStatus::from_raw(status?);
        // A copy lacks the thread that would turn errors into an exit code: the object tells.
        let status = match status.success() && !object.is_file() {
            true => ExitStatus::from_raw(FAILED),
            false => status,
        };
        Ok(Output { status, stdout: Vec::new(), stderr: fs::read(messages).unwrap_or_default() })
    }

    /// Where the compiler leaves the object file.
    pub(super) fn object(&self) -> PathBuf {
        self.folder.join(OBJECT)
    }

    fn reply(&mut self) -> io::Result<i32> {
        let mut number = [0; 4];
        self.replies.read_exact(&mut number)?;
        Ok(i32::from_ne_bytes(number))
    }
}

const CELL: &str = "lib.rs";
const OBJECT: &str = "cell.o";
const MESSAGES: &str = "messages";

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts a process that inherits these descriptors, which no other one does.
#[allow(unsafe_code, reason = "a process is told what to do between its birth and its program")]
fn spawn_with(command: &mut Command, inherited: [&dyn AsRawFd; 2]) -> io::Result<Child> {
    use std::os::fd::BorrowedFd;
    use std::os::unix::process::CommandExt;
    let numbers = inherited.map(AsRawFd::as_raw_fd);
    let inherit = move || {
        for number in numbers {
            // SAFETY: the caller's pipes are open until the process has been started.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: system calls that allocate nothing.
    unsafe { command.pre_exec(inherit) };
    command.spawn()
}

pub(super) fn set(running: &Running, process: Option<u32>) {
    *running.lock().unwrap_or_else(PoisonError::into_inner) = process;
}
