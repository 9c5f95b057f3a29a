//! Blocks, who has them, and their edits.

use rusqlite::Row;

use super::{Cached, integer};
use crate::storage::{
    Access, AgentId, AttachedBlock, Author, BlockConflict, BlockEdit, BlockId, EditRequest,
    NewBlock, Page, PageRequest, StorageError, StoredBlock, Timestamp,
};

const COLUMNS: &str = "id, label, description, value, char_limit, read_only, version";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredBlock> {
    Ok(StoredBlock {
        id: BlockId(row.get::<_, i64>(0)?.unsigned_abs()),
        label: row.get(1)?,
        description: row.get(2)?,
        value: row.get(3)?,
        limit: usize::try_from(row.get::<_, i64>(4)?).unwrap_or(usize::MAX),
        read_only: row.get(5)?,
        version: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}

impl Cached<'_> {
    pub(super) fn block(&self, block: BlockId) -> Result<StoredBlock, StorageError> {
        let sql = format!("SELECT {COLUMNS} FROM block WHERE id = ?1");
        let mut found = self.rows("read a block", &sql, [integer(block.0)], read)?;
        found.pop().ok_or(StorageError::NoBlock { block })
    }

    fn require_free_label(
        &self,
        agent: &AgentId,
        label: &str,
        except: Option<BlockId>,
    ) -> Result<i64, StorageError> {
        let id = self.agent(agent)?;
        let sql = "SELECT 1 FROM attachment JOIN block ON block.id = attachment.block
                   WHERE agent = ?1 AND label = ?2 AND block.id IS NOT ?3";
        let except = except.map(|block| integer(block.0));
        let taken: Option<i64> = self.value("look for a label", sql, (id, label, except))?;
        match taken {
            None => Ok(id),
            Some(_) => {
                Err(StorageError::LabelTaken { agent: agent.clone(), label: label.to_owned() })
            }
        }
    }

    pub(super) fn create_block(
        &mut self,
        agent: &AgentId,
        new: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        let doing = "create a block";
        let agent = self.require_free_label(agent, &new.label, None)?;
        let NewBlock { label, description, value, limit, read_only } = new;
        let sql = "INSERT INTO block (label, description, value, char_limit, read_only, version)
                   VALUES (?1, ?2, ?3, ?4, ?5, 1)";
        let limit = integer(*limit as u64);
        self.run(doing, sql, (label, description, value, limit, read_only))?;
        let id = self.transaction.last_insert_rowid();
        let block = BlockId(id.unsigned_abs());
        self.keep_edit(block, 1, by, at, None, value, None)?;
        let sql = "INSERT INTO attachment (agent, block, can_write) VALUES (?1, ?2, 1)";
        self.run(doing, sql, (agent, id))?;
        self.block(block)
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one row")]
    fn keep_edit(
        &self,
        block: BlockId,
        version: u64,
        by: &Author,
        at: Timestamp,
        before: Option<&str>,
        after: &str,
        restores: Option<u64>,
    ) -> Result<(), StorageError> {
        let sql = "INSERT INTO block_edit (block, version, author, at, before, after, restores)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (block, version) = (integer(block.0), integer(version));
        let (author, at, restores) = (by.to_text(), at.millis(), restores.map(integer));
        let row = (block, version, author, at, before, after, restores);
        self.run("keep an edit", sql, row).map(|_| ())
    }

    pub(super) fn attach_block(
        &mut self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError> {
        self.agent(agent)?;
        let label = self.block(block)?.label;
        let agent = self.require_free_label(agent, &label, Some(block))?;
        let sql = "INSERT INTO attachment (agent, block, can_write) VALUES (?1, ?2, ?3)
                   ON CONFLICT (agent, block) DO UPDATE SET can_write = ?3";
        let row = (agent, integer(block.0), access == Access::Write);
        self.run("attach a block", sql, row).map(|_| ())
    }

    pub(super) fn blocks(&self, agent: &AgentId) -> Result<Vec<AttachedBlock>, StorageError> {
        let agent = self.agent(agent)?;
        let sql = "SELECT block.id, label, description, value, char_limit, read_only, version,
                          can_write,
                          (SELECT count(*) FROM attachment other WHERE other.block = block.id)
                   FROM attachment JOIN block ON block.id = attachment.block
                   WHERE attachment.agent = ?1 ORDER BY attachment.id";
        self.rows("read the blocks", sql, [agent], |row| {
            let access = if row.get(7)? { Access::Write } else { Access::Read };
            let shared = row.get::<_, i64>(8)? > 1;
            Ok(AttachedBlock { block: read(row)?, access, shared })
        })
    }

    fn require_right(&self, agent: &AgentId, block: &StoredBlock) -> Result<(), StorageError> {
        let id = self.agent(agent)?;
        let sql = "SELECT can_write FROM attachment WHERE agent = ?1 AND block = ?2";
        let can_write: Option<bool> =
            self.value("look for the right to write", sql, (id, integer(block.id.0)))?;
        if can_write == Some(true) && !block.read_only {
            return Ok(());
        }
        Err(StorageError::NoRight { agent: agent.clone(), label: block.label.clone() })
    }

    pub(super) fn edit_block(
        &mut self,
        edit: &EditRequest<'_>,
        restores: Option<u64>,
    ) -> Result<StoredBlock, StorageError> {
        let found = self.block(edit.block)?;
        if let Author::Agent(agent) = edit.by {
            self.require_right(agent, &found)?;
        }
        if found.version != edit.expected_version {
            let expected = edit.expected_version;
            return Err(StorageError::Conflict(Box::new(BlockConflict { expected, found })));
        }
        let version = found.version + 1;
        let sql = "UPDATE block SET value = ?2, version = ?3 WHERE id = ?1";
        self.run("edit a block", sql, (integer(edit.block.0), edit.value, integer(version)))?;
        let before = Some(found.value.as_str());
        self.keep_edit(edit.block, version, edit.by, edit.at, before, edit.value, restores)?;
        Ok(StoredBlock { value: edit.value.to_owned(), version, ..found })
    }

    pub(super) fn restore_block(
        &mut self,
        block: BlockId,
        version: u64,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.block(block)?;
        let sql = "SELECT after FROM block_edit WHERE block = ?1 AND version = ?2";
        let value: Option<String> =
            self.value("read an edit", sql, (integer(block.0), integer(version)))?;
        let value = value.ok_or(StorageError::NoVersion { block, version })?;
        let edit = EditRequest { block, expected_version, value: &value, by, at };
        self.edit_block(&edit, Some(version))
    }

    pub(super) fn block_history(
        &self,
        block: BlockId,
        page: PageRequest,
    ) -> Result<Page<BlockEdit>, StorageError> {
        // Each version has its edit.
        let total = self.block(block)?.version;
        let sql = "SELECT version, author, at, before, after, restores FROM block_edit
                   WHERE block = ?1 ORDER BY version DESC LIMIT ?2 OFFSET ?3";
        let which = (integer(block.0), integer(page.limit as u64), integer(page.offset));
        let rows = self.rows("read a block's history", sql, which, |row| {
            let author: String = row.get(1)?;
            let edit = BlockEdit {
                version: row.get::<_, i64>(0)?.unsigned_abs(),
                by: Author::Program(String::new()),
                at: Timestamp::from_millis(row.get(2)?),
                before: row.get(3)?,
                after: row.get(4)?,
                restores: row.get::<_, Option<i64>>(5)?.map(i64::unsigned_abs),
            };
            Ok((author, edit))
        })?;
        let named = |(author, edit): (String, BlockEdit)| {
            Ok(BlockEdit { by: Author::from_text(&author)?, ..edit })
        };
        let items = rows.into_iter().map(named).collect::<Result<_, StorageError>>()?;
        Ok(Page { items, offset: page.offset, total })
    }
}
