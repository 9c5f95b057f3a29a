//! An exercise cell of a source: its options, its solution and its hole.

use momentum_kernel::cell::option;

/// The hole where the author wrote none.
const HOLE: &str = "todo!(\"write this part, then run the check below\")";

/// One exercise, as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercise {
    /// Its name, unique in its notebook.
    pub name: String,
    /// Hints, from the gentlest on.
    pub hints: Vec<String>,
    /// The cell with the solution.
    pub solution: String,
    /// The cell as the learner gets it.
    pub hole: String,
    /// The cell that checks it.
    pub check: String,
}

/// What is wrong with an exercise cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExerciseError {
    /// It has no solution.
    #[error(
        "line 1: expected a part between `//| solution` and `//| end`, which the learner does not get"
    )]
    NoSolution,
    /// A part has no end.
    #[error("line {line}: `//| solution` has no `//| end`")]
    Unclosed {
        /// Line in the cell, from 1.
        line: usize,
    },
    /// `//| hole` or `//| end` outside, or `//| solution` within a part.
    #[error(
        "line {line}: `//| {mark}` cannot stand here; a part is `//| solution`, then `//| hole` if you want one, then `//| end`"
    )]
    Stray {
        /// Line in the cell, from 1.
        line: usize,
        /// The mark.
        mark: String,
    },
}

/// Which lines of a part are read.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Outside,
    Solution { line: usize },
    Hole { line: usize, empty: bool },
}

impl Exercise {
    /// Reads an exercise cell; `None` if the cell is no exercise.
    ///
    /// # Errors
    /// When the marks in it do not fit together, with the line.
    ///
    /// ```
    /// use momentum_lessons::Exercise;
    /// let cell = "//| exercise: one\n//| hint: It comes before two.\n//| solution\n1\n//| end";
    /// let one = Exercise::parse(cell)?.unwrap();
    /// assert_eq!(one.solution, "//| exercise: one\n1");
    /// assert!(one.hole.starts_with("//| exercise: one\ntodo!("));
    /// assert_eq!(one.hints, ["It comes before two."]);
    /// # Ok::<(), momentum_lessons::ExerciseError>(())
    /// ```
    pub fn parse(cell: &str) -> Result<Option<Exercise>, ExerciseError> {
        let Some(name) = option(cell, "exercise") else { return Ok(None) };
        let (mut solution, mut hole, mut hints) = (Vec::new(), Vec::new(), Vec::new());
        let (mut part, mut n_parts) = (Part::Outside, 0);
        for (number, line) in cell.lines().enumerate().map(|(n, line)| (n + 1, line)) {
            let mark = line.trim_start().strip_prefix("//|").map(str::trim);
            let indent = &line[..line.len() - line.trim_start().len()];
            match (mark, part) {
                (Some("solution"), Part::Outside) => {
                    (part, n_parts) = (Part::Solution { line: number }, n_parts + 1);
                }
                (Some("hole"), Part::Solution { line }) => part = Part::Hole { line, empty: true },
                (Some("end"), Part::Solution { .. } | Part::Hole { .. }) => {
                    if !matches!(part, Part::Hole { empty: false, .. }) {
                        hole.push(format!("{indent}{HOLE}"));
                    }
                    part = Part::Outside;
                }
                (Some(mark @ ("solution" | "hole" | "end")), _) => {
                    return Err(ExerciseError::Stray { line: number, mark: mark.to_owned() });
                }
                (Some(mark), Part::Outside) if mark.starts_with("hint:") => {
                    hints.push(mark["hint:".len()..].trim().to_owned());
                }
                (_, Part::Outside) => {
                    solution.push(line.to_owned());
                    hole.push(line.to_owned());
                }
                (_, Part::Solution { .. }) => solution.push(line.to_owned()),
                (_, Part::Hole { line: start, .. }) => {
                    hole.push(line.to_owned());
                    part = Part::Hole { line: start, empty: false };
                }
            }
        }
        match part {
            Part::Solution { line } | Part::Hole { line, .. } => {
                Err(ExerciseError::Unclosed { line })
            }
            Part::Outside if n_parts == 0 => Err(ExerciseError::NoSolution),
            Part::Outside => Ok(Some(Exercise {
                name: name.to_owned(),
                hints,
                solution: solution.join("\n"),
                hole: hole.join("\n"),
                check: String::new(),
            })),
        }
    }

    /// The hints as the learner gets them: folded, below the exercise.
    pub(crate) fn folded_hints(&self) -> Option<String> {
        let fold = |(n, hint): (usize, &String)| {
            let name =
                if self.hints.len() == 1 { "Hint".into() } else { format!("Hint {}", n + 1) };
            format!("<details><summary>{name}</summary>\n\n{hint}\n\n</details>")
        };
        let folded: Vec<_> = self.hints.iter().enumerate().map(fold).collect();
        (!folded.is_empty()).then(|| folded.join("\n\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(cell: &str) -> String {
        Exercise::parse(cell).unwrap_err().to_string()
    }

    #[test]
    fn solution_and_hole_are_taken_apart() {
        let cell = "//| label: side\n//| exercise: side\n//| hint: a\n//| hint: b\nfn side(n: usize) -> usize {\n    //| solution\n    n - 2\n    //| hole\n    n // not yet\n    //| end\n}";
        let exercise = Exercise::parse(cell).unwrap().unwrap();
        insta::assert_snapshot!(exercise.solution, @"
        //| label: side
        //| exercise: side
        fn side(n: usize) -> usize {
            n - 2
        }
        ");
        insta::assert_snapshot!(exercise.hole, @"
        //| label: side
        //| exercise: side
        fn side(n: usize) -> usize {
            n // not yet
        }
        ");
        insta::assert_snapshot!(exercise.folded_hints().unwrap(), @"
        <details><summary>Hint 1</summary>

        a

        </details>

        <details><summary>Hint 2</summary>

        b

        </details>
        ");
    }

    #[test]
    fn other_cells_are_none() {
        assert_eq!(Exercise::parse("let x = 1;"), Ok(None));
        assert_eq!(Exercise::parse("let x = 1;\n//| exercise: late"), Ok(None));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        insta::assert_snapshot!(fails("//| exercise: a\nlet x = 1;"), @"line 1: expected a part between `//| solution` and `//| end`, which the learner does not get");
        insta::assert_snapshot!(fails("//| exercise: a\n//| solution\n1"), @"line 2: `//| solution` has no `//| end`");
        insta::assert_snapshot!(fails("//| exercise: a\n//| end"), @"line 2: `//| end` cannot stand here; a part is `//| solution`, then `//| hole` if you want one, then `//| end`");
        insta::assert_snapshot!(fails("//| exercise: a\n//| solution\n//| solution\n//| end"), @"line 3: `//| solution` cannot stand here; a part is `//| solution`, then `//| hole` if you want one, then `//| end`");
    }
}
