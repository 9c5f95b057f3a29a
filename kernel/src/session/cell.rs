//! Execute requests: a cell's outputs become broadcasts, its end a reply.

use std::collections::HashMap;

use jupyter_protocol::{
    ClearOutput, DisplayData, ErrorOutput, ExecuteInput, ExecuteReply, ExecuteRequest,
    ExecuteResult, ExecutionCount, ExpressionResult, InputRequest as AskRequest, JupyterMessage,
    JupyterMessageContent, Media, MediaType, Payload, ReplyError, ReplyStatus, Status,
    StreamContent, Transient, UpdateDisplayData,
};

use super::comms::{Comms, Heard};
use super::{Frontend, Session, answer, broadcast};
use crate::comm::CommMessage;
use crate::output::{CellError, CellIo, InputRequest, Interpreter, MimeBundle, Output, StreamName};

impl Session {
    /// Runs a cell; publishes what it shows; returns the reply.
    pub(super) fn execute(
        &mut self,
        cell: &ExecuteRequest,
        request: &JupyterMessage,
        interpreter: &mut dyn Interpreter,
        frontend: &mut dyn Frontend,
    ) -> ExecuteReply {
        let blank = cell.code.trim().is_empty();
        let store = cell.store_history && !cell.silent && !blank;
        let number = if cell.silent { self.count } else { self.count + 1 };
        let count = ExecutionCount::new(number);
        let told = shown_number(number);
        if store {
            self.count += 1;
        }
        if !cell.silent {
            let input = ExecuteInput { code: cell.code.clone(), execution_count: count };
            frontend.publish(broadcast(input, request));
        }
        let mut reply = ExecuteReply {
            execution_count: count,
            user_expressions: Some(HashMap::new()),
            ..ExecuteReply::default()
        };

        let mut shown = None;
        if let Some(name) = asked_for(&cell.code) {
            match interpreter.assistant().inspect(name, name.len()) {
                Some(bundle) => {
                    reply.payload.push(Payload::Page { data: media(&bundle), start: 0 })
                }
                None => {
                    let error = CellError {
                        name: "Unknown".into(),
                        value: format!("nothing is known of `{name}`"),
                        traceback: vec![format!("nothing is known of `{name}`")],
                    };
                    if !cell.silent {
                        frontend.publish(broadcast(error_output(&error), request));
                    }
                    reply.status = ReplyStatus::Error;
                    reply.error = Some(Box::new(reply_error(error)));
                }
            }
        } else if !blank {
            let mut io = RunningCell {
                request,
                frontend,
                comms: &mut self.comms,
                silent: cell.silent,
                stdin: cell.allow_stdin,
            };
            let execution = interpreter.execute(told, &cell.code, &mut io);
            if let Some(bundle) = execution.result {
                shown =
                    bundle.data.get("text/plain").and_then(|text| text.as_str()).map(str::to_owned);
                io.publish(ExecuteResult {
                    execution_count: count,
                    data: media(&bundle),
                    metadata: bundle.metadata,
                    transient: Some(Transient::default()),
                });
            }
            if let Some(error) = execution.error {
                io.publish(error_output(&error));
                reply.status = ReplyStatus::Error;
                reply.error = Some(Box::new(reply_error(error)));
            }
        }
        if store {
            self.history.push(self.count, cell.code.clone(), shown);
        }
        if reply.status == ReplyStatus::Ok {
            reply.user_expressions = Some(evaluate(told, cell, interpreter));
        }
        reply
    }
}

/// A cell's number for who runs it.
fn shown_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The name whose documentation a cell asks for, as `?name`; nothing for all other cells.
fn asked_for(code: &str) -> Option<&str> {
    let name = code.trim().strip_prefix('?')?.trim().trim_end_matches(['!', '(', ')']);
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    (!name.is_empty() && name.chars().all(part)).then_some(name)
}

/// Evaluates the request's user expressions, in the order of their names, without any output.
fn evaluate(
    number: u32,
    cell: &ExecuteRequest,
    interpreter: &mut dyn Interpreter,
) -> HashMap<String, ExpressionResult> {
    let mut expressions: Vec<_> = cell.user_expressions.iter().flatten().collect();
    expressions.sort();
    let mut results = HashMap::new();
    for (name, code) in expressions {
        let execution = interpreter.execute(number, code, &mut Unheard);
        let result = match execution.error {
            Some(CellError { name, value, traceback }) => {
                ExpressionResult::Error { ename: name, evalue: value, traceback }
            }
            None => {
                let bundle = execution.result.unwrap_or_else(|| MimeBundle::text("()"));
                ExpressionResult::Ok { data: media(&bundle), metadata: bundle.metadata }
            }
        };
        results.insert(name.clone(), result);
    }
    results
}

/// The running cell's way to its client.
pub(super) struct RunningCell<'a> {
    pub(super) request: &'a JupyterMessage,
    pub(super) frontend: &'a mut dyn Frontend,
    pub(super) comms: &'a mut Comms,
    pub(super) silent: bool,
    pub(super) stdin: bool,
}

impl RunningCell<'_> {
    fn publish(&mut self, content: impl Into<JupyterMessageContent>) {
        if !self.silent {
            self.frontend.publish(broadcast(content, self.request));
        }
    }
}

impl CellIo for RunningCell<'_> {
    fn output(&mut self, output: Output) {
        match output {
            Output::Stream { text, .. } if text.is_empty() => {}
            Output::Stream { name: StreamName::Stdout, text } => {
                self.publish(StreamContent::stdout(&text));
            }
            Output::Stream { name: StreamName::Stderr, text } => {
                self.publish(StreamContent::stderr(&text));
            }
            Output::Display { bundle, id: Some(id), update: true } => {
                self.publish(UpdateDisplayData {
                    data: media(&bundle),
                    metadata: bundle.metadata,
                    transient: Transient { display_id: Some(id) },
                });
            }
            Output::Display { bundle, id, .. } => {
                self.publish(DisplayData {
                    data: media(&bundle),
                    metadata: bundle.metadata,
                    transient: Some(Transient { display_id: id }),
                });
            }
            Output::Clear { wait } => self.publish(ClearOutput { wait }),
            // A silent cell's widgets live as any other's: only what is shown is not.
            Output::Comm(message) => {
                if let Some(message) = self.comms.say(message, self.request) {
                    self.frontend.publish(message);
                }
            }
        }
    }

    fn input(&mut self, request: InputRequest) -> String {
        if !self.stdin {
            return String::new();
        }
        let ask = AskRequest { prompt: request.prompt, password: request.password };
        self.frontend.ask(answer(ask, self.request))
    }

    fn next_comm(&mut self) -> Option<CommMessage> {
        loop {
            let request = self.frontend.next_comm()?;
            // Widgets send the next change when the last one has been dealt with.
            self.frontend.publish(broadcast(Status::busy(), &request));
            let heard = self.comms.hear(&request);
            if let Heard::Refused(close) = &heard {
                self.frontend.publish(broadcast(close.clone(), &request));
            }
            self.frontend.publish(broadcast(Status::idle(), &request));
            self.frontend.publish(broadcast(Status::busy(), self.request));
            if let Heard::Message(message) = heard {
                return Some(message);
            }
        }
    }
}

/// Hears nothing and answers nothing: for expressions that a client evaluates on the side.
struct Unheard;

impl CellIo for Unheard {
    fn output(&mut self, _output: Output) {}

    fn input(&mut self, _request: InputRequest) -> String {
        String::new()
    }
}

/// A bundle in the wire's type. The values are passed on as they are, whatever their MIME type.
pub(super) fn media(bundle: &MimeBundle) -> Media {
    let entry = |(kind, value): (&String, &serde_json::Value)| {
        MediaType::Other((kind.clone(), value.clone()))
    };
    Media::new(bundle.data.iter().map(entry).collect())
}

fn error_output(error: &CellError) -> ErrorOutput {
    ErrorOutput {
        ename: error.name.clone(),
        evalue: error.value.clone(),
        traceback: error.traceback.clone(),
    }
}

fn reply_error(error: CellError) -> ReplyError {
    ReplyError { ename: error.name, evalue: error.value, traceback: error.traceback }
}
