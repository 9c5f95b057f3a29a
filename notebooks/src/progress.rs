//! What a learner has done, kept in one file of her own.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::grade::{Grade, Outcome};
use crate::source::Source;

/// The version of the file.
const FORMAT: u32 = 1;

/// A learner's progress over all lessons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    format: u32,
    lessons: BTreeMap<String, BTreeMap<String, Record>>,
    #[serde(skip)]
    path: PathBuf,
}

/// What is known of one exercise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How often it was checked.
    pub attempts: u32,
    /// The day on which it was first passed, such as `2026-11-27`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<String>,
    /// How many hints were asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hints: usize,
    /// Whether the solution was asked for before it was passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub solution_seen: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// How far a lesson is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LessonProgress {
    /// The lesson's name.
    pub lesson: String,
    /// Exercises that were passed.
    pub n_passed: usize,
    /// Exercises that it has.
    pub n_exercises: usize,
    /// The first that was not passed yet.
    pub next: Option<String>,
}

/// Why progress cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgressError {
    /// The file cannot be read.
    #[error("cannot read your progress in `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a record of progress.
    #[error("{}:{}:{}: this is no record of progress; mend it, or move it away to begin anew (it is left as it is)", path.display(), source.line(), source.column())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The file was written by a later version.
    #[error("`{}` has format {found}, and this program knows {known}; use a newer one", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What this program reads.
        known: u32,
    },
    /// The file cannot be written.
    #[error("cannot keep your progress in `{}`; what was there before is still there", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Progress {
    /// Reads the file; a file that is not there is an empty record.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Progress, ProgressError> {
        let new = || Progress { format: FORMAT, lessons: BTreeMap::new(), path: PathBuf::new() };
        let progress = read_json(path, FORMAT)?.unwrap_or_else(new);
        Ok(Progress { path: path.to_owned(), ..progress })
    }

    /// Writes the file: into a temporary one beside it, which then takes its name.
    ///
    /// # Errors
    /// When the folder cannot be written; the old file is then whole.
    pub fn save(&self) -> Result<(), ProgressError> {
        write_json(&self.path, self)
    }

    /// What is known of an exercise.
    pub fn record(&self, lesson: &str, exercise: &str) -> Option<&Record> {
        self.lessons.get(lesson)?.get(exercise)
    }

    /// Changes what is known of an exercise.
    pub fn change(&mut self, lesson: &str, exercise: &str, change: impl FnOnce(&mut Record)) {
        let lesson = self.lessons.entry(lesson.to_owned()).or_default();
        change(lesson.entry(exercise.to_owned()).or_default());
    }

    /// Keeps a grade. `today` is the day, such as `2026-11-27`.
    pub fn keep(&mut self, lesson: &str, grade: &Grade, today: &str) {
        if matches!(grade.outcome, Outcome::NotStarted | Outcome::Missing) {
            return;
        }
        self.change(lesson, &grade.exercise, |record| {
            record.attempts += 1;
            if grade.outcome.is_passed() && record.passed.is_none() {
                record.passed = Some(today.to_owned());
            }
        });
    }

    /// How far a lesson is.
    pub fn of(&self, source: &Source) -> LessonProgress {
        let lesson = source.lesson();
        let passed = |name: &str| self.record(&lesson, name).is_some_and(|r| r.passed.is_some());
        let names = source.exercises().iter().map(|exercise| exercise.name.as_str());
        LessonProgress {
            n_passed: names.clone().filter(|name| passed(name)).count(),
            n_exercises: source.exercises().len(),
            next: names.clone().find(|name| !passed(name)).map(str::to_owned),
            lesson: lesson.clone(),
        }
    }
}

/// Reads a value as JSON, of the version that is known; nothing where there is no file.
pub(crate) fn read_json<T: DeserializeOwned>(
    path: &Path,
    known: u32,
) -> Result<Option<T>, ProgressError> {
    /// What every version begins with.
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ProgressError::Read { path: path.to_owned(), source }),
    };
    let syntax = |source| ProgressError::Syntax { path: path.to_owned(), source };
    let Head { format: found } = serde_json::from_slice(&bytes).map_err(syntax)?;
    if found != known {
        return Err(ProgressError::Format { path: path.to_owned(), found, known });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(syntax)
}

/// Writes a value as JSON, whole or not at all; makes the folder.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), ProgressError> {
    let failed = |source| ProgressError::Write { path: path.to_owned(), source };
    let json = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))? + "\n";
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    write_whole(path, &json).map_err(failed)
}

/// Writes a text: into a temporary file beside it, which then takes its name.
///
/// # Errors
/// What the system said; the old file is then whole.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map(drop).map_err(|failure| failure.error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{CHECK_ONE, ONE, source};

    #[test]
    fn the_first_pass_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/progress.json");
        let mut progress = Progress::load(&path).unwrap();
        let grade = |outcome| Grade { exercise: "one".into(), outcome };
        progress.keep("day-01", &grade(Outcome::NotStarted), "2026-11-26");
        assert_eq!(progress.record("day-01", "one"), None);
        progress.keep("day-01", &grade(Outcome::Failed { message: "no".into() }), "2026-11-26");
        progress.keep("day-01", &grade(Outcome::Passed), "2026-11-27");
        progress.keep("day-01", &grade(Outcome::Passed), "2026-11-28");
        progress.save().unwrap();
        let again = Progress::load(&path).unwrap();
        assert_eq!(again, progress);
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        {
          "format": 1,
          "lessons": {
            "day-01": {
              "one": {
                "attempts": 3,
                "passed": "2026-11-27"
              }
            }
          }
        }
        "#);
        let lesson = again.of(&source(&[ONE, CHECK_ONE]).unwrap());
        assert_eq!((lesson.n_passed, lesson.n_exercises, lesson.next), (1, 1, None));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        let check = |text: &str, expected: &str| {
            std::fs::write(&path, text).unwrap();
            let error = Progress::load(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        };
        check("{\"format\": 1,", "progress.json:1:13: this is no record of progress");
        check("{\"format\": 9, \"lessons\": {}}", "has format 9");
        // A later version may hold what this one does not know.
        check("{\"format\": 9, \"courses\": {}}", "has format 9");
    }
}
