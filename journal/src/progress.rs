//! How far a learner is: which exercises of the lessons are passed, from the file that the lessons
//! keep (ARCHITECTURE.md, "The progress file").

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::key::KeyParts;
use crate::record::Exercise;
use crate::root::stem_of;

/// The version of the file that is read.
const FORMAT: u32 = 1;
/// A larger file is no record of progress.
const MAX_PROGRESS: u64 = 4 * 1024 * 1024;

/// The exercises that were passed, by lesson. Of the rest of the file, such as dates and attempts,
/// nothing is kept: pages do not show it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    passed: BTreeMap<String, BTreeSet<String>>,
}

/// The exercises of one notebook, for its page and for the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strip {
    pub(crate) parts: Vec<Part>,
    pub(crate) n_passed: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Its cell on the notebook's page.
    pub(crate) anchor: String,
    pub(crate) is_passed: bool,
}

#[derive(Deserialize)]
struct File {
    format: u32,
    #[serde(default)]
    lessons: BTreeMap<String, BTreeMap<String, Known>>,
}

#[derive(Deserialize)]
struct Known {
    #[serde(default)]
    passed: Option<IgnoredAny>,
}

impl Progress {
    /// Reads the file. None where there is no such file, or where it is no record of progress: the
    /// journal does without it, and the lessons say what is wrong with it.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        if path.metadata().ok()?.len() > MAX_PROGRESS {
            return None;
        }
        Self::parse(&std::fs::read(path).ok()?)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(bytes).ok()?;
        let passed = |lesson: BTreeMap<String, Known>| {
            let passed = lesson.into_iter().filter(|(_, known)| known.passed.is_some());
            passed.map(|(name, _)| name).collect()
        };
        (file.format == FORMAT).then(|| Self {
            passed: file.lessons.into_iter().map(|(name, one)| (name, passed(one))).collect(),
        })
    }

    /// The strip of the notebook `file`; none where it has no exercise.
    pub(crate) fn strip(&self, file: &str, exercises: &[Exercise]) -> Option<Strip> {
        let passed = self.passed.get(stem_of(file));
        let parts: Vec<Part> = exercises
            .iter()
            .map(|Exercise { name, anchor }| Part {
                name: name.clone(),
                anchor: anchor.clone(),
                is_passed: passed.is_some_and(|passed| passed.contains(name)),
            })
            .collect();
        let n_passed = parts.iter().filter(|part| part.is_passed).count();
        (!parts.is_empty()).then_some(Strip { parts, n_passed })
    }
}

impl Strip {
    /// Adds it to the key of a page that shows it.
    pub(crate) fn push_to(&self, parts: &mut KeyParts) {
        parts.push("strip");
        for part in &self.parts {
            parts.push(&part.name);
            parts.push(&part.anchor);
            parts.push_number(usize::from(part.is_passed));
        }
    }

    /// What it shows, in words.
    pub(crate) fn said(&self) -> String {
        let n = self.parts.len();
        let s = if n == 1 { "" } else { "s" };
        format!("{} of {n} exercise{s} passed", self.n_passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lessons_file_is_read() {
        let json = br#"{"format": 1, "lessons": {"day-02-cnn": {
            "map-side": {"attempts": 3, "passed": "2026-11-27", "hints": 1},
            "count": {"attempts": 1},
            "gone": {"attempts": 1, "passed": "2026-11-27"}}}}"#;
        let progress = Progress::parse(json).unwrap();
        let exercise = |name: &str| Exercise { name: name.into(), anchor: format!("c-{name}") };
        let strip = progress.strip(
            "notebooks/day-02-cnn.ipynb",
            &[exercise("map-side"), exercise("count"), exercise("small")],
        );
        let strip = strip.unwrap();
        let passed: Vec<bool> = strip.parts.iter().map(|part| part.is_passed).collect();
        assert_eq!(
            (passed, strip.said().as_str()),
            (vec![true, false, false], "1 of 3 exercises passed")
        );
        let none = progress.strip("notebooks/other.ipynb", &[exercise("map-side")]).unwrap();
        assert_eq!(none.said(), "0 of 1 exercise passed");
        assert_eq!(progress.strip("notebooks/day-02-cnn.ipynb", &[]), None);
    }

    #[test]
    fn what_is_no_progress_is_done_without() {
        for bytes in [&b"{"[..], b"{\"format\": 2, \"lessons\": {}}", b"[]", b"{\"lessons\": 3}"] {
            assert_eq!(Progress::parse(bytes), None);
        }
    }
}
