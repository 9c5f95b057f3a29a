//! Replies in OpenAI's Responses format, read where a gateway sends them. We never ask for them.

use serde_json::{Value, json};

use super::reply::{decode_call, push_call, silence};
use super::{WireError, decode_content};
use crate::message::{FinishReason, Reply, Usage};

/// A finished response: `output` holds messages, calls and reasoning, in order.
pub(super) fn decode(body: &Value) -> Result<Reply, WireError> {
    let mut reply = silence();
    reply.model = body["model"].as_str().unwrap_or_default().to_owned();
    let count = |name: &str| body["usage"][name].as_u64().unwrap_or(0);
    reply.usage =
        Usage { prompt_tokens: count("input_tokens"), completion_tokens: count("output_tokens") };
    let (mut text, mut reasoning) = (String::new(), String::new());
    for item in body["output"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("message") => {
                text.extend(decode_content(item.get("content")));
                let parts = item["content"].as_array().into_iter().flatten();
                text.extend(parts.filter_map(|part| part["refusal"].as_str()));
            }
            Some("reasoning") => reasoning.extend(decode_content(item.get("summary"))),
            Some("function_call") => {
                let call = json!({"id": item["call_id"], "function": {
                    "name": item["name"], "arguments": item["arguments"]}});
                let call = decode_call(&call, reply.tool_calls.len(), "output")?;
                push_call(&mut reply.tool_calls, call)?;
            }
            _ => {}
        }
    }
    reply.finish = match body["incomplete_details"]["reason"].as_str() {
        Some("max_output_tokens") => FinishReason::Length,
        Some(other) => FinishReason::Other(other.to_owned()),
        None if reply.tool_calls.is_empty() => FinishReason::Stop,
        None => FinishReason::ToolCalls,
    };
    reply.text = Some(text).filter(|text| !text.is_empty());
    reply.reasoning = Some(reasoning).filter(|text| !text.is_empty());
    Ok(reply)
}
