//! Requests: encoded for an endpoint, decoded by one.

use serde_json::{Map, Value, json};

use super::reply::{decode_call, encode_call};
use super::{WireError, decode_content, unexpected};
use crate::message::{Message, Request, Role, ToolChoice, ToolDefinition};

/// A request as JSON, for the model of this name.
pub fn encode_request(request: &Request, model: &str) -> Value {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), request.messages.iter().map(encode_message).collect());
    body.insert("stream".into(), false.into());
    // `tool_choice` and `parallel_tool_calls` without `tools` are refused by OpenAI.
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(encode_tool).collect());
        match &request.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => drop(body.insert("tool_choice".into(), "none".into())),
            ToolChoice::Required => drop(body.insert("tool_choice".into(), "required".into())),
            ToolChoice::Named(name) => {
                let choice = json!({"type": "function", "function": {"name": name}});
                body.insert("tool_choice".into(), choice);
            }
        }
        if let Some(parallel) = request.parallel_tool_calls {
            body.insert("parallel_tool_calls".into(), parallel.into());
        }
    }
    Value::Object(body)
}

/// As [`encode_request`], for a reply in chunks, the last of which counts the tokens.
pub fn encode_streamed_request(request: &Request, model: &str) -> Value {
    let mut body = encode_request(request, model);
    body["stream"] = true.into();
    body["stream_options"] = json!({"include_usage": true});
    body
}

pub(crate) fn encode_tool(tool: &ToolDefinition) -> Value {
    json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.parameters}})
}

fn encode_message(message: &Message) -> Value {
    let mut body = Map::new();
    body.insert("role".into(), message.role.as_str().into());
    let silent = message.text.is_empty() && !message.tool_calls.is_empty();
    body.insert("content".into(), if silent { Value::Null } else { message.text.clone().into() });
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(encode_call).collect();
        body.insert("tool_calls".into(), calls);
    }
    if let Some(id) = &message.answers {
        body.insert("tool_call_id".into(), id.clone().into());
    }
    Value::Object(body)
}

/// A request from JSON, strictly, and the name of the model that it asks for.
///
/// # Errors
/// [`WireError`] naming the first value that does not fit.
pub fn decode_request(body: &Value) -> Result<(String, Request), WireError> {
    let model = body.get("model").and_then(Value::as_str);
    let model = model.ok_or_else(|| unexpected("model", "a string", body.get("model")))?;
    let messages = body.get("messages").and_then(Value::as_array).filter(|all| !all.is_empty());
    let messages = messages
        .ok_or_else(|| unexpected("messages", "a non-empty array", body.get("messages")))?
        .iter()
        .enumerate()
        .map(|(i, message)| decode_message(message, i))
        .collect::<Result<Vec<_>, _>>()?;
    let tools = match body.get("tools") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(tools)) => tools
            .iter()
            .enumerate()
            .map(|(i, tool)| decode_tool(tool, i))
            .collect::<Result<Vec<_>, _>>()?,
        other => return Err(unexpected("tools", "an array", other)),
    };
    let tool_choice = decode_tool_choice(body.get("tool_choice"))?;
    if let ToolChoice::Named(name) = &tool_choice
        && !tools.iter().any(|tool| &tool.name == name)
    {
        let expected = "the name of one of `tools`";
        let got = Value::from(name.as_str());
        return Err(unexpected("tool_choice.function.name", expected, Some(&got)));
    }
    let parallel_tool_calls = match body.get("parallel_tool_calls") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(parallel)) => Some(*parallel),
        other => return Err(unexpected("parallel_tool_calls", "true or false", other)),
    };
    Ok((model.to_owned(), Request { messages, tools, tool_choice, parallel_tool_calls }))
}

fn decode_message(body: &Value, index: usize) -> Result<Message, WireError> {
    let at = format!("messages[{index}]");
    let role = match body["role"].as_str() {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => {
            let expected = "`system`, `developer`, `user`, `assistant` or `tool`";
            return Err(unexpected(format!("{at}.role"), expected, body.get("role")));
        }
    };
    let text = decode_content(body.get("content"));
    if text.is_none() && role != Role::Assistant {
        return Err(unexpected(format!("{at}.content"), "text", body.get("content")));
    }
    let answers = body["tool_call_id"].as_str().map(str::to_owned);
    if role == Role::Tool && answers.is_none() {
        let path = format!("{at}.tool_call_id");
        return Err(unexpected(path, "the id of a tool call", body.get("tool_call_id")));
    }
    let calls = body.get("tool_calls").and_then(Value::as_array);
    let tool_calls = calls.into_iter().flatten().enumerate();
    let tool_calls =
        tool_calls.map(|(i, call)| decode_call(call, i, &at)).collect::<Result<Vec<_>, _>>()?;
    Ok(Message { role, text: text.unwrap_or_default(), tool_calls, answers })
}

fn decode_tool(body: &Value, index: usize) -> Result<ToolDefinition, WireError> {
    let function = &body["function"];
    let name = function["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| {
        let path = format!("tools[{index}].function.name");
        unexpected(path, "a name", function.get("name"))
    })?;
    let parameters = match function.get("parameters") {
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(schema @ Value::Object(_)) => schema.clone(),
        other => {
            let path = format!("tools[{index}].function.parameters");
            return Err(unexpected(path, "a JSON schema", other));
        }
    };
    let description = function["description"].as_str().unwrap_or_default();
    Ok(ToolDefinition::new(name, description, parameters))
}

fn decode_tool_choice(body: Option<&Value>) -> Result<ToolChoice, WireError> {
    match body {
        None | Some(Value::Null) => Ok(ToolChoice::Auto),
        Some(Value::String(text)) if text == "auto" => Ok(ToolChoice::Auto),
        Some(Value::String(text)) if text == "none" => Ok(ToolChoice::None),
        Some(Value::String(text)) if text == "required" => Ok(ToolChoice::Required),
        Some(choice) => match choice["function"]["name"].as_str() {
            Some(name) => Ok(ToolChoice::Named(name.to_owned())),
            None => {
                let expected = "`auto`, `none`, `required` or a function";
                Err(unexpected("tool_choice", expected, Some(choice)))
            }
        },
    }
}
