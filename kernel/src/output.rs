//! What a cell shows: the vocabulary shared by the engine, the notebook runner and the Jupyter wire.

use serde_json::{Map, Value};

use crate::comm::CommMessage;

/// Which of the two standard streams a text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamName {
    /// The name that Jupyter uses: `stdout` or `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        }
    }
}

/// One thing in several representations, keyed by MIME type, with Jupyter's metadata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MimeBundle {
    /// MIME type to content: a string, or a JSON value for JSON types.
    pub data: Map<String, Value>,
    /// MIME type (or a general key such as `alt`) to details.
    pub metadata: Map<String, Value>,
}

impl MimeBundle {
    /// A bundle of plain text only.
    pub fn text(text: impl Into<String>) -> Self {
        let mut data = Map::new();
        data.insert("text/plain".into(), Value::String(text.into()));
        MimeBundle { data, metadata: Map::new() }
    }
}

/// Something that a running cell showed, in the order in which it did.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Printed text.
    Stream {
        /// Where it was printed.
        name: StreamName,
        /// The text, with its line ends.
        text: String,
    },
    /// A rich display.
    Display {
        /// What to show.
        bundle: MimeBundle,
        /// The display's identity, by which later messages update it.
        id: Option<String>,
        /// Whether this replaces the earlier display of the same `id`.
        update: bool,
    },
    /// Remove what the cell has shown so far.
    Clear {
        /// Only when the next output arrives.
        wait: bool,
    },
    /// A message of a comm, for the client.
    Comm(CommMessage),
}

/// Why a cell failed.
#[derive(Debug, Clone, PartialEq)]
pub struct CellError {
    /// The kind: `CompileError`, `Panic`, `Error`, `Crash`, `KeyboardInterrupt` ...
    pub name: String,
    /// One line that says what happened.
    pub value: String,
    /// The full report, one entry a line, with ANSI colours.
    pub traceback: Vec<String>,
}

/// How the execution of a cell ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Execution {
    /// The value of the last expression, if the cell has one.
    pub result: Option<MimeBundle>,
    /// What went wrong, if something did.
    pub error: Option<CellError>,
}

/// A running cell asks its user for a line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRequest {
    /// What to show before the answer.
    pub prompt: String,
    /// Whether the answer must not be echoed.
    pub password: bool,
}

/// The other side of a running cell: takes its outputs, answers its questions.
pub trait CellIo {
    /// Called for each output, while the cell runs.
    fn output(&mut self, output: Output);
    /// Called when the cell reads a line; an empty answer stands for "no one there".
    fn input(&mut self, request: InputRequest) -> String;
    /// Called when the cell waits for a comm's message: the client's next one; none when no one is
    /// there, or the cell was interrupted.
    fn next_comm(&mut self) -> Option<CommMessage> {
        None
    }
}

/// What can be typed at a place in a cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completions {
    /// Byte offset at which a match replaces the text.
    pub start: usize,
    /// Byte offset before which a match replaces the text.
    pub end: usize,
    /// The matches, best first.
    pub matches: Vec<Completion>,
}

/// One completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text to insert.
    pub text: String,
    /// What it is, in Jupyter's words: `function`, `class`, `module`, `instance`, `keyword`, `magic`.
    pub kind: String,
    /// Its type or signature, such as `fn(&self) -> usize`; empty when not known.
    pub signature: String,
}

/// Whether a cell can be run as typed so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// It can.
    Complete,
    /// More must follow, indented by this text.
    Incomplete {
        /// Suggested white space of the next line.
        indent: String,
    },
    /// No continuation can make it right.
    Invalid,
}

/// Anything that runs cells in one session; [`crate::engine::Engine`] is the real one.
pub trait Interpreter {
    /// Runs a cell to its end. `number` is the one that the reader sees beside it.
    fn execute(&mut self, number: u32, code: &str, io: &mut dyn CellIo) -> Execution;
    /// Tells which cells a fresh session will run, one after the other, as far as that is known:
    /// they may be prepared while others run.
    fn foresee(&mut self, _cells: Vec<String>) {}
    /// Gives a comm's message from the client to the session, whose callbacks run now.
    fn comm(&mut self, message: &CommMessage, io: &mut dyn CellIo);
    /// Whether the code can be run as it is.
    fn is_complete(&self, code: &str) -> Completeness;
    /// A handle that stops the running cell from another thread.
    fn interrupter(&self) -> Box<dyn Interrupter>;
    /// A handle that answers questions about code from another thread, also while a cell runs.
    fn assistant(&self) -> Box<dyn Assistant>;
}

/// Answers questions about code; it runs nothing.
pub trait Assistant: Send {
    /// Completes the code at a byte offset.
    fn complete(&mut self, code: &str, cursor: usize) -> Completions;
    /// Documentation and type of the name at a byte offset.
    fn inspect(&mut self, code: &str, cursor: usize) -> Option<MimeBundle>;
}

/// Stops a running cell from another thread.
pub trait Interrupter: Send {
    /// Stops it; does nothing when no cell runs.
    fn interrupt(&self);
}
