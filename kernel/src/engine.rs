//! The engine: a session in which cells run one after the other.
//!
//! evcxr evaluates them on a thread of its own (`evaluator`); what they show comes as frames from
//! the supervisor of their process. Both arrive here in one queue of events.

mod ahead;
mod evaluator;
mod session_folder;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::analyst::{Analyst, AnalystConfig, Scene};
use crate::cell;
use crate::comm::{CommMessage, CommPipe};
use crate::compiler;
use crate::helpers::HelperSet;
use crate::output::{
    Assistant, CellError, CellIo, Completeness, Completions, Execution, InputRequest, Interpreter,
    Interrupter, MimeBundle, Output, StreamName,
};
use crate::process::{self, Control, Crash, Frame, FrameReader, FrameSender, Panic, Part};
use crate::report::{self, Diagnostic, History, Ran, State};
use crate::sandbox::Sandbox;
use crate::toolchain::Toolchain;
use evaluator::Evaluator;
pub(crate) use evaluator::run_if_called;

/// How often it is looked whether the process that should answer is still there.
const COMM_POLL: Duration = Duration::from_millis(100);

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
    /// Bytes of memory (address space) that the cells' process may have, if there is a limit.
    pub memory_limit: Option<u64>,
    /// Bytes that a cell may show; 128 MiB if nothing is said.
    pub output_limit: Option<u64>,
    /// How long a cell may run, if there is a limit.
    pub time_limit: Option<Duration>,
    /// What the cells may touch besides their own folder, if they are shut in.
    pub sandbox: Option<Sandbox>,
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
    comms: Option<CommPipe>,
    analyst: Arc<Mutex<Analyst>>,
    scene: Arc<Mutex<Scene>>,
    stop: Arc<Stop>,
    time_limit: Option<Duration>,
    evaluation: Option<JoinHandle<()>>,
}

enum Request {
    Execute(String),
    Foresee(Vec<String>),
    End,
}

enum Event {
    Frame(Frame),
    Input(InputRequest, Sender<String>),
    Done(Box<Outcome>),
}

/// What evcxr said of a cell, in our words.
struct Outcome {
    /// The cell as its author wrote it, without commands.
    source: String,
    /// The cell as it was compiled, perhaps with the types of its variables.
    compiled: String,
    content: MimeBundle,
    failure: Option<Failure>,
    /// The whole generated code, in which panics count their lines.
    generated: String,
    /// The session's variables and their types, after the cell.
    variables: BTreeMap<String, String>,
}

enum Failure {
    Compile(Vec<Diagnostic>),
    Ended,
    Message(String),
}

/// What other threads need to stop a cell.
struct Stop {
    requested: AtomicBool,
    folder: OnceLock<PathBuf>,
    supervisor: Control,
    process: OnceLock<Arc<Mutex<std::process::Child>>>,
    /// Stops the compiler; tells whether it ran.
    compiler: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl Stop {
    fn new(supervisor: Control) -> Stop {
        Stop {
            requested: AtomicBool::new(false),
            folder: OnceLock::new(),
            supervisor,
            process: OnceLock::new(),
            compiler: OnceLock::new(),
        }
    }

    fn stop(&self) {
        self.requested.store(true, Ordering::SeqCst);
        let compiling = self.compiler.get().is_some_and(|interrupt| interrupt())
            || self.folder.get().is_some_and(|folder| compiler::interrupt(folder));
        if !compiling {
            self.supervisor.say(process::INTERRUPT);
        }
    }
}

impl Engine {
    /// Starts a session; helpers are in scope in its cells.
    ///
    /// # Errors
    ///
    /// When the session's folder cannot be made, or evcxr does not start.
    pub fn start(config: EngineConfig) -> Result<Engine, EngineError> {
        let (marks, frames) = FrameSender::pipe()?;
        let (control, control_end) = Control::pipe()?;
        let (requests, received) = channel();
        let (event_sender, events) = channel();
        let stop = Arc::new(Stop::new(control));
        let time_limit = config.time_limit;
        let (started, start) = channel();
        let analyst = AnalystConfig::new(&config);
        let (thread_stop, thread_events) = (Arc::clone(&stop), event_sender.clone());
        let evaluation = std::thread::spawn(move || {
            match Evaluator::start(&config, Part::Supervisor, &marks, control_end, &thread_stop) {
                Ok(evaluator) => {
                    let _ = started.send(Ok(marks));
                    evaluator.serve(&received, &thread_events);
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        });
        let marks = start.recv().map_err(|_| EngineError::Start("it panicked".into()))??;
        std::thread::spawn(move || relay(frames, &event_sender));
        let scene = Arc::default();
        Ok(Engine {
            requests,
            events,
            marks,
            next_mark: 0,
            number: 0,
            history: Vec::new(),
            comms: stop.folder.get().and_then(|f| CommPipe::open(&f.join("comm")).ok()),
            analyst: Arc::new(Mutex::new(Analyst::new(analyst, Arc::clone(&scene)))),
            scene,
            stop,
            time_limit,
            evaluation: Some(evaluation),
        })
    }

    /// Waits for the end of a cell, passing on what it shows.
    fn attend(&mut self, io: &mut dyn CellIo) -> Execution {
        let mut seen = Seen::default();
        let mut outcome = None;
        let mut deadline: Option<Instant> = None;
        loop {
            let event = match deadline {
                Some(at) => self.events.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => self.events.recv().map_err(RecvTimeoutError::from),
            };
            let event = match event {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => {
                    seen.timeout = deadline.take().and(self.time_limit);
                    self.stop.stop();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match event {
                Event::Frame(Frame::Mark(number))
                    if outcome.is_some() && number == self.next_mark =>
                {
                    break;
                }
                // The time to compile is not the cell's own.
                Event::Frame(Frame::Began {}) if seen.timeout.is_none() => {
                    if self.stop.requested.load(Ordering::SeqCst) {
                        // It came between compiling and running, where it met neither.
                        self.stop.stop();
                    }
                    deadline = self.time_limit.map(|limit| Instant::now() + limit);
                }
                Event::Frame(Frame::Ended {}) => deadline = None,
                Event::Frame(Frame::CommWait {}) => {
                    let asked = Instant::now();
                    self.answer_wait(io);
                    deadline = deadline.map(|at| at + asked.elapsed());
                }
                Event::Frame(frame) => seen.frame(frame, io),
                Event::Input(request, answer) => {
                    // Nor is the reader's.
                    let asked = Instant::now();
                    let _ = answer.send(io.input(request));
                    deadline = deadline.map(|at| at + asked.elapsed());
                }
                Event::Done(done) => {
                    outcome = Some(done);
                    self.next_mark += 1;
                    if self.marks.mark(self.next_mark).is_err() {
                        break;
                    }
                }
            }
        }
        let Some(outcome) = outcome else {
            let error = report::plain(
                "Crash",
                "the kernel's evaluation thread is gone; restart the kernel",
            );
            return Execution { result: None, error: Some(error) };
        };
        let (compiled, source) = (outcome.compiled.clone(), outcome.source.clone());
        self.history.push(Ran { number: self.number, compiled, source });
        if seen.crash.is_none()
            && !seen.unwound
            && !matches!(outcome.failure, Some(Failure::Compile(_)))
        {
            let mut scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
            scene.learn(self.number, &outcome.source, outcome.variables.clone());
        }
        let result = seen
            .result
            .take()
            .or_else(|| (!outcome.content.data.is_empty()).then(|| outcome.content.clone()));
        let error = self.failure(&outcome, seen, io);
        Execution { result: result.filter(|_| error.is_none()), error }
    }

    /// Gives the client's next comm message to the cell that waits for one.
    fn answer_wait(&self, io: &mut dyn CellIo) {
        let Some(comms) = &self.comms else { return };
        match io.next_comm() {
            Some(message) => comms.send(0, &message),
            None => comms.send_nothing(),
        }
    }

    fn failure(&self, outcome: &Outcome, seen: Seen, io: &mut dyn CellIo) -> Option<CellError> {
        let interrupted = self.stop.requested.swap(false, Ordering::SeqCst);
        let state = seen.state();
        let ended = outcome.failure.is_some() || seen.crash.is_some();
        match &outcome.failure {
            _ if interrupted && ended => Some(match seen.timeout {
                Some(limit) => report::timeout(limit, &state),
                None => report::interrupted(&state),
            }),
            _ if seen.crash.is_some() => {
                let panic = seen.panic.as_ref();
                let panic =
                    panic.map(|it| report::panic(it, &outcome.generated, &self.history, &state));
                Some(report::crash(&seen.crash.unwrap_or_default(), seen.cause, panic, &state))
            }
            _ if seen.unwound => {
                let panic = seen.panic.unwrap_or_default();
                Some(report::panic(&panic, &outcome.generated, &self.history, &state))
            }
            Some(Failure::Compile(errors)) => {
                let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
                let lost = |name: &str| scene.lost(name);
                Some(report::compile_error(self.number, &outcome.source, errors, &lost))
            }
            Some(Failure::Ended) => Some(report::crash(&Crash::default(), None, None, &state)),
            Some(Failure::Message(message)) => Some(report::plain("Error", message)),
            None => {
                // A panic that the cell caught, or one in another thread: said, but no failure.
                if let Some(panic) = seen.panic {
                    let place = panic.thread.as_deref().unwrap_or("the cell, caught");
                    let text = format!("panic in {place}: {}\n", panic.message);
                    io.output(Output::Stream { name: StreamName::Stderr, text });
                }
                seen.user_error.then(|| {
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
    /// What Rust's runtime said of an end that it chose.
    cause: Option<report::Cause>,
    /// Set once variables are as they were before the cell: the threads that are gone.
    undone: Option<Vec<String>>,
    /// The limit that the cell has overstepped.
    timeout: Option<Duration>,
}

impl Seen {
    /// What the cell's end left of the session.
    fn state(&self) -> State {
        match &self.undone {
            Some(lost_threads) => State::AsBefore { lost_threads: lost_threads.clone() },
            None if self.crash.is_none() && !self.unwound => State::Untouched,
            None => State::Lost,
        }
    }

    fn frame(&mut self, frame: Frame, io: &mut dyn CellIo) {
        let bundle =
            |shown: process::Shown| MimeBundle { data: shown.data, metadata: shown.metadata };
        match frame {
            Frame::Stdout(text) => io.output(Output::Stream { name: StreamName::Stdout, text }),
            Frame::Stderr(text) => {
                self.cause = report::Cause::told_by(&text).or(self.cause);
                io.output(Output::Stream { name: StreamName::Stderr, text });
            }
            Frame::Display(display) => io.output(Output::Display {
                bundle: bundle(display.shown),
                id: display.id,
                update: display.update,
            }),
            Frame::Clear { wait } => io.output(Output::Clear { wait }),
            Frame::Comm(message) => io.output(Output::Comm(message)),
            Frame::Result(shown) => self.result = Some(bundle(shown)),
            Frame::Panic(panic) => self.panic = Some(panic),
            Frame::Unwound => self.unwound = true,
            Frame::UserError => self.user_error = true,
            Frame::Crash(crash) => self.crash = Some(crash),
            Frame::Undone { lost_threads } => self.undone = Some(lost_threads),
            Frame::Began {}
            | Frame::Ended {}
            | Frame::Mark(_)
            | Frame::CommWait {}
            | Frame::CommDone(_) => {}
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
    fn execute(&mut self, number: u32, code: &str, io: &mut dyn CellIo) -> Execution {
        if code.trim().is_empty() {
            return Execution::default();
        }
        self.number = number;
        self.stop.requested.store(false, Ordering::SeqCst);
        let _ = self.requests.send(Request::Execute(code.to_owned()));
        self.attend(io)
    }

    fn foresee(&mut self, cells: Vec<String>) {
        let _ = self.requests.send(Request::Foresee(cells));
    }

    fn comm(&mut self, message: &CommMessage, io: &mut dyn CellIo) {
        let Some(comms) = &self.comms else { return };
        self.next_mark += 1;
        comms.send(self.next_mark, message);
        let mut seen = Seen::default();
        self.stop.requested.store(false, Ordering::SeqCst);
        loop {
            match self.events.recv_timeout(COMM_POLL) {
                Ok(Event::Frame(Frame::CommDone(number))) if number == self.next_mark => break,
                // The process is gone, and with it whoever would have answered.
                Ok(Event::Frame(Frame::Crash(_))) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Event::Frame(Frame::CommWait {})) => self.answer_wait(io),
                Ok(Event::Frame(frame)) => seen.frame(frame, io),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if self.stop.is_dead() => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        if let Some(panic) = seen.panic {
            let text = format!("panic in a comm's callback: {}\n", panic.message);
            io.output(Output::Stream { name: StreamName::Stderr, text });
        }
    }

    fn is_complete(&self, code: &str) -> Completeness {
        cell::completeness(code)
    }

    fn interrupter(&self) -> Box<dyn Interrupter> {
        Box::new(EngineInterrupter(Arc::clone(&self.stop)))
    }

    fn assistant(&self) -> Box<dyn Assistant> {
        Box::new(SharedAnalyst(Arc::clone(&self.analyst)))
    }
}

impl Stop {
    /// Whether the session's process has ended.
    fn is_dead(&self) -> bool {
        self.process.get().is_some_and(|process| {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            !matches!(process.try_wait(), Ok(None))
        })
    }
}

struct EngineInterrupter(Arc<Stop>);

impl Interrupter for EngineInterrupter {
    fn interrupt(&self) {
        self.0.stop();
    }
}

/// The session's one analyst, for all who have questions.
struct SharedAnalyst(Arc<Mutex<Analyst>>);

impl Assistant for SharedAnalyst {
    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).complete(code, cursor)
    }

    fn inspect(&mut self, code: &str, cursor: usize) -> Option<MimeBundle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).inspect(code, cursor)
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
