//! Making an agent, and setting what it may do.

use std::sync::Arc;

use crate::agent::cancellation::Cancellation;
use crate::agent::clock::Clock;
use crate::agent::core_memory::{Block, CoreMemory};
use crate::agent::keeping::KeptQueue;
use crate::agent::model::Model;
use crate::agent::observer::{Observer, StepEvent};
use crate::agent::queue::Queue;
use crate::agent::rule::{Rules, ToolRule};
use crate::agent::window::WindowConfig;
use crate::agent::{Agent, AgentError, Approval, executor};
use crate::message::ToolCall;
use crate::storage::{Access, AgentId, Author, BlockId, MemoryStorage, Storage};
use crate::tokens::TokenCounter;
use crate::tool::{Permissions, Tool};

const INSTRUCTIONS: &str = include_str!("instructions.txt");

impl Agent {
    /// An agent that keeps everything in the memory of this process, and forgets it with it.
    ///
    /// It has two blocks, `human` (what it knows about the person; empty) and `persona` (who it
    /// is; read-only), no tools of the user's own, at most 20 steps a turn, no token budget, and a
    /// window of 8,192 tokens.
    ///
    /// # Panics
    /// Never: a storage in memory does not refuse a first agent.
    pub fn new(model: impl Model + 'static) -> Self {
        let mut agent = Self::bare(Arc::new(model), Arc::new(MemoryStorage::new()), "agent");
        // An empty storage in memory refuses neither the agent nor its first blocks.
        let created = agent.create();
        debug_assert!(created.is_ok(), "{created:?}");
        agent
    }

    /// An agent in a storage: the one that is there under this name, as it was, or a new one.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use momentum_memory::prelude::*;
    /// use momentum_memory::storage::MemoryStorage;
    ///
    /// let storage = Arc::new(MemoryStorage::new());
    /// Agent::open(Client::tutor()?, storage.clone(), "sara")?.say("I live in Lyon.")?;
    ///
    /// let mut again = Agent::open(Client::tutor()?, storage, "sara")?;
    /// assert_eq!(again.say("Where do I live?")?.answer(), "You live in Lyon.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the storage says.
    pub fn open(
        model: impl Model + 'static,
        storage: Arc<dyn Storage>,
        name: &str,
    ) -> Result<Self, AgentError> {
        let mut agent = Self::bare(Arc::new(model), storage, name);
        if agent.storage.agent(&agent.id)?.is_some() {
            agent.load()?;
        } else {
            agent.create()?;
        }
        Ok(agent)
    }

    pub(crate) fn bare(model: Arc<dyn Model>, storage: Arc<dyn Storage>, name: &str) -> Self {
        Agent {
            id: AgentId::new(name),
            counter: TokenCounter::for_model(model.name()),
            summariser: Arc::clone(&model),
            model,
            storage,
            clock: Clock::System,
            instructions: INSTRUCTIONS.trim_end().to_owned(),
            memory: CoreMemory::default(),
            seen: Arc::default(),
            queue: Queue::default().into(),
            kept_queue: KeptQueue::default(),
            unkept: Vec::new(),
            is_old: false,
            is_warned: false,
            tools: Vec::new(),
            rules: Rules::default(),
            granted: Permissions::all(),
            window: WindowConfig::default(),
            step_limit: 20,
            token_budget: None,
            heartbeats: false,
            observer: None,
            approver: None,
            cancellation: Cancellation::default(),
            held: None,
            waiting: None,
            post: None,
        }
    }

    fn create(&mut self) -> Result<(), AgentError> {
        self.storage.create_agent(&self.id, self.clock.now())?;
        let persona = Block::new("persona", "Who you are").with_value("A patient study companion.");
        for block in [
            Block::new("human", "What you know about the user, one fact a line"),
            persona.read_only(),
        ] {
            self.attach_new(&block)?;
        }
        // The queue begins with the first message, however many come.
        self.keep_queue_state()?;
        self.read_memory()
    }

    fn attach_new(&self, block: &Block) -> Result<(), AgentError> {
        let by = Author::Program("setup".to_owned());
        self.storage.create_block(&self.id, &block.to_new(), &by, self.clock.now())?;
        Ok(())
    }

    /// Adds a block of core memory, in the place of the one with the same label. An agent that was
    /// there before it was opened keeps the block that it has.
    ///
    /// # Errors
    /// What the storage says.
    pub fn with_block(mut self, block: Block) -> Result<Self, AgentError> {
        if let Some(known) = self.memory.get(block.label()) {
            if self.is_old {
                return Ok(self);
            }
            if let Some(id) = known.id() {
                self.storage.detach_block(&self.id, id)?;
            }
        }
        self.attach_new(&block)?;
        self.read_memory()?;
        Ok(self)
    }

    /// Shares a block that another agent in the same storage has: both see it, and both may write
    /// it where `access` says so. Takes the place of a block with the same label.
    ///
    /// # Errors
    /// What the storage says.
    pub fn with_shared_block(mut self, block: BlockId, access: Access) -> Result<Self, AgentError> {
        let label = self.storage.block(block)?.label;
        let own = self.memory.get(&label).and_then(Block::id);
        if let Some(own) = own.filter(|own| *own != block) {
            self.storage.detach_block(&self.id, own)?;
        }
        self.storage.attach_block(&self.id, block, access)?;
        self.read_memory()?;
        Ok(self)
    }

    /// Adds a tool of the user's own.
    ///
    /// # Errors
    /// [`AgentError::ToolNameTaken`] when there is one of this name, built in or added before;
    /// [`AgentError::ToolNameInvalid`]; [`AgentError::PermissionNotGranted`].
    pub fn with_tool(mut self, tool: Tool) -> Result<Self, AgentError> {
        let name = tool.definition().name.clone();
        let taken = self.tools.iter().any(|known| known.definition().name == name);
        if taken || executor::is_built_in(&name) {
            return Err(AgentError::ToolNameTaken { name });
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(AgentError::ToolNameInvalid { name });
        }
        if let Some(permission) = tool.permissions().first_beyond(&self.granted) {
            return Err(AgentError::PermissionNotGranted { tool: name, permission });
        }
        self.tools.push(tool);
        Ok(self)
    }

    /// Adds a rule about a tool that the agent has.
    ///
    /// # Errors
    /// [`AgentError::RuleForUnknownTool`].
    pub fn with_rule(mut self, rule: ToolRule) -> Result<Self, AgentError> {
        let known = |tool: &&str| {
            executor::is_built_in(tool)
                || self.tools.iter().any(|known| known.definition().name == **tool)
        };
        if let Some(tool) = rule.tools().into_iter().find(|tool| !known(tool)) {
            let (tool, rule) = (tool.to_owned(), rule.to_string());
            return Err(AgentError::RuleForUnknownTool { rule, tool });
        }
        self.rules.push(rule);
        Ok(self)
    }

    /// Sets what the agent's tools may touch, the built-in ones too; all of it unless set. A
    /// built-in function that would need more is not offered.
    ///
    /// # Errors
    /// [`AgentError::PermissionNotGranted`] when a tool that was added declares more.
    pub fn with_permissions(mut self, granted: Permissions) -> Result<Self, AgentError> {
        for tool in &self.tools {
            if let Some(permission) = tool.permissions().first_beyond(&granted) {
                let tool = tool.definition().name.clone();
                return Err(AgentError::PermissionNotGranted { tool, permission });
            }
        }
        self.granted = granted;
        Ok(self)
    }

    /// Sets the system instructions.
    pub fn with_instructions(mut self, instructions: &str) -> Self {
        self.instructions = instructions.to_owned();
        self
    }

    /// Sets the largest number of steps a turn.
    pub fn with_step_limit(mut self, step_limit: usize) -> Self {
        self.step_limit = step_limit;
        self
    }

    /// Sets how many tokens a turn may use in all, prompts and replies; the step in which the
    /// budget is passed is the last. Summaries are not counted.
    pub fn with_token_budget(mut self, n_tokens: u64) -> Self {
        self.token_budget = Some(n_tokens);
        self
    }

    /// Sets the window: a number of tokens, or a [`WindowConfig`].
    pub fn with_window(mut self, window: impl Into<WindowConfig>) -> Self {
        self.window = window.into();
        self
    }

    /// Sets how tokens are counted; by the model's name unless set.
    pub fn with_token_counter(mut self, counter: TokenCounter) -> Self {
        self.counter = counter;
        self
    }

    /// Sets the model that writes the recursive summaries; the agent's own unless set.
    pub fn with_summariser(mut self, model: impl Model + 'static) -> Self {
        self.summariser = Arc::new(model);
        self
    }

    /// Sets where the time comes from.
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Chains calls as the MemGPT paper does: each tool takes `request_heartbeat`, and the turn
    /// ends after a step in which no call asked for one and none failed. Otherwise, a turn goes on
    /// until the agent speaks or calls nothing.
    pub fn with_heartbeats(mut self) -> Self {
        self.heartbeats = true;
        self
    }

    /// Tells `observe` of everything in a turn as it happens: the pieces of text that the model
    /// writes, calls, results, evictions.
    pub fn with_observer(
        mut self,
        observe: impl Fn(&StepEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Observer::new(observe));
        self
    }

    /// Asks `approve` before each call that [needs approval](ToolRule::NeedsApproval). Without
    /// this, the turn stops at such a call until [`approve`](Self::approve) or
    /// [`deny`](Self::deny).
    pub fn with_approver(
        mut self,
        approve: impl Fn(&ToolCall) -> Approval + Send + Sync + 'static,
    ) -> Self {
        self.approver = Some(Arc::new(approve));
        self
    }
}
