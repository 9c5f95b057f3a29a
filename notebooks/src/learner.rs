//! A learner's own folder: lessons to work on, never overwritten.

use std::path::{Path, PathBuf};

use momentum_kernel::cell::option;
use momentum_kernel::notebook::{Notebook, NotebookError};

use crate::source::Source;

/// Where a learner works.
#[derive(Debug, Clone)]
pub struct LearnerFolder {
    path: PathBuf,
}

/// What [`LearnerFolder::start`] found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The notebook is new.
    New(PathBuf),
    /// It was there before, and is as it was.
    There(PathBuf),
}

/// Why a learner's notebook cannot be made or reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnerError {
    /// The notebook cannot be read or written.
    #[error(transparent)]
    Notebook(#[from] NotebookError),
    /// The folder cannot be made, or the copy of what was there not written.
    #[error("cannot write in `{}`; your notebooks are as they were", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The learner has no such notebook yet.
    #[error("there is no `{}` to reset; begin it with `momentum exercise start`", path.display())]
    NotStarted {
        /// The notebook.
        path: PathBuf,
    },
    /// The lesson has no such exercise.
    #[error("the lesson `{lesson}` has no exercise `{name}`; it has {}", names.join(", "))]
    NoExercise {
        /// The lesson.
        lesson: String,
        /// What was asked for.
        name: String,
        /// What there is.
        names: Vec<String>,
    },
}

impl LearnerFolder {
    /// A folder; it is made when something is written into it.
    pub fn new(path: PathBuf) -> LearnerFolder {
        LearnerFolder { path }
    }

    /// The learner's notebook of a lesson, there or not.
    pub fn notebook(&self, source: &Source) -> PathBuf {
        self.path.join(source.lesson()).with_extension("ipynb")
    }

    /// Puts a lesson's notebook into the folder, unless it is there already.
    ///
    /// # Errors
    /// When the folder or the notebook cannot be written.
    pub fn start(&self, source: &Source) -> Result<Started, LearnerError> {
        let path = self.notebook(source);
        if path.exists() {
            return Ok(Started::There(path));
        }
        let failed = |source| LearnerError::Folder { folder: self.path.clone(), source };
        std::fs::create_dir_all(&self.path).map_err(failed)?;
        source.learners(path.clone()).write()?;
        Ok(Started::New(path))
    }

    /// Makes an exercise the hole that it was, or the whole notebook if no name is given. What was
    /// there is copied first; gives the copy's path.
    ///
    /// # Errors
    /// When there is no such notebook or exercise, or something cannot be written.
    pub fn reset(&self, source: &Source, name: Option<&str>) -> Result<PathBuf, LearnerError> {
        let path = self.notebook(source);
        if !path.exists() {
            return Err(LearnerError::NotStarted { path });
        }
        let notebook = match name {
            None => source.learners(path.clone()),
            Some(name) => {
                let Some(exercise) = source.exercise(name) else {
                    let names = source.exercises().iter().map(|e| e.name.clone()).collect();
                    let (lesson, name) = (source.lesson(), name.to_owned());
                    return Err(LearnerError::NoExercise { lesson, name, names });
                };
                let mut notebook = Notebook::read(&path)?;
                for cell in notebook.code_cells() {
                    if option(&cell.source, "exercise") == Some(name) {
                        notebook.set_source(cell.index, &exercise.hole);
                        notebook.set_outputs(cell.index, Vec::new(), None);
                    }
                }
                notebook
            }
        };
        let copy = self.back_up(&path)?;
        notebook.write()?;
        Ok(copy)
    }

    /// Copies a file to a name that is free.
    fn back_up(&self, path: &Path) -> Result<PathBuf, LearnerError> {
        let failed = |source| LearnerError::Folder { folder: self.path.clone(), source };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        for number in 1.. {
            let copy = self.path.join(format!("{stem}.before-reset-{number}.ipynb"));
            // Only a name that is free: two resets at once must not meet in one file.
            match std::fs::File::create_new(&copy) {
                Ok(mut file) => {
                    let mut original = std::fs::File::open(path).map_err(failed)?;
                    std::io::copy(&mut original, &mut file).map_err(failed)?;
                    return Ok(copy);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        unreachable!("there is always a free number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{CHECK_ONE, ONE, source};

    #[test]
    fn what_a_learner_wrote_is_never_lost() {
        let folder = tempfile::tempdir().unwrap();
        let learner = LearnerFolder::new(folder.path().join("mine"));
        let source = source(&["let x = 7;", ONE, CHECK_ONE]).unwrap();
        assert!(matches!(learner.reset(&source, None), Err(LearnerError::NotStarted { .. })));
        let path = learner.notebook(&source);
        assert_eq!(learner.start(&source).unwrap(), Started::New(path.clone()));

        let mut notebook = Notebook::read(&path).unwrap();
        let mine = "//| exercise: one\nfn one() -> u8 { 1 }";
        let index = notebook.code_cells()[1].index;
        notebook.set_source(index, mine);
        notebook.set_source(0, "let x = 8;");
        notebook.write().unwrap();
        assert_eq!(learner.start(&source).unwrap(), Started::There(path.clone()));

        let copies = [Some("one"), None].map(|name| learner.reset(&source, name).unwrap());
        let text = |path: &Path| {
            let cells = Notebook::read(path).unwrap().code_cells();
            cells.into_iter().map(|cell| cell.source).collect::<Vec<_>>()
        };
        assert_eq!(text(&copies[0])[1], mine);
        assert_eq!(text(&copies[1])[0], "let x = 8;", "resetting one exercise leaves the rest");
        assert!(text(&copies[1])[1].contains("todo!"));
        assert_eq!(text(&path)[0], "let x = 7;");
        let error = learner.reset(&source, Some("two")).unwrap_err().to_string();
        assert_eq!(error, "the lesson `day-01` has no exercise `two`; it has one");
    }
}
