//! What the supervisor makes of the worker's words.

use std::fs::File;
use std::io::{PipeWriter, Write};
use std::path::PathBuf;

use rustix::process::{Pid, Signal};

use super::pump::Piece;
use crate::process::frame::{Crash, Frame};
use crate::process::{COMMIT, GIVEN_UP, OUTPUT_LIMIT, SESSION_FOLDER};

/// What evcxr waits for.
pub(in crate::process) const DONE: &str = "EVCXR_EXECUTION_COMPLETE";
/// evcxr's word for a panic that reached the end of the cell.
const UNWOUND: &str = "EVCXR_PANIC_NOTIFICATION";
/// evcxr's word for a `?` that met an error.
const USER_ERROR: &str = "EVCXR_ERROR_OCCURRED";
/// Makes evcxr compile the cell once more, which is refused, so that it gives the cell up and keeps
/// the state from before. No variable has this name.
const AGAIN: &str = "EVCXR_VARIABLE_CHANGED_TYPE:the cell is undone";

/// Bytes that a cell may show if nobody says otherwise.
const DEFAULT_OUTPUT_LIMIT: u64 = 128 << 20;

/// Where everything that the worker says ends up.
pub(super) struct Listener {
    frames: File,
    commands: PipeWriter,
    revival: PipeWriter,
    /// The process in which cells run now.
    pub(super) worker: Pid,
    /// Its copy from before the cell.
    pub(super) snapshot: Option<Pid>,
    /// Cells ordered so far.
    pub(super) cell: u64,
    running: bool,
    /// Bytes that the cell has shown, and how many it may show.
    shown: u64,
    limit: u64,
    /// Whether a panic has reached the end of the cell that runs.
    unwound: bool,
    /// Ends, and new lives, seen on standard output and on standard error.
    ended: [u64; 2],
    revived: [u64; 2],
    /// Whether the kernel has said that it will end.
    pub(super) orderly: bool,
}

impl Listener {
    pub(super) fn new(
        frames: File,
        commands: PipeWriter,
        revival: PipeWriter,
        worker: Pid,
    ) -> Listener {
        Listener {
            frames,
            commands,
            revival,
            worker,
            snapshot: None,
            cell: 0,
            running: false,
            shown: 0,
            limit: limit(),
            unwound: false,
            ended: [0; 2],
            revived: [0; 2],
            orderly: false,
        }
    }

    /// Whether a cell runs.
    pub(super) fn runs(&self) -> bool {
        self.running
    }

    /// Has the worker run a cell.
    pub(super) fn order(&mut self, order: &str) -> std::io::Result<()> {
        self.cell += 1;
        self.running = true;
        self.unwound = false;
        self.shown = 0;
        self.send(&Frame::Began {});
        writeln!(self.commands, "{order}")
    }

    /// Errors mean that the kernel is gone; then this process is about to end as well.
    pub(super) fn send(&mut self, frame: &Frame) {
        let line = serde_json::to_string(frame).unwrap_or_default() + "\n";
        let _ = self.frames.write_all(line.as_bytes());
    }

    /// One piece of standard output (0) or standard error (1).
    pub(super) fn hear(&mut self, stream: usize, piece: Piece) {
        match piece {
            Piece::Text(text) if stream == 0 => self.show(text.len(), &Frame::Stdout(text)),
            Piece::Text(text) => self.show(text.len(), &Frame::Stderr(text)),
            Piece::Frame(frame @ Frame::Display(_)) => self.show(frame.size(), &frame),
            Piece::Frame(frame) => self.send(&frame),
            Piece::Protocol(line) => self.protocol(&line),
            Piece::Snapshot(process) => self.snapshot = Pid::from_raw(process),
            Piece::End => {
                if both(&mut self.ended, stream) {
                    self.end();
                }
            }
            Piece::Revived { lost_threads } => {
                if both(&mut self.revived, stream) {
                    self.undone(lost_threads);
                }
            }
        }
    }

    /// Passes on what a cell shows, up to its limit.
    fn show(&mut self, bytes: usize, frame: &Frame) {
        let before = self.shown;
        self.shown = before.saturating_add(bytes as u64);
        if self.shown <= self.limit {
            self.send(frame);
        } else if before <= self.limit {
            let most = self.limit >> 20;
            let notice = format!(
                "\nThe cell has shown more than {most} MiB; what follows is not kept (--output-limit).\n"
            );
            self.send(&Frame::Stderr(notice));
        }
    }

    /// Makes the copy the worker, if there is one.
    pub(super) fn revive(&mut self, crash: Crash) -> bool {
        let Some(copy) = self.snapshot.take() else { return false };
        if !self.unwound {
            self.send(&Frame::Crash(crash));
        }
        self.worker = copy;
        self.revival.write_all(b"!").is_ok()
    }

    fn protocol(&mut self, line: &str) {
        match line {
            UNWOUND => {
                self.send(&Frame::Unwound);
                self.unwound = true;
                if self.snapshot.is_some() {
                    return;
                }
            }
            USER_ERROR => self.send(&Frame::UserError),
            _ => {}
        }
        tell_evcxr(line);
    }

    /// The cell has come to its end.
    fn end(&mut self) {
        if self.unwound && self.snapshot.is_some() {
            // What it has changed is undone: its process goes, the copy stays.
            let _ = rustix::process::kill_process(self.worker, Signal::KILL);
            return;
        }
        self.running = false;
        self.snapshot = None;
        self.send(&Frame::Ended {});
        let _ = writeln!(self.commands, "{COMMIT}");
        tell_evcxr(DONE);
    }

    /// The copy lives: everything is as it was before the cell.
    fn undone(&mut self, lost_threads: Vec<String>) {
        self.running = false;
        self.ended = [0; 2];
        self.send(&Frame::Undone { lost_threads });
        if let Some(folder) = std::env::var_os(SESSION_FOLDER) {
            let _ = std::fs::write(PathBuf::from(folder).join(GIVEN_UP), "");
        }
        tell_evcxr(AGAIN);
        tell_evcxr(DONE);
    }
}

/// What a cell may show.
fn limit() -> u64 {
    let limit = std::env::var(OUTPUT_LIMIT).ok().and_then(|bytes| bytes.parse().ok());
    limit.unwrap_or(DEFAULT_OUTPUT_LIMIT)
}

/// Counts an event that comes on both streams; gives whether it has now come on the second.
fn both(seen: &mut [u64; 2], stream: usize) -> bool {
    let before = seen.iter().min().copied();
    seen[stream] += 1;
    seen.iter().min().copied() > before
}

fn tell_evcxr(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}
