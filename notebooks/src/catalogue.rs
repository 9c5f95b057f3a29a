//! All lessons with exercises, and how learners name them.

use std::path::Path;

use crate::exercise::Exercise;
use crate::source::{Source, SourceError};

/// The sources of a folder.
#[derive(Debug, Clone)]
pub struct Catalogue {
    sources: Vec<Source>,
}

/// A name that no lesson and no exercise has, or that several exercises have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing has this name.
    #[error("there is no {what} `{name}`; {}", near_or_all(name, known))]
    Unknown {
        /// `lesson` or `exercise`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Exercises of several lessons have this name.
    #[error("several lessons have an exercise `{name}`; say which: {}", known.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Each with its lesson.
        known: Vec<String>,
    },
}

/// What was probably meant, else all that there is.
fn near_or_all(name: &str, known: &[String]) -> String {
    let distance = |candidate: &str| {
        // An exercise may be named without its lesson.
        let last = candidate.rsplit('/').next().unwrap_or(candidate);
        strsim::osa_distance(name, candidate).min(strsim::osa_distance(name, last))
    };
    let limit = (name.chars().count() / 3).max(1);
    match known.iter().min_by_key(|known| distance(known)) {
        Some(nearest) if distance(nearest) <= limit => format!("did you mean `{nearest}`?"),
        _ => format!("there are {}", known.join(", ")),
    }
}

impl Catalogue {
    /// Reads the sources of a folder.
    ///
    /// # Errors
    /// When the folder cannot be listed, or one of them is not a well-formed source.
    pub fn open(folder: &Path) -> Result<Catalogue, SourceError> {
        Ok(Catalogue { sources: Source::all(folder)? })
    }

    /// The lessons, by name.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The lesson of this name, with or without `.ipynb` and folders before it.
    ///
    /// # Errors
    /// When there is none, with those that there are.
    pub fn lesson(&self, name: &str) -> Result<&Source, NameError> {
        let stem = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(".ipynb").unwrap_or(&stem);
        self.sources.iter().find(|source| source.lesson() == stem).ok_or_else(|| {
            NameError::Unknown {
                what: "lesson",
                name: name.to_owned(),
                known: self.sources.iter().map(Source::lesson).collect(),
            }
        })
    }

    /// The exercise of this name: `map-side`, or `day-02-cnn/map-side`.
    ///
    /// # Errors
    /// When there is none, or several lessons have one.
    pub fn exercise(&self, name: &str) -> Result<(&Source, &Exercise), NameError> {
        let (lesson, exercise) = match name.split_once('/') {
            Some((lesson, exercise)) => (Some(lesson), exercise),
            None => (None, name),
        };
        let mut found = Vec::new();
        let mut known = Vec::new();
        for source in &self.sources {
            if lesson.is_some_and(|lesson| lesson != source.lesson()) {
                continue;
            }
            for candidate in source.exercises() {
                known.push(format!("{}/{}", source.lesson(), candidate.name));
                if candidate.name == exercise {
                    found.push((source, candidate));
                }
            }
        }
        match found[..] {
            [one] => Ok(one),
            [] => Err(NameError::Unknown { what: "exercise", name: name.to_owned(), known }),
            _ => {
                let suffix = format!("/{exercise}");
                let known = known.into_iter().filter(|name| name.ends_with(&suffix)).collect();
                Err(NameError::Ambiguous { name: name.to_owned(), known })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::{CHECK_ONE, ONE, notebook};

    #[test]
    fn names_are_found_or_explained() {
        let source = |name: &str| Source::from_notebook(notebook(name, &[ONE, CHECK_ONE])).unwrap();
        let sources = vec![source("day-01.ipynb"), source("day-02.ipynb")];
        let catalogue = Catalogue { sources };
        assert_eq!(catalogue.lesson("here/day-02.ipynb").unwrap().lesson(), "day-02");
        assert_eq!(catalogue.exercise("day-02/one").unwrap().0.lesson(), "day-02");
        let error = |name: &str| catalogue.exercise(name).unwrap_err().to_string();
        insta::assert_snapshot!(error("one"), @"several lessons have an exercise `one`; say which: day-01/one, day-02/one");
        insta::assert_snapshot!(error("day-01/two"), @"there is no exercise `day-01/two`; did you mean `day-01/one`?");
        insta::assert_snapshot!(error("onne"), @"there is no exercise `onne`; did you mean `day-01/one`?");
        insta::assert_snapshot!(catalogue.lesson("convolutions").unwrap_err(), @"there is no lesson `convolutions`; there are day-01, day-02");
    }
}
