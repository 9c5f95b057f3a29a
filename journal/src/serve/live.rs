//! What open pages are told, as server-sent events (HTML Standard, section 9.2).

use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::ansi;
use crate::problem::Problem;

/// Something that open pages should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LiveEvent {
    /// The site was built again, and these of its files changed.
    Built {
        /// The files, relative to the site.
        changed: Vec<String>,
    },
    /// The site cannot be built; the last good one stays.
    Problems(Vec<Problem>),
    /// It cannot be built for another reason than the files of the series.
    Failed(String),
    /// A notebook runs.
    Running {
        /// The notebook, relative to the series.
        notebook: String,
        /// The cell's label.
        cell: String,
        /// Its place among the cells that run, from 1.
        number: usize,
        /// How many run.
        of: usize,
    },
    /// A notebook has run to its end.
    Ran {
        /// The notebook, relative to the series.
        notebook: String,
    },
    /// A cell of a notebook failed.
    CellFailed {
        /// The notebook, relative to the series.
        notebook: String,
        /// The cell's label.
        cell: String,
        /// What the kernel said.
        report: String,
    },
}

impl LiveEvent {
    fn to_json(&self) -> Value {
        match self {
            LiveEvent::Built { changed } => json!({"kind": "built", "changed": changed}),
            LiveEvent::Problems(problems) => {
                json!({"kind": "problems", "problems": problems.iter().map(problem).collect::<Vec<_>>()})
            }
            LiveEvent::Failed(message) => {
                json!({"kind": "problems", "problems": [{"place": "", "message": message}]})
            }
            LiveEvent::Running { notebook, cell, number, of } => json!({
                "kind": "running", "notebook": notebook, "cell": cell, "number": number, "of": of,
            }),
            LiveEvent::Ran { notebook } => json!({"kind": "ran", "notebook": notebook}),
            LiveEvent::CellFailed { notebook, cell, report } => json!({
                "kind": "cell", "place": format!("{notebook}, cell {cell}"),
                "message": ansi::strip(report).trim_end(), "notebook": notebook,
            }),
        }
    }
}

/// A problem, with the lines that it is about.
fn problem(problem: &Problem) -> Value {
    let excerpt = problem.text.as_ref().and_then(|text| {
        let line = text.lines().nth(problem.line - 1)?;
        let shown: String = line.chars().take(160).collect();
        Some(format!("{:>4} | {shown}", problem.line))
    });
    json!({
        "place": format!("{}:{}:{}", problem.file, problem.line, problem.column),
        "message": problem.message,
        "help": problem.help,
        "excerpt": excerpt,
    })
}

/// The open pages, and what a page that opens now has to know.
#[derive(Debug)]
pub(super) struct Live {
    state: Mutex<State>,
    sender: broadcast::Sender<String>,
}

#[derive(Debug, Default)]
struct State {
    /// How many times the site was built: a page knows by it whether it is the newest.
    build: u64,
    /// What is wrong at the moment: with the series, and with notebooks by their names.
    problems: Option<Value>,
    cells: Vec<(String, Value)>,
}

impl Default for Live {
    fn default() -> Self {
        Live { state: Mutex::default(), sender: broadcast::channel(256).0 }
    }
}

impl Live {
    pub(super) fn publish(&self, event: &LiveEvent) {
        let mut json = event.to_json();
        // A thread that panicked with the lock has left whole values behind.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            LiveEvent::Built { changed } => {
                state.problems = None;
                if !changed.is_empty() {
                    state.build += 1;
                }
            }
            LiveEvent::Problems(_) | LiveEvent::Failed(_) => state.problems = Some(json.clone()),
            LiveEvent::Running { notebook, .. } | LiveEvent::Ran { notebook } => {
                state.cells.retain(|(name, _)| name != notebook);
            }
            LiveEvent::CellFailed { notebook, .. } => {
                state.cells.retain(|(name, _)| name != notebook);
                state.cells.push((notebook.clone(), json.clone()));
            }
        }
        json["build"] = state.build.into();
        // No page is open: nobody to tell.
        let _ = self.sender.send(message(&json));
    }

    /// The number of the newest build.
    pub(super) fn build(&self) -> u64 {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).build
    }

    /// What a page is told first, and from where it hears the rest.
    pub(super) fn join(&self) -> (String, broadcast::Receiver<String>) {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut first = message(&json!({"kind": "hello", "build": state.build}));
        let wrong = state.problems.iter().chain(state.cells.iter().map(|(_, json)| json));
        for json in wrong {
            let mut json = json.clone();
            json["build"] = state.build.into();
            first.push_str(&message(&json));
        }
        (first, self.sender.subscribe())
    }
}

/// One server-sent event. JSON has no line ends, so it is one line of data.
fn message(json: &Value) -> String {
    format!("data: {json}\n\n")
}
