//! Spaced review: when a question comes back. This is the only file that names `rs_fsrs`.
//!
//! The scheduler is FSRS (Free Spaced Repetition Scheduler, Ye, Su and Cao, "A stochastic shortest
//! path algorithm for optimizing spaced repetition scheduling", KDD 2022), with its default
//! parameters and without its random spread, so that the same answers give the same days.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rs_fsrs::{Card, FSRS, Rating};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::progress::{ProgressError, read_json, write_json};

/// The version of the file.
const FORMAT: u32 = 1;

/// How well an answer was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// Not at all.
    Again,
    /// With trouble.
    Hard,
    /// Well.
    Good,
    /// At once.
    Easy,
}

impl Recall {
    /// 1 to 4, as the learner types it.
    ///
    /// ```
    /// use momentum_lessons::Recall;
    /// assert_eq!(Recall::parse("3"), Some(Recall::Good));
    /// assert_eq!(Recall::parse("well"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Recall> {
        match text.trim() {
            "1" => Some(Recall::Again),
            "2" => Some(Recall::Hard),
            "3" => Some(Recall::Good),
            "4" => Some(Recall::Easy),
            _ => None,
        }
    }

    fn rating(self) -> Rating {
        match self {
            Recall::Again => Rating::Again,
            Recall::Hard => Rating::Hard,
            Recall::Good => Rating::Good,
            Recall::Easy => Rating::Easy,
        }
    }
}

/// What is known of each question's answer, kept in one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    format: u32,
    cards: BTreeMap<String, Card>,
    #[serde(skip)]
    path: PathBuf,
}

impl Schedule {
    /// Reads the file; a file that is not there is an empty schedule.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Schedule, ProgressError> {
        let new = || Schedule { format: FORMAT, cards: BTreeMap::new(), path: PathBuf::new() };
        let schedule = read_json(path, FORMAT)?.unwrap_or_else(new);
        Ok(Schedule { path: path.to_owned(), ..schedule })
    }

    /// Writes the file: into a temporary one beside it, which then takes its name.
    ///
    /// # Errors
    /// When the folder cannot be written; the old file is then whole.
    pub fn save(&self) -> Result<(), ProgressError> {
        write_json(&self.path, self)
    }

    /// When a question is due: at once if it was never asked.
    pub fn due(&self, question: &str) -> Option<DateTime<Utc>> {
        self.cards.get(&identity(question)).map(|card| card.due)
    }

    /// Whether a question should be asked now.
    pub fn is_due(&self, question: &str, now: DateTime<Utc>) -> bool {
        self.due(question).is_none_or(|due| due <= now)
    }

    /// Keeps how well an answer was known; gives when the question comes back.
    pub fn answered(
        &mut self,
        question: &str,
        recall: Recall,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let card = self.cards.entry(identity(question)).or_insert_with(|| Card {
            due: now,
            last_review: now,
            ..Card::default()
        });
        *card = FSRS::default().next(card.clone(), now, recall.rating()).card;
        card.due
    }
}

/// A question is known by its words: it may move to another entry.
fn identity(question: &str) -> String {
    let hash = Sha256::digest(question);
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Cards as a text that Anki imports (File, Import): question, answer and tag of each.
///
/// ```
/// let text = momentum_lessons::anki_text("My log", [("Why?", "a < b", "day-02")]);
/// assert!(text.starts_with("#separator:tab\n#html:true\n#deck:My log\n#tags column:3\n"));
/// assert!(text.ends_with("Why?\ta &lt; b\tday-02\n"));
/// ```
pub fn anki_text<'a>(
    deck: &str,
    cards: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
) -> String {
    let field = |text: &str| {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    };
    let mut text = format!("#separator:tab\n#html:true\n#deck:{}\n#tags column:3\n", field(deck));
    for (question, answer, tag) in cards {
        text += &format!("{}\t{}\t{}\n", field(question), field(answer), field(tag));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_known_comes_back_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("review.json");
        let mut schedule = Schedule::load(&path).unwrap();
        let now = at("2026-11-27T10:00:00Z");
        assert!(schedule.is_due("Why?", now));
        let easy = schedule.answered("Why?", Recall::Easy, now);
        let again = schedule.answered("What?", Recall::Again, now);
        assert!(again < now + chrono::Duration::hours(1), "{again}");
        assert!(easy > now + chrono::Duration::days(3), "{easy}");
        assert!(!schedule.is_due("Why?", now) && schedule.is_due("Why?", easy));
        // Each time it was known, the pause grows.
        let next = schedule.answered("Why?", Recall::Good, easy);
        assert!(next - easy > easy - now, "{next}");
        schedule.save().unwrap();
        assert_eq!(Schedule::load(&path).unwrap(), schedule);
    }

    #[test]
    fn a_damaged_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("review.json");
        std::fs::write(&path, "[]").unwrap();
        assert!(matches!(Schedule::load(&path), Err(ProgressError::Syntax { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[]");
    }
}
