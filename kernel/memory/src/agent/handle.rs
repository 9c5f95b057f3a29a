//! An agent's memory in the hands of a tool, as far as the tool's permissions go.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::agent::clock::Clock;
use crate::agent::core_memory::{Block, CoreMemory, Edit};
use crate::message::Role;
use crate::storage::{
    AgentId, Author, BlockId, EditRequest, Fact, FactOutcome, FactQuery, Hit, MessageFilter,
    NewFact, NewPassage, Page, PageRequest, Passage, PassageFilter, PassageId, Search, Storage,
    StorageError, StoredMessage, Timestamp, same_text,
};
use crate::tokens::TokenCounter;
use crate::tool::{Permission, Permissions, ToolError};

/// An edit that stands alone is tried again this often when others edit the same block.
const MOST_CONFLICTS: usize = 10_000;
/// The longest passage, in characters.
const LONGEST_PASSAGE: usize = 20_000;
/// The longest letter to another agent, in characters.
const LONGEST_LETTER: usize = 20_000;
/// The longest query of a search, in characters.
const LONGEST_QUERY: usize = 2_000;
/// The longest value of a fact, in characters.
const LONGEST_VALUE: usize = 2_000;
/// The longest name: a tag, the subject or the attribute of a fact, in characters.
const LONGEST_NAME: usize = 200;
/// The most tags of a passage.
const MOST_TAGS: usize = 32;

/// A letter from one agent to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub from: String,
    pub to: String,
    pub text: String,
}

/// Where agents of one team leave letters for each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Post {
    pub members: Arc<Mutex<Vec<String>>>,
    pub letters: Arc<Mutex<VecDeque<Letter>>>,
}

/// An agent's memory in the hands of a tool. Every method asks whether the tool declares the
/// permission that it needs.
#[derive(Clone)]
pub struct MemoryHandle {
    pub(crate) agent: AgentId,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Clock,
    pub(crate) tool: String,
    pub(crate) permissions: Permissions,
    /// The versions of the blocks that the model has seen.
    pub(crate) seen: Arc<Mutex<BTreeMap<BlockId, u64>>>,
    pub(crate) counter: TokenCounter,
    /// The most tokens that all blocks together may take.
    pub(crate) core_limit: usize,
    pub(crate) post: Option<Post>,
}

impl fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryHandle({} for `{}`)", self.agent, self.tool)
    }
}

impl MemoryHandle {
    fn permitted(&self, permission: Permission) -> Result<(), ToolError> {
        if self.permissions.contains(permission) {
            return Ok(());
        }
        Err(ToolError::NotPermitted { tool: self.tool.clone(), permission })
    }

    fn blocks_now(&self) -> Result<CoreMemory, ToolError> {
        let blocks = self.storage.blocks(&self.agent).map_err(|error| failed(&error))?;
        Ok(blocks.into_iter().map(Block::from).collect())
    }

    /// The blocks of core memory as they are now.
    ///
    /// # Errors
    /// Without [`Permission::ReadBlocks`].
    pub fn core_memory(&self) -> Result<CoreMemory, ToolError> {
        self.permitted(Permission::ReadBlocks)?;
        self.blocks_now()
    }

    /// Edits a block. No edit of another agent is lost: one that stands alone (appending,
    /// replacing a text) is made to what stands there by then; a rewriting is refused if somebody
    /// else has changed the block since the model was last shown it, which each step does.
    ///
    /// # Errors
    /// Without [`Permission::WriteBlocks`], for a block that may not be written, and for edits that
    /// do not fit.
    pub fn edit(&self, label: &str, edit: &Edit) -> Result<(), ToolError> {
        self.permitted(Permission::WriteBlocks)?;
        let refused = |text: String| ToolError::Refused(text);
        for _ in 0..MOST_CONFLICTS {
            let memory = self.blocks_now()?;
            let block = memory.writable(label).map_err(|error| refused(error.to_string()))?;
            let Some(id) = block.id() else { break };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let was = *seen.entry(id).or_insert(block.version());
            if !edit.stands_alone() && was != block.version() {
                return Err(refused(format!(
                    "the block `{label}` was edited by somebody else after you saw it, so nothing \
                     was written; it now holds {:?}. Make your edit to that",
                    block.value()
                )));
            }
            let value = edit.apply(block).map_err(|error| refused(error.to_string()))?;
            self.check_size(&memory, block, &value)?;
            let request = EditRequest {
                block: id,
                expected_version: block.version(),
                value: &value,
                by: &Author::Agent(self.agent.clone()),
                at: self.clock.now(),
            };
            match self.storage.edit_block(&request) {
                Ok(edited) => {
                    // It knows its own edit, and not what others wrote before that.
                    if was == block.version() {
                        seen.insert(id, edited.version);
                    }
                    return Ok(());
                }
                Err(StorageError::Conflict(_)) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(refused(format!("the block `{label}` is edited all the time by others; try again")))
    }

    /// Core memory stands in every prompt, so it may not fill the window.
    fn check_size(&self, memory: &CoreMemory, block: &Block, value: &str) -> Result<(), ToolError> {
        let others = memory.blocks().iter().filter(|other| other.label() != block.label());
        let others: usize = others.map(|other| self.counter.count(other.value())).sum();
        let (n, before) = (self.counter.count(value), self.counter.count(block.value()));
        if others + n > self.core_limit && n > before {
            return Err(ToolError::Refused(format!(
                "core memory would take {} tokens of the window, and at most {} are left for it; \
                 save less, or put it into archival memory",
                others + n,
                self.core_limit
            )));
        }
        Ok(())
    }

    /// Searches all messages ever said by these: by the person and the agent, if no role is named.
    ///
    /// # Errors
    /// Without [`Permission::SearchConversation`], and for a query of more than 2,000 characters.
    pub fn search_conversation(
        &self,
        query: &str,
        roles: &[Role],
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, ToolError> {
        self.permitted(Permission::SearchConversation)?;
        within("query", query, LONGEST_QUERY)?;
        let roles = if roles.is_empty() { &[Role::User, Role::Assistant] } else { roles };
        let filter = MessageFilter { roles: roles.to_vec(), ..MessageFilter::default() };
        let search = Search::ranked(query).with_filter(filter).with_page(page);
        let search = search.asked_at(self.clock.now());
        let found = self.storage.search_messages(&self.agent, &search);
        let found = found.map_err(|error| failed(&error))?;
        Ok(without_scores(found))
    }

    /// The messages said at `from` or later and before `until`, oldest first.
    ///
    /// # Errors
    /// Without [`Permission::SearchConversation`].
    pub fn conversation_between(
        &self,
        from: Timestamp,
        until: Timestamp,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, ToolError> {
        self.permitted(Permission::SearchConversation)?;
        let filter = MessageFilter {
            roles: vec![Role::User, Role::Assistant],
            from: Some(from),
            until: Some(until),
            ..MessageFilter::default()
        };
        self.storage.messages(&self.agent, &filter, page).map_err(|error| failed(&error))
    }

    /// Puts a passage into archival storage. Without a source, the agent itself is named as such.
    ///
    /// # Errors
    /// Without [`Permission::WriteArchive`], and for passages that are empty, too long, or in the
    /// archive already (but for case and space, with the same tags, and from that source if one is
    /// named); for more than 32 tags, and a tag or a source of more than 200 characters.
    pub fn insert_passage(
        &self,
        text: &str,
        tags: &[String],
        source: Option<&str>,
    ) -> Result<PassageId, ToolError> {
        self.permitted(Permission::WriteArchive)?;
        let n_chars = text.chars().count();
        if text.trim().is_empty() {
            return Err(ToolError::Refused("the text is empty".to_owned()));
        }
        if n_chars > LONGEST_PASSAGE {
            return Err(ToolError::Refused(format!(
                "the passage holds {n_chars} characters, and the limit is {LONGEST_PASSAGE}; \
                 insert it in several parts"
            )));
        }
        check_tags(tags)?;
        let source = source.filter(|source| !source.trim().is_empty());
        within("source", source.unwrap_or_default(), LONGEST_NAME)?;
        let same = |known: &Passage| {
            same_text(&known.text, text)
                && known.tags == tags
                && source.is_none_or(|source| known.source.as_deref() == Some(source))
        };
        // The same text has the same beginning, and is among the best answers to it.
        let beginning: String = text.chars().take(300).collect();
        let found = self.storage.search_passages(&self.agent, &Search::ranked(beginning));
        let found = found.map_err(|error| failed(&error))?;
        if let Some(known) = found.items.iter().find(|hit| same(&hit.item)) {
            return Err(ToolError::Refused(format!(
                "the archive holds this already, as passage {}, and it was not stored again",
                known.item.id
            )));
        }
        let source = source.map_or_else(|| self.own_source(), str::to_owned);
        let mut passage = NewPassage::new(text, self.clock.now()).with_source(source);
        passage.tags = tags.to_vec();
        let ids = self.storage.insert_passages(&self.agent, &[passage]);
        let ids = ids.map_err(|error| failed(&error))?;
        ids.first().copied().ok_or_else(|| ToolError::Refused("nothing was stored".to_owned()))
    }

    /// The source of passages that the agent wrote of itself.
    pub(crate) fn own_source(&self) -> String {
        format!("agent {}", self.agent)
    }

    /// The time by the agent's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes a fact down, or finds that it is known or in contradiction to one that is.
    ///
    /// # Errors
    /// Without [`Permission::WriteFacts`], and for a subject or an attribute of more than 200
    /// characters or a value of more than 2,000.
    pub fn record_fact(&self, fact: &NewFact) -> Result<FactOutcome, ToolError> {
        self.permitted(Permission::WriteFacts)?;
        within("subject", &fact.subject, LONGEST_NAME)?;
        within("attribute", &fact.attribute, LONGEST_NAME)?;
        within("value", &fact.value, LONGEST_VALUE)?;
        self.storage.record_fact(&self.agent, fact).map_err(|error| failed(&error))
    }

    /// The facts that fit the query.
    ///
    /// # Errors
    /// Without [`Permission::ReadFacts`], and for names of more than 200 characters.
    pub fn facts(&self, query: &FactQuery, page: PageRequest) -> Result<Page<Fact>, ToolError> {
        self.permitted(Permission::ReadFacts)?;
        for (name, text) in [("subject", &query.subject), ("attribute", &query.attribute)] {
            within(name, text.as_deref().unwrap_or_default(), LONGEST_NAME)?;
        }
        self.storage.facts(&self.agent, query, page).map_err(|error| failed(&error))
    }

    /// Searches archival storage: the passages that fit the words best, or with `exact` those that
    /// hold the text as it stands.
    ///
    /// # Errors
    /// Without [`Permission::SearchArchive`], for a query of more than 2,000 characters, and for tags
    /// and a source that no passage has for their number or length.
    pub fn search_passages(
        &self,
        query: &str,
        mut filter: PassageFilter,
        exact: bool,
        page: PageRequest,
    ) -> Result<Page<Passage>, ToolError> {
        self.permitted(Permission::SearchArchive)?;
        within("query", query, LONGEST_QUERY)?;
        check_tags(&filter.tags)?;
        filter.source = filter.source.filter(|source| !source.trim().is_empty());
        within("source", filter.source.as_deref().unwrap_or_default(), LONGEST_NAME)?;
        let search = if exact { Search::exact(query) } else { Search::ranked(query) };
        let search = search.with_filter(filter).with_page(page).asked_at(self.clock.now());
        let found = self.storage.search_passages(&self.agent, &search);
        Ok(without_scores(found.map_err(|error| failed(&error))?))
    }

    /// Leaves a letter for another agent of the team.
    ///
    /// # Errors
    /// Without [`Permission::MessageAgents`], for a letter of more than 20,000 characters, and when
    /// there is no such agent.
    pub fn send_to_agent(&self, to: &str, text: &str) -> Result<(), ToolError> {
        self.permitted(Permission::MessageAgents)?;
        within("message", text, LONGEST_LETTER)?;
        let Some(post) = &self.post else {
            return Err(ToolError::Refused("there is no other agent".to_owned()));
        };
        let members = post.members.lock().unwrap_or_else(PoisonError::into_inner);
        if to == self.agent.as_str() || !members.iter().any(|member| member == to) {
            let others = members.iter().filter(|member| *member != self.agent.as_str());
            let others: Vec<_> = others.map(String::as_str).collect();
            let known = others.join(", ");
            let text = format!("there is no other agent `{to}`; the others are: {known}");
            return Err(ToolError::Refused(text));
        }
        let from = self.agent.to_string();
        let letter = Letter { from, to: to.to_owned(), text: text.to_owned() };
        post.letters.lock().unwrap_or_else(PoisonError::into_inner).push_back(letter);
        Ok(())
    }
}

/// Refuses a text of more than `limit` characters.
fn within(name: &str, text: &str, limit: usize) -> Result<(), ToolError> {
    let n_chars = text.chars().count();
    if n_chars <= limit {
        return Ok(());
    }
    Err(ToolError::Refused(format!(
        "`{name}` holds {n_chars} characters, and the limit is {limit}; make it shorter"
    )))
}

fn check_tags(tags: &[String]) -> Result<(), ToolError> {
    if tags.len() > MOST_TAGS {
        return Err(ToolError::Refused(format!(
            "there are {} tags, and the limit is {MOST_TAGS}; choose fewer",
            tags.len()
        )));
    }
    tags.iter().try_for_each(|tag| within("tags", tag, LONGEST_NAME))
}

fn without_scores<T>(page: Page<Hit<T>>) -> Page<T> {
    let Page { items, offset, total } = page;
    Page { items: items.into_iter().map(|hit| hit.item).collect(), offset, total }
}

fn failed(error: &StorageError) -> ToolError {
    ToolError::Refused(format!("the storage refused: {error}"))
}
