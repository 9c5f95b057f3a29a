//! What the supervisor tells the kernel: one JSON object a line, over a pipe.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::comm::CommMessage;

/// One message about a running cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frame {
    /// What was compiled begins to run.
    Began {},
    /// It has run to its end.
    Ended {},
    /// Text printed on standard output.
    Stdout(String),
    /// Text printed on standard error.
    Stderr(String),
    /// A rich display.
    Display(Display),
    /// The value of the last expression.
    Result(Shown),
    /// Remove what was shown.
    Clear {
        /// Only when something new comes.
        wait: bool,
    },
    /// A message of a comm, for the client.
    Comm(CommMessage),
    /// The cell waits for a comm's message.
    CommWait {},
    /// The callbacks of a comm's message have run.
    CommDone(u64),
    /// A panic, in whichever thread.
    Panic(Panic),
    /// A panic reached the end of the cell.
    Unwound,
    /// A `?` ended the cell early.
    UserError,
    /// The worker ended.
    Crash(Crash),
    /// The cell is undone: variables are as they were before it.
    Undone {
        /// Threads of earlier cells that are gone.
        lost_threads: Vec<String>,
    },
    /// The kernel's own mark: everything before it has been read.
    Mark(u64),
}

impl Frame {
    /// About how many bytes it shows.
    pub(crate) fn size(&self) -> usize {
        match self {
            Frame::Stdout(text) | Frame::Stderr(text) => text.len(),
            Frame::Display(display) => {
                let texts = display.shown.data.values();
                texts.map(|value| value.as_str().map_or(64, str::len)).sum()
            }
            _ => 0,
        }
    }
}

/// Content by MIME type, and its metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) data: Map<String, Value>,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Display {
    #[serde(flatten)]
    pub(crate) shown: Shown,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) update: bool,
}

/// What the panic hook of the cells crate reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
    pub(crate) thread: Option<String>,
    #[serde(default)]
    pub(crate) frames: Vec<String>,
}

/// How the worker ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crash {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// The kernel's end that hands the pipe on, and writes its own marks.
#[derive(Debug)]
pub(crate) struct FrameSender(PipeWriter);

impl FrameSender {
    /// A pipe whose writing end processes started from here inherit.
    pub(crate) fn pipe() -> io::Result<(FrameSender, FrameReader)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty())?;
        Ok((FrameSender(writer), FrameReader(BufReader::new(reader))))
    }

    /// The number under which a started process finds the writing end.
    pub(crate) fn descriptor(&self) -> String {
        self.0.as_raw_fd().to_string()
    }

    /// Writes a mark. The line feed before it ends what a killed supervisor left half-written.
    pub(crate) fn mark(&mut self, number: u64) -> io::Result<()> {
        let mark = serde_json::to_string(&Frame::Mark(number))?;
        self.0.write_all(format!("\n{mark}\n").as_bytes())
    }
}

/// The kernel's end of the pipe by which it tells the supervisor what evcxr does not.
#[derive(Debug)]
pub(crate) struct Control(PipeWriter);

impl Control {
    /// A pipe whose reading end, as long as it is kept, processes started from here inherit.
    pub(crate) fn pipe() -> io::Result<(Control, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
        Ok((Control(writer), reader))
    }

    /// Says a word; a supervisor that is gone needs to be told nothing.
    pub(crate) fn say(&self, word: &str) {
        let _ = (&self.0).write_all(format!("{word}\n").as_bytes());
    }
}

/// The kernel's reading end.
pub(crate) struct FrameReader(BufReader<PipeReader>);

impl Iterator for FrameReader {
    type Item = Frame;

    /// The next frame; what is not one (see [`FrameSender::mark`]) is passed over.
    fn next(&mut self) -> Option<Frame> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.0.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            if let Ok(frame) = serde_json::from_slice(&line) {
                return Some(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_messages_are_frames() {
        let display =
            r#"{"display":{"data":{"text/plain":"t"},"metadata":{},"id":"a","update":true}}"#;
        let Frame::Display(display) = serde_json::from_str(display).unwrap() else { panic!() };
        assert_eq!((display.id.as_deref(), display.update), (Some("a"), true));
        let clear: Frame = serde_json::from_str(r#"{"clear":{"wait":true}}"#).unwrap();
        assert_eq!(clear, Frame::Clear { wait: true });
    }

    #[test]
    fn half_a_line_before_a_mark_is_passed_over() {
        let (mut sender, mut reader) = FrameSender::pipe().unwrap();
        sender.0.write_all(b"{\"stdout\":\"cut o").unwrap();
        sender.mark(7).unwrap();
        assert_eq!(reader.next(), Some(Frame::Mark(7)));
    }
}
