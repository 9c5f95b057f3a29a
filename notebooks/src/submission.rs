//! What a learner hands in, brought together with the checks of its source.

use std::path::Path;

use momentum_kernel::cell::option;
use momentum_kernel::notebook::{CodeCell, Notebook, NotebookError};
use momentum_kernel::output::{CellIo, InputRequest, Interpreter, Output};

use crate::exercise::Exercise;
use crate::grade::{Grade, Outcome};
use crate::source::Source;

/// Macros that a check is made of; a learner's own macro of that name must not take their place.
const MACROS: [&str; 4] = ["assert", "assert_eq", "assert_ne", "panic"];

/// A learner's notebook of a lesson.
#[derive(Debug)]
pub struct Submission<'a> {
    source: &'a Source,
    notebook: Notebook,
}

/// What is run, in order.
enum Step<'a> {
    /// A cell that is no exercise.
    Cell(CodeCell),
    /// The learner's cell of an exercise.
    Exercise(&'a Exercise, CodeCell),
    /// The check of the source, not that of the learner's notebook.
    Check(&'a Exercise),
}

impl<'a> Submission<'a> {
    /// Reads a learner's notebook of the lesson.
    ///
    /// # Errors
    /// When the file cannot be read or is no notebook.
    pub fn read(path: &Path, source: &'a Source) -> Result<Submission<'a>, NotebookError> {
        Ok(Submission::new(Notebook::read(path)?, source))
    }

    /// A learner's notebook of the lesson.
    pub fn new(notebook: Notebook, source: &'a Source) -> Submission<'a> {
        Submission { source, notebook }
    }

    /// Runs the notebook in a fresh session, with the source's checks in place of its own, and
    /// grades its exercises in the lesson's order; only one of them if a name is given. Nothing
    /// that stands below the last exercise asked for is run.
    pub fn grade(
        &self,
        interpreter: &mut dyn Interpreter,
        only: Option<&str>,
        on_grade: &mut dyn FnMut(&Grade),
    ) -> Vec<Grade> {
        let asked = |name: &str| only.is_none_or(|only| only == name);
        let steps = self.steps(&asked);
        let mut grades: Vec<Grade> = Vec::new();
        let mut add = |exercise: &Exercise, outcome, grades: &mut Vec<Grade>| {
            if asked(&exercise.name) && !grades.iter().any(|g| g.exercise == exercise.name) {
                let grade = Grade { exercise: exercise.name.clone(), outcome };
                on_grade(&grade);
                grades.push(grade);
            }
        };
        for (number, step) in (1..).zip(steps) {
            let (exercise, code) = match &step {
                Step::Cell(cell) => (None, cell.source.clone()),
                Step::Exercise(exercise, cell) => {
                    if same(&cell.source, &exercise.hole) {
                        add(exercise, Outcome::NotStarted, &mut grades);
                    }
                    (Some(*exercise), cell.source.clone())
                }
                Step::Check(exercise) => (Some(*exercise), guarded(&exercise.check)),
            };
            if let (Some(exercise), Some(message)) = (exercise, refused(&code)) {
                add(exercise, Outcome::Refused { message }, &mut grades);
                continue;
            }
            if grades.iter().any(|g| Some(&g.exercise) == exercise.map(|e| &e.name))
                && matches!(step, Step::Check(_))
            {
                continue;
            }
            let error = interpreter.execute(number, &code, &mut Unheard).error;
            match (step, error) {
                (Step::Exercise(exercise, _) | Step::Check(exercise), Some(error)) => {
                    add(exercise, Outcome::of(&error), &mut grades);
                }
                (Step::Check(exercise), None) => add(exercise, Outcome::Passed, &mut grades),
                _ => {}
            }
        }
        for exercise in self.source.exercises() {
            add(exercise, Outcome::Missing, &mut grades);
        }
        let place =
            |grade: &Grade| self.source.exercises().iter().position(|e| e.name == grade.exercise);
        grades.sort_by_key(place);
        grades
    }

    /// The learner's cells in their order; each check where the learner's stands, or else behind
    /// its exercise.
    fn steps(&self, asked: &dyn Fn(&str) -> bool) -> Vec<Step<'_>> {
        let cells = self.notebook.code_cells();
        let last = |key: &str, name: &str| {
            cells.iter().rposition(|cell| option(&cell.source, key) == Some(name))
        };
        // The cell behind which each check is run.
        let checks: Vec<_> = self
            .source
            .exercises()
            .iter()
            .filter(|exercise| asked(&exercise.name))
            .filter_map(|exercise| {
                let place = last("exercise", &exercise.name)?;
                Some((place.max(last("check", &exercise.name).unwrap_or_default()), exercise))
            })
            .collect();
        let end = checks.iter().map(|(place, _)| place + 1).max().unwrap_or_default();
        let mut steps = Vec::new();
        for (place, cell) in cells.iter().enumerate().take(end) {
            let exercise =
                option(&cell.source, "exercise").and_then(|name| self.source.exercise(name));
            let is_check = option(&cell.source, "check")
                .is_some_and(|name| self.source.exercise(name).is_some());
            match exercise {
                Some(exercise) => steps.push(Step::Exercise(exercise, cell.clone())),
                None if is_check || cell.source.trim().is_empty() => {}
                None => steps.push(Step::Cell(cell.clone())),
            }
            let here = checks.iter().filter(|(after, _)| *after == place);
            steps.extend(here.map(|(_, exercise)| Step::Check(exercise)));
        }
        steps
    }
}

/// Whether two cells are the same but for white space at the ends of lines and comments on top.
fn same(one: &str, other: &str) -> bool {
    let code = |text: &str| {
        let lines = text.lines().map(str::trim_end);
        let lines = lines.filter(|line| !line.is_empty() && !line.trim_start().starts_with("//|"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    code(one) == code(other)
}

/// Why a cell is not run, if it is not.
fn refused(code: &str) -> Option<String> {
    let command = code.lines().find(|line| line.starts_with(':'))?;
    Some(format!("a cell with a command is not run when it is graded: `{command}`"))
}

/// The check with the standard library's own macros, whatever the learner has defined.
fn guarded(check: &str) -> String {
    let mut guarded = String::with_capacity(check.len() + 64);
    let mut rest = check;
    while let Some(at) = rest.find('!') {
        let (before, after) = rest.split_at(at);
        let name = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |n| n + before[n..].chars().next().map_or(1, char::len_utf8));
        let is_plain = MACROS.contains(&&before[name..]) && !before[..name].ends_with(':');
        guarded.push_str(&before[..name]);
        if is_plain {
            // Not `::std`: evcxr takes a line that begins with a colon for a command.
            guarded.push_str("std::");
        }
        guarded.push_str(&before[name..]);
        guarded.push('!');
        rest = &after[1..];
    }
    guarded + rest
}

/// No one listens, no one answers.
struct Unheard;

impl CellIo for Unheard {
    fn output(&mut self, _: Output) {}

    fn input(&mut self, _: InputRequest) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{CHECK_ONE, ONE, notebook, source};
    use momentum_kernel::comm::CommMessage;
    use momentum_kernel::output::{Assistant, CellError, Completeness, Execution, Interrupter};

    /// Fails each cell that holds one of its words; keeps what it was given.
    #[derive(Default)]
    struct Session {
        fails: Vec<(&'static str, &'static str)>,
        ran: Vec<String>,
    }

    impl Interpreter for Session {
        fn execute(&mut self, _: u32, code: &str, _: &mut dyn CellIo) -> Execution {
            self.ran.push(code.to_owned());
            let fails = self.fails.iter().find(|(word, _)| code.contains(word));
            let error = fails.map(|(word, name)| CellError {
                name: (*name).to_owned(),
                value: format!("about {word}"),
                traceback: Vec::new(),
            });
            Execution { result: None, error }
        }
        fn comm(&mut self, _: &CommMessage, _: &mut dyn CellIo) {}
        fn is_complete(&self, _: &str) -> Completeness {
            Completeness::Complete
        }
        fn interrupter(&self) -> Box<dyn Interrupter> {
            unreachable!("nothing is interrupted here")
        }
        fn assistant(&self) -> Box<dyn Assistant> {
            unreachable!("nothing is asked here")
        }
    }

    /// Grades a notebook with these cells; gives the outcomes and what was run.
    fn grade(
        cells: &[&str],
        fails: &[(&'static str, &'static str)],
    ) -> (Vec<Outcome>, Vec<String>) {
        let source = source(&["let x = 7;", ONE, CHECK_ONE]).unwrap();
        let mut session = Session { fails: fails.to_vec(), ran: Vec::new() };
        let submission = Submission::new(notebook("mine.ipynb", cells), &source);
        let mut told = 0;
        let grades = submission.grade(&mut session, None, &mut |_| told += 1);
        assert_eq!(told, grades.len());
        (grades.into_iter().map(|grade| grade.outcome).collect(), session.ran)
    }

    const SOLVED: &str = "//| exercise: one\nfn one() -> u8 { 1 }";

    #[test]
    fn the_sources_check_counts_not_the_learners() {
        let (outcomes, ran) =
            grade(&["let x = 8;", SOLVED, "//| check: one\nassert!(true);", "let after = 1;"], &[]);
        assert_eq!(outcomes, [Outcome::Passed]);
        assert_eq!(ran[0], "let x = 8;");
        assert!(ran[2].contains("std::assert_eq!(one(), 1"));
        assert_eq!(ran.len(), 3, "what stands below is not run");
    }

    #[test]
    fn a_check_that_was_deleted_is_run_all_the_same() {
        let (outcomes, _) = grade(&[SOLVED], &[("assert_eq", "Panic")]);
        assert_eq!(outcomes, [Outcome::Failed { message: "about assert_eq".into() }]);
    }

    #[test]
    fn holes_missing_cells_and_failures_are_told_apart() {
        let message = || "about fn one".to_owned();
        let hole = "//| label: other\n//| exercise: one\nfn one() -> u8 {\n    todo!(\"write this part, then run the check below\")\n}\n";
        assert_eq!(grade(&[hole], &[]).0, [Outcome::NotStarted]);
        assert_eq!(grade(&["1"], &[]).0, [Outcome::Missing]);
        assert_eq!(
            grade(&[SOLVED], &[("fn one", "CompileError")]).0,
            [Outcome::DoesNotCompile { message: message() }]
        );
        assert_eq!(
            grade(&[SOLVED], &[("fn one", "Timeout")]).0,
            [Outcome::Broken { message: message() }]
        );
        let (outcomes, ran) = grade(&["//| exercise: one\n:dep evil = \"1\"\nfn one() {}"], &[]);
        assert!(matches!(&outcomes[..], [Outcome::Refused { .. }]) && ran.is_empty());
    }

    #[test]
    fn macros_of_the_standard_library_stay() {
        let check = |code: &str, expected: &str| assert_eq!(guarded(code), expected);
        check("assert!(a != b);", "std::assert!(a != b);");
        check("x;assert_eq!(1, 1, \"no!\")", "x;std::assert_eq!(1, 1, \"no!\")");
        check("std::assert!(true); my_assert!(1)", "std::assert!(true); my_assert!(1)");
    }
}
