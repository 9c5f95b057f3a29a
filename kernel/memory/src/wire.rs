//! The chat-completions format: our plain types to JSON and back.
//!
//! Pure functions of data. A reply is read **leniently**: only what we need must be there, since
//! providers leave out `created` and `object`, invent `service_tier`s, and send `arguments` as an
//! object where text is due. A request is read strictly, since [`tutor`](crate::tutor) serves it
//! and a learner wants to know what is wrong with theirs.

use serde_json::{Map, Value, json};

use crate::message::{
    FinishReason, Message, Reply, Request, Role, ToolCall, ToolChoice, ToolDefinition, Usage,
};

/// What is wrong with a JSON body: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A value is missing or has the wrong type.
    #[error("`{path}`: expected {expected}, got {got}")]
    Unexpected {
        /// Where, as a path.
        path: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// The reply holds no answer at all.
    #[error("`choices` is empty: the model gave no answer")]
    NoChoice,
}

fn unexpected(path: impl Into<String>, expected: &'static str, got: Option<&Value>) -> WireError {
    let got = match got {
        None => "nothing".to_owned(),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(Value::String(text)) if text.len() > 40 => "a long string".to_owned(),
        Some(value) => value.to_string(),
    };
    WireError::Unexpected { path: path.into(), expected, got }
}

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

fn encode_tool(tool: &ToolDefinition) -> Value {
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

fn encode_call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function",
           "function": {"name": call.name, "arguments": call.arguments}})
}

/// A reply from JSON, leniently.
///
/// # Errors
/// [`WireError`] when there is no choice or no message in it.
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
    let choices = body.get("choices").and_then(Value::as_array);
    let choices = choices.ok_or_else(|| unexpected("choices", "an array", body.get("choices")))?;
    let choice = choices.first().ok_or(WireError::NoChoice)?;
    let message = choice.get("message").filter(|message| message.is_object());
    let message = message
        .ok_or_else(|| unexpected("choices[0].message", "an object", choice.get("message")))?;
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let tool_calls = calls
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(i, call)| decode_call(call, i, "choices[0].message"))
        .collect::<Result<Vec<_>, _>>()?;
    let refusal = message.get("refusal").and_then(Value::as_str).map(str::to_owned);
    let text = decode_content(message.get("content")).filter(|text| !text.is_empty()).or(refusal);
    let count = |name: &str| body["usage"][name].as_u64().unwrap_or(0);
    Ok(Reply {
        text,
        tool_calls,
        finish: match choice.get("finish_reason").and_then(Value::as_str).unwrap_or("") {
            "stop" => FinishReason::Stop,
            "tool_calls" => FinishReason::ToolCalls,
            "length" => FinishReason::Length,
            other => FinishReason::Other(other.to_owned()),
        },
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        usage: Usage {
            prompt_tokens: count("prompt_tokens"),
            completion_tokens: count("completion_tokens"),
        },
    })
}

/// Content is a string, or parts of which we read those with text, or nothing.
fn decode_content(content: Option<&Value>) -> Option<String> {
    match content? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect())
        }
        _ => None,
    }
}

fn decode_call(call: &Value, index: usize, at: &str) -> Result<ToolCall, WireError> {
    let function = &call["function"];
    let name = function["name"].as_str().ok_or_else(|| {
        let path = format!("{at}.tool_calls[{index}].function.name");
        unexpected(path, "a string", function.get("name"))
    })?;
    let arguments = match &function["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        object => object.to_string(),
    };
    let id = call["id"].as_str().filter(|id| !id.is_empty());
    let id = id.map_or_else(|| format!("call_{}", index + 1), str::to_owned);
    Ok(ToolCall { id, name: name.to_owned(), arguments })
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
    if body.get("stream").and_then(Value::as_bool) == Some(true) {
        return Err(unexpected("stream", "false (streaming is not served)", body.get("stream")));
    }
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

/// A reply as JSON, as an endpoint sends it. `fingerprint` goes into `system_fingerprint`.
/// `created` is always 0: the same question gives the same bytes.
pub fn encode_reply(reply: &Reply, id: &str, fingerprint: &str) -> Value {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), reply.text.clone().map_or(Value::Null, Value::String));
    if !reply.tool_calls.is_empty() {
        let calls = reply.tool_calls.iter().map(encode_call).collect();
        message.insert("tool_calls".into(), calls);
    }
    let finish = match &reply.finish {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Length => "length",
        FinishReason::Other(other) => other,
    };
    let Usage { prompt_tokens, completion_tokens } = reply.usage;
    json!({
        "id": id, "object": "chat.completion", "created": 0, "model": reply.model,
        "system_fingerprint": fingerprint,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
                  "total_tokens": prompt_tokens + completion_tokens},
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_reply(body: Value, expected: &str) {
        let got = match decode_reply(&body) {
            Ok(reply) => reply.to_string(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn replies_are_read_leniently() {
        let message = |message: Value| json!({"choices": [{"message": message}]});
        check_reply(message(json!({"content": "Hi."})), "answer: Hi.");
        check_reply(
            message(json!({"content": [{"type": "text", "text": "H"}, {"text": "i."}]})),
            "answer: Hi.",
        );
        check_reply(message(json!({"content": null, "refusal": "No."})), "answer: No.");
        check_reply(
            message(json!({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})),
            "answer: (none)\ntool call: f(a: 1)",
        );
        check_reply(message(json!({})), "answer: (none), and no tool call");
    }

    #[test]
    fn replies_without_an_answer_are_errors() {
        check_reply(json!({"choices": []}), "error: `choices` is empty: the model gave no answer");
        check_reply(json!([]), "error: `choices`: expected an array, got nothing");
        check_reply(
            json!({"choices": [{"message": {"tool_calls": [{}]}}]}),
            "error: `choices[0].message.tool_calls[0].function.name`: expected a string, got nothing",
        );
    }

    #[test]
    fn a_request_survives_the_wire() {
        let call = ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{}".into() };
        let asked = Message { tool_calls: vec![call.clone()], ..Message::assistant("") };
        let messages =
            [Message::system("s"), Message::user("u"), asked, Message::tool(&call, "done")];
        let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
        for choice in [
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Required,
            ToolChoice::Named("f".into()),
        ] {
            let request =
                Request::new(&messages, &tools).one_call_at_a_time().with_tool_choice(choice);
            let (model, back) = decode_request(&encode_request(&request, "m")).unwrap();
            assert_eq!((model.as_str(), back), ("m", request));
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("choices"),
            Just("message"),
            Just("messages"),
            Just("tool_calls"),
            Just("function"),
            Just("name"),
            Just("arguments"),
            Just("content"),
            Just("role"),
            Just("tools"),
            Just("usage"),
        ];
        leaf.prop_recursive(5, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_body_makes_a_panic(body in json_value()) {
            let _ = decode_reply(&body);
            let _ = decode_request(&body);
        }
    }
}
