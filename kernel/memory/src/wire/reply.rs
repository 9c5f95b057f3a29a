//! Whole replies: decoded leniently from any provider, encoded by the tutor.

use serde_json::{Map, Value, json};

use super::{WireError, decode_content, responses, unexpected};
use crate::message::{FinishReason, Reply, ToolCall, Usage};

/// The most tool calls that are read from one reply.
pub(super) const MOST_CALLS: usize = 256;

pub(super) fn encode_call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function",
           "function": {"name": call.name, "arguments": call.arguments}})
}

/// A reply from JSON, leniently: a chat completion; the body of Ollama's own `/api/chat`; or a
/// finished response of OpenAI's Responses format, which some gateways send.
///
/// Several choices are read as one answer in parts: we never ask for more than one, and some
/// providers put text into the first and tool calls into the second.
///
/// # Errors
/// [`WireError`] when there is no choice or no message in it, or a report of an error.
///
/// ```
/// use momentum_memory::wire::decode_reply;
///
/// // No `object`, no `created`, no `usage`, and a `service_tier` from nowhere.
/// let body = serde_json::json!({"service_tier": "galactic",
///     "choices": [{"message": {"content": "Hello."}}]});
/// assert_eq!(decode_reply(&body).unwrap().text.as_deref(), Some("Hello."));
/// ```
pub fn decode_reply(body: &Value) -> Result<Reply, WireError> {
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    if let Some(choices) = body.get("choices").and_then(Value::as_array) {
        if let Some(message) = choices.is_empty().then(|| reported(body)).flatten() {
            return Err(WireError::Reported { message });
        }
        let usage = decode_usage(body).unwrap_or_default();
        return decode_choices(choices, Reply { model, usage, ..silence() });
    }
    if let Some(message) = reported(body) {
        return Err(WireError::Reported { message });
    }
    if let Some(message) = body.get("message").filter(|message| message.is_object()) {
        let count = |name: &str| body[name].as_u64().unwrap_or(0);
        let usage = Usage {
            prompt_tokens: count("prompt_eval_count"),
            completion_tokens: count("eval_count"),
        };
        let mut reply = Reply { model, usage, ..silence() };
        read_message(&mut reply, message, "message")?;
        reply.finish = decode_finish(body.get("done_reason"));
        return Ok(reply);
    }
    if body.get("output").is_some_and(Value::is_array) {
        return responses::decode(body);
    }
    Err(unexpected("choices", "an array", body.get("choices")))
}

/// A reply of nothing, to be filled.
pub(super) fn silence() -> Reply {
    Reply {
        text: None,
        reasoning: None,
        tool_calls: Vec::new(),
        finish: FinishReason::Other(String::new()),
        model: String::new(),
        usage: Usage::default(),
    }
}

fn decode_choices(choices: &[Value], mut reply: Reply) -> Result<Reply, WireError> {
    let first = choices.first().ok_or(WireError::NoChoice)?;
    for (i, choice) in choices.iter().enumerate() {
        if let Some(message) = reported(choice) {
            return Err(WireError::Reported { message });
        }
        let at = format!("choices[{i}].message");
        let message = choice.get("message").filter(|message| message.is_object());
        let message = message.ok_or_else(|| unexpected(&at, "an object", choice.get("message")))?;
        read_message(&mut reply, message, &at)?;
    }
    reply.finish = decode_finish(first.get("finish_reason"));
    Ok(reply)
}

/// Adds what a message says to the reply. The first text and the first reasoning stay.
fn read_message(reply: &mut Reply, message: &Value, at: &str) -> Result<(), WireError> {
    let said = |name: &str| {
        let text = message.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if reply.text.is_none() {
        let text = decode_content(message.get("content")).filter(|text| !text.is_empty());
        reply.text = text.or_else(|| said("refusal"));
    }
    if reply.reasoning.is_none() {
        reply.reasoning = REASONING.iter().find_map(|name| said(name));
    }
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let call = decode_call(call, reply.tool_calls.len(), at)?;
        push_call(&mut reply.tool_calls, call)?;
    }
    // The format's own name for a tool call before there were several.
    if let Some(function @ Value::Object(_)) = message.get("function_call") {
        let call = decode_call(&json!({"function": function}), reply.tool_calls.len(), at)?;
        push_call(&mut reply.tool_calls, call)?;
    }
    Ok(())
}

/// What llama.cpp and DeepSeek, Groq and OpenRouter, and Ollama call a model's thoughts.
pub(super) const REASONING: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

/// Adds a call under an id that no other call of this reply has, so that its result finds it.
pub(super) fn push_call(calls: &mut Vec<ToolCall>, mut call: ToolCall) -> Result<(), WireError> {
    if calls.len() >= MOST_CALLS {
        return Err(WireError::TooManyCalls { limit: MOST_CALLS });
    }
    let mut n = calls.len() + 1;
    while calls.iter().any(|known| known.id == call.id) {
        call.id = format!("call_{n}");
        n += 1;
    }
    calls.push(call);
    Ok(())
}

pub(super) fn decode_finish(reason: Option<&Value>) -> FinishReason {
    match reason.and_then(Value::as_str).unwrap_or_default() {
        "stop" => FinishReason::Stop,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "length" | "max_tokens" => FinishReason::Length,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The count of tokens, if there is one; Groq streams it in a place of its own.
pub(super) fn decode_usage(body: &Value) -> Option<Usage> {
    let places = [&body["usage"], &body["x_groq"]["usage"]];
    let usage = places.into_iter().find(|usage| usage.is_object())?;
    let count = |name: &str| usage[name].as_u64().unwrap_or(0);
    Some(Usage {
        prompt_tokens: count("prompt_tokens"),
        completion_tokens: count("completion_tokens"),
    })
}

/// What the body's `error` says, if it has one.
pub(super) fn reported(body: &Value) -> Option<String> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let message = error["message"].as_str().or_else(|| error.as_str());
    let mut message = message.map_or_else(|| error.to_string(), str::to_owned);
    if let Some((end, _)) = message.char_indices().nth(300) {
        message.truncate(end);
        message.push('…');
    }
    Some(message)
}

pub(super) fn decode_call(call: &Value, index: usize, at: &str) -> Result<ToolCall, WireError> {
    let function = &call["function"];
    let name = function["name"].as_str().ok_or_else(|| {
        let path = format!("{at}.tool_calls[{index}].function.name");
        unexpected(path, "a string", function.get("name"))
    })?;
    let arguments = decode_arguments(&function["arguments"]);
    let id = call["id"].as_str().filter(|id| !id.is_empty());
    let id = id.map_or_else(|| format!("call_{}", index + 1), str::to_owned);
    Ok(ToolCall { id, name: name.to_owned(), arguments })
}

/// Arguments as text, whatever they came as.
pub(super) fn decode_arguments(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        object => object.to_string(),
    }
}

/// The name of a reason to stop.
pub(super) fn encode_finish(finish: &FinishReason) -> &str {
    match finish {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Length => "length",
        FinishReason::Other(other) => other,
    }
}

pub(super) fn encode_usage(usage: Usage) -> Value {
    let Usage { prompt_tokens, completion_tokens } = usage;
    json!({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
           "total_tokens": prompt_tokens + completion_tokens})
}

/// A reply as JSON, as an endpoint sends it. `fingerprint` goes into `system_fingerprint`.
/// `created` is always 0: the same question gives the same bytes.
pub fn encode_reply(reply: &Reply, id: &str, fingerprint: &str) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), reply.text.clone().map_or(Value::Null, Value::String));
    if let Some(reasoning) = &reply.reasoning {
        message.insert("reasoning_content".into(), reasoning.clone().into());
    }
    if !reply.tool_calls.is_empty() {
        let calls = reply.tool_calls.iter().map(encode_call).collect();
        message.insert("tool_calls".into(), calls);
    }
    let finish = encode_finish(&reply.finish);
    json!({
        "id": id, "object": "chat.completion", "created": 0, "model": reply.model,
        "system_fingerprint": fingerprint,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "usage": encode_usage(reply.usage),
    })
}
