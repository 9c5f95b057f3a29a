//! The agent: core memory that it edits, a queue of messages, external storage, tools, and a loop
//! around a model. This is MemGPT (arXiv 2310.08560) as a library.
//!
//! The four parts of the [dictionary agent](crate::dictionary) are all here, grown:
//!
//! | dictionary agent | this agent | file |
//! |---|---|---|
//! | a map | core memory blocks, in a [storage](crate::storage) with recall and archive | `core_memory`, `handle` |
//! | a tool that edits it | the function executor, tool rules, the user's own tools | `executor`, `rule` |
//! | instructions that show it | the context compiler, with an account of tokens | `context` |
//! | a loop | the turn: events, heartbeats, limits, approval, cancellation | `turn`, `approval` |
//! | (each conversation is forgotten) | the queue and its manager: warning, eviction, summary | `queue`, `pressure`, `summary` |

mod approval;
mod cancellation;
mod clock;
mod configuration;
mod context;
mod core_memory;
mod event;
mod executor;
mod export;
mod facts;
mod handle;
mod history;
mod keeping;
mod model;
mod observer;
mod pressure;
mod progress;
mod queue;
mod rule;
mod sleep;
mod summary;
mod team;
mod timer;
mod turn;
mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

pub(crate) use self::approval::APPROVAL;
pub use self::cancellation::Cancellation;
pub use self::clock::Clock;
pub use self::context::{Context, MainContext, Section, SectionKind};
pub use self::core_memory::{Block, CoreMemory, CoreMemoryError, Edit};
pub use self::event::Event;
pub use self::handle::MemoryHandle;
pub use self::history::BlockHistory;
pub use self::model::{Model, PendingReply};
pub use self::observer::StepEvent;
pub use self::queue::Queue;
pub use self::rule::ToolRule;
pub use self::sleep::SleepTimeAgent;
pub use self::team::{Delivery, Team};
pub use self::timer::Timer;
pub use self::window::WindowConfig;
use crate::agent::keeping::KeptQueue;
use crate::client::ClientError;
use crate::message::{ToolCall, ToolDefinition};
use crate::runtime::RuntimeError;
use crate::storage::{AgentId, BlockId, NewMessage, Storage, StorageError};
use crate::tokens::TokenCounter;
use crate::tool::{Permission, Permissions, Tool};
use crate::trace::Trace;

/// Why an agent could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The model gave no reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The background runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Instructions, core memory and tools alone leave no room in the window.
    #[error(
        "the prompt would hold {n_tokens} tokens without any message, and the window leaves {limit} \
         for it; shorten the instructions or the blocks, offer fewer tools, or allow more with \
         `Agent::with_window`"
    )]
    OverWindow {
        /// The tokens of the prompt.
        n_tokens: usize,
        /// The largest prompt.
        limit: usize,
    },
    /// A tool cannot have this name.
    #[error("there is already a tool `{name}`; give yours another name")]
    ToolNameTaken {
        /// The name.
        name: String,
    },
    /// Endpoints refuse this name.
    #[error(
        "`{name}` cannot be the name of a tool: 1 to 64 letters, digits, `_` and `-` can, without \
         accents"
    )]
    ToolNameInvalid {
        /// The name.
        name: String,
    },
    /// A tool declares more than the agent grants.
    #[error("the tool `{tool}` wants to {permission}, and this agent does not grant that")]
    PermissionNotGranted {
        /// The tool.
        tool: String,
        /// The permission.
        permission: Permission,
    },
    /// A rule is about a tool that the agent does not have.
    #[error("the rule \"{rule}\" is about `{tool}`, and there is no such tool; add the tool first")]
    RuleForUnknownTool {
        /// The rule.
        rule: String,
        /// The tool.
        tool: String,
    },
    /// No call waits for approval.
    #[error("no tool call waits for approval")]
    NothingToApprove,
    /// There is no such block.
    #[error("the agent has no block `{label}`")]
    NoBlock {
        /// The label.
        label: String,
    },
    /// There is no such agent in the team.
    #[error("there is no agent `{name}` in the team")]
    NoMember {
        /// The name.
        name: String,
    },
    /// Two agents of a team would have the same name.
    #[error("there is already an agent `{name}` in the team")]
    MemberTaken {
        /// The name.
        name: String,
    },
}

/// What a person says to a call that needs approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// Do it.
    Approved,
    /// Do not, and why; the model is told.
    Denied(String),
}

type Approver = Arc<dyn Fn(&ToolCall) -> Approval + Send + Sync>;

/// An agent with editable memory.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let mut agent = Agent::new(Client::tutor()?);
/// let trace = agent.say("My name is Sara and I live in Lyon.")?;
/// assert_eq!(trace.answer(), "I will remember that your name is Sara and you live in Lyon.");
/// assert_eq!(agent.block("human").unwrap().value(), "name: Sara\nhome: Lyon");
/// assert_eq!(agent.say("Where do I live?")?.answer(), "You live in Lyon.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Agent {
    id: AgentId,
    model: Arc<dyn Model>,
    summariser: Arc<dyn Model>,
    storage: Arc<dyn Storage>,
    clock: Clock,
    instructions: String,
    /// Core memory as it was read last.
    memory: CoreMemory,
    /// The versions of the blocks that the model has seen.
    seen: Arc<Mutex<BTreeMap<BlockId, u64>>>,
    /// Put together when it is first looked at.
    queue: OnceLock<Queue>,
    kept_queue: KeptQueue,
    /// Messages of the step that goes on, whole, on their way into recall storage.
    unkept: Vec<NewMessage>,
    /// Whether the agent was there before it was opened.
    is_old: bool,
    is_warned: bool,
    tools: Vec<Tool>,
    rules: rule::Rules,
    granted: Permissions,
    window: WindowConfig,
    counter: TokenCounter,
    step_limit: usize,
    token_budget: Option<u64>,
    heartbeats: bool,
    observer: Option<observer::Observer>,
    approver: Option<Approver>,
    cancellation: Cancellation,
    /// The turn that waits for approval, if it began in this process.
    held: Option<turn::Turn>,
    waiting: Option<approval::Waiting>,
    post: Option<handle::Post>,
}

impl Agent {
    /// Its name in the storage; `agent` unless it was opened under another.
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// The storage that holds all that it remembers.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Core memory, as the last step left it.
    pub fn memory(&self) -> &CoreMemory {
        &self.memory
    }

    /// The block with this label, as the last step left it.
    pub fn block(&self, label: &str) -> Option<&Block> {
        self.memory.get(label)
    }

    /// Every edit of a block: who, when, before and after.
    ///
    /// # Errors
    /// [`AgentError::NoBlock`], or what the storage says.
    pub fn block_history(&self, label: &str) -> Result<BlockHistory, AgentError> {
        let block = self.block(label).and_then(Block::id);
        let block = block.ok_or_else(|| AgentError::NoBlock { label: label.to_owned() })?;
        BlockHistory::read(self.storage.as_ref(), block, label)
    }

    /// The main context as it would be compiled now.
    ///
    /// # Errors
    /// What the storage says.
    pub fn context(&self) -> Result<Context, AgentError> {
        let record = self.storage.agent(&self.id)?;
        let (n_messages, n_passages) = record.map_or((0, 0), |r| (r.n_messages, r.n_passages));
        Ok(Context::compile(&MainContext {
            instructions: &self.instructions,
            memory: &self.memory,
            n_messages: n_messages + self.unkept.len() as u64,
            n_passages,
            queue: self.queue(),
            tools: &self.offered(),
            window: self.window,
            counter: &self.counter,
        }))
    }

    /// The tools on offer now, by permissions and rules.
    fn offered(&self) -> Vec<ToolDefinition> {
        self.rules.offered(executor::definitions(
            &self.memory,
            &self.tools,
            &self.granted,
            self.post.is_some(),
            self.heartbeats,
        ))
    }

    /// The switch that ends its turns.
    pub fn cancellation(&self) -> Cancellation {
        self.cancellation.clone()
    }

    /// One turn: from what the person says to the answer, or to what else ends it. The trace tells
    /// the steps and what they did to memory.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    pub fn say(&mut self, text: &str) -> Result<Trace, AgentError> {
        self.handle(Event::User(text.to_owned()))
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent with {}\n{}", self.model.describes(), self.memory)
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({}, {})", self.id, self.model.describes())
    }
}

#[cfg(test)]
mod tests;
