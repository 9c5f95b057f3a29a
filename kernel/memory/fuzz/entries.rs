// What is fuzzed: one function for each kind of outsiders' bytes. The fuzz targets call them, and so
// do the package's tests with mutated seeds, so that they run on a stable compiler too.

use std::sync::OnceLock;

use momentum_memory::agent_file::{AgentFile, LettaImport};
use momentum_memory::message::{Message, Piece, Request, ToolCall};
use momentum_memory::storage::{AgentId, MemoryStorage};
use momentum_memory::tool::Tool;
use momentum_memory::transcript::{Body, Exchange, Transcript};
use momentum_memory::{client::Client, wire};
use serde_json::{Value, json};

/// A transcript that is read can be written, and is read again as the same.
pub(crate) fn transcript(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(transcript) = Transcript::from_yaml(text, "t") {
        let text = transcript.to_yaml().expect("what was read can be written");
        let again = Transcript::from_yaml(&text, "t").expect("what was written can be read");
        assert_eq!(again, transcript);
    }
}

/// An agent file of ours or of Letta's that is read can be brought into a storage or is refused.
pub(crate) fn agent_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(agent) = AgentFile::from_json(text, "f") {
        assert_eq!(AgentFile::from_json(&agent.to_json(), "f").expect("read again"), agent);
        let _ = agent.import(&MemoryStorage::new(), &AgentId::new("a"));
    }
    if let Ok(import) = LettaImport::from_json(text, "f") {
        let _ = import.report.to_string();
        for agent in import.agents {
            assert_eq!(AgentFile::from_json(&agent.to_json(), "f").expect("read again"), agent);
            let imported = agent.import(&MemoryStorage::new(), &AgentId::new("a"));
            imported.expect("what was taken over from Letta fits a storage");
        }
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Arguments {
    label: String,
    page: Option<u32>,
    tags: Option<Vec<String>>,
}

/// Arguments as a model writes them: either the tool runs, or it says what is wrong.
pub(crate) fn tool_call(data: &[u8]) {
    let arguments = String::from_utf8_lossy(data).into_owned();
    let call = ToolCall { id: "c".into(), name: "f".into(), arguments };
    let tool = Tool::new("f", "", |arguments: Arguments| {
        let n = arguments.page.unwrap_or(0) as usize + arguments.tags.map_or(0, |tags| tags.len());
        Ok::<_, String>(format!("{}{n}", arguments.label))
    });
    if let Err(error) = tool.call(&call) {
        assert!(error.to_result().starts_with("Error: "));
    }
    let _ = (call.to_string(), call.argument("label"));
    // The same text as a whole reply, and as a request.
    if let Ok(body) = serde_json::from_str::<Value>(&call.arguments) {
        if let Ok(reply) = wire::decode_reply(&body) {
            let ids: std::collections::BTreeSet<_> =
                reply.tool_calls.iter().map(|call| &call.id).collect();
            assert_eq!(ids.len(), reply.tool_calls.len(), "each call has an id of its own");
        }
        let _ = wire::decode_request(&body);
        let _ = wire::decode_embeddings(&body, 2);
    }
}

/// A stream of events through the whole client: the pieces are the reply.
pub(crate) fn event_stream(data: &[u8]) {
    static REQUEST: OnceLock<(Request, Value)> = OnceLock::new();
    let (request, body) = REQUEST.get_or_init(|| {
        let request = Request::new(&[Message::user("Hello")], &[]);
        let body = wire::encode_streamed_request(&request, "m");
        (request, body)
    });
    let mut transcript = Transcript::new("m");
    transcript.push(Exchange {
        path: "/chat/completions".into(),
        request: body.clone(),
        status: 200,
        reply: Body::Events(String::from_utf8_lossy(data).into_owned()),
    });
    let client = Client::replaying(transcript, "t").expect("a transcript with a model");
    let mut said = String::new();
    let reply = client.stream(request, |piece| {
        if let Piece::Text(text) = piece {
            said.push_str(&text);
        }
    });
    if let Ok(reply) = reply
        && !said.is_empty()
        && !data.windows(9).any(|part| part == b"\"message\"" || part == b"response.")
    {
        assert_eq!(reply.text.as_deref(), Some(said.as_str()));
    }
}

/// What takes outsiders' bytes, and texts to begin from.
pub(crate) type Entry = (fn(&[u8]), Vec<String>);

/// Each of the above with its texts.
pub(crate) fn seeds() -> [Entry; 4] {
    let mut agent = AgentFile::new("a", Default::default());
    agent.state.insert("queue".into(), "{}".into());
    let block = json!({"label": "human", "description": "", "limit": 9, "history":
        [{"value": "v", "by": "person:p", "at": "2026-11-22T00:00:00Z"}]});
    let mut full: Value = serde_json::from_str(&agent.to_json()).expect("an agent file is JSON");
    full["blocks"] = json!([block]);
    full["messages"] = json!([{"role": "tool", "text": "t", "answers": "c", "tool_calls":
        [{"id": "c", "name": "f", "arguments": "{}"}], "at": "2026-11-22T00:00:00Z"}]);
    let letta = json!({"name": "l", "system": "S", "core_memory": [{"label": "h", "value": "v",
        "limit": 5}], "messages": [{"role": "user", "content": [{"type": "text", "text":
        "{\"type\": \"user_message\", \"message\": \"Hi\"}"}], "created_at": "2025-01-01T09:00:00"},
        {"role": "tool", "tool_call_id": "c", "content": "{\"status\": \"OK\", \"message\": \"m\"}"}],
        "tools": [{"name": "t", "source_code": "x"}], "tool_rules": [{}]});
    let new_letta = json!({"agents": [{"name": "a", "block_ids": ["b"], "messages": []}],
        "blocks": [{"id": "b", "label": "h", "value": "v", "limit": 5}], "tools": []});
    let step = |n: usize, request: Value| {
        json!({"step": n, "request": request,
               "reply": {"status": 200, "json": {"choices": [{"message": {"content": "Hi"}}]}}})
    };
    let messages = json!([{"role": "user", "content": "Hello"}]);
    let recorded = json!({"momentum_transcript": 1, "model": "m", "steps": [
        step(1, json!({"path": "/chat/completions", "body": {"messages": messages, "tools": []}})),
        step(2, json!({"path": "/chat/completions", "as_before": ["tools"],
                       "messages_as_before": 1, "body": {"messages": []}}))]});
    let yaml = "momentum_transcript: 1\nmodel: m\nsteps:\n- step: 1\n  request:\n    path: /x\n    \
                body: {a: [1, 2.5, null, yes]}\n  reply:\n    status: 200\n    events: |\n      \
                data: [DONE]\n";
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\",\"tool_calls\":\
                  [{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\
                  \n\n: comment\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\
                  \"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n";
    let response = "event: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":\
                    {\"output\":[{\"type\":\"message\",\"content\":[{\"text\":\"Hi\"}]}]}}\r\n\r\n";
    let reply = json!({"choices": [{"message": {"content": [{"text": "Hi"}], "tool_calls": [
        {"id": "", "function": {"name": "f", "arguments": {"a": 1}}}]}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1}});
    let vectors =
        json!({"data": [{"index": 1, "embedding": [0.5]}, {"index": 0, "embedding": [1]}]});
    [
        (transcript, vec![recorded.to_string(), yaml.to_owned()]),
        (agent_file, vec![full.to_string(), letta.to_string(), new_letta.to_string()]),
        (
            tool_call,
            vec![
                "{\"label\": \"human\", \"page\": 3, \"tags\": [\"a\"]}".to_owned(),
                reply.to_string(),
                vectors.to_string(),
                wire::encode_request(&Request::new(&[Message::user("Hello")], &[]), "m")
                    .to_string(),
            ],
        ),
        (event_stream, vec![events.to_owned(), response.to_owned(), format!("data: {reply}\n\n")]),
    ]
}
