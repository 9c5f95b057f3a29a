//! What of an imported agent did not map, for a person to read.

use std::fmt;

/// One thing that did not map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is.
    pub what: String,
    /// What became of it, and what to do.
    pub why: String,
}

/// Everything that did not map, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    notes: Vec<Note>,
}

impl Report {
    /// The notes.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether everything mapped.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    pub(super) fn note(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.notes.push(Note { what: what.into(), why: why.into() });
    }

    /// A note on a number of things, if there are any.
    pub(super) fn count(&mut self, n: usize, one: &str, many: &str, why: &str) {
        match n {
            0 => {}
            1 => self.note(format!("1 {one}"), why),
            _ => self.note(format!("{n} {many}"), why),
        }
    }
}

/// A line for each note.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("everything was taken over");
        }
        for (i, Note { what, why }) in self.notes.iter().enumerate() {
            write!(f, "{}{what}: {why}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}
