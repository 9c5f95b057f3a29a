//! The engine: a session in which cells run one after the other.
//!
//! evcxr evaluates them on a thread of its own (`evaluator`); what they show comes as frames from
//! the supervisor of their process. Both arrive here in one queue of events.

mod evaluator;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::cell;
use crate::compiler;
use crate::helpers::HelperSet;
use crate::output::{
    CellError, CellIo, Completeness, Completions, Execution, InputRequest, Interpreter,
    Interrupter, MimeBundle, Output, StreamName,
};
use crate::process::{self, Crash, Frame, FrameReader, FrameSender, Panic};
use crate::report::{self, Diagnostic, History};
use crate::toolchain::Toolchain;
use evaluator::Evaluator;
pub(crate) use evaluator::run_if_called;

/// How cells are run.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// What compiles them.
    pub toolchain: Toolchain,
    /// What they can use without asking, if anything.
    pub helpers: Option<HelperSet>,
    /// The folder in which they run: the notebook's own.
    pub folder: PathBuf,
    /// What the helpers start their random numbers from.
    pub seed: u64,
    /// Whether someone can answer a cell that reads its standard input; otherwise that is empty.
    pub interactive: bool,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The session's folder or pipe could not be made.
    #[error("cannot prepare a session in the folder for temporary files; check that it has room")]
    Session(#[from] std::io::Error),
    /// evcxr gave up.
    #[error("the evaluation engine did not start: {0}")]
    Start(String),
}

/// A session in which cells run one after the other.
pub struct Engine {
    requests: Sender<Request>,
    events: Receiver<Event>,
    marks: FrameSender,
    next_mark: u64,
    number: u32,
    history: History,
    stop: Arc<Stop>,
    evaluation: Option<JoinHandle<()>>,
}

enum Request {
    Execute(String),
    Complete(String, usize),
    End,
}

enum Event {
    Frame(Frame),
    Input(InputRequest, Sender<String>),
    Done(Box<Outcome>),
    Completions(Completions),
}

/// What evcxr said of a cell, in our words.
struct Outcome {
    /// The cell as it was compiled: with the types of its variables.
    compiled: String,
    content: MimeBundle,
    failure: Option<Failure>,
    /// The whole generated code, in which panics count their lines.
    generated: String,
}

enum Failure {
    Compile(Vec<Diagnostic>),
    Ended,
    Message(String),
}

/// What other threads need to stop a cell.
#[derive(Default)]
struct Stop {
    requested: AtomicBool,
    folder: OnceLock<PathBuf>,
    process: OnceLock<Arc<Mutex<std::process::Child>>>,
}

impl Engine {
    /// Starts a session; helpers are in scope in its cells.
    ///
    /// # Errors
    ///
    /// When the session's folder cannot be made, or evcxr does not start.
    pub fn start(config: EngineConfig) -> Result<Engine, EngineError> {
        let (marks, frames) = FrameSender::pipe()?;
        let (requests, received) = channel();
        let (event_sender, events) = channel();
        let stop = Arc::new(Stop::default());
        let (started, start) = channel();
        let (thread_stop, thread_events) = (Arc::clone(&stop), event_sender.clone());
        let evaluation =
            std::thread::spawn(move || match Evaluator::start(&config, &marks, &thread_stop) {
                Ok(evaluator) => {
                    let _ = started.send(Ok(marks));
                    evaluator.serve(&received, &thread_events);
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            });
        let marks = start.recv().map_err(|_| EngineError::Start("it panicked".into()))??;
        std::thread::spawn(move || relay(frames, &event_sender));
        Ok(Engine {
            requests,
            events,
            marks,
            next_mark: 0,
            number: 0,
            history: Vec::new(),
            stop,
            evaluation: Some(evaluation),
        })
    }

    /// Waits for the end of a cell, passing on what it shows.
    fn attend(&mut self, io: &mut dyn CellIo) -> Execution {
        let mut seen = Seen::default();
        let mut outcome = None;
        while let Ok(event) = self.events.recv() {
            match event {
                Event::Frame(Frame::Mark(number))
                    if outcome.is_some() && number == self.next_mark =>
                {
                    break;
                }
                Event::Frame(frame) => seen.frame(frame, io),
                Event::Input(request, answer) => {
                    let _ = answer.send(io.input(request));
                }
                Event::Done(done) => {
                    outcome = Some(done);
                    self.next_mark += 1;
                    if self.marks.mark(self.next_mark).is_err() {
                        break;
                    }
                }
                Event::Completions(_) => {}
            }
        }
        let Some(outcome) = outcome else {
            let error = report::plain(
                "Crash",
                "the kernel's evaluation thread is gone; restart the kernel",
            );
            return Execution { result: None, error: Some(error) };
        };
        self.history.push((self.number, outcome.compiled.clone()));
        let error =
            self.failure(&outcome, seen.panic, seen.unwound, seen.crash, seen.user_error, io);
        let result =
            seen.result.or_else(|| (!outcome.content.data.is_empty()).then_some(outcome.content));
        Execution { result: result.filter(|_| error.is_none()), error }
    }

    fn failure(
        &self,
        outcome: &Outcome,
        panic: Option<Panic>,
        unwound: bool,
        crash: Option<Crash>,
        user_error: bool,
        io: &mut dyn CellIo,
    ) -> Option<CellError> {
        let interrupted = self.stop.requested.swap(false, Ordering::SeqCst);
        match &outcome.failure {
            Some(_) if interrupted => Some(report::interrupted()),
            Some(Failure::Compile(errors)) => {
                Some(report::compile_error(self.number, &outcome.compiled, errors))
            }
            Some(Failure::Ended) => Some(report::crash(&crash.unwrap_or_default())),
            Some(Failure::Message(message)) => Some(report::plain("Error", message)),
            None if unwound => {
                let panic = panic.unwrap_or_default();
                Some(report::panic(&panic, &outcome.generated, &self.history))
            }
            None => {
                // A panic that the cell caught, or one in another thread: said, but no failure.
                if let Some(panic) = panic {
                    let place = panic.thread.as_deref().unwrap_or("the cell, caught");
                    let text = format!("panic in {place}: {}\n", panic.message);
                    io.output(Output::Stream { name: StreamName::Stderr, text });
                }
                user_error.then(|| {
                    report::plain(
                        "Error",
                        "the cell ended early: a `?` met an error (printed above)",
                    )
                })
            }
        }
    }
}

/// What the frames of one cell told.
#[derive(Default)]
struct Seen {
    result: Option<MimeBundle>,
    panic: Option<Panic>,
    unwound: bool,
    user_error: bool,
    crash: Option<Crash>,
}

impl Seen {
    fn frame(&mut self, frame: Frame, io: &mut dyn CellIo) {
        let bundle =
            |shown: process::Shown| MimeBundle { data: shown.data, metadata: shown.metadata };
        match frame {
            Frame::Stdout(text) => io.output(Output::Stream { name: StreamName::Stdout, text }),
            Frame::Stderr(text) => io.output(Output::Stream { name: StreamName::Stderr, text }),
            Frame::Display(display) => io.output(Output::Display {
                bundle: bundle(display.shown),
                id: display.id,
                update: display.update,
            }),
            Frame::Clear { wait } => io.output(Output::Clear { wait }),
            Frame::Result(shown) => self.result = Some(bundle(shown)),
            Frame::Panic(panic) => self.panic = Some(panic),
            Frame::Unwound => self.unwound = true,
            Frame::UserError => self.user_error = true,
            Frame::Crash(crash) => self.crash = Some(crash),
            Frame::Mark(_) => {}
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.requests.send(Request::End);
        // With the evaluator, the session's processes and its folder go.
        if let Some(evaluation) = self.evaluation.take() {
            let _ = evaluation.join();
        }
    }
}

impl Interpreter for Engine {
    fn execute(&mut self, code: &str, io: &mut dyn CellIo) -> Execution {
        if code.trim().is_empty() {
            return Execution::default();
        }
        self.number += 1;
        self.stop.requested.store(false, Ordering::SeqCst);
        let _ = self.requests.send(Request::Execute(code.to_owned()));
        self.attend(io)
    }

    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let _ = self.requests.send(Request::Complete(code.to_owned(), cursor));
        loop {
            match self.events.recv() {
                Ok(Event::Completions(completions)) => return completions,
                Ok(_) => {}
                Err(_) => return Completions { start: cursor, end: cursor, matches: Vec::new() },
            }
        }
    }

    fn inspect(&mut self, code: &str, cursor: usize) -> Option<MimeBundle> {
        let name = cell::name_at(code, cursor)?;
        // The newest cell that defines the name, by the words that define one.
        self.history.iter().rev().find_map(|(number, source)| {
            let line = cell::definition(source, name)?;
            Some(MimeBundle::text(format!("{line}\n\ndefined in cell [{number}]")))
        })
    }

    fn is_complete(&self, code: &str) -> Completeness {
        cell::completeness(code)
    }

    fn interrupter(&self) -> Box<dyn Interrupter> {
        Box::new(EngineInterrupter(Arc::clone(&self.stop)))
    }
}

struct EngineInterrupter(Arc<Stop>);

impl Interrupter for EngineInterrupter {
    fn interrupt(&self) {
        self.0.requested.store(true, Ordering::SeqCst);
        let compiling = self.0.folder.get().is_some_and(|folder| compiler::interrupt(folder));
        if let (false, Some(process)) = (compiling, self.0.process.get()) {
            let _ = process.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
    }
}

/// Passes frames on until the pipe ends.
fn relay(frames: FrameReader, events: &Sender<Event>) {
    for frame in frames {
        if events.send(Event::Frame(frame)).is_err() {
            break;
        }
    }
}
