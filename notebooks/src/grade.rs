//! What grading an exercise gives.

use momentum_kernel::output::CellError;
use serde::{Deserialize, Serialize};

/// How an exercise stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Its check passes.
    Passed,
    /// The cell is the hole that the learner got.
    NotStarted,
    /// Its check does not pass.
    Failed {
        /// What the check says.
        message: String,
    },
    /// The cell or its check does not compile.
    DoesNotCompile {
        /// The compiler's first error, with cell and line.
        message: String,
    },
    /// The cell or its check panicked elsewhere than in an assertion, crashed, or took too long.
    Broken {
        /// What happened.
        message: String,
    },
    /// The notebook has no cell for it.
    Missing,
    /// The cell asks for what a grader does not do, such as `:dep`.
    Refused {
        /// What.
        message: String,
    },
}

impl Outcome {
    /// Whether the exercise is solved.
    pub fn is_passed(&self) -> bool {
        matches!(self, Outcome::Passed)
    }

    /// In a few words.
    pub fn title(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::NotStarted => "not started",
            Outcome::Failed { .. } => "not yet right",
            Outcome::DoesNotCompile { .. } => "does not compile",
            Outcome::Broken { .. } => "broke off",
            Outcome::Missing => "missing",
            Outcome::Refused { .. } => "refused",
        }
    }

    /// What was said, if anything.
    pub fn message(&self) -> Option<&str> {
        match self {
            Outcome::Failed { message }
            | Outcome::DoesNotCompile { message }
            | Outcome::Broken { message }
            | Outcome::Refused { message } => Some(message),
            Outcome::Passed | Outcome::NotStarted | Outcome::Missing => None,
        }
    }

    /// What a failed cell means.
    pub(crate) fn of(error: &CellError) -> Outcome {
        let message = error.value.clone();
        match error.name.as_str() {
            "CompileError" => Outcome::DoesNotCompile { message },
            "Panic" | "Error" => Outcome::Failed { message },
            _ => Outcome::Broken { message },
        }
    }
}

/// How one exercise of one notebook stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// The exercise's name.
    pub exercise: String,
    /// How it stands.
    #[serde(flatten)]
    pub outcome: Outcome,
}
