//! Whether a turn gets anywhere: repeated calls and steps without anything new.

use std::collections::{HashMap, HashSet};

use crate::message::ToolCall;

/// The same call with the same result may be made this often in a turn; then the model is warned
/// instead, and at the next repetition the turn ends.
const MOST_REPETITIONS: usize = 2;

/// The warning in the place of a result.
pub(crate) const REPEATED: &str = "Error: you made this same call before and got the same result. \
     Do something else, or answer.";

/// What was called in a turn, and with which results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    counts: HashMap<(String, String), (String, usize)>,
    seen: HashSet<(String, String, String)>,
    /// Whether the step that goes on brought something new.
    new: bool,
    n_idle: usize,
}

impl Progress {
    /// Arguments that differ in their blanks alone are the same.
    fn key(call: &ToolCall) -> (String, String) {
        (call.name.clone(), call.arguments.split_whitespace().collect())
    }

    fn count(&self, call: &ToolCall) -> usize {
        self.counts.get(&Self::key(call)).map_or(0, |(_, n)| *n)
    }

    /// Whether the call was made too often with the same result.
    pub(crate) fn too_many(&self, call: &ToolCall) -> bool {
        self.count(call) >= MOST_REPETITIONS
    }

    /// Whether the model was warned of that, too.
    pub(crate) fn warned(&self, call: &ToolCall) -> bool {
        self.count(call) > MOST_REPETITIONS
    }

    pub(crate) fn note(&mut self, call: &ToolCall, result: &str) {
        let n_before = self.count(call);
        let (name, arguments) = Self::key(call);
        self.new |= !result.starts_with("Error")
            && self.seen.insert((name.clone(), arguments.clone(), result.to_owned()));
        let entry = self.counts.entry((name, arguments)).or_default();
        // Past the limit, the result is our own warning.
        let same = entry.0 == result || n_before >= MOST_REPETITIONS;
        *entry = (result.to_owned(), if same { n_before + 1 } else { 1 });
    }

    /// Ends a step; returns how many steps in a row brought nothing new: every call failed, or
    /// gave what it gave before.
    pub(crate) fn end_step(&mut self) -> usize {
        self.n_idle = if std::mem::take(&mut self.new) { 0 } else { self.n_idle + 1 };
        self.n_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &str) -> ToolCall {
        ToolCall { id: "call_1".into(), name: "f".into(), arguments: arguments.into() }
    }

    #[test]
    fn repetition_is_warned_then_stopped() {
        let mut progress = Progress::default();
        let mut seen = Vec::new();
        for arguments in ["{}", "{ }", "{}", "{}"] {
            seen.push((progress.too_many(&call(arguments)), progress.warned(&call(arguments))));
            progress.note(&call(arguments), "same");
        }
        assert_eq!(seen, [(false, false), (false, false), (true, false), (true, true)]);

        let mut progress = Progress::default();
        for result in ["1", "2", "3", "4"] {
            assert!(!progress.too_many(&call("{}")), "a result that changes is progress");
            progress.note(&call("{}"), result);
        }
    }

    #[test]
    fn going_in_circles_is_seen() {
        let mut progress = Progress::default();
        let mut step = |arguments: &str, result: &str| {
            progress.note(&call(arguments), result);
            progress.end_step()
        };
        assert_eq!(step("a", "x"), 0);
        assert_eq!(step("b", "y"), 0);
        assert_eq!(step("a", "x"), 1);
        assert_eq!(step("b", "y"), 2);
        assert_eq!(step("c", "Error: no"), 3);
        assert_eq!(step("c", "z"), 0);
    }
}
