//! Edits of a block: pure functions from what stands there to what will.

use super::Block;

/// Why core memory was not edited. The text goes back to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreMemoryError {
    /// No block has this label.
    #[error("there is no block `{label}`; the blocks are: {known}")]
    NoBlock {
        /// The label in the call.
        label: String,
        /// The labels that exist.
        known: String,
    },
    /// The block is read-only.
    #[error("the block `{label}` is read-only; write to another block")]
    ReadOnly {
        /// The block.
        label: String,
    },
    /// The block would become longer than its limit.
    #[error(
        "the block `{label}` would hold {n_chars} characters, and its limit is {limit}; shorten \
         it with `core_memory_replace` first, or save less"
    )]
    OverLimit {
        /// The block.
        label: String,
        /// The characters that it would hold.
        n_chars: usize,
        /// Its limit.
        limit: usize,
    },
    /// The text to replace does not stand in the block.
    #[error("the block `{label}` does not hold this text: {old:?}; copy the old text exactly")]
    OldTextMissing {
        /// The block.
        label: String,
        /// The text that is not there.
        old: String,
    },
    /// The text to replace stands in the block more than once.
    #[error("the block `{label}` holds this text {n_times} times: {old:?}; give more of it")]
    OldTextAmbiguous {
        /// The block.
        label: String,
        /// The text.
        old: String,
        /// How often it stands there.
        n_times: usize,
    },
    /// There is no such line to insert behind.
    #[error(
        "the block `{label}` has {n_lines} lines, so nothing can be inserted behind line {line}; \
         0 is before the first, -1 behind the last"
    )]
    NoLine {
        /// The block.
        label: String,
        /// The line in the call.
        line: i64,
        /// The lines that there are.
        n_lines: usize,
    },
    /// There is nothing to append or to replace.
    #[error("the text is empty")]
    Empty,
}

/// An edit of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// Appends a line (`core_memory_append`).
    Append {
        /// The line, or several.
        text: String,
    },
    /// Replaces a text that stands in the block exactly once (`core_memory_replace`). An empty
    /// `new` deletes it; lines left empty by that go too.
    Replace {
        /// What stands there.
        old: String,
        /// What shall stand there.
        new: String,
    },
    /// Inserts lines behind the `line`-th (`memory_insert`): 0 before the first, -1 behind the
    /// last.
    Insert {
        /// The line, from 1.
        line: i64,
        /// The text.
        text: String,
    },
    /// Replaces all that stands in the block (`memory_rethink`).
    Rethink {
        /// What shall stand there.
        text: String,
    },
}

impl Edit {
    /// Whether the edit says all that it depends on, so that it can be made to a value that has
    /// changed since the author saw it. An insertion behind a line and a rewriting cannot.
    pub fn stands_alone(&self) -> bool {
        match self {
            Edit::Append { .. } | Edit::Replace { .. } => true,
            Edit::Insert { line, .. } => *line <= 0,
            Edit::Rethink { .. } => false,
        }
    }

    /// What will stand in the block.
    ///
    /// # Errors
    /// [`CoreMemoryError`] when the edit does not fit what stands there, or the block may not be
    /// edited.
    ///
    /// ```
    /// use momentum_memory::agent::{Block, Edit};
    ///
    /// let human = Block::new("human", "the user").with_value("home: Paris");
    /// let edit = Edit::Replace { old: "Paris".into(), new: "Lyon".into() };
    /// assert_eq!(edit.apply(&human).unwrap(), "home: Lyon");
    /// ```
    pub fn apply(&self, block: &Block) -> Result<String, CoreMemoryError> {
        if block.is_read_only() {
            return Err(CoreMemoryError::ReadOnly { label: block.label().to_owned() });
        }
        let value = self.edited(block)?;
        let (n_chars, n_before) = (value.chars().count(), block.value().chars().count());
        if n_chars > block.limit() && n_chars >= n_before {
            let (label, limit) = (block.label().to_owned(), block.limit());
            return Err(CoreMemoryError::OverLimit { label, n_chars, limit });
        }
        Ok(value)
    }

    fn edited(&self, block: &Block) -> Result<String, CoreMemoryError> {
        let value = block.value();
        let label = || block.label().to_owned();
        match self {
            Edit::Append { text } | Edit::Insert { text, .. } if text.trim().is_empty() => {
                Err(CoreMemoryError::Empty)
            }
            Edit::Append { text } => Ok(joined(value, text)),
            Edit::Replace { old, .. } if old.is_empty() => Err(CoreMemoryError::Empty),
            Edit::Replace { old, new } => match value.matches(old.as_str()).count() {
                0 => Err(CoreMemoryError::OldTextMissing { label: label(), old: old.clone() }),
                1 => {
                    let value = value.replacen(old.as_str(), new, 1);
                    Ok(if new.is_empty() { without_empty_lines(&value) } else { value })
                }
                n_times => {
                    let (label, old) = (label(), old.clone());
                    Err(CoreMemoryError::OldTextAmbiguous { label, old, n_times })
                }
            },
            Edit::Insert { line, text } => {
                let lines: Vec<_> = value.lines().collect();
                let behind = match usize::try_from(*line) {
                    Ok(line) if line <= lines.len() => line,
                    Err(_) if *line == -1 => lines.len(),
                    _ => {
                        let (line, n_lines) = (*line, lines.len());
                        return Err(CoreMemoryError::NoLine { label: label(), line, n_lines });
                    }
                };
                let (before, after) = lines.split_at(behind);
                Ok(joined(&joined(&before.join("\n"), text), &after.join("\n")))
            }
            Edit::Rethink { text } => Ok(text.clone()),
        }
    }
}

fn joined(before: &str, after: &str) -> String {
    let line_break = if before.is_empty() || after.is_empty() { "" } else { "\n" };
    format!("{before}{line_break}{after}")
}

fn without_empty_lines(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edit: Edit, expected: &str) {
        let block = Block::new("human", "the user").with_value("home: Paris").with_limit(30);
        let got = edit.apply(&block).unwrap_or_else(|error| error.to_string());
        assert_eq!(got, expected, "{edit:?}");
        let refused = edit.apply(&block.read_only()).unwrap_err();
        assert_eq!(refused, CoreMemoryError::ReadOnly { label: "human".into() });
    }

    fn append(text: &str) -> Edit {
        Edit::Append { text: text.to_owned() }
    }

    fn replace(old: &str, new: &str) -> Edit {
        Edit::Replace { old: old.to_owned(), new: new.to_owned() }
    }

    fn insert(line: i64, text: &str) -> Edit {
        Edit::Insert { line, text: text.to_owned() }
    }

    #[test]
    fn blocks_are_edited_within_their_rules() {
        check(append("name: Sara"), "home: Paris\nname: Sara");
        check(replace("Paris", "Lyon"), "home: Lyon");
        check(replace("home: Paris", ""), "");
        check(append(&"é".repeat(18)), &format!("home: Paris\n{}", "é".repeat(18)));
        check(insert(0, "name: Sara"), "name: Sara\nhome: Paris");
        check(insert(1, "name: Sara"), "home: Paris\nname: Sara");
        check(insert(-1, "name: Sara"), "home: Paris\nname: Sara");
        check(Edit::Rethink { text: "home: Lyon".into() }, "home: Lyon");
        check(Edit::Rethink { text: String::new() }, "");
    }

    #[test]
    fn refusals_say_what_to_do() {
        check(append(&"é".repeat(19)), {
            "the block `human` would hold 31 characters, and its limit is 30; shorten it with \
             `core_memory_replace` first, or save less"
        });
        check(append(" \n"), "the text is empty");
        check(replace("Rome", "Lyon"), {
            "the block `human` does not hold this text: \"Rome\"; copy the old text exactly"
        });
        check(replace("", "x"), "the text is empty");
        check(replace("r", "x"), "home: Paxis");
        check(insert(2, "x"), {
            "the block `human` has 1 lines, so nothing can be inserted behind line 2; 0 is before \
             the first, -1 behind the last"
        });
        check(insert(-2, "x"), {
            "the block `human` has 1 lines, so nothing can be inserted behind line -2; 0 is \
             before the first, -1 behind the last"
        });
        let twice = Block::new("human", "").with_value("home: Paris\npet: Paris");
        assert_eq!(replace("Paris", "Lyon").apply(&twice).unwrap_err().to_string(), {
            "the block `human` holds this text 2 times: \"Paris\"; give more of it"
        });
    }
}
