//! Evaluating cells by `evcxr`. This is the only file that names it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use evcxr::{CommandContext, CompilationError, EvalCallbacks, EvalContext, EvalOutputs};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::{EngineConfig, EngineError, Event, Failure, Outcome, Request, Stop};
use crate::cell;
use crate::compiler::{self, CompilerConfig};
use crate::output::{Completion, Completions, InputRequest, MimeBundle};
use crate::process::{self, FrameSender};
use crate::report::{Diagnostic, Label};

/// evcxr and its folder; lives on one thread, because evcxr's parts may not change theirs.
pub(super) struct Evaluator {
    context: CommandContext,
    folder: TempDir,
}

impl Evaluator {
    /// Starts evcxr, with the helpers in scope.
    pub(super) fn start(
        config: &EngineConfig,
        frames: &FrameSender,
        stop: &Stop,
    ) -> Result<Evaluator, EngineError> {
        let folder = tempfile::Builder::new().prefix("momentum-").tempdir()?;
        let compiler = CompilerConfig::new(&config.toolchain, config.helpers.clone());
        compiler.write(folder.path())?;
        let mut libraries = vec![config.toolchain.standard_library()?];
        libraries.extend(config.helpers.iter().map(|set| set.library.clone()));
        let command = process::supervisor(frames, &libraries, &compiler.path, config)?;
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
        Ok(Evaluator { context, folder })
    }

    /// Answers requests until there are no more.
    pub(super) fn serve(mut self, requests: &Receiver<Request>, events: &Sender<Event>) {
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
    let mut seen = BTreeSet::new();
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
