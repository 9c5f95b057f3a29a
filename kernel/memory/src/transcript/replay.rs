//! The two sides of a transcript at work: one writes each step down, one looks each step up.

use std::path::{Path, PathBuf};

use serde_json::Value;
use similar::TextDiff;

use super::{Exchange, Transcript, TranscriptError, file};

/// The most lines of a difference that an error shows.
const MOST_LINES: usize = 60;

/// Writes a transcript, whole after each step.
#[derive(Debug)]
pub(crate) struct Recorder {
    transcript: Transcript,
    path: PathBuf,
}

impl Recorder {
    /// Begins a new transcript. An old one in the same place stays until the first step.
    pub(crate) fn begin(path: &Path, model: &str) -> Self {
        Recorder { transcript: Transcript::new(model), path: path.to_owned() }
    }

    pub(crate) fn push(&mut self, step: Exchange) -> Result<(), TranscriptError> {
        self.transcript.push(step);
        self.transcript.write(&self.path)
    }
}

/// Answers requests from a transcript.
#[derive(Debug)]
pub(crate) struct Replayer {
    transcript: Transcript,
    name: String,
    used: Vec<bool>,
}

impl Replayer {
    pub(crate) fn new(transcript: Transcript, name: &str) -> Self {
        let used = vec![false; transcript.steps.len()];
        Replayer { transcript, name: name.to_owned(), used }
    }

    /// The number of steps that nobody asked for yet.
    pub(crate) fn n_left(&self) -> usize {
        self.used.iter().filter(|used| !**used).count()
    }

    /// The first step not used yet that asks exactly this. Agents that run side by side may ask in
    /// another order than they did when they were recorded.
    pub(crate) fn answer(
        &mut self,
        path: &str,
        request: &Value,
    ) -> Result<&Exchange, TranscriptError> {
        let steps = &self.transcript.steps;
        let fits =
            |i: &usize| !self.used[*i] && steps[*i].path == path && steps[*i].request == *request;
        if let Some(i) = (0..steps.len()).find(fits) {
            self.used[i] = true;
            return Ok(&steps[i]);
        }
        let (file, n_steps) = (self.name.clone(), steps.len());
        match self.used.iter().position(|used| !used) {
            Some(i) => {
                let difference = difference(i + 1, &steps[i], path, request);
                Err(TranscriptError::Differs { file, step: i + 1, n_steps, difference })
            }
            None => {
                let request = file::readable(&written(path, request));
                let lines: Vec<_> = request.lines().collect();
                let request = lines[lines.len().saturating_sub(8)..].join("\n");
                Err(TranscriptError::Exhausted { file, n_steps, request })
            }
        }
    }
}

fn written(path: &str, request: &Value) -> Value {
    serde_json::json!({"path": path, "body": request})
}

fn difference(step: usize, recorded: &Exchange, path: &str, request: &Value) -> String {
    let old = file::readable(&written(&recorded.path, &sorted(&recorded.request)));
    let new = file::readable(&written(path, &sorted(request)));
    let text = TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("recorded, step {step}"), "asked now")
        .to_string();
    let n_lines = text.lines().count();
    let mut shown: Vec<_> = text.lines().take(MOST_LINES).collect();
    let rest = format!("(and {} more lines)", n_lines.saturating_sub(MOST_LINES));
    if n_lines > MOST_LINES {
        shown.push(&rest);
    }
    shown.join("\n")
}

/// The same value with its keys in order, since their order is no difference.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
