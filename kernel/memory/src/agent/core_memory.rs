//! Core memory: labelled blocks of text that stand in every prompt, and that the agent edits.
//!
//! MemGPT (arXiv 2310.08560, section 2.1) calls this the working context: "a fixed-size
//! read/write block of unstructured text, writeable only via MemGPT function calls".

use std::collections::BTreeMap;
use std::fmt;

/// One block of core memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    label: String,
    description: String,
    value: String,
    limit: usize,
    read_only: bool,
}

impl Block {
    /// An empty block that the agent may edit, of at most 2,000 characters. `label` is the name by
    /// which the agent edits it, `description` tells it what belongs there.
    pub fn new(label: &str, description: &str) -> Self {
        Block {
            label: label.to_owned(),
            description: description.to_owned(),
            value: String::new(),
            limit: 2_000,
            read_only: false,
        }
    }

    /// Sets what stands in the block at first. It may be longer than the limit; then the agent can
    /// only make it shorter.
    pub fn with_value(mut self, value: &str) -> Self {
        self.value = value.to_owned();
        self
    }

    /// Sets the largest number of characters.
    pub fn with_limit(mut self, n_chars: usize) -> Self {
        self.limit = n_chars;
        self
    }

    /// Keeps the agent from editing the block.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The name by which the agent edits it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What belongs there.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What stands there.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The largest number of characters.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the agent may not edit it.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_chars = self.value.chars().count();
        let mark = if self.read_only { ", read-only" } else { "" };
        write!(f, "{} ({n_chars} of {} characters{mark})", self.label, self.limit)?;
        self.value.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

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
    /// There is nothing to append or to replace.
    #[error("the text is empty")]
    Empty,
}

/// The blocks of an agent, in the order in which they were given. Labels are unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoreMemory {
    blocks: Vec<Block>,
}

impl CoreMemory {
    /// Adds a block, in the place of the one with the same label if there is one.
    pub fn insert(&mut self, block: Block) {
        match self.blocks.iter_mut().find(|known| known.label == block.label) {
            Some(known) => *known = block,
            None => self.blocks.push(block),
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block with this label.
    pub fn get(&self, label: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.label == label)
    }

    /// Labels and values, sorted.
    pub fn values(&self) -> BTreeMap<String, String> {
        let values = self.blocks.iter().map(|block| (block.label.clone(), block.value.clone()));
        values.collect()
    }

    /// Appends a line to a block (`core_memory_append`).
    ///
    /// # Errors
    /// [`CoreMemoryError`], and nothing is changed.
    pub fn append(&mut self, label: &str, text: &str) -> Result<(), CoreMemoryError> {
        if text.trim().is_empty() {
            return Err(CoreMemoryError::Empty);
        }
        let block = self.writable(label)?;
        let line_break = if block.value.is_empty() { "" } else { "\n" };
        let value = format!("{}{line_break}{text}", block.value);
        set(block, value)
    }

    /// Replaces a text that stands in a block exactly once (`core_memory_replace`). An empty `new`
    /// deletes it; lines left empty by that go too.
    ///
    /// # Errors
    /// [`CoreMemoryError`], and nothing is changed.
    pub fn replace(&mut self, label: &str, old: &str, new: &str) -> Result<(), CoreMemoryError> {
        if old.is_empty() {
            return Err(CoreMemoryError::Empty);
        }
        let block = self.writable(label)?;
        let (label, old) = (label.to_owned(), old.to_owned());
        match block.value.matches(&old).count() {
            0 => Err(CoreMemoryError::OldTextMissing { label, old }),
            1 => {
                let mut value = block.value.replacen(&old, new, 1);
                if new.is_empty() {
                    let lines = value.lines().filter(|line| !line.trim().is_empty());
                    value = lines.collect::<Vec<_>>().join("\n");
                }
                set(block, value)
            }
            n_times => Err(CoreMemoryError::OldTextAmbiguous { label, old, n_times }),
        }
    }

    fn writable(&mut self, label: &str) -> Result<&mut Block, CoreMemoryError> {
        let label = label.to_owned();
        let known: Vec<_> = self.blocks.iter().map(|block| block.label.clone()).collect();
        match self.blocks.iter_mut().find(|block| block.label == label) {
            None => Err(CoreMemoryError::NoBlock { label, known: known.join(", ") }),
            Some(block) if block.read_only => Err(CoreMemoryError::ReadOnly { label }),
            Some(block) => Ok(block),
        }
    }
}

/// Sets a block's value unless it is over the limit and longer than before.
fn set(block: &mut Block, value: String) -> Result<(), CoreMemoryError> {
    let (n_chars, n_before) = (value.chars().count(), block.value.chars().count());
    if n_chars > block.limit && n_chars >= n_before {
        let (label, limit) = (block.label.clone(), block.limit);
        return Err(CoreMemoryError::OverLimit { label, n_chars, limit });
    }
    block.value = value;
    Ok(())
}

impl fmt::Display for CoreMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            write!(f, "{}{block}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> CoreMemory {
        let mut memory = CoreMemory::default();
        memory.insert(Block::new("human", "the user").with_value("home: Paris").with_limit(30));
        memory.insert(Block::new("persona", "you").with_value("Kind.").read_only());
        memory
    }

    fn check(edit: impl Fn(&mut CoreMemory) -> Result<(), CoreMemoryError>, expected: &str) {
        let mut memory = memory();
        match edit(&mut memory) {
            Ok(()) => assert_eq!(memory.get("human").unwrap().value(), expected),
            Err(error) => {
                assert_eq!(error.to_string(), expected);
                assert_eq!(memory, self::memory(), "a refused edit changes nothing");
            }
        }
    }

    #[test]
    fn blocks_are_edited_within_their_rules() {
        check(|m| m.append("human", "name: Sara"), "home: Paris\nname: Sara");
        check(|m| m.replace("human", "Paris", "Lyon"), "home: Lyon");
        check(|m| m.replace("human", "home: Paris", ""), "");
        check(|m| m.append("human", &"é".repeat(18)), &format!("home: Paris\n{}", "é".repeat(18)));
    }

    #[test]
    fn refusals_say_what_to_do() {
        check(|m| m.append("human", &"é".repeat(19)), {
            "the block `human` would hold 31 characters, and its limit is 30; shorten it with \
             `core_memory_replace` first, or save less"
        });
        check(
            |m| m.append("user", "x"),
            "there is no block `user`; the blocks are: human, persona",
        );
        check(
            |m| m.append("persona", "x"),
            "the block `persona` is read-only; write to another block",
        );
        check(
            |m| m.replace("persona", "Kind", "Rude"),
            "the block `persona` is read-only; write to another block",
        );
        check(
            |m| m.replace("human", "Rome", "Lyon"),
            "the block `human` does not hold this text: \"Rome\"; copy the old text exactly",
        );
        check(
            |m| {
                m.append("human", "pet: Paris")?;
                m.replace("human", "Paris", "Lyon").inspect_err(|_| *m = memory())
            },
            "the block `human` holds this text 2 times: \"Paris\"; give more of it",
        );
        check(|m| m.replace("human", "", "x"), "the text is empty");
    }
}
