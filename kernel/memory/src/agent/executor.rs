//! The function executor: carries out a model's tool calls. What goes wrong goes back to the model
//! as text, never further.

mod functions;

use serde_json::{Map, Value, json};

use crate::agent::cancellation::Cancellation;
use crate::agent::core_memory::CoreMemory;
use crate::agent::handle::MemoryHandle;
use crate::message::{ToolCall, ToolDefinition};
use crate::tool::{Permissions, Tool, ToolError, check_length};

/// The argument by which a model asks to be called again after this call (MemGPT, section 2.4).
pub(crate) const HEARTBEAT: &str = "request_heartbeat";

/// What a tool call did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The result for the model.
    Result(String),
    /// The model spoke to the person.
    Spoken(String),
}

/// The tools on offer: the built-in ones that the permissions allow, then the user's own. Labels
/// that may be written are listed in the schemas. With `heartbeats`, each takes the argument
/// `request_heartbeat`.
pub(crate) fn definitions(
    memory: &CoreMemory,
    tools: &[Tool],
    granted: &Permissions,
    has_post: bool,
    heartbeats: bool,
) -> Vec<ToolDefinition> {
    let mut definitions = functions::definitions(memory, granted, has_post);
    definitions.extend(tools.iter().map(|tool| tool.definition().clone()));
    if heartbeats {
        for definition in &mut definitions {
            if let Some(properties) = definition.parameters["properties"].as_object_mut() {
                let description = "Whether you want to go on after this call. Without it, your \
                                   turn ends";
                let schema = json!({"type": "boolean", "description": description});
                properties.insert(HEARTBEAT.to_owned(), schema);
            }
        }
    }
    definitions
}

/// Carries out one call. `offered` are the names on offer.
pub(crate) fn execute(
    handle: &MemoryHandle,
    tools: &[Tool],
    offered: &[ToolDefinition],
    cancellation: &Cancellation,
    call: &ToolCall,
) -> Result<Effect, ToolError> {
    check_length(call)?;
    let call = &without_heartbeat(call);
    if let Some(tool) = tools.iter().find(|tool| tool.definition().name == call.name) {
        let permissions = tool.permissions().clone();
        let handle = MemoryHandle { tool: call.name.clone(), permissions, ..handle.clone() };
        return tool.run(call, Some(&handle), cancellation).map(Effect::Result);
    }
    let handle = MemoryHandle { tool: call.name.clone(), ..handle.clone() };
    match functions::call(&handle, call) {
        Some(effect) => effect,
        None => {
            let mut known: Vec<_> = offered.iter().map(|tool| tool.name.as_str()).collect();
            known.sort_unstable();
            let known = known.join(", ");
            Err(ToolError::Unknown { name: call.name.clone(), known })
        }
    }
}

/// What the call says to the person, if it does.
pub(crate) fn speech(call: &ToolCall) -> Option<String> {
    let speaks = call.name == "send_message";
    speaks.then(|| without_heartbeat(call).argument("message").ok()).flatten()
}

/// Whether a built-in function has this name.
pub(crate) fn is_built_in(name: &str) -> bool {
    functions::NAMES.contains(&name)
}

/// Whether the call asks to go on after it.
pub(crate) fn wants_heartbeat(call: &ToolCall) -> bool {
    let arguments = serde_json::from_str::<Map<String, Value>>(&call.arguments);
    arguments.is_ok_and(|arguments| match arguments.get(HEARTBEAT) {
        Some(Value::Bool(wanted)) => *wanted,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    })
}

/// The call without `request_heartbeat`, which models add from habit where no tool takes it.
fn without_heartbeat(call: &ToolCall) -> ToolCall {
    if !call.arguments.contains(HEARTBEAT) {
        return call.clone();
    }
    let Ok(mut arguments) = serde_json::from_str::<Map<String, Value>>(&call.arguments) else {
        return call.clone();
    };
    arguments.shift_remove(HEARTBEAT);
    ToolCall { arguments: Value::Object(arguments).to_string(), ..call.clone() }
}

#[cfg(test)]
mod tests;
