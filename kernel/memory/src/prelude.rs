//! What a program or a notebook cell wants in scope: `use momentum_memory::prelude::*;`.

pub use serde_json::json;

pub use crate::agent::{Agent, AgentError, Block, Context, CoreMemory};
pub use crate::client::{Client, ClientConfig, ClientError};
pub use crate::dictionary::DictionaryAgent;
pub use crate::diff::MemoryDiff;
pub use crate::message::{Message, Reply, Request, Role, ToolCall, ToolChoice, ToolDefinition};
pub use crate::tool::{Tool, ToolError};
pub use crate::trace::{Outcome, Step, Trace};
