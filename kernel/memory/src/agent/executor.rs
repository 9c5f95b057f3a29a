//! The function executor: carries out a model's tool calls on core memory, speech and the user's
//! own tools. What goes wrong goes back to the model as text, never further.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::agent::core_memory::CoreMemory;
use crate::message::{ToolCall, ToolDefinition};
use crate::tool::{Tool, ToolError, schema_of};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Append {
    /// The label of the block to append to.
    label: String,
    /// The line to append, such as `home: Lyon`.
    content: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Replace {
    /// The label of the block to edit.
    label: String,
    /// The text to replace, exactly as it stands in the block.
    old_content: String,
    /// The text to put in its place; empty to delete.
    new_content: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Speech {
    /// What to say.
    message: String,
}

/// What a tool call did.
pub(crate) enum Effect {
    /// The result for the model.
    Result(String),
    /// The model spoke to the person, which ends the turn.
    Spoken(String),
}

/// The definitions of the built-in tools, then of the user's own. Labels that may be written are
/// listed in the schemas.
pub(crate) fn definitions(memory: &CoreMemory, tools: &[Tool]) -> Vec<ToolDefinition> {
    let labels = memory.blocks().iter().filter(|block| !block.is_read_only());
    let labels: Vec<_> = labels.map(|block| block.label()).collect();
    let mut definitions = Vec::new();
    if !labels.is_empty() {
        let mut block_tool = |name, description, mut schema: serde_json::Value| {
            schema["properties"]["label"]["enum"] = labels.clone().into();
            definitions.push(ToolDefinition::new(name, description, schema));
        };
        block_tool(
            "core_memory_append",
            "Appends a line to a block of core memory. One fact a line.",
            schema_of::<Append>(),
        );
        block_tool(
            "core_memory_replace",
            "Replaces text in a block of core memory: for facts that have changed.",
            schema_of::<Replace>(),
        );
    }
    definitions.push(ToolDefinition::new(
        "send_message",
        "Says something to the user, and ends your turn.",
        schema_of::<Speech>(),
    ));
    definitions.extend(tools.iter().map(|tool| tool.definition().clone()));
    definitions
}

/// Carries out one call.
pub(crate) fn execute(memory: &mut CoreMemory, tools: &[Tool], call: &ToolCall) -> Effect {
    match attempt(memory, tools, call) {
        Ok(effect) => effect,
        Err(error) => Effect::Result(error.to_result()),
    }
}

fn attempt(memory: &mut CoreMemory, tools: &[Tool], call: &ToolCall) -> Result<Effect, ToolError> {
    let refused = |error: crate::agent::CoreMemoryError| ToolError::Refused(error.to_string());
    match call.name.as_str() {
        "core_memory_append" => {
            let Append { label, content } = call.arguments()?;
            memory.append(&label, &content).map_err(refused)?;
            Ok(Effect::Result(format!("Appended to `{label}`.")))
        }
        "core_memory_replace" => {
            let Replace { label, old_content, new_content } = call.arguments()?;
            // The prompt shows `<` and `&` escaped; a model that copies it means the plain text.
            let plain = |text: &str| text.replace("&lt;", "<").replace("&amp;", "&");
            memory
                .replace(&label, &old_content, &new_content)
                .or_else(|error| match plain(&old_content) {
                    plain_old if plain_old != old_content => {
                        memory.replace(&label, &plain_old, &plain(&new_content))
                    }
                    _ => Err(error),
                })
                .map_err(refused)?;
            Ok(Effect::Result(format!("Replaced in `{label}`.")))
        }
        "send_message" => Ok(Effect::Spoken(call.arguments::<Speech>()?.message)),
        name => match tools.iter().find(|tool| tool.definition().name == name) {
            Some(tool) => Ok(Effect::Result(tool.call(call)?)),
            None => {
                let mut known: Vec<_> =
                    definitions(memory, tools).into_iter().map(|tool| tool.name).collect();
                known.sort();
                let known = known.join(", ");
                Err(ToolError::Unknown { name: name.to_owned(), known })
            }
        },
    }
}

/// Whether a built-in tool has this name.
pub(crate) fn is_built_in(name: &str) -> bool {
    ["core_memory_append", "core_memory_replace", "send_message"].contains(&name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::agent::core_memory::Block;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "call_1".into(), name: name.into(), arguments: arguments.into() }
    }

    fn memory() -> CoreMemory {
        let mut memory = CoreMemory::default();
        memory.insert(Block::new("human", "the user").with_limit(40));
        memory
    }

    fn check(name: &str, arguments: &str, expected: &str) {
        let panics =
            Tool::new("panics", "", |(): ()| -> Result<String, String> { panic!("on purpose") });
        let got = match execute(&mut memory(), &[panics], &call(name, arguments)) {
            Effect::Result(text) => text,
            Effect::Spoken(text) => format!("spoken: {text}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn calls_are_carried_out_or_explained() {
        check("send_message", r#"{"message": "Hi"}"#, "spoken: Hi");
        check(
            "core_memory_append",
            r#"{"label": "human", "content": "name: Sara"}"#,
            "Appended to `human`.",
        );
        check(
            "core_memory_apend",
            "{}",
            "Error: there is no tool `core_memory_apend`; the tools are: core_memory_append, \
             core_memory_replace, panics, send_message. Call one of these instead.",
        );
        check(
            "core_memory_append",
            r#"{"label": "human", "content""#,
            "Error: the arguments of `core_memory_append` are not a JSON object: EOF while \
             parsing an object at line 1 column 28. Send valid JSON.",
        );
        check(
            "core_memory_append",
            r#"{"label": "human", "content": 7}"#,
            "Error: argument `content` of `core_memory_append`: invalid type: integer `7`, \
             expected a string. Send it as the schema says.",
        );
        check(
            "core_memory_append",
            r#"{"label": "human"}"#,
            "Error: the arguments of `core_memory_append`: missing field `content`. Send them as \
             the schema says.",
        );
        check(
            "core_memory_append",
            &format!(r#"{{"label": "human", "content": "{}"}}"#, "x".repeat(41)),
            "Error: the block `human` would hold 41 characters, and its limit is 40; shorten it \
             with `core_memory_replace` first, or save less",
        );
        check(
            "panics",
            "null",
            "Error: `panics` failed inside (it panicked): on purpose. Do not call it like this \
             again.",
        );
    }

    proptest! {
        #[test]
        fn no_arguments_make_a_panic(
            name in "core_memory_(append|replace)|send_message|.{0,8}",
            arguments in prop_oneof![
                ".{0,40}",
                r#"\{"(label|content|message)": ?(".{0,9}"|[0-9]{1,30}|null|\[\]|\{\})\}"#,
            ],
        ) {
            let (mut memory, call) = (memory(), call(&name, &arguments));
            let _ = execute(&mut memory, &[], &call);
            let _ = call.argument("label");
            let _ = call.to_string();
            prop_assert!(memory.get("human").unwrap().value().chars().count() <= 40);
        }
    }
}
