//! A storage in the process's own memory: for tests, for lessons, and to say what each method of
//! the trait means.

mod blocks;
mod search;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::blocks::BlockRecord;
use super::fact::{Decision, decide, same_text};
use super::{
    Access, AgentId, AgentRecord, AttachedBlock, Author, BlockEdit, BlockId, Collection,
    EditRequest, Fact, FactId, FactOutcome, FactQuery, Hit, MessageFilter, NewBlock, NewFact,
    NewMessage, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, Search, Storage,
    StorageError, StoredBlock, StoredMessage, Timestamp, session,
};
use crate::retrieval::index::{Index, Text};
use crate::retrieval::ranking::Weights;

/// A storage that lasts as long as the value. Threads share it; processes do not.
#[derive(Default)]
pub struct MemoryStorage {
    state: Mutex<State>,
    weights: Weights,
}

#[derive(Default)]
struct State {
    agents: BTreeMap<AgentId, AgentState>,
    blocks: BTreeMap<BlockId, BlockRecord>,
    n_blocks_ever: u64,
}

struct AgentState {
    created: Timestamp,
    texts: BTreeMap<String, String>,
    messages: Vec<StoredMessage>,
    message_index: Index,
    last_session: Option<(u32, Timestamp)>,
    passages: BTreeMap<u64, Passage>,
    passage_index: Index,
    last_source: Option<(u32, Option<String>)>,
    n_passages_ever: u64,
    vectors: BTreeMap<(Collection, String), BTreeMap<u64, Vec<f32>>>,
    attached: Vec<(BlockId, Access)>,
    facts: Vec<Fact>,
}

impl AgentState {
    fn new(created: Timestamp) -> Self {
        AgentState {
            created,
            texts: BTreeMap::new(),
            messages: Vec::new(),
            message_index: Index::new(false),
            last_session: None,
            passages: BTreeMap::new(),
            passage_index: Index::new(true),
            last_source: None,
            n_passages_ever: 0,
            vectors: BTreeMap::new(),
            attached: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn record(&self, id: &AgentId) -> AgentRecord {
        AgentRecord {
            id: id.clone(),
            created: self.created,
            n_messages: self.messages.len() as u64,
            n_passages: self.passages.len() as u64,
        }
    }
}

impl State {
    fn agent(&self, agent: &AgentId) -> Result<&AgentState, StorageError> {
        self.agents.get(agent).ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })
    }

    fn agent_mut(&mut self, agent: &AgentId) -> Result<&mut AgentState, StorageError> {
        self.agents.get_mut(agent).ok_or_else(|| StorageError::NoAgent { agent: agent.clone() })
    }
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much what stands around a hit counts in searches.
    pub fn with_weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    // No method leaves the state half-changed when it panics, so a poisoned lock is sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStorage").field("agents", &state.agents.keys()).finish()
    }
}

impl Storage for MemoryStorage {
    fn create_agent(&self, agent: &AgentId, at: Timestamp) -> Result<(), StorageError> {
        let mut state = self.state();
        if state.agents.contains_key(agent) {
            return Err(StorageError::AgentExists { agent: agent.clone() });
        }
        state.agents.insert(agent.clone(), AgentState::new(at));
        Ok(())
    }

    fn agent(&self, agent: &AgentId) -> Result<Option<AgentRecord>, StorageError> {
        Ok(self.state().agents.get(agent).map(|state| state.record(agent)))
    }

    fn agents(&self) -> Result<Vec<AgentRecord>, StorageError> {
        Ok(self.state().agents.iter().map(|(id, state)| state.record(id)).collect())
    }

    fn delete_agent(&self, agent: &AgentId) -> Result<(), StorageError> {
        let mut state = self.state();
        let attached = std::mem::take(&mut state.agent_mut(agent)?.attached);
        state.agents.remove(agent);
        state.drop_unattached(&attached);
        Ok(())
    }

    fn state(&self, agent: &AgentId, key: &str) -> Result<Option<String>, StorageError> {
        Ok(self.state().agent(agent)?.texts.get(key).cloned())
    }

    fn set_state(&self, agent: &AgentId, key: &str, value: &str) -> Result<(), StorageError> {
        self.state().agent_mut(agent)?.texts.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn replace_state(
        &self,
        agent: &AgentId,
        key: &str,
        expected: Option<&str>,
        value: &str,
    ) -> Result<bool, StorageError> {
        let mut state = self.state();
        let texts = &mut state.agent_mut(agent)?.texts;
        let is_expected = texts.get(key).map(String::as_str) == expected;
        if is_expected {
            texts.insert(key.to_owned(), value.to_owned());
        }
        Ok(is_expected)
    }

    fn append_messages(
        &self,
        agent: &AgentId,
        messages: &[NewMessage],
    ) -> Result<u64, StorageError> {
        let mut state = self.state();
        let state = state.agent_mut(agent)?;
        let first = state.messages.len() as u64;
        for (position, new) in (first..).zip(messages) {
            let NewMessage { message, at } = new.clone();
            let session = session::of_message(state.last_session, at);
            state.last_session = Some((session, at));
            let text = message.text.clone();
            let role = Some(message.role);
            state.message_index.push(&Text { number: position as u32, text, at, session, role });
            state.messages.push(StoredMessage { position, message, at });
        }
        Ok(first)
    }

    fn messages(
        &self,
        agent: &AgentId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StorageError> {
        let state = self.state();
        let all = state.agent(agent)?.messages.iter();
        let page = Page::cut(all.filter(|message| filter.fits(message)), page);
        Ok(page.map(Clone::clone))
    }

    fn search_messages(
        &self,
        agent: &AgentId,
        search: &Search<MessageFilter>,
    ) -> Result<Page<Hit<StoredMessage>>, StorageError> {
        self.state().agent_mut(agent)?.search_messages(search, &self.weights)
    }

    fn insert_passages(
        &self,
        agent: &AgentId,
        passages: &[NewPassage],
    ) -> Result<Vec<PassageId>, StorageError> {
        let mut state = self.state();
        let state = state.agent_mut(agent)?;
        let mut ids = Vec::with_capacity(passages.len());
        for new in passages {
            let NewPassage { text, tags, source, at } = new.clone();
            let id = state.n_passages_ever;
            state.n_passages_ever += 1;
            let session = session::of_passage(state.last_source.as_ref(), source.as_deref());
            state.last_source = Some((session, source.clone()));
            let number = id as u32;
            let role = None;
            state.passage_index.push(&Text { number, text: text.clone(), at, session, role });
            let passage = Passage { id: PassageId(id), text, tags, source, at };
            state.passages.insert(id, passage);
            ids.push(PassageId(id));
        }
        Ok(ids)
    }

    fn passages(
        &self,
        agent: &AgentId,
        filter: &PassageFilter,
        page: PageRequest,
    ) -> Result<Page<Passage>, StorageError> {
        let state = self.state();
        let all = state.agent(agent)?.passages.values();
        Ok(Page::cut(all.filter(|passage| filter.fits(passage)), page).map(Clone::clone))
    }

    fn delete_passage(&self, agent: &AgentId, passage: PassageId) -> Result<(), StorageError> {
        let mut state = self.state();
        let state = state.agent_mut(agent)?;
        if state.passages.remove(&passage.0).is_none() {
            return Err(StorageError::NoPassage { passage });
        }
        for ((collection, _), vectors) in &mut state.vectors {
            if *collection == Collection::Archival {
                vectors.remove(&passage.0);
            }
        }
        Ok(())
    }

    fn search_passages(
        &self,
        agent: &AgentId,
        search: &Search<PassageFilter>,
    ) -> Result<Page<Hit<Passage>>, StorageError> {
        self.state().agent_mut(agent)?.search_passages(search, &self.weights)
    }

    fn set_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        vectors: &[(u64, Vec<f32>)],
    ) -> Result<(), StorageError> {
        self.state().agent_mut(agent)?.set_vectors(collection, model, vectors)
    }

    fn without_vectors(
        &self,
        agent: &AgentId,
        collection: Collection,
        model: &str,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StorageError> {
        Ok(self.state().agent(agent)?.without_vectors(collection, model, limit))
    }

    fn create_block(
        &self,
        agent: &AgentId,
        block: &NewBlock,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        self.state().create_block(agent, block, by, at)
    }

    fn attach_block(
        &self,
        agent: &AgentId,
        block: BlockId,
        access: Access,
    ) -> Result<(), StorageError> {
        self.state().attach_block(agent, block, access)
    }

    fn detach_block(&self, agent: &AgentId, block: BlockId) -> Result<(), StorageError> {
        let mut state = self.state();
        let attached = &mut state.agent_mut(agent)?.attached;
        let n_before = attached.len();
        attached.retain(|(id, _)| *id != block);
        if attached.len() == n_before { Err(StorageError::NoBlock { block }) } else { Ok(()) }
    }

    fn blocks(&self, agent: &AgentId) -> Result<Vec<AttachedBlock>, StorageError> {
        self.state().attached_blocks(agent)
    }

    fn block(&self, block: BlockId) -> Result<StoredBlock, StorageError> {
        Ok(self.state().block_record(block)?.block.clone())
    }

    fn edit_block(&self, edit: &EditRequest<'_>) -> Result<StoredBlock, StorageError> {
        self.state().edit_block(edit, None)
    }

    fn block_history(
        &self,
        block: BlockId,
        page: PageRequest,
    ) -> Result<Page<BlockEdit>, StorageError> {
        let state = self.state();
        let edits = state.block_record(block)?.edits.iter().rev();
        Ok(Page::cut(edits, page).map(Clone::clone))
    }

    fn restore_block(
        &self,
        block: BlockId,
        version: u64,
        expected_version: u64,
        by: &Author,
        at: Timestamp,
    ) -> Result<StoredBlock, StorageError> {
        let mut state = self.state();
        let value = state.block_record(block)?.value_of(version)?.to_owned();
        let edit = EditRequest { block, expected_version, value: &value, by, at };
        state.edit_block(&edit, Some(version))
    }

    fn record_fact(&self, agent: &AgentId, fact: &NewFact) -> Result<FactOutcome, StorageError> {
        let mut state = self.state();
        let facts = &mut state.agent_mut(agent)?.facts;
        let about = |known: &&Fact| {
            same_text(&known.subject, &fact.subject) && same_text(&known.attribute, &fact.attribute)
        };
        let known: Vec<Fact> = facts.iter().filter(about).cloned().collect();
        let fact = &fact.placed(&known);
        let decision = decide(&known, fact);
        let id = FactId(facts.len() as u64);
        let new = |until| fact.clone().into_fact(id, until);
        Ok(match decision {
            Decision::Known(i) => FactOutcome::Known(known[i].clone()),
            Decision::Contradiction(i) => FactOutcome::Contradiction(known[i].clone()),
            Decision::Write { until } => {
                facts.push(new(until));
                FactOutcome::New(new(until))
            }
            Decision::Supersede(i) => {
                let mut old = known[i].clone();
                old.until = Some(fact.from);
                facts[old.id.0 as usize] = old.clone();
                facts.push(new(None));
                FactOutcome::Superseded { new: new(None), old }
            }
        })
    }

    fn facts(
        &self,
        agent: &AgentId,
        query: &FactQuery,
        page: PageRequest,
    ) -> Result<Page<Fact>, StorageError> {
        let state = self.state();
        let mut facts: Vec<&Fact> =
            state.agent(agent)?.facts.iter().filter(|fact| query.fits(fact)).collect();
        facts.sort_by_key(|fact| fact.order());
        Ok(Page::cut(facts, page).map(Clone::clone))
    }
}
