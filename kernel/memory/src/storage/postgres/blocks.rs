//! Blocks, who has them, and their edits.

use tokio_postgres::Row;

use super::text::{Found, Given};
use super::transaction::Transaction;
use super::{integer, limit};
use crate::storage::{
    Access, AgentId, AttachedBlock, Author, BlockConflict, BlockEdit, BlockId, EditRequest,
    NewBlock, Page, PageRequest, StorageError, StoredBlock, Timestamp,
};

const COLUMNS: &str =
    "block.id, label, description, block.value, char_limit, read_only, block.version";

fn read(row: &Row) -> StoredBlock {
    StoredBlock {
        id: BlockId(row.get::<_, i64>(0).unsigned_abs()),
        label: row.get::<_, Found>(1).0,
        description: row.get::<_, Found>(2).0,
        value: row.get::<_, Found>(3).0,
        limit: usize::try_from(row.get::<_, i64>(4)).unwrap_or(usize::MAX),
        read_only: row.get(5),
        version: row.get::<_, i64>(6).unsigned_abs(),
    }
}

/// What an edit adds to the history.
struct Kept<'a> {
    version: u64,
    by: &'a Author,
    at: Timestamp,
    before: Option<&'a str>,
    after: &'a str,
    restores: Option<u64>,
}

impl Transaction<'_> {
    pub(super) fn block(&self, block: BlockId) -> Result<StoredBlock, StorageError> {
        self.block_by(block, "")
    }

    /// Reads the block, with a lock until the transaction's end if `lock` says so.
    fn block_by(&self, block: BlockId, lock: &str) -> Result<StoredBlock, StorageError> {
        let sql = format!("SELECT {COLUMNS} FROM block WHERE id = $1 {lock}");
        let row = self.row("read a block", &sql, &[&integer(block.0)])?;
        row.as_ref().map(read).ok_or(StorageError::NoBlock { block })
    }

    /// For who has the agent alone.
    fn require_free_label(
        &self,
        id: i64,
        agent: &AgentId,
        label: &str,
        except: Option<BlockId>,
    ) -> Result<(), StorageError> {
        let sql = "SELECT 1 FROM attachment JOIN block ON block.id = attachment.block
                   WHERE agent = $1 AND label = $2 AND block.id IS DISTINCT FROM $3 LIMIT 1";
        let except = except.map(|block| integer(block.0));
        match self.row("look for a label", sql, &[&id, &Given(label), &except])? {
            None => Ok(()),
            Some(_) => {
                Err(StorageError::LabelTaken { agent: agent.clone(), label: label.to_owned() })
            }
        }
    }

    pub(super) fn create_block(
        &self,
        agent: &AgentId,
        new: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        let doing = "create a block";
        let owner = self.agent_alone(agent)?;
        self.require_free_label(owner, agent, &new.label, None)?;
        let NewBlock { label, description, value, limit, read_only } = new;
        let sql = "INSERT INTO block (label, description, value, char_limit, read_only, version)
                   VALUES ($1, $2, $3, $4, $5, 1) RETURNING id";
        let limit = integer(*limit as u64);
        let (label, description) = (Given(label), Given(description));
        let made =
            self.row(doing, sql, &[&label, &description, &Given(value), &limit, read_only])?;
        let id: i64 = made.map_or(0, |row| row.get(0));
        let block = BlockId(id.unsigned_abs());
        let edit = Kept { version: 1, by, at, before: None, after: value, restores: None };
        self.keep_edit(block, &edit)?;
        let sql = "INSERT INTO attachment (agent, block, can_write) VALUES ($1, $2, true)";
        self.run(doing, sql, &[&owner, &id])?;
        self.block(block)
    }

    fn keep_edit(&self, block: BlockId, edit: &Kept<'_>) -> Result<(), StorageError> {
        let sql = "INSERT INTO block_edit (block, version, author, at, before, after, restores)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let author = edit.by.to_text();
        self.run(
            "keep an edit",
            sql,
            &[
                &integer(block.0),
                &integer(edit.version),
                &Given(&author),
                &edit.at.millis(),
                &edit.before.map(Given),
                &Given(edit.after),
                &edit.restores.map(integer),
            ],
        )
        .map(|_| ())
    }

    pub(super) fn attach_block(
        &self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError> {
        let owner = self.agent_alone(agent)?;
        // Held, so that it does not go with the last agent that has it.
        let label = self.block_by(block, "FOR KEY SHARE")?.label;
        self.require_free_label(owner, agent, &label, Some(block))?;
        let sql = "INSERT INTO attachment (agent, block, can_write) VALUES ($1, $2, $3)
                   ON CONFLICT (agent, block) DO UPDATE SET can_write = excluded.can_write";
        let can_write = access == Access::Write;
        self.run("attach a block", sql, &[&owner, &integer(block.0), &can_write]).map(|_| ())
    }

    pub(super) fn detach_block(&self, agent: &AgentId, block: BlockId) -> Result<(), StorageError> {
        let agent = self.agent_alone(agent)?;
        let sql = "DELETE FROM attachment WHERE agent = $1 AND block = $2";
        match self.run("detach a block", sql, &[&agent, &integer(block.0)])? {
            0 => Err(StorageError::NoBlock { block }),
            _ => Ok(()),
        }
    }

    pub(super) fn blocks(&self, agent: &AgentId) -> Result<Vec<AttachedBlock>, StorageError> {
        let agent = self.agent(agent)?;
        let sql = format!(
            "SELECT {COLUMNS}, can_write,
                    (SELECT count(*) FROM attachment other WHERE other.block = block.id)
             FROM attachment JOIN block ON block.id = attachment.block
             WHERE attachment.agent = $1 ORDER BY attachment.id"
        );
        let rows = self.rows("read the blocks", &sql, &[&agent])?;
        let attached = |row: &Row| AttachedBlock {
            block: read(row),
            access: if row.get(7) { Access::Write } else { Access::Read },
            shared: row.get::<_, i64>(8) > 1,
        };
        Ok(rows.iter().map(attached).collect())
    }

    fn require_right(&self, agent: &AgentId, block: &StoredBlock) -> Result<(), StorageError> {
        let id = self.agent(agent)?;
        let sql = "SELECT can_write FROM attachment WHERE agent = $1 AND block = $2";
        let row = self.row("look for the right to write", sql, &[&id, &integer(block.id.0)])?;
        if row.is_some_and(|row| row.get(0)) && !block.read_only {
            return Ok(());
        }
        Err(StorageError::NoRight { agent: agent.clone(), label: block.label.clone() })
    }

    pub(super) fn edit_block(
        &self,
        edit: &EditRequest<'_>,
        restores: Option<u64>,
    ) -> Result<StoredBlock, StorageError> {
        let found = self.block_by(edit.block, "FOR NO KEY UPDATE")?;
        if let Author::Agent(agent) = edit.by {
            self.require_right(agent, &found)?;
        }
        if found.version != edit.expected_version {
            let expected = edit.expected_version;
            return Err(StorageError::Conflict(Box::new(BlockConflict { expected, found })));
        }
        let version = found.version + 1;
        let sql = "UPDATE block SET value = $2, version = $3 WHERE id = $1";
        let (block, value) = (integer(edit.block.0), Given(edit.value));
        self.run("edit a block", sql, &[&block, &value, &integer(version)])?;
        let before = Some(found.value.as_str());
        let (by, at, after) = (edit.by, edit.at, edit.value);
        self.keep_edit(edit.block, &Kept { version, by, at, before, after, restores })?;
        Ok(StoredBlock { value: edit.value.to_owned(), version, ..found })
    }

    pub(super) fn restore_block(
        &self,
        block: BlockId,
        version: u64,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.block(block)?;
        let sql = "SELECT after FROM block_edit WHERE block = $1 AND version = $2";
        let row = self.row("read an edit", sql, &[&integer(block.0), &integer(version)])?;
        let value = row.ok_or(StorageError::NoVersion { block, version })?.get::<_, Found>(0).0;
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
                   WHERE block = $1 ORDER BY version DESC LIMIT $2 OFFSET $3";
        let which = (integer(block.0), limit(page), integer(page.offset));
        let rows = self.rows("read a block's history", sql, &[&which.0, &which.1, &which.2])?;
        let edit = |row: &Row| {
            Ok(BlockEdit {
                version: row.get::<_, i64>(0).unsigned_abs(),
                by: Author::from_text(&row.get::<_, Found>(1).0)?,
                at: Timestamp::from_millis(row.get(2)),
                before: row.get::<_, Option<Found>>(3).map(|before| before.0),
                after: row.get::<_, Found>(4).0,
                restores: row.get::<_, Option<i64>>(5).map(i64::unsigned_abs),
            })
        };
        let items = rows.iter().map(edit).collect::<Result<_, StorageError>>()?;
        Ok(Page { items, offset: page.offset, total })
    }
}
