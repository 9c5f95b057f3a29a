//! What a program or a notebook cell wants in scope: `use momentum_memory::prelude::*;`.

pub use serde_json::json;

pub use crate::agent::{
    Agent, AgentError, Approval, Block, BlockHistory, Cancellation, Clock, Context, CoreMemory,
    Edit, Event, MemoryHandle, SleepTimeAgent, StepEvent, Team, Timer, ToolRule, WindowConfig,
};
pub use crate::client::{Client, ClientConfig, ClientError};
pub use crate::dictionary::DictionaryAgent;
pub use crate::diff::MemoryDiff;
pub use crate::message::{
    Message, Piece, Reply, Request, Role, ToolCall, ToolChoice, ToolDefinition,
};
pub use crate::runtime::block_on;
pub use crate::tokens::TokenCounter;
pub use crate::tool::{Permission, Permissions, Tool, ToolError};
pub use crate::trace::{Outcome, Step, Trace};
