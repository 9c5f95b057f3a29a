//! A copy of the worker as it was before a cell.
//!
//! Before each cell the worker forks. The copy does nothing: it waits to be told to live. The
//! worker runs the cell, with all its threads; if the cell ends well, the copy is killed, and has
//! cost some page tables. If the worker dies of the cell, the copy becomes the worker, and every
//! variable is as it was. Threads are not copied: the helpers see by the process number that theirs
//! are gone, and start new ones; those that cells started are gone, and the reader is told.

use std::fs::File;
use std::io::Read;

use rustix::process::{Pid, Signal, WaitOptions};

use super::super::{HELPER_THREADS, REVIVAL, SUPERVISOR, inherited};

/// The copy, seen by the worker. It is ended on purpose only: a worker that ends by an error leaves
/// it behind, to be brought to life.
pub(super) struct Snapshot(Pid);

/// What comes back from taking a snapshot: once in the worker, and perhaps once more in the copy.
pub(super) enum Taken {
    /// The worker goes on; without a snapshot if the system gave none.
    Worker(Option<Snapshot>),
    /// The copy was brought to life, because the worker is gone.
    Revived {
        /// The names of the threads that it lacks.
        lost_threads: Vec<String>,
    },
}

impl Snapshot {
    pub(super) fn take() -> Taken {
        let Some(revival) = inherited(REVIVAL) else { return Taken::Worker(None) };
        let threads = other_threads();
        // SAFETY: the copy has this thread only, and until it is brought to life it makes system
        // calls only. After that it runs what this process would have run; the C library puts its
        // own locks in order across a fork.
        match unsafe { libc::fork() } {
            0 => {
                wait_for_life(&revival);
                Taken::Revived { lost_threads: threads }
            }
            process => Taken::Worker(Pid::from_raw(process).filter(|_| process > 0).map(Snapshot)),
        }
    }

    pub(super) fn process(&self) -> i32 {
        self.0.as_raw_nonzero().get()
    }

    /// Ends the copy: the cell's effects stay.
    pub(super) fn end(self) {
        let _ = rustix::process::kill_process(self.0, Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.0), WaitOptions::empty());
    }
}

/// Returns when the supervisor says so; ends the process when the supervisor is gone.
fn wait_for_life(revival: &str) {
    let word = File::open(revival).and_then(|mut pipe| {
        let mut word = [0];
        pipe.read_exact(&mut word)
    });
    let ours = std::env::var(SUPERVISOR).ok().and_then(|number| number.parse().ok());
    let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
    if word.is_err() || parent != ours {
        // SAFETY: ends the process at once, running nothing of what its libraries registered.
        unsafe { libc::_exit(0) };
    }
}

/// The names of the threads that a copy would not have, and that the helpers do not start again.
fn other_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut names: Vec<String> = tasks
        .filter(|task| task.file_name().to_string_lossy() != std::process::id().to_string())
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.starts_with(HELPER_THREADS))
        .collect();
    names.sort();
    names
}
