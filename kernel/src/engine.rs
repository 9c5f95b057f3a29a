//! Running cells on `evcxr`. This is the only file that names it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use evcxr::{CommandContext, CompilationError, EvalCallbacks, EvalContext, EvalOutputs};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::cell;
use crate::compiler::{self, CompilerConfig};
use crate::helpers::HelperSet;
use crate::output::{
    CellError, CellIo, Completeness, Completion, Completions, Execution, InputRequest, Interpreter,
    Interrupter, MimeBundle, Output, StreamName,
};
use crate::process::{self, Crash, Frame, FrameReader, FrameSender, Panic};
use crate::report::{self, Diagnostic, History, Label};
use crate::toolchain::Toolchain;

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
        let supervisor = Supervisor { config, marks_descriptor: marks };
        let (thread_stop, thread_events) = (Arc::clone(&stop), event_sender.clone());
        std::thread::spawn(move || {
            let session = match Session::start(&supervisor, &thread_stop) {
                Ok(session) => session,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let _ = started.send(Ok(supervisor.marks_descriptor));
            session.serve(&received, &thread_events);
        });
        let marks = start.recv().map_err(|_| EngineError::Start("it panicked".into()))??;
        std::thread::spawn(move || relay(frames, &event_sender));
        Ok(Engine { requests, events, marks, next_mark: 0, number: 0, history: Vec::new(), stop })
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

struct Supervisor {
    config: EngineConfig,
    marks_descriptor: FrameSender,
}

/// evcxr and its folder; lives on one thread, because evcxr's parts may not change theirs.
struct Session {
    context: CommandContext,
    folder: TempDir,
}

impl Session {
    fn start(supervisor: &Supervisor, stop: &Stop) -> Result<Session, EngineError> {
        let config = &supervisor.config;
        let folder = tempfile::Builder::new().prefix("momentum-").tempdir()?;
        let compiler = CompilerConfig::new(&config.toolchain, config.helpers.clone());
        compiler.write(folder.path())?;
        let mut libraries = vec![config.toolchain.standard_library()?];
        libraries.extend(config.helpers.iter().map(|set| set.library.clone()));
        let command = process::supervisor(
            &supervisor.marks_descriptor,
            &libraries,
            &config.folder,
            &compiler.path,
            config.seed,
        )?;
        let environment = compiler.environment(folder.path());
        let (context, outputs) =
            with_environment(&environment, || EvalContext::with_subprocess_command(command))
                .map_err(|error| EngineError::Start(error.to_string()))?;
        // Everything that a cell prints comes as frames; what evcxr passes on must not pile up.
        std::thread::spawn(move || outputs.stdout.iter().for_each(drop));
        std::thread::spawn(move || outputs.stderr.iter().for_each(drop));
        let mut context = CommandContext::with_eval_context(context);
        let start = |error: evcxr::Error| EngineError::Start(error.to_string());
        context.set_opt_level("0").map_err(start)?;
        // Our errors say what to do in their `Display` form.
        context.execute(":efmt {}").map_err(start)?;
        if let Some(set) = &config.helpers {
            context.execute(&format!("use {}::prelude::*;", set.crate_name)).map_err(start)?;
        }
        let _ = stop.folder.set(folder.path().to_owned());
        let _ = stop.process.set(context.process_handle());
        Ok(Session { context, folder })
    }

    fn serve(mut self, requests: &Receiver<Request>, events: &Sender<Event>) {
        for request in requests {
            let event = match request {
                Request::Execute(code) => Event::Done(Box::new(self.execute(&code, events))),
                Request::Complete(code, cursor) => Event::Completions(self.complete(&code, cursor)),
                Request::End => break,
            };
            if events.send(event).is_err() {
                break;
            }
        }
    }

    fn execute(&mut self, source: &str, events: &Sender<Event>) -> Outcome {
        // evcxr does not export the name of the request's type: it is inferred.
        let mut callbacks = EvalCallbacks {
            input_reader: &|request| {
                let request =
                    InputRequest { prompt: request.prompt, password: request.is_password };
                let (sender, answer) = channel();
                let _ = events.send(Event::Input(request, sender));
                answer.recv().unwrap_or_default()
            },
        };
        let (commands, code) = cell::split_commands(source);
        let mut content = MimeBundle::default();
        let mut compiled = code;
        let mut result = Ok(EvalOutputs::default());
        if !commands.is_empty() {
            result = self.context.execute_with_callbacks(&commands, &mut callbacks);
            compiled = if result.is_ok() { compiled } else { source.to_owned() };
        }
        if let Ok(outputs) = &result {
            add(&mut content, outputs);
            compiled = self.with_types(compiled);
            result = self.context.execute_with_callbacks(&compiled, &mut callbacks);
        }
        let failure = match result {
            Ok(outputs) => {
                add(&mut content, &outputs);
                None
            }
            Err(evcxr::Error::CompilationErrors(errors)) => {
                Some(Failure::Compile(diagnostics(&errors)))
            }
            Err(evcxr::Error::SubprocessTerminated(_)) => Some(Failure::Ended),
            Err(error) => Some(Failure::Message(error.to_string())),
        };
        let generated = self.context.last_source().unwrap_or_default();
        Outcome { compiled, content, failure, generated }
    }

    /// Writes the types of the cell's new variables into it, if it has any and is free of errors.
    fn with_types(&mut self, code: String) -> String {
        if cell::new_variables(&code).is_empty() {
            return code;
        }
        match self.context.check(&code) {
            Ok(errors) if errors.is_empty() => {
                cell::with_types(&code, &compiler::variable_types(self.folder.path()))
            }
            _ => code,
        }
    }

    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let none = Completions { start: cursor, end: cursor, matches: Vec::new() };
        self.context.completions(code, cursor).map_or(none, |found| Completions {
            start: found.start_offset,
            end: found.end_offset,
            matches: found
                .completions
                .into_iter()
                .map(|completion| Completion { text: completion.code, kind: completion.kind })
                .collect(),
        })
    }
}

/// Sets variables for evcxr, which reads some of its configuration from the environment, and
/// restores them.
#[allow(unsafe_code, reason = "evcxr takes its folder and its tools from the environment only")]
fn with_environment<T>(variables: &[(&'static str, OsString)], action: impl FnOnce() -> T) -> T {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before: Vec<_> =
        variables.iter().map(|(name, _)| (*name, std::env::var_os(name))).collect();
    for (name, value) in variables {
        // SAFETY: engines start one at a time (the lock), and the other threads of the kernel read
        // the environment through `std` only, which has a lock of its own.
        unsafe { std::env::set_var(name, value) };
    }
    let result = action();
    // rust-analyzer reads the place of the library again whenever a cell adds a crate.
    for (name, value) in before.into_iter().filter(|(name, _)| *name != "RUST_SRC_PATH") {
        match value {
            // SAFETY: as above.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
    result
}

fn add(bundle: &mut MimeBundle, outputs: &EvalOutputs) {
    let mut data: Vec<_> = outputs.content_by_mime_type.iter().collect();
    data.sort();
    let data: Map<String, Value> = data
        .into_iter()
        .map(|(mime, content)| (mime.clone(), Value::String(content.clone())))
        .collect();
    bundle.data.extend(data);
}

fn diagnostics(errors: &[CompilationError]) -> Vec<Diagnostic> {
    let mut seen = HashMap::new();
    errors
        .iter()
        .filter(|error| error.level() != "warning")
        .map(|error| Diagnostic {
            code: error.code().map(str::to_owned),
            message: error.message(),
            labels: labels(error),
            notes: error.help().into_iter().map(|help| ("help", help)).collect(),
        })
        .filter(|error| {
            seen.insert(
                (error.code.clone(), error.message.clone(), error.labels.first().map(|l| l.start)),
                (),
            )
            .is_none()
        })
        .collect()
}

fn labels(error: &CompilationError) -> Vec<Label> {
    error
        .spanned_messages()
        .iter()
        .filter_map(|message| {
            let span = message.span?;
            // evcxr repeats the error's own message where the compiler gave no label.
            let text = if message.label.starts_with("error: ") {
                String::new()
            } else {
                message.label.clone()
            };
            Some(Label {
                start: (span.start_line, span.start_column),
                end: (span.end_line, span.end_column),
                text,
                primary: message.is_primary,
            })
        })
        .collect()
}

/// Runs as evcxr's compiler wrapper if this process was started as such.
pub(crate) fn run_if_called() {
    if std::env::var_os("EVCXR_RUSTC_WRAPPER").is_some() {
        evcxr::runtime_hook();
    }
}
