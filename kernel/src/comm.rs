//! Comms: lines between a cell and something in its client, such as a widget.
//!
//! A cell opens a comm, or registers a *target* under which a client may open one
//! (`momentum_cells::comm`). What the cell says comes in band, as all that it shows. What the
//! client says goes to the session's process through a named pipe in the session's folder, one
//! JSON object a line; there it is read between two cells, or by a cell that waits for it.
//!
//! See the Jupyter messaging protocol, section "Custom messages".

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// Names the pipe to the session's process.
pub(crate) const COMM: &str = "MOMENTUM_COMM";

/// What a message does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommKind {
    /// The session registers a target: clients may open comms under its name.
    Target,
    /// Opens a comm under a target's name.
    Open,
    /// Says something on an open comm.
    #[default]
    Message,
    /// Closes a comm.
    Close,
}

/// A message of a comm, in either direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CommMessage {
    /// The comm; empty for [`CommKind::Target`].
    #[serde(default)]
    pub id: String,
    /// What the message does.
    #[serde(default)]
    pub kind: CommKind,
    /// The target's name, where a comm is opened or a target registered.
    #[serde(default)]
    pub target: String,
    /// What is said.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The message's metadata: widgets put their protocol's version there.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Binary data that comes along; base64 in JSON.
    #[serde(default, serialize_with = "encode", deserialize_with = "decode")]
    pub buffers: Vec<Vec<u8>>,
}

fn encode<S: Serializer>(buffers: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(buffers.iter().map(|buffer| STANDARD.encode(buffer)))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let decoded: Result<_, _> = texts.iter().map(|text| STANDARD.decode(text)).collect();
    decoded.map_err(serde::de::Error::custom)
}

/// The kernel's end of the pipe.
#[derive(Debug)]
pub(crate) struct CommPipe(Sender<String>);

impl CommPipe {
    /// Makes the pipe.
    pub(crate) fn make(path: &Path) -> std::io::Result<()> {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
    }

    /// Opens it. A thread writes, since the pipe holds little, and the process may be at work.
    pub(crate) fn open(path: &Path) -> std::io::Result<CommPipe> {
        // Open for both, so that it can be opened and kept while no process reads.
        let mut pipe = File::options().read(true).write(true).open(path)?;
        let (sender, lines) = channel::<String>();
        std::thread::Builder::new().name("comms".into()).spawn(move || {
            for line in lines {
                // The line feed before it ends what a process that was killed left half-read.
                if pipe.write_all(format!("\n{line}\n").as_bytes()).is_err() {
                    break;
                }
            }
        })?;
        Ok(CommPipe(sender))
    }

    /// Sends a message; `number` comes back in band when its callbacks have run.
    pub(crate) fn send(&self, number: u64, message: &CommMessage) {
        let _ = self.0.send(json!({"number": number, "comm": message}).to_string());
    }

    /// Tells a cell that waits that nothing will come.
    pub(crate) fn send_nothing(&self) {
        let _ = self.0.send(json!({"number": 0}).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_travel_as_base64() {
        let message = CommMessage {
            id: "c".into(),
            kind: CommKind::Open,
            target: "t".into(),
            buffers: vec![vec![0, 255], Vec::new()],
            ..CommMessage::default()
        };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(
            text,
            r#"{"id":"c","kind":"open","target":"t","data":{},"metadata":{},"buffers":["AP8=",""]}"#
        );
        assert_eq!(serde_json::from_str::<CommMessage>(&text).unwrap(), message);
    }

    #[test]
    fn a_pipe_carries_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("comm");
        CommPipe::make(&path).unwrap();
        let pipe = CommPipe::open(&path).unwrap();
        pipe.send(7, &CommMessage { id: "c".into(), ..CommMessage::default() });
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(File::open(&path).unwrap()));
        assert_eq!(lines.next().unwrap().unwrap(), "");
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with(r#"{"number":7,"comm":{"id":"c","kind":"message""#), "{line}");
    }
}
