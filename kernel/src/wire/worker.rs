//! The thread that owns the interpreter and runs the cells.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent};
use tokio::sync::{mpsc, oneshot};

use super::outgoing::Outgoing;
use super::questions;
use super::receive::{Incoming, Verifier};
use super::{BoxError, WireError};
use crate::comm::CommMessage;
use crate::output::{
    Assistant, CellError, CellIo, Completeness, Completions, Execution, Interpreter, Interrupter,
    MimeBundle,
};
use crate::session::{Frontend, KernelInfo, Next, Session};

/// Compilers recurse deeply.
const STACK_BYTES: usize = 16 << 20;

/// What the worker has to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Answer this request.
    Request(Box<Incoming>),
    /// The running cell has been told to stop: it need not wait any more.
    Interrupted,
    /// End.
    Stop,
}

/// Where requests come from.
pub(super) struct Requests {
    /// Those that are answered in order.
    pub(super) work: Receiver<Work>,
    /// Questions about code, answered meanwhile.
    pub(super) questions: Receiver<Box<Incoming>>,
}

/// What the worker and the sockets' tasks share.
pub(super) struct Shared {
    pub(super) info: KernelInfo,
    /// Of all channels together: what was good on one is not good on another.
    pub(super) verifier: Verifier,
    ready: AtomicBool,
    stopping: AtomicBool,
    interrupter: Mutex<Option<Box<dyn Interrupter>>>,
    answers: Mutex<Sender<String>>,
    work: Mutex<Sender<Work>>,
    /// The request whose cell runs.
    pub(super) running: Mutex<Option<JupyterMessage>>,
}

impl Shared {
    pub(super) fn new(info: KernelInfo, answers: Sender<String>, work: Sender<Work>) -> Self {
        Shared {
            info,
            verifier: Verifier::default(),
            ready: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            interrupter: Mutex::new(None),
            answers: Mutex::new(answers),
            work: Mutex::new(work),
            running: Mutex::new(None),
        }
    }

    /// Whether the interpreter has started, or failed to.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Stops the running cell, also when it waits for its user.
    pub(super) fn interrupt(&self) {
        let interrupter = self.interrupter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interrupter) = interrupter.as_ref() {
            interrupter.interrupt();
        }
        drop(interrupter);
        self.answer(String::new());
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = work.send(Work::Interrupted);
    }

    /// Answers the cell that waits for its user.
    pub(super) fn answer(&self, line: String) {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = answers.send(line);
    }

    /// Stops the running cell and begins no other.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.interrupt();
    }
}

/// Starts the thread. `ended` gets the interpreter's start error, or `Ok`, at the thread's end.
pub(super) fn spawn(
    make: impl FnOnce() -> Result<Box<dyn Interpreter>, BoxError> + Send + 'static,
    shared: Arc<Shared>,
    requests: Requests,
    queue: mpsc::Sender<Outgoing>,
    answers: Receiver<String>,
    stop: mpsc::Sender<()>,
    ended: oneshot::Sender<Result<(), BoxError>>,
) -> Result<(), WireError> {
    let run = move || {
        let (mut interpreter, start) = match make() {
            Ok(interpreter) => (interpreter, Ok(())),
            Err(error) => (Box::new(Unavailable::new(&error)) as Box<dyn Interpreter>, Err(error)),
        };
        *shared.interrupter.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(interpreter.interrupter());
        shared.ready.store(true, Ordering::Release);
        let Requests { work, questions } = requests;
        let assistant = interpreter.assistant();
        let (helper_shared, helper_queue) = (Arc::clone(&shared), queue.clone());
        let helper = std::thread::Builder::new().name("questions".into()).stack_size(STACK_BYTES);
        // Without that thread, questions stay unanswered; cells run all the same.
        let _ = helper.spawn(move || {
            questions::answer(assistant, &questions, helper_shared, helper_queue);
        });
        let desk = Desk {
            queue,
            answers,
            work,
            waiting: VecDeque::new(),
            shared: Arc::clone(&shared),
            replied: Instant::now(),
        };
        serve_requests(&mut *interpreter, &shared, desk, &stop);
        // The interpreter's own clean-up comes before the thread counts as ended.
        drop(interpreter);
        let _ = ended.send(start);
    };
    std::thread::Builder::new()
        .name("cells".into())
        .stack_size(STACK_BYTES)
        .spawn(run)
        .map(drop)
        .map_err(|source| WireError::Threads { source })
}

fn serve_requests(
    interpreter: &mut dyn Interpreter,
    shared: &Shared,
    mut desk: Desk,
    stop: &mpsc::Sender<()>,
) {
    let mut session = Session::new(shared.info.clone());
    let desk = &mut desk;
    loop {
        let next = match desk.waiting.pop_front() {
            Some(next) => next,
            None => match desk.work.recv() {
                Ok(next) => next,
                Err(_) => return,
            },
        };
        let incoming = match next {
            Work::Request(incoming) => incoming,
            Work::Interrupted => continue,
            Work::Stop => return,
        };
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Incoming { message, problem, .. } = *incoming;
        if let Some(problem) = problem {
            session.refuse(&message, &problem, desk);
            continue;
        }
        if is_execute(&message) {
            *shared.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.clone());
        }
        match session.handle(&message, interpreter, desk) {
            Next::Continue => {}
            Next::AbortQueued => {
                let mut waiting = std::mem::take(&mut desk.waiting);
                waiting.extend(desk.work.try_iter());
                // What came after the reply was sent by someone who may know of the failure.
                let replied = desk.replied;
                waiting.retain(|work| match work {
                    Work::Request(incoming)
                        if is_execute(&incoming.message) && incoming.received < replied =>
                    {
                        session.abort(&incoming.message, desk);
                        false
                    }
                    _ => true,
                });
                desk.waiting = waiting;
            }
            Next::Shutdown => {
                let _ = stop.blocking_send(());
            }
        }
    }
}

fn is_execute(message: &JupyterMessage) -> bool {
    matches!(message.content, JupyterMessageContent::ExecuteRequest(_))
}

/// The worker's way to the sockets.
struct Desk {
    queue: mpsc::Sender<Outgoing>,
    answers: Receiver<String>,
    work: Receiver<Work>,
    /// What came while a cell waited for something else.
    waiting: VecDeque<Work>,
    shared: Arc<Shared>,
    /// When the last reply was about to be sent.
    replied: Instant,
}

impl Desk {
    fn put(&self, message: Outgoing) {
        // The queue closes only when the process ends.
        let _ = self.queue.blocking_send(message);
    }
}

impl Frontend for Desk {
    fn publish(&mut self, message: JupyterMessage) {
        if !questions::is_idle(&message) {
            return self.put(Outgoing::Broadcast(message));
        }
        // With its idle, the cell no longer runs.
        let shared = Arc::clone(&self.shared);
        let mut running = shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        let id = |header: Option<&Header>| header.map(|header| header.msg_id.clone());
        if id(message.parent_header.as_ref()) == id(running.as_ref().map(|cell| &cell.header)) {
            *running = None;
        }
        self.put(Outgoing::Broadcast(message));
    }

    fn reply(&mut self, message: JupyterMessage) {
        self.replied = Instant::now();
        self.put(Outgoing::Shell(message));
    }

    fn ask(&mut self, request: JupyterMessage) -> String {
        // Answers to questions that no longer wait.
        self.answers.try_iter().for_each(drop);
        self.put(Outgoing::Stdin(request));
        self.answers.recv().unwrap_or_default()
    }

    fn next_comm(&mut self) -> Option<JupyterMessage> {
        let comm = |work: &Work| matches!(work, Work::Request(incoming) if incoming.is_comm());
        let place = self.waiting.iter().position(comm);
        if let Some(Work::Request(incoming)) = place.and_then(|at| self.waiting.remove(at)) {
            return Some(incoming.message);
        }
        loop {
            match self.work.recv().ok()? {
                Work::Request(incoming) if incoming.is_comm() => return Some(incoming.message),
                Work::Interrupted => return None,
                Work::Stop => {
                    self.waiting.push_front(Work::Stop);
                    return None;
                }
                other => self.waiting.push_back(other),
            }
        }
    }
}

/// Stands in for an interpreter that did not start, and says so at each cell.
struct Unavailable {
    report: Vec<String>,
}

impl Unavailable {
    fn new(error: &BoxError) -> Self {
        let mut report = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            report.push(format!("  because: {error}"));
            source = error.source();
        }
        Unavailable { report }
    }
}

impl Interpreter for Unavailable {
    fn execute(&mut self, _number: u32, _code: &str, _io: &mut dyn CellIo) -> Execution {
        let error = CellError {
            name: "KernelStartError".into(),
            value: format!("the kernel did not start: {}", self.report[0]),
            traceback: self.report.clone(),
        };
        Execution { result: None, error: Some(error) }
    }

    fn comm(&mut self, _message: &CommMessage, _io: &mut dyn CellIo) {}

    fn is_complete(&self, _code: &str) -> Completeness {
        Completeness::Complete
    }

    fn interrupter(&self) -> Box<dyn Interrupter> {
        Box::new(NothingRuns)
    }

    fn assistant(&self) -> Box<dyn Assistant> {
        Box::new(NothingKnown)
    }
}

struct NothingKnown;

impl Assistant for NothingKnown {
    fn complete(&mut self, _code: &str, cursor: usize) -> Completions {
        Completions { start: cursor, end: cursor, matches: Vec::new() }
    }

    fn inspect(&mut self, _code: &str, _cursor: usize) -> Option<MimeBundle> {
        None
    }
}

struct NothingRuns;

impl Interrupter for NothingRuns {
    fn interrupt(&self) {}
}
