//! Streamed replies: chunks put together into a whole reply, and a reply taken apart into chunks.

use std::mem;

use serde_json::{Value, json};

use super::reply::{
    MOST_CALLS, REASONING, decode_arguments, decode_finish, decode_reply, decode_usage,
    encode_finish, encode_usage, push_call, reported, silence,
};
use super::{WireError, decode_content, unexpected};
use crate::message::{FinishReason, Piece, Reply, ToolCall};

/// Puts the chunks of a streamed reply together, as leniently as
/// [`decode_reply`](super::decode_reply) reads a whole one.
///
/// ```
/// use momentum_memory::message::Piece;
/// use momentum_memory::wire::ReplyAssembler;
/// use serde_json::json;
///
/// let mut assembler = ReplyAssembler::default();
/// let chunk = |delta| json!({"choices": [{"delta": delta}]});
/// assert_eq!(assembler.push(&chunk(json!({"content": "Hel"})))?, [Piece::Text("Hel".into())]);
/// assembler.push(&chunk(json!({"content": "lo."})))?;
/// assert!(!assembler.is_complete()); // nobody said yet why the model stopped
/// assembler.push(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}))?;
/// assert!(assembler.is_complete());
/// assert_eq!(assembler.finish()?.text.as_deref(), Some("Hello."));
/// # Ok::<(), momentum_memory::wire::WireError>(())
/// ```
#[derive(Debug, Default)]
pub struct ReplyAssembler {
    text: String,
    refusal: String,
    reasoning: String,
    calls: Vec<Partial>,
    finish: Option<FinishReason>,
    model: String,
    usage: crate::message::Usage,
    /// Whether any chunk had a choice.
    answered: bool,
    /// What a response in OpenAI's Responses format consists of, as far as it is done.
    items: Vec<Value>,
    /// A whole reply, where the endpoint sent one instead of chunks or behind them.
    whole: Option<Reply>,
}

/// A tool call that is still being written.
#[derive(Debug, Default)]
struct Partial {
    /// The `index` that the endpoint gives it, if it gives one.
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl ReplyAssembler {
    /// Takes the next chunk in; returns what is new in it.
    ///
    /// # Errors
    /// [`WireError`] when the chunk reports an error, or is no chunk.
    pub fn push(&mut self, chunk: &Value) -> Result<Vec<Piece>, WireError> {
        if let Some(message) = reported(chunk) {
            return Err(WireError::Reported { message });
        }
        if let Some(kind) = chunk.get("type").and_then(Value::as_str)
            && kind.starts_with("response.")
        {
            return self.push_response(kind, chunk);
        }
        if self.model.is_empty() {
            self.model = chunk["model"].as_str().unwrap_or_default().to_owned();
        }
        self.usage = decode_usage(chunk).unwrap_or(self.usage);
        let choices = chunk.get("choices");
        let Some(choices) = choices.and_then(Value::as_array) else {
            // A last chunk may hold nothing but a count of tokens; anything else must be a reply.
            if chunk.get("usage").is_some() && choices.is_none() {
                return Ok(Vec::new());
            }
            return Err(unexpected("choices", "an array", choices));
        };
        if choices.iter().any(|choice| choice.get("message").is_some_and(Value::is_object)) {
            let reply = decode_reply(chunk)?;
            let pieces = pieces_of(&reply);
            self.whole = Some(reply);
            return Ok(pieces);
        }
        let mut pieces = Vec::new();
        for choice in choices {
            if let Some(message) = reported(choice) {
                return Err(WireError::Reported { message });
            }
            self.answered = true;
            self.push_delta(&choice["delta"], &mut pieces)?;
            if let Some(reason) = choice.get("finish_reason").filter(|reason| reason.is_string()) {
                // Where one answer comes as several choices, calls are what matters.
                if self.finish != Some(FinishReason::ToolCalls) {
                    self.finish = Some(decode_finish(Some(reason)));
                }
            }
        }
        Ok(pieces)
    }

    fn push_delta(&mut self, delta: &Value, pieces: &mut Vec<Piece>) -> Result<(), WireError> {
        if let Some(text) = decode_content(delta.get("content")).filter(|text| !text.is_empty()) {
            self.text.push_str(&text);
            pieces.push(Piece::Text(text));
        }
        if let Some(refusal) = delta.get("refusal").and_then(Value::as_str) {
            self.refusal.push_str(refusal);
        }
        let thoughts = REASONING.iter().find_map(|name| delta.get(*name)?.as_str());
        if let Some(thoughts) = thoughts.filter(|text| !text.is_empty()) {
            self.reasoning.push_str(thoughts);
            pieces.push(Piece::Reasoning(thoughts.to_owned()));
        }
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.push_call(call, pieces)?;
        }
        Ok(())
    }

    fn push_call(&mut self, call: &Value, pieces: &mut Vec<Piece>) -> Result<(), WireError> {
        let (index, id) = (call["index"].as_u64(), call["id"].as_str().unwrap_or_default());
        let function = &call["function"];
        let name = function["name"].as_str().unwrap_or_default();
        // The same call as before: by its index, else the latest. A different id under the same
        // index is another call: some providers number every call 0.
        let same_id = |known: &Partial| id.is_empty() || known.id.is_empty() || known.id == id;
        let known = match index {
            Some(_) => self.calls.iter().rposition(|known| known.index == index),
            None => self.calls.len().checked_sub(1),
        };
        let at = known.filter(|at| same_id(&self.calls[*at]));
        let at = match at {
            Some(at) => at,
            None if self.calls.len() >= MOST_CALLS => {
                return Err(WireError::TooManyCalls { limit: MOST_CALLS });
            }
            None => {
                self.calls.push(Partial { index, ..Partial::default() });
                self.calls.len() - 1
            }
        };
        let partial = &mut self.calls[at];
        if partial.id.is_empty() {
            partial.id = id.to_owned();
        }
        // Sent once by most, with every chunk by some.
        if partial.name.is_empty() && !name.is_empty() {
            partial.name = name.to_owned();
            pieces.push(Piece::ToolCall { index: at, name: name.to_owned() });
        }
        let text = decode_arguments(&function["arguments"]);
        if !text.is_empty() {
            partial.arguments.push_str(&text);
            pieces.push(Piece::Arguments { index: at, text });
        }
        Ok(())
    }

    /// An event of OpenAI's Responses format. The last one holds the whole response.
    fn push_response(&mut self, kind: &str, event: &Value) -> Result<Vec<Piece>, WireError> {
        match kind {
            "response.output_text.delta" => {
                let text = event["delta"].as_str().unwrap_or_default().to_owned();
                Ok(vec![Piece::Text(text)])
            }
            "response.output_item.done" if self.items.len() < MOST_CALLS => {
                self.items.push(event["item"].clone());
                Ok(Vec::new())
            }
            "response.completed" | "response.incomplete" => {
                let mut response = event["response"].clone();
                // Where the provider keeps nothing, the items come only one by one.
                if response["output"].as_array().is_some_and(Vec::is_empty) {
                    response["output"] = mem::take(&mut self.items).into();
                }
                self.whole = Some(decode_reply(&response)?);
                Ok(Vec::new())
            }
            "response.failed" => {
                let message = reported(&event["response"]);
                let message = message.unwrap_or_else(|| "it did not say why".to_owned());
                Err(WireError::Reported { message })
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the endpoint has said why the model stopped. A stream that ends before that was
    /// cut off, unless it ends with `[DONE]`.
    pub fn is_complete(&self) -> bool {
        self.finish.is_some() || self.whole.is_some()
    }

    /// The whole reply.
    ///
    /// # Errors
    /// [`WireError`] when no chunk had an answer in it, or a tool call came without a name.
    pub fn finish(mut self) -> Result<Reply, WireError> {
        if let Some(reply) = self.whole {
            return Ok(reply);
        }
        if !self.answered {
            return Err(WireError::NoChoice);
        }
        let mut reply = silence();
        for (i, call) in mem::take(&mut self.calls).into_iter().enumerate() {
            let Partial { id, name, arguments, .. } = call;
            if name.is_empty() {
                let path = format!("choices[0].delta.tool_calls[{i}].function.name");
                return Err(unexpected(path, "a string", None));
            }
            let id = if id.is_empty() { format!("call_{}", i + 1) } else { id };
            push_call(&mut reply.tool_calls, ToolCall { id, name, arguments })?;
        }
        let text = if self.text.is_empty() { self.refusal } else { self.text };
        reply.text = Some(text).filter(|text| !text.is_empty());
        reply.reasoning = Some(self.reasoning).filter(|text| !text.is_empty());
        reply.finish = self.finish.unwrap_or(reply.finish);
        (reply.model, reply.usage) = (self.model, self.usage);
        Ok(reply)
    }
}

/// A whole reply as the pieces of a stream.
fn pieces_of(reply: &Reply) -> Vec<Piece> {
    let reasoning = reply.reasoning.iter().map(|text| Piece::Reasoning(text.clone()));
    let text = reply.text.iter().map(|text| Piece::Text(text.clone()));
    let calls = reply.tool_calls.iter().enumerate().flat_map(|(index, call)| {
        let text = call.arguments.clone();
        [Piece::ToolCall { index, name: call.name.clone() }, Piece::Arguments { index, text }]
    });
    reasoning.chain(text).chain(calls).collect()
}

/// A reply as the chunks of a stream, as an endpoint sends it: text word by word, the arguments of
/// tool calls in pieces, then the reason to stop, then the count of tokens.
pub fn encode_chunks(reply: &Reply, id: &str, fingerprint: &str) -> Vec<Value> {
    let chunk = |choices: Value| {
        json!({"id": id, "object": "chat.completion.chunk", "created": 0, "model": reply.model,
               "system_fingerprint": fingerprint, "choices": choices})
    };
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]));
    let mut chunks = vec![delta(json!({"role": "assistant", "content": null}))];
    let words = |text: &Option<String>| -> Vec<String> {
        let text = text.as_deref().unwrap_or_default();
        text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
    };
    let thoughts = words(&reply.reasoning).into_iter();
    chunks.extend(thoughts.map(|word| delta(json!({"reasoning_content": word}))));
    chunks.extend(words(&reply.text).into_iter().map(|word| delta(json!({"content": word}))));
    for (index, call) in reply.tool_calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        chunks.push(delta(json!({"tool_calls": [
            {"index": index, "id": call.id, "type": "function", "function": function}]})));
        let letters: Vec<char> = call.arguments.chars().collect();
        chunks.extend(letters.chunks(16).map(|part| {
            let part: String = part.iter().collect();
            delta(json!({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
        }));
    }
    let finish = encode_finish(&reply.finish);
    chunks.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}])));
    let mut last = chunk(json!([]));
    last["usage"] = encode_usage(reply.usage);
    chunks.push(last);
    chunks
}
