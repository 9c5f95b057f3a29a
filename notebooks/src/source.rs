//! A source: the notebook from which the learner's and the solved version are made.

use std::path::{Path, PathBuf};

use momentum_kernel::cell::option;
use momentum_kernel::notebook::{CodeCell, Notebook, NotebookError};

use crate::exercise::{Exercise, ExerciseError};

/// The tag of a cell that may fail: an unsolved exercise's check does.
const MAY_FAIL: &str = "raises-exception";

/// A notebook with exercises and their solutions.
#[derive(Debug, Clone)]
pub struct Source {
    notebook: Notebook,
    exercises: Vec<Exercise>,
}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The notebook cannot be read.
    #[error(transparent)]
    Notebook(#[from] NotebookError),
    /// The folder of the sources cannot be listed.
    #[error("cannot list the sources in `{}`", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An exercise cell is not well formed.
    #[error("{}, cell {cell}, exercise `{name}`", path.display())]
    Exercise {
        /// The notebook.
        path: PathBuf,
        /// The cell, from 1.
        cell: usize,
        /// The exercise's name.
        name: String,
        /// Where and what.
        source: ExerciseError,
    },
    /// Exercises and checks do not fit together.
    #[error("{}, cell {cell}: {problem}", path.display())]
    Pairing {
        /// The notebook.
        path: PathBuf,
        /// The cell, from 1.
        cell: usize,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Source {
    /// Reads a source.
    ///
    /// # Errors
    /// When it is no notebook, or an exercise in it lacks its solution or its check.
    pub fn read(path: &Path) -> Result<Source, SourceError> {
        Source::from_notebook(Notebook::read(path)?)
    }

    /// All sources of a folder, by name.
    ///
    /// # Errors
    /// When the folder cannot be listed, or as [`Source::read`].
    pub fn all(folder: &Path) -> Result<Vec<Source>, SourceError> {
        let failed = |source| SourceError::Folder { folder: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|kind| kind == "ipynb") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Source::read(path)).collect()
    }

    /// Reads what exercises a notebook has.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn from_notebook(notebook: Notebook) -> Result<Source, SourceError> {
        let path = notebook.path().to_owned();
        let pairing = |cell: &CodeCell, problem: String| SourceError::Pairing {
            path: path.clone(),
            cell: cell.index + 1,
            problem,
        };
        let mut exercises: Vec<Exercise> = Vec::new();
        let mut open: Vec<(String, CodeCell)> = Vec::new();
        for cell in notebook.code_cells() {
            let exercise =
                Exercise::parse(&cell.source).map_err(|source| SourceError::Exercise {
                    path: path.clone(),
                    cell: cell.index + 1,
                    name: option(&cell.source, "exercise").unwrap_or_default().to_owned(),
                    source,
                })?;
            if let Some(exercise) = exercise {
                if exercises.iter().any(|known| known.name == exercise.name) {
                    let name = &exercise.name;
                    return Err(pairing(
                        &cell,
                        format!(
                            "there is an exercise `{name}` already; give each a name of its own"
                        ),
                    ));
                }
                open.push((exercise.name.clone(), cell));
                exercises.push(exercise);
            } else if let Some(name) = option(&cell.source, "check") {
                let Some(exercise) = exercises.iter_mut().find(|known| known.name == name) else {
                    return Err(pairing(
                        &cell,
                        format!(
                            "it checks `{name}`, but no cell before it is `//| exercise: {name}`"
                        ),
                    ));
                };
                if !exercise.check.is_empty() {
                    return Err(pairing(
                        &cell,
                        format!(
                            "`{name}` has a check already; put all its assertions into one cell"
                        ),
                    ));
                }
                exercise.check = cell.source.clone();
                open.retain(|(open, _)| open != name);
            }
        }
        if let Some((name, cell)) = open.first() {
            return Err(pairing(
                cell,
                format!(
                    "the exercise `{name}` has no check; add a cell that begins with `//| check: {name}`"
                ),
            ));
        }
        Ok(Source { notebook, exercises })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.notebook.path()
    }

    /// The lesson's name: the file's without its ending.
    pub fn lesson(&self) -> String {
        self.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The exercises, in order.
    pub fn exercises(&self) -> &[Exercise] {
        &self.exercises
    }

    /// An exercise by its name.
    pub fn exercise(&self, name: &str) -> Option<&Exercise> {
        self.exercises.iter().find(|exercise| exercise.name == name)
    }

    /// What a learner gets: holes for solutions, hints folded below the exercise, no outputs, and
    /// checks that may fail.
    pub fn learners(&self, path: PathBuf) -> Notebook {
        let mut learners = self.derived(path, |exercise| &exercise.hole);
        for cell in learners.code_cells() {
            if option(&cell.source, "check").is_some() {
                learners.add_tag(cell.index, MAY_FAIL);
            }
        }
        // From the end, so that the places of what is still to come stay.
        for cell in learners.code_cells().into_iter().rev() {
            let exercise = option(&cell.source, "exercise").and_then(|name| self.exercise(name));
            if let Some((exercise, hints)) = exercise.and_then(|e| Some((e, e.folded_hints()?))) {
                learners.insert_markdown(
                    cell.index + 1,
                    &format!("hints-{}", exercise.name),
                    &hints,
                );
            }
        }
        learners
    }

    /// The notebook with the solutions and without what marks them.
    pub fn solved(&self, path: PathBuf) -> Notebook {
        self.derived(path, |exercise| &exercise.solution)
    }

    fn derived(&self, path: PathBuf, text: impl Fn(&Exercise) -> &String) -> Notebook {
        let mut notebook = self.notebook.clone().at(path);
        notebook.remove_metadata("momentum");
        for cell in notebook.code_cells() {
            notebook.set_outputs(cell.index, Vec::new(), None);
            notebook.set_cell_record(cell.index, None);
            let exercise = option(&cell.source, "exercise").and_then(|name| self.exercise(name));
            if let Some(exercise) = exercise {
                notebook.set_source(cell.index, text(exercise));
            }
        }
        notebook
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A source with these code cells.
    pub(crate) fn source(cells: &[&str]) -> Result<Source, SourceError> {
        Source::from_notebook(notebook("day-01.ipynb", cells))
    }

    pub(crate) fn notebook(name: &str, cells: &[&str]) -> Notebook {
        let cell = |(n, source): (usize, &&str)| {
            json!({"cell_type": "code", "id": format!("c{n}"), "metadata": {}, "source": source,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
                "execution_count": 1})
        };
        let cells: Vec<_> = cells.iter().enumerate().map(cell).collect();
        let text = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells});
        Notebook::parse(Path::new(name), text.to_string().as_bytes()).unwrap()
    }

    pub(crate) const ONE: &str = "//| exercise: one\n//| hint: before two\nfn one() -> u8 {\n    //| solution\n    1\n    //| end\n}";
    pub(crate) const CHECK_ONE: &str =
        "//| check: one\nassert_eq!(one(), 1, \"one comes before two\");";

    #[test]
    fn the_learner_gets_no_solution() {
        let source = source(&["let x = 7;", ONE, CHECK_ONE]).unwrap();
        let learners = source.learners("there.ipynb".into());
        let texts: Vec<_> = learners.code_cells().into_iter().map(|cell| cell.source).collect();
        insta::assert_snapshot!(texts.join("\n---\n"), @r#"
        let x = 7;
        ---
        //| exercise: one
        fn one() -> u8 {
            todo!("write this part, then run the check below")
        }
        ---
        //| check: one
        assert_eq!(one(), 1, "one comes before two");
        "#);
        let json = learners.to_json();
        assert!(json.contains("<summary>Hint</summary>") && json.contains("raises-exception"));
        assert!(!json.contains("solution") && !json.contains("old"));
        let solved = source.solved("solved.ipynb".into());
        assert!(solved.code_cells()[1].source.contains("    1\n}"));
        assert_eq!(solved.path(), Path::new("solved.ipynb"));
    }

    #[test]
    fn what_does_not_fit_together_is_named_with_its_cell() {
        let fails = |cells: &[&str]| source(cells).unwrap_err().to_string();
        insta::assert_snapshot!(fails(&["1", ONE]), @"day-01.ipynb, cell 2: the exercise `one` has no check; add a cell that begins with `//| check: one`");
        insta::assert_snapshot!(fails(&[CHECK_ONE]), @"day-01.ipynb, cell 1: it checks `one`, but no cell before it is `//| exercise: one`");
        insta::assert_snapshot!(fails(&[ONE, ONE]), @"day-01.ipynb, cell 2: there is an exercise `one` already; give each a name of its own");
        insta::assert_snapshot!(fails(&[ONE, CHECK_ONE, CHECK_ONE]), @"day-01.ipynb, cell 3: `one` has a check already; put all its assertions into one cell");
        insta::assert_snapshot!(fails(&["//| exercise: one\n1"]), @"day-01.ipynb, cell 1, exercise `one`");
    }
}
