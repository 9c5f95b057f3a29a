//! Core memory: labelled blocks of text that stand in every prompt, and that the agent edits.
//!
//! MemGPT (arXiv 2310.08560, section 2.1) calls this the working context: "a fixed-size
//! read/write block of unstructured text, writeable only via MemGPT function calls".

mod edit;

use std::collections::BTreeMap;
use std::fmt;

pub use self::edit::{CoreMemoryError, Edit};
use crate::storage::{AttachedBlock, BlockId, NewBlock, StoredBlock};

/// One block of core memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    label: String,
    description: String,
    value: String,
    limit: usize,
    read_only: bool,
    shared: bool,
    stored: Option<(BlockId, u64)>,
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
            shared: false,
            stored: None,
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

    /// Whether the agent may not edit it: nobody may, or this agent has no right to write it.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether other agents have it too.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Its number in the storage, by which it can be shared; [`None`] before it is in one.
    pub fn id(&self) -> Option<BlockId> {
        self.stored.map(|(id, _)| id)
    }

    /// 1 when created, one more with each edit; 0 before it is in a storage.
    pub fn version(&self) -> u64 {
        self.stored.map_or(0, |(_, version)| version)
    }

    pub(crate) fn to_new(&self) -> NewBlock {
        NewBlock {
            label: self.label.clone(),
            description: self.description.clone(),
            value: self.value.clone(),
            limit: self.limit,
            read_only: self.read_only,
        }
    }
}

impl From<StoredBlock> for Block {
    fn from(block: StoredBlock) -> Self {
        Block {
            stored: Some((block.id, block.version)),
            label: block.label,
            description: block.description,
            value: block.value,
            limit: block.limit,
            read_only: block.read_only,
            shared: false,
        }
    }
}

impl From<AttachedBlock> for Block {
    fn from(attached: AttachedBlock) -> Self {
        let (read_only, shared) = (!attached.is_writable(), attached.shared);
        Block { read_only, shared, ..attached.block.into() }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_chars = self.value.chars().count();
        let read_only = if self.read_only { ", read-only" } else { "" };
        let shared = if self.shared { ", shared" } else { "" };
        write!(f, "{} ({n_chars} of {} characters{read_only}{shared})", self.label, self.limit)?;
        self.value.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
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

    /// The block with this label, which may be edited.
    ///
    /// # Errors
    /// [`CoreMemoryError::NoBlock`], [`CoreMemoryError::ReadOnly`].
    pub fn writable(&self, label: &str) -> Result<&Block, CoreMemoryError> {
        let label = label.to_owned();
        match self.get(&label) {
            None => {
                let known: Vec<_> = self.blocks.iter().map(Block::label).collect();
                Err(CoreMemoryError::NoBlock { label, known: known.join(", ") })
            }
            Some(block) if block.read_only => Err(CoreMemoryError::ReadOnly { label }),
            Some(block) => Ok(block),
        }
    }

    /// Labels and values, sorted.
    pub fn values(&self) -> BTreeMap<String, String> {
        let values = self.blocks.iter().map(|block| (block.label.clone(), block.value.clone()));
        values.collect()
    }
}

impl FromIterator<Block> for CoreMemory {
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        let mut memory = CoreMemory::default();
        blocks.into_iter().for_each(|block| memory.insert(block));
        memory
    }
}

impl fmt::Display for CoreMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            write!(f, "{}{block}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}
