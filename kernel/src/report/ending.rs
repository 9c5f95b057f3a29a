//! Cells that did not come to their end, and what is left of the session.

use std::time::Duration;

use super::{RED, RESET};
use crate::output::CellError;
use crate::process::Crash;

/// What the end of a cell left of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Everything is as it was before the cell, but for threads.
    AsBefore {
        /// Names of the threads that earlier cells had started, and that are gone.
        lost_threads: Vec<String>,
    },
    /// The cell did not run: nothing has changed.
    Untouched,
    /// There was no copy of the process: variables are gone.
    Lost,
}

impl State {
    fn sentence(&self) -> String {
        match self {
            State::AsBefore { lost_threads } if lost_threads.is_empty() => {
                "The cell is undone: variables are as they were before it.".to_owned()
            }
            State::AsBefore { lost_threads } => format!(
                "The cell is undone: variables are as they were before it. Threads that earlier cells had started are gone ({}); start them again if you need them.",
                lost_threads.join(", ")
            ),
            State::Untouched => "The cell had not begun: variables are as they were.".to_owned(),
            State::Lost => {
                "The process is new: variables are gone; functions, types and `use` lines are kept."
                    .to_owned()
            }
        }
    }

    /// What is said after a panic. Without a copy, evcxr keeps what the cell did not move.
    pub(super) fn after_panic(&self) -> String {
        match self {
            State::AsBefore { .. } | State::Untouched => self.sentence(),
            State::Lost => "Variables that the cell had moved are gone.".to_owned(),
        }
    }
}

/// Why Rust's runtime aborts a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A thread's stack is full.
    Stack,
    /// There is no memory left, or no more is allowed.
    Memory,
}

impl Cause {
    /// What the runtime's own words on standard error mean.
    pub(crate) fn told_by(text: &str) -> Option<Cause> {
        let is_stack = text.contains(" has overflowed its stack");
        let is_memory = || text.contains("memory allocation of ").then_some(Cause::Memory);
        if is_stack { Some(Cause::Stack) } else { is_memory() }
    }
}

/// The report on a cell that took its whole process with it, with the panic that came before, if one
/// did.
pub(crate) fn crash(
    crash: &Crash,
    cause: Option<Cause>,
    panic: Option<CellError>,
    state: &State,
) -> CellError {
    let how = match (crash.signal, crash.code) {
        (Some(6), _) => match (cause, &panic) {
            (Some(Cause::Stack), _) => "overflowed its stack (SIGABRT)".to_owned(),
            (Some(Cause::Memory), _) => {
                "asked for more memory than there is, or than --memory-limit allows (SIGABRT)"
                    .to_owned()
            }
            (None, Some(panic)) => {
                format!("aborted (SIGABRT) after a panic that nothing could catch: {}", panic.value)
            }
            (None, None) => "aborted (SIGABRT)".to_owned(),
        },
        (Some(9), _) => "was killed (SIGKILL), perhaps for want of memory".to_owned(),
        (Some(7), _) => "touched memory that is not there (SIGBUS)".to_owned(),
        (Some(11), _) => {
            "touched memory that is not its own (SIGSEGV), or a thread's stack is full".to_owned()
        }
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (_, Some(99)) => "could not be loaded, or closed its own output".to_owned(),
        (_, Some(code)) => format!("ended the process with exit code {code}"),
        _ => "ended the process".to_owned(),
    };
    let mut traceback = vec![format!("{RED}crash{RESET}: the cell {how}")];
    traceback.extend(panic.into_iter().flat_map(|panic| panic.traceback));
    traceback.push(state.sentence());
    CellError { name: "Crash".into(), value: format!("the cell {how}"), traceback }
}

/// The report on a cell that its user stopped.
pub(crate) fn interrupted(state: &State) -> CellError {
    CellError {
        name: "KeyboardInterrupt".into(),
        value: "the cell was interrupted".into(),
        traceback: vec![format!("{RED}interrupted{RESET}"), state.sentence()],
    }
}

/// The report on a cell that ran for too long.
pub(crate) fn timeout(limit: Duration, state: &State) -> CellError {
    let value = format!(
        "the cell ran longer than {} and was stopped (--time-limit)",
        humantime::format_duration(limit)
    );
    CellError {
        name: "Timeout".into(),
        traceback: vec![format!("{RED}timeout{RESET}: {value}"), state.sentence()],
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_is_told_what_is_left() {
        let check = |state: State, expected: &str| {
            let error = crash(&Crash { code: Some(3), signal: None }, None, None, &state);
            assert_eq!(error.value, "the cell ended the process with exit code 3");
            assert_eq!(error.traceback[1], expected);
        };
        check(
            State::AsBefore { lost_threads: Vec::new() },
            "The cell is undone: variables are as they were before it.",
        );
        check(
            State::AsBefore { lost_threads: vec!["worker".into()] },
            "The cell is undone: variables are as they were before it. Threads that earlier cells had started are gone (worker); start them again if you need them.",
        );
        check(
            State::Lost,
            "The process is new: variables are gone; functions, types and `use` lines are kept.",
        );
    }
}
