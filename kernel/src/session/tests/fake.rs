//! An interpreter whose cells are one command a line, for tests of all that is around it.
//!
//! `print TEXT`, `warn TEXT`, `flood N` (N lines), `show ID TEXT`, `update ID TEXT`, `clear`,
//! `value TEXT`, `ask PROMPT` (shows the answer as the value), `password PROMPT`, `fail TEXT`,
//! `wait` (until interrupted), `panic`, `target NAME` (a comm target that echoes), `open ID` (opens
//! a comm), `hear` (waits for a comm's message and shows its data as the value).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::comm::{CommKind, CommMessage};
use crate::output::{
    Assistant, CellError, CellIo, Completeness, Completion, Completions, Execution, InputRequest,
    Interpreter, Interrupter, MimeBundle, Output, StreamName,
};

#[derive(Debug, Default)]
pub(crate) struct Fake {
    interrupted: Arc<AtomicBool>,
}

impl Interpreter for Fake {
    fn execute(&mut self, _number: u32, code: &str, io: &mut dyn CellIo) -> Execution {
        self.interrupted.store(false, Ordering::SeqCst);
        let mut execution = Execution::default();
        for line in code.lines() {
            let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
            match command {
                "print" => io.output(text(StreamName::Stdout, format!("{rest}\n"))),
                "warn" => io.output(text(StreamName::Stderr, format!("{rest}\n"))),
                "flood" => {
                    for n in 0..rest.parse().unwrap_or(0) {
                        io.output(text(StreamName::Stdout, format!("line {n}\n")));
                    }
                }
                "big" => {
                    let size = rest.parse().unwrap_or(0);
                    io.output(text(StreamName::Stdout, "x".repeat(size)));
                }
                "show" | "update" => {
                    let (id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                    io.output(Output::Display {
                        bundle: MimeBundle::text(rest),
                        id: Some(id.into()),
                        update: command == "update",
                    });
                }
                "clear" => io.output(Output::Clear { wait: true }),
                "value" => execution.result = Some(MimeBundle::text(rest)),
                "ask" | "password" => {
                    let password = command == "password";
                    let answer = io.input(InputRequest { prompt: rest.into(), password });
                    execution.result = Some(MimeBundle::text(answer));
                }
                "wait" => {
                    while !self.interrupted.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    return failed("KeyboardInterrupt", "the cell was stopped");
                }
                "target" | "open" => {
                    let (kind, id, target) = match command {
                        "target" => (CommKind::Target, "", rest),
                        _ => (CommKind::Open, rest, "jupyter.widget"),
                    };
                    let (id, target) = (id.into(), target.into());
                    io.output(Output::Comm(CommMessage {
                        id,
                        kind,
                        target,
                        ..CommMessage::default()
                    }));
                }
                "hear" => {
                    let heard =
                        io.next_comm().map(|m| serde_json::Value::Object(m.data).to_string());
                    execution.result =
                        Some(MimeBundle::text(heard.unwrap_or_else(|| "nothing".into())));
                }
                "panic" => panic!("the interpreter itself fails"),
                _ => return failed("Error", line),
            }
        }
        execution
    }

    fn comm(&mut self, message: &CommMessage, io: &mut dyn CellIo) {
        if message.kind != CommKind::Close {
            let (id, data) = (message.id.clone(), message.data.clone());
            io.output(Output::Comm(CommMessage { id, data, ..CommMessage::default() }));
        }
    }

    fn is_complete(&self, code: &str) -> Completeness {
        match code.trim_end() {
            code if code.ends_with('{') => Completeness::Incomplete { indent: "    ".into() },
            code if code.ends_with('}') => Completeness::Invalid,
            _ => Completeness::Complete,
        }
    }

    fn interrupter(&self) -> Box<dyn Interrupter> {
        Box::new(Stop(Arc::clone(&self.interrupted)))
    }

    fn assistant(&self) -> Box<dyn Assistant> {
        Box::new(Help)
    }
}

struct Help;

impl Assistant for Help {
    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let start = code[..cursor].rfind([' ', '\n']).map_or(0, |at| at + 1);
        let typed = &code[start..cursor];
        let matches = [("print", "function"), ("password", "function"), ("wait", "keyword")];
        let matches = matches.into_iter().filter(|(text, _)| text.starts_with(typed));
        let matches = matches.map(|(text, kind)| Completion {
            text: text.into(),
            kind: kind.into(),
            signature: format!("{text} TEXT"),
        });
        Completions { start, end: cursor, matches: matches.collect() }
    }

    fn inspect(&mut self, code: &str, cursor: usize) -> Option<MimeBundle> {
        let found = code[..cursor].ends_with("print");
        found.then(|| MimeBundle::text("print TEXT: prints the text"))
    }
}

struct Stop(Arc<AtomicBool>);

impl Interrupter for Stop {
    fn interrupt(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn text(name: StreamName, text: String) -> Output {
    Output::Stream { name, text }
}

fn failed(name: &str, value: &str) -> Execution {
    let traceback = vec![format!("{name}: {value}")];
    let error = CellError { name: name.into(), value: value.into(), traceback };
    Execution { result: None, error: Some(error) }
}
