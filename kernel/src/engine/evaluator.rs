//! Evaluating cells by `evcxr`. This is the only file that names it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::PipeReader;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use evcxr::{CommandContext, CompilationError, EvalCallbacks, EvalContext, EvalOutputs};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::ahead::Ahead;
use super::session_folder::SessionFolder;
use super::{EngineConfig, EngineError, Event, Failure, Outcome, Request, Stop};
use crate::cell::{self, Definitions, Typed};
use crate::comm::{COMM, CommPipe};
use crate::compiler::{self, ANALYZERS, CompilerConfig, CompilerServer, UNFIXABLE};
use crate::output::{InputRequest, MimeBundle};
use crate::process::{self, FrameSender, Part};
use crate::report::{self, Diagnostic, Label};

/// A cell that does nothing but to have a `?`.
const QUESTION_MARK: &str = "Ok::<(), std::convert::Infallible>(())?;";
/// What a cell may ask for by `//| opt:`.
const LEVELS: [&str; 6] = ["0", "1", "2", "3", "s", "z"];

/// evcxr and its folder; lives on one thread, because evcxr's parts may not change theirs.
pub(super) struct Evaluator {
    context: CommandContext,
    compiler: CompilerServer,
    stop: Arc<Stop>,
    /// The hash of all cells so far.
    chain: String,
    /// Whether a cell may end early by `?`.
    knows_question_marks: bool,
    definitions: Definitions,
    /// The variables whose types were defined anew, and which evcxr still has.
    stale: BTreeSet<String>,
    folder: SessionFolder,
    config: EngineConfig,
    ahead: Option<Ahead>,
    /// The supervisor's end, for the next supervisor should this one end.
    _control: PipeReader,
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        self.stop.supervisor.say(process::END);
    }
}

impl Evaluator {
    /// Starts evcxr, with the helpers in scope.
    pub(super) fn start(
        config: &EngineConfig,
        part: Part,
        frames: &FrameSender,
        control: PipeReader,
        stop: &Arc<Stop>,
    ) -> Result<Evaluator, EngineError> {
        let folder = SessionFolder::new()?;
        let compiler = CompilerConfig::new(&config.toolchain, config.helpers.clone());
        compiler.write(folder.path())?;
        let mut libraries = vec![config.toolchain.standard_library()?];
        libraries.extend(config.helpers.iter().map(|set| set.library.clone()));
        let comms = folder.path().join("comm");
        CommPipe::make(&comms)?;
        let mut command = process::command(
            part,
            frames,
            &control,
            &libraries,
            &compiler.path,
            folder.path(),
            config,
        )?;
        command.env(COMM, comms);
        let environment = compiler.environment(folder.path());
        let compiler = CompilerServer::start(compiler, folder.path())?;
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
            let first = format!("use {}::prelude::*; {}", set.crate_name, compiler::KEEPER);
            context.execute(&first).map_err(start)?;
        }
        let _ = stop.folder.set(folder.path().to_owned());
        let _ = stop.process.set(context.process_handle());
        let _ = stop.compiler.set(Box::new(compiler.interrupter()));
        let stop = Arc::clone(stop);
        Ok(Evaluator {
            context,
            compiler,
            stop,
            chain: String::new(),
            knows_question_marks: false,
            definitions: Definitions::default(),
            stale: BTreeSet::new(),
            folder,
            config: config.clone(),
            ahead: None,
            _control: control,
        })
    }

    /// Answers requests until there are no more.
    pub(super) fn serve(mut self, requests: &Receiver<Request>, events: &Sender<Event>) {
        for request in requests {
            let event = match request {
                Request::Execute(code) => Event::Done(Box::new(self.execute(&code, events))),
                Request::Foresee(cells) => {
                    self.foresee(cells);
                    continue;
                }
                Request::End => break,
            };
            if events.send(event).is_err() {
                break;
            }
        }
    }

    /// Prepares to compile the session's next cells while others run.
    fn foresee(&mut self, cells: Vec<String>) {
        self.ahead = Ahead::new(&self.config, cells).ok();
        if let Some(ahead) = &self.ahead {
            self.compiler.on_miss(ahead.beginning());
        }
    }

    /// Runs a cell to its end.
    pub(super) fn execute(&mut self, source: &str, events: &Sender<Event>) -> Outcome {
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
        self.allow_question_marks(source);
        self.chain = chain(&self.chain, source);
        let level = cell::option(source, "opt");
        self.compiler.expect(&self.chain, level);
        let (commands, code) = cell::split_commands(source);
        let mut content = MimeBundle::default();
        let mut compiled = code;
        let (mut typed, mut stale) = (Typed::default(), BTreeSet::new());
        let mut result = match level {
            Some(level) if !LEVELS.contains(&level) => Err(evcxr::Error::Message(format!(
                "`//| opt: {level}` is no optimisation level; write one of {}",
                LEVELS.join(", ")
            ))),
            _ => match cell::misspelled_option(source) {
                Some((line, name, meant)) => Err(evcxr::Error::Message(format!(
                    "line {line}: there is no cell option `{name}`; did you mean `//| {meant}:`?"
                ))),
                None => Ok(EvalOutputs::default()),
            },
        };
        if result.is_ok() && !commands.is_empty() {
            result = self.context.execute_with_callbacks(&commands, &mut callbacks);
            compiled = if result.is_ok() { compiled } else { source.to_owned() };
        }
        let nameless = result.is_ok().then(|| nameless_let(&compiled)).flatten();
        if let (Ok(outputs), None) = (&result, &nameless) {
            self.add(&mut content, outputs);
            stale = self.stale_after(&compiled);
            self.compiler.expect_stale(stale.clone());
            typed = self.with_stand_ins(&compiled);
            self.compiler.expect_types(&typed);
            result = self.context.execute_with_callbacks(&typed.text, &mut callbacks);
            if result.is_err() && self.compiler.asks_for_types() {
                self.compiler.expect_types(&Typed::default());
                typed = self.with_types(compiled);
                result = self.context.execute_with_callbacks(&typed.text, &mut callbacks);
            }
            compiled = typed.compiled();
        }
        let failure = match result {
            Ok(_) if nameless.is_some() => Some(Failure::Compile(nameless.into_iter().collect())),
            Ok(outputs) => {
                self.add(&mut content, &outputs);
                self.definitions.learn(source);
                self.stale = stale;
                None
            }
            Err(evcxr::Error::CompilationErrors(errors)) => {
                let found = diagnostics(&errors, &compiled, &typed);
                Some(Failure::Compile(found))
            }
            Err(evcxr::Error::SubprocessTerminated(_)) => Some(Failure::Ended),
            Err(error) => Some(Failure::Message(self.compiler.spelt_out(&error.to_string()))),
        };
        if matches!(failure, Some(Failure::Ended | Failure::Message(_))) {
            // Who goes ahead takes the cell for one that ended well.
            self.ahead = None;
        }
        let generated = self
            .compiler
            .take_compiled()
            .unwrap_or_else(|| self.context.last_source().unwrap_or_default());
        let left: BTreeSet<_> = self.context.variables_and_types().map(|(name, _)| name).collect();
        let defined = cell::new_variables(source);
        self.stale.retain(|name| left.contains(name.as_str()) && !defined.contains(name));
        let variables = self.context.variables_and_types();
        let variables =
            variables.map(|(name, of)| (name.to_owned(), self.compiler.spelt_out(of))).collect();
        let source = if typed.is_changed() { typed.original() } else { compiled.clone() };
        Outcome { source, compiled, content, failure, generated, variables }
    }

    /// Prepares the session for `?` before the first cell that has one.
    ///
    /// evcxr learns of `?` from the error that it makes. In a last expression it takes that error
    /// for one of the display, and shows the value by `Debug`. So it learns from an empty cell.
    fn allow_question_marks(&mut self, source: &str) {
        if self.knows_question_marks || !cell::has_question_mark(source) {
            return;
        }
        self.compiler.expect(&chain(&self.chain, QUESTION_MARK), None);
        self.knows_question_marks = self.context.execute(QUESTION_MARK).is_ok();
    }

    /// The variables whose types are others than when they were defined, once this cell has run.
    fn stale_after(&self, code: &str) -> BTreeSet<String> {
        let changed = self.definitions.changed_by(code);
        let names = |of: &str| {
            let of = self.compiler.spelt_out(of);
            of.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| changed.contains(word))
        };
        let variables = self.context.variables_and_types().filter(|_| !changed.is_empty());
        let stale = variables.filter(|(_, of)| names(of)).map(|(name, _)| name.to_owned());
        self.stale.iter().cloned().chain(stale).collect()
    }

    fn add(&self, bundle: &mut MimeBundle, outputs: &EvalOutputs) {
        let mut data: Vec<_> = outputs.content_by_mime_type.iter().collect();
        data.sort();
        let data: Map<String, Value> = data
            .into_iter()
            .map(|(mime, content)| {
                let text = match mime.as_str() {
                    "text/html" => self.compiler.spelt_out_in_html(content),
                    _ => self.compiler.spelt_out(content),
                };
                (mime.clone(), Value::String(text))
            })
            .collect();
        bundle.data.extend(data);
    }

    /// Writes names that stand for the types of the cell's new variables into it, if it has any.
    fn with_stand_ins(&mut self, code: &str) -> Typed {
        if let Some(known) = cell::literal_type(code) {
            return cell::with_types(code, &[known]);
        }
        match self.compiler.stand_ins() {
            Some(name) => cell::with_stand_ins(code, name),
            None => self.with_types(code.to_owned()),
        }
    }

    /// Writes the types of the cell's new variables into it, if it has any and is free of errors.
    fn with_types(&mut self, code: String) -> Typed {
        if cell::new_variables(&code).is_empty() {
            return Typed::plain(code);
        }
        match self.context.check(&code) {
            Ok(errors) if errors.is_empty() => {
                let mut types = self.compiler.take_types();
                types.extend(compiler::left_types(self.folder.path()));
                cell::with_types(&code, &types)
            }
            _ => Typed::plain(code),
        }
    }
}

/// What is said of a `let` without a name.
fn nameless_let(code: &str) -> Option<Diagnostic> {
    let (line, column, word) = cell::nameless_let(code)?;
    let label = Label {
        start: (line, column),
        end: (line, column + word.chars().count()),
        text: "expected a name, or a pattern with names".to_owned(),
        primary: true,
    };
    let message = format!("expected a name after `let`, found `{word}`");
    let advice = format!("if it must be this word, write it as `r#{word}`");
    let is_word = word.chars().all(char::is_alphabetic);
    Some(Diagnostic {
        code: None,
        message,
        labels: vec![label],
        notes: is_word.then_some(("help", advice)).into_iter().collect(),
    })
}

/// The hash of a cell and of all before it.
fn chain(before: &str, source: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update("\n");
    hash.update(source);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
    for (name, value) in before.into_iter().filter(|(name, _)| !ANALYZERS.contains(name)) {
        match value {
            // SAFETY: as above.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
    result
}

/// What evcxr says of a cell; `compiled` is the text that the compiler saw.
fn diagnostics(errors: &[CompilationError], compiled: &str, typed: &Typed) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    errors
        .iter()
        .filter(|error| error.level() != "warning")
        .map(|error| {
            let mut diagnostic = Diagnostic {
                code: error.code().map(|code| code.trim_start_matches(UNFIXABLE).to_owned()),
                message: error.message(),
                labels: labels(error),
                notes: report::notes(&error.json, compiled),
            };
            // evcxr counts columns in the text that it was given.
            if typed.is_changed() {
                diagnostic.untype(typed);
            }
            if diagnostic.labels.is_empty() {
                let place = report::place(&error.json, &typed.original()).into_iter();
                let label = |(start, end)| Label { start, end, text: String::new(), primary: true };
                diagnostic.labels = place.map(label).collect();
            }
            diagnostic
        })
        .filter(|error| {
            let place = error.labels.first().map(|label| label.start);
            seen.insert((error.code.clone(), error.message.clone(), place))
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
