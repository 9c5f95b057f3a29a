//! What an agent keeps in its storage: messages step by step, and the state of its queue.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::agent::core_memory::Block;
use crate::agent::executor;
use crate::agent::queue::Queue;
use crate::agent::{Agent, AgentError};
use crate::message::{Message, Role};
use crate::storage::{MessageFilter, NewMessage, PageRequest, StorageError, StoredMessage};
use crate::tokens::TokenCounter;

/// The key under which the state of the queue is kept.
const QUEUE: &str = "queue";
/// So many messages of an agent that was imported without the state of its queue stand in it.
const MOST_IMPORTED: u64 = 1_000;

/// The queue is the messages from a position on, and the summary of the ones before.
#[derive(Debug, Default, Serialize, Deserialize)]
struct QueueState {
    from: u64,
    n_evicted: u64,
    summary: Option<String>,
}

/// What the storage has of a queue. Its tokens are not counted yet: the list of a model's tokens
/// alone takes a fifth of a second to build, and who opens an agent to read its blocks needs none.
#[derive(Debug, Default)]
pub(crate) struct KeptQueue {
    state: QueueState,
    messages: Vec<StoredMessage>,
    /// The state as it was read or written last: another process may write it, too.
    text: Option<String>,
    /// The messages before this position were taken into account.
    n_known: u64,
}

impl KeptQueue {
    /// Puts the queue together, every message cut to `longest` tokens and the summary to
    /// `summary_limit`.
    fn count(&self, longest: usize, summary_limit: usize, counter: &TokenCounter) -> Queue {
        let mut queue = Queue::default();
        queue.set_n_evicted(self.state.n_evicted);
        for stored in &self.messages {
            let message = without_speech(stored.message.clone());
            // A result without its call is of no use to a model, and some endpoints refuse it.
            if message.role != Role::Tool || !queue.is_empty() {
                let opens = opens_turn(&message);
                queue.push(message, opens, longest, counter);
                queue.set_positions(stored.position);
            }
        }
        queue.end_turn();
        if let Some(summary) = &self.state.summary {
            queue.set_summary(summary, summary_limit, counter);
        }
        queue
    }
}

impl Agent {
    /// Reads core memory, which other agents may have edited.
    pub(crate) fn read_memory(&mut self) -> Result<(), AgentError> {
        let blocks = self.storage.blocks(&self.id)?;
        self.memory = blocks.into_iter().map(Block::from).collect();
        Ok(())
    }

    /// Takes over what the storage has of the agent. Messages that were evicted are not read, so
    /// the time does not grow with their number.
    pub(crate) fn load(&mut self) -> Result<(), AgentError> {
        self.is_old = true;
        self.read_memory()?;
        self.kept_queue = self.read_queue(None)?;
        self.queue = OnceLock::new();
        self.waiting = self.read_waiting()?;
        Ok(())
    }

    /// What the storage has of the queue, from its beginning or from the message at `opening` on.
    fn read_queue(&self, opening: Option<u64>) -> Result<KeptQueue, AgentError> {
        let text = self.storage.state(&self.id, QUEUE)?;
        let state: QueueState = match &text {
            Some(text) => serde_json::from_str(text).map_err(|error| StorageError::Corrupt {
                what: "the state of the agent's queue".to_owned(),
                why: error.to_string(),
            })?,
            // An agent that was imported: where its queue began is not known.
            None => {
                let from = self.n_messages()?.saturating_sub(MOST_IMPORTED);
                QueueState { from, n_evicted: 0, summary: None }
            }
        };
        let from = opening.map_or(state.from, |opening| opening.min(state.from));
        let filter = MessageFilter { from_position: Some(from), ..MessageFilter::default() };
        let messages = self.storage.messages(&self.id, &filter, PageRequest::all())?.items;
        let n_known = messages.last().map_or(state.from, |newest| newest.position + 1);
        Ok(KeptQueue { state, messages, text, n_known })
    }

    /// The number of messages in recall storage.
    fn n_messages(&self) -> Result<u64, AgentError> {
        Ok(self.storage.agent(&self.id)?.map_or(0, |record| record.n_messages))
    }

    /// Takes over what another process has made of the queue by now. The turn that goes on stays
    /// in it as a whole.
    pub(crate) fn reload_queue(&mut self) -> Result<(), AgentError> {
        let opening = self.queue().opening();
        self.kept_queue = self.read_queue(opening.flatten())?;
        self.queue = OnceLock::new();
        for message in std::mem::take(&mut self.unkept) {
            self.push_again(message);
        }
        self.queue_mut().pin(opening);
        Ok(())
    }

    /// Takes over messages that another process has written, before any is evicted: the summary
    /// would not tell of them.
    pub(crate) fn catch_up(&mut self) -> Result<(), AgentError> {
        if self.n_messages()? > self.kept_queue.n_known { self.reload_queue() } else { Ok(()) }
    }

    /// The queue of messages.
    pub fn queue(&self) -> &Queue {
        self.queue.get_or_init(|| {
            let summary_limit = self.window.summary_limit();
            self.kept_queue.count(self.longest_message(), summary_limit, &self.counter)
        })
    }

    /// The queue, to be changed.
    ///
    /// # Panics
    /// Never: the queue is put together right before.
    pub(crate) fn queue_mut(&mut self) -> &mut Queue {
        self.queue();
        self.kept_queue.messages = Vec::new();
        self.queue.get_mut().expect("put together right before")
    }

    /// The most tokens that one message takes in the queue; recall storage has the whole.
    pub(crate) fn longest_message(&self) -> usize {
        self.window.prompt_limit() / 3
    }

    /// Puts a message into the queue, and among those that this step will keep.
    pub(crate) fn push(&mut self, message: Message, opens_turn: bool) {
        let whole = NewMessage::new(with_speech(message.clone()), self.clock.now());
        self.unkept.push(whole);
        let (longest, counter) = (self.longest_message(), self.counter.clone());
        self.queue_mut().push(message, opens_turn, longest, &counter);
    }

    /// Puts a message that is on its way into recall storage into the queue again.
    pub(crate) fn push_again(&mut self, whole: NewMessage) {
        let message = without_speech(whole.message.clone());
        let opens = opens_turn(&message);
        self.unkept.push(whole);
        let (longest, counter) = (self.longest_message(), self.counter.clone());
        self.queue_mut().push(message, opens, longest, &counter);
    }

    /// Keeps the messages of a step in recall storage, all or none.
    pub(crate) fn keep(&mut self) -> Result<(), AgentError> {
        if !self.unkept.is_empty() {
            let first = self.storage.append_messages(&self.id, &self.unkept)?;
            self.queue_mut().set_positions(first);
            if first == self.kept_queue.n_known {
                self.kept_queue.n_known += self.unkept.len() as u64;
            }
            self.unkept.clear();
        }
        Ok(())
    }

    /// Keeps where the queue begins and what its summary says. False when another process has kept
    /// something else since this one has read it; then nothing is written.
    pub(crate) fn keep_queue_state(&mut self) -> Result<bool, AgentError> {
        let state = QueueState {
            from: self.queue().first_position().unwrap_or(self.kept_queue.n_known),
            n_evicted: self.queue().n_evicted(),
            summary: self.queue().summary().map(str::to_owned),
        };
        let text = serde_json::json!(state).to_string();
        let known = self.kept_queue.text.as_deref();
        let was_kept = self.storage.replace_state(&self.id, QUEUE, known, &text)?;
        if was_kept {
            self.kept_queue.text = Some(text);
        }
        Ok(was_kept)
    }

    /// Begins a new conversation: the queue and its summary are emptied. Core memory stays, and so
    /// does all that was said, in recall storage.
    ///
    /// # Errors
    /// What the storage says.
    pub fn start_afresh(&mut self) -> Result<(), AgentError> {
        self.forget_waiting()?;
        self.unkept.clear();
        self.queue = Queue::default().into();
        self.is_warned = false;
        loop {
            let (text, n_known) = (self.storage.state(&self.id, QUEUE)?, self.n_messages()?);
            self.kept_queue = KeptQueue { text, n_known, ..KeptQueue::default() };
            if self.keep_queue_state()? {
                return Ok(());
            }
        }
    }
}

/// Whether a turn begins with a message, as far as the message tells.
fn opens_turn(message: &Message) -> bool {
    match message.role {
        Role::User => true,
        Role::System => !message.text.starts_with(super::pressure::WARNING),
        _ => false,
    }
}

/// A message as recall storage keeps it: what the agent said by a call is its text, so that a
/// search finds it.
fn with_speech(message: Message) -> Message {
    let text = if message.text.is_empty() { speech(&message) } else { None };
    Message { text: text.unwrap_or_else(|| message.text.clone()), ..message }
}

/// A message as it stands in the queue, from what [`with_speech`] made of it.
fn without_speech(message: Message) -> Message {
    if !message.text.is_empty() && speech(&message).as_ref() == Some(&message.text) {
        return Message { text: String::new(), ..message };
    }
    message
}

fn speech(message: &Message) -> Option<String> {
    let said: Vec<_> = message.tool_calls.iter().filter_map(executor::speech).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}
