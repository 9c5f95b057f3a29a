//! Replies in the manner of well-known providers, each with the oddities that were seen there.
//! The texts are ours.

use momentum_memory::prelude::*;

use crate::endpoint::{Endpoint, event_stream, json_reply};

/// What a reply says, what it cost, and how it ended.
fn told(reply: &Reply) -> String {
    let thought = reply.reasoning.as_ref().map(|text| format!("thought: {text}\n"));
    let usage = reply.usage;
    format!(
        "{}{reply}\n{} + {} tokens, {:?}",
        thought.unwrap_or_default(),
        usage.prompt_tokens,
        usage.completion_tokens,
        reply.finish,
    )
}

fn whole(body: serde_json::Value, expected: &str) {
    let endpoint = Endpoint::start(vec![json_reply(body)]);
    let reply = endpoint.client().chat(&[Message::user("Hello")], &[]).unwrap();
    assert_eq!(told(&reply), expected);
}

fn streamed(events: &[&str], expected: &str) {
    let lines = events.iter().map(|event| match event.strip_prefix(':') {
        Some(_) => format!("{event}\n\n"),
        None => format!("data: {event}\n\n"),
    });
    let body = lines.collect::<String>() + "data: [DONE]\n\n";
    let endpoint = Endpoint::start(vec![event_stream(&body)]);
    let request = Request::new(&[Message::user("Hello")], &[]);
    let reply = endpoint.client().stream(&request, |_| {}).unwrap();
    assert_eq!(told(&reply), expected);
}

const LYON: &str = "answer: (none)\ntool call: weather(city: \"Lyon\")\n9 + 4 tokens, ToolCalls";

#[test]
fn openai() {
    whole(
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
               "service_tier": "default", "choices": [{"index": 0, "logprobs": null,
               "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
               "refusal": null, "annotations": [], "tool_calls": [{"id": "call_1",
               "type": "function", "function": {"name": "weather",
               "arguments": "{\"city\":\"Lyon\"}"}}]}}],
               "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}}),
        LYON,
    );
    // Two calls at once, their arguments in pieces; the count of tokens in a chunk of its own.
    streamed(
        &[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"refusal":null}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"time","arguments":""}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Lyon\"}"}},{"index":1,"function":{"arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
        ],
        "answer: (none)\ntool call: weather(city: \"Lyon\")\ntool call: time()\n9 + 4 tokens, \
         ToolCalls",
    );
}

#[test]
fn llama_cpp() {
    // Thoughts under a name of their own, an empty content, timings.
    streamed(
        &[
            r#"{"choices":[{"delta":{"content":null,"role":"assistant"},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"Easy."},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":"Hi."},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"timings":{"prompt_ms":1.5},"usage":{"prompt_tokens":2,"completion_tokens":1}}"#,
        ],
        "thought: Easy.\nanswer: Hi.\n2 + 1 tokens, Stop",
    );
}

#[test]
fn ollama() {
    // Its own format, behind a gateway: no choices, arguments as an object, calls without ids.
    whole(
        json!({"model": "m", "created_at": "2026-11-22T00:00:00Z", "done": true,
               "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4,
               "message": {"role": "assistant", "content": "", "thinking": "Look it up.",
               "tool_calls": [{"function": {"index": 0, "name": "weather",
               "arguments": {"city": "Lyon"}}}]}}),
        "thought: Look it up.\nanswer: (none)\ntool call: weather(city: \"Lyon\")\n9 + 4 tokens, \
         Stop",
    );
}

#[test]
fn groq() {
    // An unknown service tier; thoughts; the count of tokens in `x_groq`.
    whole(
        json!({"id": "1", "object": "chat.completion", "created": 1, "model": "m",
               "service_tier": "on_demand", "usage_breakdown": null, "x_groq": {"id": "r"},
               "choices": [{"index": 0, "logprobs": null, "finish_reason": "stop",
               "message": {"role": "assistant", "content": "Hi.", "reasoning": "Easy."}}],
               "usage": {"queue_time": 0.1, "prompt_tokens": 2, "completion_tokens": 1,
               "total_time": 0.2}}),
        "thought: Easy.\nanswer: Hi.\n2 + 1 tokens, Stop",
    );
    streamed(
        &[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null}],"x_groq":{"id":"r"}}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning":"Easy.","channel":"analysis"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Hi."}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":2,"completion_tokens":1}}}"#,
        ],
        "thought: Easy.\nanswer: Hi.\n2 + 1 tokens, Stop",
    );
}

#[test]
fn copilot() {
    // No `created`, no `object`, no content; one answer in two choices.
    whole(
        json!({"id": "1", "model": "m", "prompt_filter_results": [], "service_tier": "auto",
               "copilot_usage": {}, "choices": [
                   {"finish_reason": "tool_calls", "message": {"role": "assistant",
                    "content": "I look.", "padding": "abc"}},
                   {"finish_reason": "tool_calls", "message": {"role": "assistant",
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "weather",
                    "arguments": "{\"city\":\"Lyon\"}"}}]}}],
               "usage": {"prompt_tokens": 9, "completion_tokens": 4}}),
        "answer: I look.\ntool call: weather(city: \"Lyon\")\n9 + 4 tokens, ToolCalls",
    );
    streamed(
        &[
            r#"{"choices":[],"created":0,"id":"","prompt_filter_results":[{"prompt_index":0}]}"#,
            r#"{"choices":[{"index":0,"content_filter_results":{},"delta":{"content":"Hi.","role":"assistant"}}]}"#,
            r#"{"choices":[{"index":0,"finish_reason":"stop","content_filter_results":{},"delta":{"content":null}}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#,
        ],
        "answer: Hi.\n2 + 1 tokens, Stop",
    );
}

#[test]
fn openrouter() {
    // Comments while it waits; a second chunk that finishes; thoughts in two forms.
    streamed(
        &[
            ": OPENROUTER PROCESSING",
            r#"{"provider":"P","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Easy.","reasoning_details":[{"type":"reasoning.text","text":"Easy."}]},"finish_reason":null,"native_finish_reason":null}]}"#,
            ": OPENROUTER PROCESSING",
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi."},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"end_turn"}]}"#,
            r#"{"service_tier":"galactic","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1,"cost":0.1}}"#,
        ],
        "thought: Easy.\nanswer: Hi.\n2 + 1 tokens, Stop",
    );
    let body = json!({"choices": [{"finish_reason": "error", "message": {"content": ""},
                      "error": {"code": 502, "message": "Upstream is down"}}]});
    let endpoint = Endpoint::start(vec![json_reply(body)]);
    let error = endpoint.client().chat(&[Message::user("Hello")], &[]).unwrap_err();
    assert!(error.to_string().contains("Upstream is down"), "{error}");
}

#[test]
fn gemini() {
    // Every call has the index 0, each comes whole, and their ids may be empty.
    streamed(
        &[
            r#"{"choices":[{"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Lyon\"}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","type":"function","function":{"name":"time","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
        ],
        "answer: (none)\ntool call: weather(city: \"Lyon\")\ntool call: time()\n9 + 4 tokens, Stop",
    );
}

#[test]
fn openai_responses() {
    let output = json!([
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look it up."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "a", "name": "weather",
         "arguments": "{\"city\":\"Lyon\"}"}]);
    let response = json!({"object": "response", "model": "m", "error": null,
                          "incomplete_details": null, "output": output,
                          "usage": {"input_tokens": 9, "output_tokens": 4}});
    let expected = "thought: Look it up.\nanswer: I look.\ntool call: weather(city: \"Lyon\")\n\
                    9 + 4 tokens, ToolCalls";
    whole(response.clone(), expected);
    let completed = json!({"type": "response.completed", "response": response}).to_string();
    let delta = r#"{"type":"response.output_text.delta","delta":"I look."}"#;
    streamed(&[r#"{"type":"response.created","response":{}}"#, delta, &completed], expected);
    // Where the provider keeps nothing, the items come one by one, and the end holds none.
    let mut events: Vec<_> = output
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!({"type": "response.output_item.done", "item": item}).to_string())
        .collect();
    let mut empty = response;
    empty["output"] = json!([]);
    events.push(json!({"type": "response.completed", "response": empty}).to_string());
    streamed(&events.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn an_endpoint_that_does_not_stream() {
    let body = json!({"choices": [{"message": {"content": "Hi.\nThere."}, "finish_reason": "stop"}],
                      "usage": {"prompt_tokens": 2, "completion_tokens": 1}});
    let endpoint = Endpoint::start(vec![json_reply(body)]);
    let request = Request::new(&[Message::user("Hello")], &[]);
    let mut pieces = Vec::new();
    let reply = endpoint.client().stream(&request, |piece| pieces.push(piece)).unwrap();
    assert_eq!(told(&reply), "answer: Hi.\nThere.\n2 + 1 tokens, Stop");
    assert_eq!(pieces, [Piece::Text("Hi.\nThere.".into())]);
}

#[test]
fn calls_of_one_reply_have_different_ids() {
    let call = |name: &str| json!({"id": "", "function": {"name": name, "arguments": "{}"}});
    let twin = |name: &str| json!({"id": "x", "function": {"name": name, "arguments": "{}"}});
    let body = json!({"choices": [{"message": {
        "tool_calls": [call("a"), twin("b"), twin("c"), call("d")]}}]});
    let endpoint = Endpoint::start(vec![json_reply(body)]);
    let reply = endpoint.client().chat(&[Message::user("Hello")], &[]).unwrap();
    let ids: Vec<_> = reply.tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["call_1", "x", "call_3", "call_4"]);
}
