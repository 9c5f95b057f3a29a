//! Blocks with their edits.

use super::{AgentState, State};
use crate::storage::{
    Access, AgentId, AttachedBlock, Author, BlockConflict, BlockEdit, BlockId, EditRequest,
    NewBlock, StorageError, StoredBlock, Timestamp,
};

/// A block and all its edits, oldest first.
pub(super) struct BlockRecord {
    pub(super) block: StoredBlock,
    pub(super) edits: Vec<BlockEdit>,
}

impl BlockRecord {
    /// The value that the block had in this version.
    pub(super) fn value_of(&self, version: u64) -> Result<&str, StorageError> {
        let edit = self.edits.iter().find(|edit| edit.version == version);
        let block = self.block.id;
        edit.map(|edit| edit.after.as_str()).ok_or(StorageError::NoVersion { block, version })
    }
}

impl State {
    pub(super) fn block_record(&self, block: BlockId) -> Result<&BlockRecord, StorageError> {
        self.blocks.get(&block).ok_or(StorageError::NoBlock { block })
    }

    fn require_free_label(
        &self,
        agent: &AgentId,
        label: &str,
        except: Option<BlockId>,
    ) -> Result<(), StorageError> {
        let attached = self.agent(agent)?.attached.iter().map(|(id, _)| *id);
        let mut others = attached.filter(|id| Some(*id) != except);
        if others.any(|id| self.blocks[&id].block.label == label) {
            return Err(StorageError::LabelTaken { agent: agent.clone(), label: label.to_owned() });
        }
        Ok(())
    }

    pub(super) fn create_block(
        &mut self,
        agent: &AgentId,
        new: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.require_free_label(agent, &new.label, None)?;
        self.n_blocks_ever += 1;
        let id = BlockId(self.n_blocks_ever);
        let NewBlock { label, description, value, limit, read_only } = new.clone();
        let edit = BlockEdit {
            version: 1,
            by: by.clone(),
            at,
            before: None,
            after: value.clone(),
            restores: None,
        };
        let block = StoredBlock { id, label, description, value, limit, read_only, version: 1 };
        self.blocks.insert(id, BlockRecord { block: block.clone(), edits: vec![edit] });
        self.agent_mut(agent)?.attached.push((id, Access::Write));
        Ok(block)
    }

    pub(super) fn attach_block(
        &mut self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError> {
        self.agent(agent)?;
        let label = self.block_record(block)?.block.label.clone();
        self.require_free_label(agent, &label, Some(block))?;
        let attached = &mut self.agent_mut(agent)?.attached;
        match attached.iter_mut().find(|(id, _)| *id == block) {
            Some(known) => known.1 = access,
            None => attached.push((block, access)),
        }
        Ok(())
    }

    pub(super) fn attached_blocks(
        &self,
        agent: &AgentId,
    ) -> Result<Vec<AttachedBlock>, StorageError> {
        let n_holders = |block| {
            let agents = self.agents.values();
            agents.filter(|state| state.attached.iter().any(|(id, _)| *id == block)).count()
        };
        let attached = self.agent(agent)?.attached.iter();
        Ok(attached
            .map(|(id, access)| AttachedBlock {
                block: self.blocks[id].block.clone(),
                access: *access,
                shared: n_holders(*id) > 1,
            })
            .collect())
    }

    pub(super) fn edit_block(
        &mut self,
        edit: &EditRequest<'_>,
        restores: Option<u64>,
    ) -> Result<StoredBlock, StorageError> {
        let found = self.block_record(edit.block)?.block.clone();
        if let Author::Agent(agent) = edit.by {
            let attached = self.agent(agent)?.attached.iter();
            let writable =
                attached.clone().any(|(id, access)| *id == edit.block && *access == Access::Write);
            if !writable || found.read_only {
                let (agent, label) = (agent.clone(), found.label);
                return Err(StorageError::NoRight { agent, label });
            }
        }
        if found.version != edit.expected_version {
            let expected = edit.expected_version;
            return Err(StorageError::Conflict(Box::new(BlockConflict { expected, found })));
        }
        let record =
            self.blocks.get_mut(&edit.block).ok_or(StorageError::NoBlock { block: edit.block })?;
        let before = std::mem::replace(&mut record.block.value, edit.value.to_owned());
        record.block.version += 1;
        record.edits.push(BlockEdit {
            version: record.block.version,
            by: edit.by.clone(),
            at: edit.at,
            before: Some(before),
            after: edit.value.to_owned(),
            restores,
        });
        Ok(record.block.clone())
    }

    /// Drops the blocks that no agent has.
    /// Drops those of these blocks that no agent has attached.
    pub(super) fn drop_unattached(&mut self, blocks: &[(BlockId, Access)]) {
        for (block, _) in blocks {
            let has = |state: &AgentState| state.attached.iter().any(|(id, _)| id == block);
            if !self.agents.values().any(has) {
                self.blocks.remove(block);
            }
        }
    }
}
