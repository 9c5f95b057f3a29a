//! Letta's agent files (`.af`), as far as they map. Both shapes are read: one agent with its
//! blocks, tools and messages in it (versions 0.6 and 0.7), and many agents beside a list of
//! blocks and a list of tools (since 0.8).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::error::parse;
use super::{
    AgentFile, AgentFileError, FileBlock, FileCall, FileEdit, FileMessage, FilePassage, FileRole,
    FileTool, Report,
};
use crate::storage::{Author, Timestamp};
use crate::untrusted::defused;

/// The agents of a Letta file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LettaImport {
    /// The agents, in the order of the file.
    pub agents: Vec<AgentFile>,
    /// What did not map.
    pub report: Report,
}

/// Letta's own tools that have a namesake here.
const BUILT_IN: [&str; 9] = [
    "archival_memory_insert",
    "archival_memory_search",
    "conversation_search",
    "conversation_search_date",
    "core_memory_append",
    "core_memory_replace",
    "memory_insert",
    "memory_rethink",
    "send_message",
];

/// The events that Letta sends as a user's messages (its `system.py`), and the field that says more.
const EVENTS: [(&str, &str); 3] =
    [("heartbeat", "reason"), ("login", "last_login"), ("system_alert", "message")];

impl LettaImport {
    /// The agents in a text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`AgentFileError::Malformed`] when it is no agent file of Letta's.
    pub fn from_json(text: &str, name: &str) -> Result<Self, AgentFileError> {
        let file: Value = parse(text, name)?;
        let mut report = Report::default();
        let agents = match (list(&file, "agents"), file.get("core_memory")) {
            (Some(agents), _) => agents.iter().collect(),
            (None, Some(_)) => vec![&file],
            (None, None) => {
                return Err(AgentFileError::Malformed {
                    file: name.to_owned(),
                    place: String::new(),
                    problem: "it has neither `momentum_agent` nor Letta's `agents` or \
                              `core_memory`"
                        .to_owned(),
                });
            }
        };
        report_shared(&file, &agents, &mut report);
        let agents = agents.into_iter().map(|agent| import(&file, agent, &mut report)).collect();
        for part in ["groups", "files", "sources", "mcp_servers"] {
            let n = list(&file, part).map_or(0, <[Value]>::len);
            let why = "there is nothing like it here";
            report.count(n, &format!("entry of `{part}`"), &format!("entries of `{part}`"), why);
        }
        Ok(LettaImport { agents, report })
    }
}

fn list<'a>(value: &'a Value, name: &str) -> Option<&'a [Value]> {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A time, with or without a zone; without one it is UTC.
fn time(value: &Value) -> Timestamp {
    let text = text(value, "created_at");
    let parsed = Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}Z")));
    parsed.unwrap_or_default()
}

/// What the agent has: in the agent itself (`memory_blocks`), or in the file's list (`blocks`) under
/// the ids that it names (`block_ids`).
fn parts<'a>(
    file: &'a Value,
    agent: &'a Value,
    [own, ids, all]: [&str; 3],
    report: &mut Report,
) -> Vec<&'a Value> {
    let own = list(agent, own).unwrap_or_default();
    if !own.is_empty() {
        return own.iter().collect();
    }
    let all_parts = list(file, all).unwrap_or_default();
    let mut found = Vec::new();
    for id in list(agent, ids).unwrap_or_default() {
        match all_parts.iter().find(|part| part.get("id") == Some(id)) {
            Some(part) => found.push(part),
            None => {
                let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
                let (name, what) = (text(agent, "name"), all.trim_end_matches('s'));
                let why = format!("the agent `{name}` names it, but the file does not hold it");
                report.note(format!("the {what} `{id}`"), why);
            }
        }
    }
    found
}

/// The number of agents that have this block of the file.
fn n_owners(agents: &[&Value], block: &Value) -> usize {
    let Some(id) = block.get("id") else { return 0 };
    let has = |agent: &&&Value| list(agent, "block_ids").is_some_and(|ids| ids.contains(id));
    agents.iter().filter(has).count()
}

/// Says what several agents had together.
fn report_shared(file: &Value, agents: &[&Value], report: &mut Report) {
    for block in list(file, "blocks").unwrap_or_default() {
        let n = n_owners(agents, block);
        if n > 1 {
            let why = format!(
                "{n} agents shared it, and each has a copy of its own now; share it again with \
                 `with_shared_block`"
            );
            report.note(format!("the block `{}`", text(block, "label")), why);
        }
    }
    let n_agents = agents.iter().filter(|agent| list(agent, "passages").is_none()).count();
    if n_agents > 1 {
        let n = list(file, "passages").map_or(0, <[Value]>::len);
        let why = format!("the file does not say whose, and each of {n_agents} agents has a copy");
        report.count(n, "passage", "passages", &why);
    }
}

fn import(file: &Value, agent: &Value, report: &mut Report) -> AgentFile {
    let name = match text(agent, "name") {
        "" => "agent",
        name => name,
    };
    let mut created = time(agent);
    if created == Timestamp::default() {
        created = time(file);
    }
    let mut imported = AgentFile::new(name, created);
    let system = text(agent, "system");
    imported.instructions = Some(system.to_owned()).filter(|text| !text.is_empty());
    imported.model = agent["llm_config"]["model"]
        .as_str()
        .or_else(|| agent["model"].as_str())
        .map(str::to_owned);

    let mut labels = BTreeSet::new();
    let blocks = match list(agent, "core_memory") {
        Some(blocks) => blocks.iter().collect(),
        None => parts(file, agent, ["memory_blocks", "block_ids", "blocks"], report),
    };
    for block in blocks {
        imported.blocks.push(import_block(block, created, &mut labels, report));
    }
    import_messages(agent, system, &mut imported.messages, report);
    for passage in list(agent, "passages").or_else(|| list(file, "passages")).unwrap_or_default() {
        let tags = list(passage, "tags").unwrap_or_default().iter();
        imported.passages.push(FilePassage {
            text: text(passage, "text").to_owned(),
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            source: passage["file_name"].as_str().map(str::to_owned),
            at: time(passage),
        });
    }
    for tool in parts(file, agent, ["tools", "tool_ids", "tools"], report) {
        let (name, description) = (text(tool, "name").to_owned(), text(tool, "description"));
        if BUILT_IN.contains(&name.as_str()) {
            continue;
        }
        let why = match text(tool, "source_code") {
            "" => "it is a tool of Letta's without a namesake here; give the agent its like",
            _ => {
                "it is code in another language, which is not run here; give the agent a tool of \
                  this name"
            }
        };
        report.note(format!("the tool `{name}`"), why);
        imported.tools.push(FileTool { name, description: description.to_owned() });
    }
    report_rest(agent, report);
    imported
}

fn import_block(
    block: &Value,
    created: Timestamp,
    labels: &mut BTreeSet<String>,
    report: &mut Report,
) -> FileBlock {
    let label = text(block, "label");
    let mut unique = label.to_owned();
    for n in 2.. {
        if labels.insert(unique.clone()) {
            break;
        }
        unique = format!("{label}_{n}");
    }
    if unique != label {
        let why = format!("another block has that label, so it is `{unique}` now");
        report.note(format!("the block `{label}`"), why);
    }
    let limit = block["limit"].as_u64().filter(|limit| *limit > 0).unwrap_or(2_000);
    let edit = FileEdit {
        value: text(block, "value").to_owned(),
        by: Author::Program("letta".to_owned()).to_text(),
        at: created,
        restores: None,
    };
    FileBlock {
        label: unique,
        description: text(block, "description").to_owned(),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        read_only: block["read_only"].as_bool() == Some(true),
        read_access_only: false,
        shared: false,
        history: vec![edit],
    }
}

fn import_messages(agent: &Value, system: &str, into: &mut Vec<FileMessage>, report: &mut Report) {
    let (mut n_prompts, mut n_orphans) = (0, 0);
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    let mut other_parts: BTreeMap<String, usize> = BTreeMap::new();
    for message in list(agent, "messages").unwrap_or_default() {
        let (said, parts) = content(message);
        for part in parts {
            *other_parts.entry(part).or_default() += 1;
        }
        let calls = list(message, "tool_calls").unwrap_or_default().iter();
        let mut imported = FileMessage {
            role: FileRole::User,
            text: said,
            tool_calls: calls.map(import_call).collect(),
            answers: None,
            at: time(message),
        };
        match text(message, "role") {
            // The compiled prompt: instructions and memory, which are compiled afresh here.
            "system" if !system.is_empty() && imported.text.starts_with(system) => {
                n_prompts += 1;
                continue;
            }
            "system" => imported.role = FileRole::System,
            "user" => (imported.role, imported.text) = event(imported.text),
            "assistant" => imported.role = FileRole::Assistant,
            "tool" => {
                imported.role = FileRole::Tool;
                imported.text = result(message, imported.text);
                let id = message["tool_call_id"].as_str();
                let id = id.or_else(|| message["tool_returns"][0]["tool_call_id"].as_str());
                if id.is_none() {
                    n_orphans += 1;
                    continue;
                }
                imported.answers = id.map(str::to_owned);
            }
            role => {
                *roles.entry(role.to_owned()).or_default() += 1;
                continue;
            }
        }
        imported.text = defused(&imported.text);
        into.push(imported);
    }
    let prompt = "it was compiled from instructions and memory, as is done afresh here";
    report.count(n_prompts, "system prompt", "system prompts", prompt);
    let orphan = "it does not say which call it answers, and was left out";
    report.count(n_orphans, "tool result", "tool results", orphan);
    for (role, n) in roles {
        let (one, many) = (format!("message of `{role}`"), format!("messages of `{role}`"));
        report.count(n, &one, &many, "there is no such role here, and it was left out");
    }
    for (part, n) in other_parts {
        let (one, many) = (format!("part of type `{part}`"), format!("parts of type `{part}`"));
        report.count(n, &one, &many, "only the text of messages is kept");
    }
}

/// The text of a message, and the types of its other parts.
fn content(message: &Value) -> (String, Vec<String>) {
    let (mut said, mut others) = (Vec::new(), Vec::new());
    match message.get("content") {
        Some(Value::String(text)) => said.push(text.as_str()),
        Some(Value::Array(parts)) => {
            for part in parts {
                match (part["type"].as_str().unwrap_or("text"), part["text"].as_str()) {
                    ("text", Some(text)) => said.push(text),
                    // The call and its result stand in the message beside it, too.
                    ("tool_call" | "tool_return", _) => {}
                    (other, _) => others.push(other.to_owned()),
                }
            }
        }
        _ => said.push(text(message, "text")),
    }
    (said.join("\n"), others)
}

/// Letta wraps what it sends to a model in JSON: what a person says, and events. JSON of any other
/// shape is what a person wrote, and never becomes a message of the system.
fn event(text: String) -> (FileRole, String) {
    let Ok(Value::Object(wrapped)) = serde_json::from_str(&text) else {
        return (FileRole::User, text);
    };
    let field = |name: &str| wrapped.get(name).and_then(Value::as_str);
    if let (Some("user_message"), Some(message)) = (field("type"), field("message")) {
        return (FileRole::User, message.to_owned());
    }
    let Some((kind, said)) = EVENTS.iter().find(|(kind, _)| field("type") == Some(kind)) else {
        return (FileRole::User, text);
    };
    let is_known = |name: &String| ["type", "time", "location", said].contains(&name.as_str());
    match field(said).filter(|_| field("time").is_some() && wrapped.keys().all(is_known)) {
        Some(said) => (FileRole::System, format!("{kind}: {said}")),
        None => (FileRole::User, text),
    }
}

/// What a tool returned, out of its wrapping.
fn result(message: &Value, text: String) -> String {
    let returned = message["tool_returns"][0]["func_response"].as_str();
    let text = if text.is_empty() { returned.unwrap_or_default().to_owned() } else { text };
    let Ok(Value::Object(wrapped)) = serde_json::from_str(&text) else { return text };
    let Some(inner) = wrapped.get("message") else { return text };
    let inner = inner.as_str().map_or_else(|| inner.to_string(), str::to_owned);
    match wrapped.get("status").and_then(Value::as_str) {
        Some("OK" | "success") | None => inner,
        Some(_) => format!("Error: {inner}"),
    }
}

fn import_call(call: &Value) -> FileCall {
    let function = &call["function"];
    let arguments = match &function["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let (id, name) = (text(call, "id").to_owned(), text(function, "name").to_owned());
    FileCall { id, name, arguments }
}

/// Says what else the agent had.
fn report_rest(agent: &Value, report: &mut Report) {
    let n_rules = list(agent, "tool_rules").map_or(0, <[Value]>::len);
    report.count(n_rules, "tool rule", "tool rules", "set the agent's rules in the program");
    let in_context = ["in_context_message_ids", "in_context_message_indices"];
    if in_context.iter().any(|name| list(agent, name).is_some_and(|ids| !ids.is_empty())) {
        let why = "the queue is filled anew from the newest messages";
        report.note("which messages were in context", why);
    }
    let names: Vec<_> = match agent.get("tool_exec_environment_variables") {
        Some(Value::Array(variables)) => variables.iter().map(|it| text(it, "key")).collect(),
        Some(Value::Object(variables)) => variables.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    if !names.is_empty() {
        // Never their values: they are secrets.
        let why = "its value was not read; set it in the environment";
        report.note(format!("the variable {}", names.join(", ")), why);
    }
    let kinds = [
        ("embedding_config", "vectors are made by the model in MOMENTUM_EMBEDDING_MODEL"),
        ("multi_agent_group", "give agents shared blocks or messages in the program"),
        ("tags", "agents have no tags here"),
        ("identity_ids", "there are no identities here"),
        ("files_agents", "files are not attached here; insert their text as passages"),
        ("response_format", "replies have no other format here"),
    ];
    for (name, why) in kinds {
        let filled = agent.get(name).is_some_and(|value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        });
        if filled {
            report.note(format!("`{name}`"), why);
        }
    }
}
