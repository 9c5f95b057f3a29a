//! An agent whose only memory is a dictionary: the smallest thing that edits its own memory.
//!
//! Four parts make it: a **memory** (a plain map), a **tool** that edits it, **instructions** that
//! show the memory and say how to use the tool, and a **loop** that lets the model take several
//! steps. The [`Agent`](crate::agent::Agent) is the same four parts, grown.

use std::collections::HashMap;

use serde_json::json;

use crate::client::{Client, ClientError};
use crate::diff::MemoryDiff;
use crate::message::{Message, Request, ToolCall, ToolDefinition};
use crate::tool::ToolError;
use crate::trace::{Outcome, Trace};

/// An agent whose only memory is a map. It forgets each conversation: what it keeps in the map is
/// all that it takes to the next.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let mut agent = DictionaryAgent::new(Client::tutor()?);
/// agent.say("My name is Sara and I live in Paris.")?;
/// agent.say("I moved to Lyon.")?;
/// assert_eq!(agent.memory()["home"], "Lyon");
/// assert_eq!(agent.say("What is my name?")?.answer(), "Your name is Sara.");
/// # Ok::<(), ClientError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DictionaryAgent {
    client: Client,
    memory: HashMap<String, String>,
    step_limit: usize,
}

impl DictionaryAgent {
    /// An agent with empty memory, and at most 10 steps a turn.
    pub fn new(client: Client) -> Self {
        DictionaryAgent { client, memory: HashMap::new(), step_limit: 10 }
    }

    /// Sets the largest number of steps a turn.
    pub fn with_step_limit(mut self, step_limit: usize) -> Self {
        self.step_limit = step_limit;
        self
    }

    /// The memory.
    pub fn memory(&self) -> &HashMap<String, String> {
        &self.memory
    }

    /// One turn: the model is asked, its tool calls are carried out, and it is asked again until
    /// it answers without calling a tool, or the step limit is reached.
    ///
    /// # Errors
    /// [`ClientError`] when the model cannot be asked. Edits made before that stay.
    pub fn say(&mut self, text: &str) -> Result<Trace, ClientError> {
        let before = self.memory.clone();
        let mut trace = Trace::new(text);
        let mut messages = vec![Message::system(&instructions(&self.memory)), Message::user(text)];
        trace.stop(Outcome::StepLimit(self.step_limit));
        for _ in 0..self.step_limit {
            messages[0] = Message::system(&instructions(&self.memory));
            let request = Request::new(&messages, &[tool()]).one_call_at_a_time();
            let reply = self.client.complete(&request)?;
            messages.push(reply.message());
            let mut results = Vec::new();
            for call in &reply.tool_calls {
                let result = update_memory(&mut self.memory, call);
                let result = result.unwrap_or_else(|error| error.to_result());
                messages.push(Message::tool(call, &result));
                results.push(result);
            }
            trace.push(&reply, &results);
            if reply.tool_calls.is_empty() {
                break;
            }
            trace.stop(Outcome::StepLimit(self.step_limit));
        }
        trace.set_memory(MemoryDiff::between(&before, &self.memory));
        Ok(trace)
    }
}

/// The tool's code: sets a key to a value; an empty value forgets the key.
///
/// # Errors
/// [`ToolError`] for another tool's name or for arguments that do not fit.
pub fn update_memory(
    memory: &mut HashMap<String, String>,
    call: &ToolCall,
) -> Result<String, ToolError> {
    if call.name != "update_memory" {
        let known = "update_memory".to_owned();
        return Err(ToolError::Unknown { name: call.name.clone(), known });
    }
    let (key, value) = (call.argument("key")?, call.argument("value")?);
    if value.is_empty() {
        memory.remove(&key);
        return Ok(format!("Forgotten: {key}"));
    }
    memory.insert(key.clone(), value.clone());
    Ok(format!("Saved: {key} = {value}"))
}

/// What the model is told about the tool.
pub fn tool() -> ToolDefinition {
    let key = "What the fact is about, such as `name` or `favourite_colour`";
    let value = "What holds now; empty to forget the key";
    ToolDefinition::new(
        "update_memory",
        "Saves one fact about the user, or replaces it. An empty value forgets it.",
        json!({
            "type": "object",
            "properties": {
                "key": {"type": "string", "description": key},
                "value": {"type": "string", "description": value},
            },
            "required": ["key", "value"],
        }),
    )
}

/// What the model is told about itself, with its memory: keys in order, values as JSON strings, so
/// that no value can end the memory section or begin a line of its own.
pub fn instructions(memory: &HashMap<String, String>) -> String {
    let mut lines: Vec<_> = memory.iter().map(|(k, v)| (quoted(k), quoted(v))).collect();
    lines.sort();
    let lines: String = lines.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    format!(
        "You are an assistant with a memory. You forget every conversation when it ends; only \
         what stands in your memory stays.\n\
         When the user tells you a fact about themselves, call `update_memory` once for each \
         fact, then answer.\n\
         Answer questions from your memory. If it does not hold the answer, say so.\n\
         <memory>\n{lines}</memory>"
    )
}

fn quoted(text: &str) -> String {
    json!(text).to_string().replace('<', "\\u003c")
}
