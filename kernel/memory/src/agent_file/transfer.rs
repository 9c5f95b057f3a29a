//! Agents out of a storage and into one.

use super::{
    AgentFile, AgentFileError, FileBlock, FileCall, FileEdit, FileFact, FileMessage, FilePassage,
    Report,
};
use crate::agent::APPROVAL;
use crate::message::{Message, ToolCall};
use crate::storage::{
    Access, AgentId, AttachedBlock, Author, EditRequest, Fact, FactQuery, MessageFilter, NewBlock,
    NewFact, NewMessage, NewPassage, PageRequest, PassageFilter, Storage, StorageError, Timestamp,
};

/// The keys under which agents keep something of themselves: the queue's state, the timers, how far a
/// sleep-time agent has read, and a call that waits for approval. Tests move agents that have them.
const STATE: [&str; 4] = ["queue", "timers", "sleep_time_read", APPROVAL];

impl AgentFile {
    /// An agent of a storage, whole. A storage does not know the agent's instructions, model and
    /// tools: [`Agent::export`](crate::agent::Agent::export) adds them.
    ///
    /// # Errors
    /// [`AgentFileError::Storage`] when there is no such agent.
    pub fn export(storage: &dyn Storage, agent: &AgentId) -> Result<Self, AgentFileError> {
        let record = storage.agent(agent)?;
        let record = record.ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })?;
        let mut file = AgentFile::new(agent.as_str(), record.created);
        for attached in storage.blocks(agent)? {
            file.blocks.push(export_block(storage, attached)?);
        }
        let messages = storage.messages(agent, &MessageFilter::default(), PageRequest::all())?;
        file.messages = messages
            .items
            .into_iter()
            .map(|stored| file_message(stored.message, stored.at))
            .collect();
        let passages = storage.passages(agent, &PassageFilter::default(), PageRequest::all())?;
        let passages = passages.items.into_iter().map(|passage| FilePassage {
            text: passage.text,
            tags: passage.tags,
            source: passage.source,
            at: passage.at,
        });
        file.passages = passages.collect();
        file.facts = exported_facts(storage, agent)?;
        for key in STATE {
            let value = storage.state(agent, key)?;
            // Where no call waits, an empty text is left of the last one that did.
            if let Some(value) = value.filter(|value| key != APPROVAL || !value.is_empty()) {
                file.state.insert(key.to_owned(), value);
            }
        }
        Ok(file)
    }

    /// Brings the agent into a storage, under this id. If anything fails, the storage is as it was
    /// before. The report says what could not be brought over exactly.
    ///
    /// An import is several transactions. Where the process ends or the storage is lost in the
    /// middle, what was brought over stays; [`Storage::delete_agent`] takes it away, and the agent
    /// can be imported again.
    ///
    /// # Errors
    /// [`AgentFileError::Storage`] when there is an agent of this id already.
    pub fn import(&self, storage: &dyn Storage, agent: &AgentId) -> Result<Report, AgentFileError> {
        storage.create_agent(agent, self.created)?;
        self.fill(storage, agent).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = storage.delete_agent(agent);
        })
    }

    fn fill(&self, storage: &dyn Storage, agent: &AgentId) -> Result<Report, AgentFileError> {
        let mut report = Report::default();
        for block in &self.blocks {
            self.import_block(storage, agent, block, &mut report)?;
        }
        let messages: Vec<_> = self.messages.iter().map(imported).collect();
        if !messages.is_empty() {
            storage.append_messages(agent, &messages)?;
        }
        let passages = self.passages.iter().map(|passage| NewPassage {
            text: passage.text.clone(),
            tags: passage.tags.clone(),
            source: passage.source.clone(),
            at: passage.at,
        });
        let passages: Vec<_> = passages.collect();
        if !passages.is_empty() {
            storage.insert_passages(agent, &passages)?;
        }
        for fact in &self.facts {
            let mut new = NewFact::new(&fact.subject, &fact.attribute, &fact.value, fact.at);
            new = new.holding_from(fact.from);
            new.source = fact.source.clone();
            if self.facts.iter().any(|other| holds_beside(fact, other)) {
                new = new.one_of_many();
            }
            storage.record_fact(agent, &new)?;
        }
        let found = exported_facts(storage, agent)?;
        let n_changed = self.facts.iter().filter(|fact| !found.contains(fact)).count();
        report.count(
            n_changed,
            "fact",
            "facts",
            "the time in which it holds came out differently, since facts that contradict each \
             other are settled anew",
        );
        for (key, value) in &self.state {
            storage.set_state(agent, key, value)?;
        }
        if self.instructions.is_some() {
            let why = "no storage holds them; give them to the agent with `with_instructions`";
            report.note("the instructions", why);
        }
        for tool in &self.tools {
            let why = "no storage holds tools; give the agent its like with `with_tool`";
            report.note(format!("the tool `{}`", tool.name), why);
        }
        Ok(report)
    }

    fn import_block(
        &self,
        storage: &dyn Storage,
        agent: &AgentId,
        block: &FileBlock,
        report: &mut Report,
    ) -> Result<(), AgentFileError> {
        let author = |edit: &FileEdit| -> Result<Author, StorageError> {
            Ok(match Author::from_text(&edit.by)? {
                // The agent itself may have another name here.
                Author::Agent(id) if id.as_str() == self.name => Author::Agent(agent.clone()),
                other => other,
            })
        };
        let Some((first, later)) = block.history.split_first() else { return Ok(()) };
        let new = NewBlock {
            label: block.label.clone(),
            description: block.description.clone(),
            value: first.value.clone(),
            limit: block.limit,
            read_only: block.read_only,
        };
        let mut stored = storage.create_block(agent, &new, &author(first)?, first.at)?;
        for edit in later {
            let mut by = author(edit)?;
            // What others were allowed to do there, they did; here it is only told.
            if matches!(&by, Author::Agent(id) if id != agent || block.read_only) {
                by = Author::Program(edit.by.clone());
            }
            let expected_version = stored.version;
            stored = match edit.restores {
                Some(version) => {
                    storage.restore_block(stored.id, version, expected_version, &by, edit.at)?
                }
                None => storage.edit_block(&EditRequest {
                    block: stored.id,
                    expected_version,
                    value: &edit.value,
                    by: &by,
                    at: edit.at,
                })?,
            };
        }
        if block.read_access_only {
            storage.attach_block(agent, stored.id, Access::Read)?;
        }
        if block.shared {
            let why = "it was shared with another agent and is this agent's own now; attach it to \
                       others again";
            report.note(format!("the block `{}`", block.label), why);
        }
        Ok(())
    }
}

fn export_block(
    storage: &dyn Storage,
    attached: AttachedBlock,
) -> Result<FileBlock, AgentFileError> {
    let AttachedBlock { block, access, shared } = attached;
    let mut edits = storage.block_history(block.id, PageRequest::all())?.items;
    edits.reverse();
    let history = edits.into_iter().map(|edit| FileEdit {
        value: edit.after,
        by: edit.by.to_text(),
        at: edit.at,
        restores: edit.restores,
    });
    Ok(FileBlock {
        label: block.label,
        description: block.description,
        limit: block.limit,
        read_only: block.read_only,
        read_access_only: access == Access::Read,
        shared,
        history: history.collect(),
    })
}

/// A message as the file has it.
pub(crate) fn file_message(message: Message, at: Timestamp) -> FileMessage {
    let Message { role, text, tool_calls, answers } = message;
    let calls = tool_calls.into_iter();
    let calls = calls.map(|ToolCall { id, name, arguments }| FileCall { id, name, arguments });
    FileMessage { role: role.into(), text, tool_calls: calls.collect(), answers, at }
}

/// A message of a file.
pub(crate) fn imported(message: &FileMessage) -> NewMessage {
    let calls = message.tool_calls.iter();
    let calls = calls.map(|call| ToolCall {
        id: call.id.clone(),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
    });
    let (text, tool_calls) = (message.text.clone(), calls.collect());
    let answers = message.answers.clone();
    NewMessage::new(Message { role: message.role.into(), text, tool_calls, answers }, message.at)
}

/// In the order in which they were written down.
fn exported_facts(storage: &dyn Storage, agent: &AgentId) -> Result<Vec<FileFact>, AgentFileError> {
    let page = storage.facts(agent, &FactQuery::default(), PageRequest::all())?;
    let mut facts = page.items;
    facts.sort_by_key(|fact| fact.id);
    let facts = facts.into_iter().map(|fact| {
        let Fact { subject, attribute, value, from, until, at, source, .. } = fact;
        FileFact { subject, attribute, value, from, until, at, source }
    });
    Ok(facts.collect())
}

/// Whether both hold at once, as only values of an attribute with many do.
fn holds_beside(one: &FileFact, other: &FileFact) -> bool {
    let before = |a: &FileFact, b: &FileFact| a.until.is_some_and(|until| until <= b.from);
    one != other
        && one.subject.eq_ignore_ascii_case(&other.subject)
        && one.attribute.eq_ignore_ascii_case(&other.attribute)
        && !before(one, other)
        && !before(other, one)
}
