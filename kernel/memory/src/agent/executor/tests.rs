use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::agent::clock::Clock;
use crate::agent::core_memory::Block;
use crate::message::Message;
use crate::storage::{AgentId, Author, MemoryStorage, NewMessage, Storage, Timestamp};
use crate::tokens::TokenCounter;

/// An agent with a block `human` of 40 characters and 23 messages from two days.
fn handle() -> MemoryHandle {
    let (storage, agent) = (Arc::new(MemoryStorage::new()), AgentId::new("a"));
    let start = Timestamp::parse("2026-11-23T09:00:00Z").unwrap();
    let clock = Clock::counting(start, std::time::Duration::from_secs(3_600));
    storage.create_agent(&agent, start).unwrap();
    let block = Block::new("human", "the user").with_limit(40).to_new();
    storage.create_block(&agent, &block, &Author::Program("test".into()), start).unwrap();
    for n in 0..23 {
        let message = Message::user(&format!("Apples, number {n}."));
        storage.append_messages(&agent, &[NewMessage::new(message, clock.now())]).unwrap();
    }
    MemoryHandle {
        agent,
        storage,
        clock,
        tool: String::new(),
        permissions: Permissions::all(),
        seen: Arc::default(),
        counter: TokenCounter::estimating(),
        core_limit: 30,
        post: None,
    }
}

fn run(handle: &MemoryHandle, name: &str, arguments: &str) -> String {
    let panics =
        Tool::new("panics", "", |(): ()| -> Result<String, String> { panic!("on purpose") });
    let tools = [panics];
    let memory = handle.core_memory().unwrap();
    let offered = definitions(&memory, &tools, &Permissions::all(), false, false);
    let call = ToolCall { id: "call_1".into(), name: name.into(), arguments: arguments.into() };
    match execute(handle, &tools, &offered, &Cancellation::default(), &call) {
        Ok(Effect::Result(text)) => text,
        Ok(Effect::Spoken(text)) => format!("spoken: {text}"),
        Err(error) => error.to_result(),
    }
}

fn check(name: &str, arguments: &str, expected: &str) {
    assert_eq!(run(&handle(), name, arguments), expected);
}

#[test]
fn core_memory_is_edited() {
    let handle = handle();
    let check = |name: &str, arguments: &str, result: &str, human: &str| {
        assert_eq!(run(&handle, name, arguments), result);
        assert_eq!(handle.core_memory().unwrap().get("human").unwrap().value(), human);
    };
    check(
        "core_memory_append",
        r#"{"label": "human", "content": "a < b"}"#,
        "Appended to `human`.",
        "a < b",
    );
    let escaped = r#"{"label": "human", "old_content": "a &lt; b", "new_content": "home: Lyon"}"#;
    check("core_memory_replace", escaped, "Replaced in `human`.", "home: Lyon");
    let first = r#"{"label": "human", "new_str": "name: Sara", "insert_line": 0}"#;
    check("memory_insert", first, "Inserted into `human`.", "name: Sara\nhome: Lyon");
    let rewritten = r#"{"label": "human", "new_memory": "Sara, Lyon", "request_heartbeat": true}"#;
    check("memory_rethink", rewritten, "Rewrote `human`.", "Sara, Lyon");
}

#[test]
fn wrong_calls_are_explained() {
    check("send_message", r#"{"message": "Hi"}"#, "spoken: Hi");
    check(
        "core_memory_apend",
        "{}",
        "Error: there is no tool `core_memory_apend`; the tools are: archival_memory_insert, \
         archival_memory_search, conversation_search, conversation_search_date, \
         core_memory_append, core_memory_replace, memory_insert, memory_rethink, panics, \
         send_message. Call one of these instead.",
    );
    check(
        "core_memory_append",
        r#"{"label": "human", "content""#,
        "Error: the arguments of `core_memory_append` are not a JSON object: EOF while parsing an \
         object at line 1 column 28. Send valid JSON.",
    );
    check(
        "core_memory_append",
        r#"{"label": "human", "content": 7}"#,
        "Error: argument `content` of `core_memory_append`: invalid type: integer `7`, expected a \
         string. Send it as the schema says.",
    );
    check(
        "core_memory_append",
        r#"{"label": "human"}"#,
        "Error: the arguments of `core_memory_append`: missing field `content`. Send them as the \
         schema says.",
    );
    check(
        "core_memory_append",
        &format!(r#"{{"label": "human", "content": "{}"}}"#, "x".repeat(41)),
        "Error: the block `human` would hold 41 characters, and its limit is 40; shorten it with \
         `core_memory_replace` first, or save less",
    );
    check(
        "core_memory_append",
        &format!(r#"{{"label": "human", "content": "{}"}}"#, "!".repeat(31)),
        "Error: core memory would take 31 tokens of the window, and at most 30 are left for it; \
         save less, or put it into archival memory",
    );
    check(
        "archival_memory_insert",
        &format!(r#"{{"content": "{}"}}"#, "x".repeat(20_001)),
        "Error: the passage holds 20001 characters, and the limit is 20000; insert it in several \
         parts",
    );
    check(
        "conversation_search_date",
        r#"{"start_date": "yesterday", "end_date": "2026-11-23"}"#,
        "Error: `start_date`: expected a day as 2026-11-23, got \"yesterday\"",
    );
    check("conversation_search", r#"{"query": "a", "page": 0}"#, "Error: pages count from 1");
    check(
        "panics",
        "null",
        "Error: `panics` failed inside (it panicked): on purpose. Do not call it like this again.",
    );
}

#[test]
fn what_is_too_long_is_refused() {
    let long = |n: usize| "x".repeat(n);
    let of = |name: &str, n: usize, limit: usize| {
        format!("Error: `{name}` holds {n} characters, and the limit is {limit}; make it shorter")
    };
    let check = |name: &str, arguments: Value, expected: &str| {
        assert_eq!(run(&handle(), name, &arguments.to_string()), expected);
    };
    for name in ["conversation_search", "archival_memory_search"] {
        check(name, json!({"query": long(2_001)}), &of("query", 2_001, 2_000));
    }
    for (name, text) in [("archival_memory_search", "query"), ("archival_memory_insert", "content")]
    {
        check(name, json!({text: "a", "tags": [long(201)]}), &of("tags", 201, 200));
        let many = "Error: there are 33 tags, and the limit is 32; choose fewer";
        check(name, json!({text: "a", "tags": vec!["a"; 33]}), many);
    }
    let source = json!({"content": "a", "source": long(201)});
    check("archival_memory_insert", source, &of("source", 201, 200));
    let source = json!({"query": "a", "source": long(201)});
    check("archival_memory_search", source, &of("source", 201, 200));
    let letter = json!({"agent": "b", "message": long(20_001)});
    check("send_message_to_agent", letter, &of("message", 20_001, 20_000));
    for name in ["core_memory_append", "send_message", "panics", "nonsense"] {
        let arguments = json!({"message": long(1 << 20), HEARTBEAT: true});
        let n_bytes = arguments.to_string().len();
        check(name, arguments, &{
            format!(
                "Error: the arguments of `{name}` hold {n_bytes} bytes, and the limit is 1048576. Send less."
            )
        });
    }
}

#[test]
fn searches_come_in_pages() {
    let handle = handle();
    let search = |page: u64| {
        let arguments = format!(r#"{{"query": "apples", "page": {page}}}"#);
        run(&handle, "conversation_search", &arguments)
    };
    let pages: Vec<_> = (1..4).map(search).collect();
    let heads: Vec<_> = pages.iter().map(|page| page.lines().next().unwrap()).collect();
    let expected = [1, 2, 3].map(|n| format!("Page {n} of 3, 23 messages found."));
    assert_eq!(heads, expected);
    let mut found: Vec<_> = pages.iter().flat_map(|page| page.lines().skip(1)).collect();
    assert_eq!(found.len(), 23);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 23, "no message is on two pages");
    assert_eq!(search(4), "No messages on this page; there are 23 in all.");
    assert_eq!(run(&handle, "conversation_search", r#"{"query": "pears"}"#), "No messages found.");

    let day = r#"{"start_date": "2026-11-24", "end_date": "2026-11-24"}"#;
    let found = run(&handle, "conversation_search_date", day);
    let mut lines = found.lines();
    assert_eq!(lines.next(), Some("Page 1 of 1, 8 messages found."));
    let first = r#"{"n":15,"at":"2026-11-24 00:00","role":"user","text":"Apples, number 15."}"#;
    assert_eq!(lines.next(), Some(first));
}

#[test]
fn a_search_can_be_for_what_some_said() {
    let handle = handle();
    let call = ToolCall { id: "c".into(), name: "market".into(), arguments: "{}".into() };
    let said = [
        Message::user("Are there figs?"),
        Message::assistant("I look for figs."),
        Message::tool(&call, "Figs are ripe."),
        Message::system("[event] Figs were delivered."),
    ];
    let said = said.map(|message| NewMessage::new(message, handle.now()));
    handle.storage.append_messages(&handle.agent, &said).unwrap();
    let search = |rest: &str| {
        let arguments = format!(r#"{{"query": "figs"{rest}}}"#);
        let found = run(&handle, "conversation_search", &arguments);
        let lines = found.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut roles: Vec<String> =
            lines.map(|line| line["role"].as_str().unwrap().to_owned()).collect();
        roles.sort_unstable();
        // The neighbours of a hit are found with it.
        roles.dedup();
        roles.join(" ")
    };
    assert_eq!(search(""), "assistant user");
    assert_eq!(search(r#", "roles": []"#), "assistant user");
    assert_eq!(search(r#", "roles": ["user"]"#), "user");
    assert_eq!(search(r#", "roles": ["assistant"]"#), "assistant");
    assert_eq!(search(r#", "roles": ["tool", "user"]"#), "tool user");
    let refused = run(&handle, "conversation_search", r#"{"query": "a", "roles": ["system"]}"#);
    assert!(refused.starts_with("Error: argument `roles[0]` of `conv"), "{refused}");
}

#[test]
fn the_archive_is_written_and_searched() {
    let handle = handle();
    let insert = |arguments: &str| run(&handle, "archival_memory_insert", arguments);
    let stored = insert(r#"{"content": "Pixel has a blue leash.", "tags": ["dog"]}"#);
    assert!(stored.starts_with("Stored as passage "), "{stored}");
    insert(r#"{"content": "The blue lamp is from Ana."}"#);
    let again = r#"{"content": "pixel has a  blue leash.", "tags": ["dog"]}"#;
    assert_eq!(
        insert(again),
        "Error: the archive holds this already, as passage 0, and it was not stored again"
    );
    let search = |arguments: &str| run(&handle, "archival_memory_search", arguments);
    assert_eq!(search(r#"{"query": "blue", "tags": ["dog"]}"#), {
        "Page 1 of 1, 1 passages found.\n\
         {\"n\":0,\"at\":\"2026-11-24 08:00\",\"text\":\"Pixel has a blue leash.\",\"tags\":[\"dog\"]}"
    });
    assert!(search(r#"{"query": "leashes"}"#).contains("blue leash"));
    assert_eq!(search(r#"{"query": "leashes", "exact": true}"#), "No passages found.");
    assert!(search(r#"{"query": "blue lea", "exact": true}"#).contains("blue leash"));

    // From elsewhere, it is another passage, and says so.
    let elsewhere =
        r#"{"content": "Pixel has a blue leash.", "tags": ["dog"], "source": "diary.md"}"#;
    assert_eq!(insert(elsewhere), "Stored as passage 2.");
    let refused =
        "Error: the archive holds this already, as passage 2, and it was not stored again";
    assert_eq!(insert(elsewhere), refused);
    assert_eq!(search(r#"{"query": "blue", "source": "diary.md"}"#), {
        "Page 1 of 1, 1 passages found.\n\
         {\"n\":2,\"at\":\"2026-11-24 14:00\",\"text\":\"Pixel has a blue leash.\",\"tags\":[\"dog\"],\
         \"source\":\"diary.md\"}"
    });
    assert_eq!(search(r#"{"query": "blue", "source": "a letter"}"#), "No passages found.");
}

proptest! {
    #[test]
    fn no_arguments_make_a_panic(
        name in "core_memory_(append|replace)|memory_(insert|rethink)|(archival_memory|conversation)_search|conversation_search_date|archival_memory_insert|send_message|.{0,8}",
        arguments in prop_oneof![
            ".{0,40}",
            r#"\{"(label|content|message|query|page|insert_line)": ?("human"|".{0,9}"|-?[0-9]{1,30}|null|\[\]|\{\})(, "(new_str|content|new_memory|page)": ?(".{0,60}"|-?[0-9]{1,20}))?\}"#,
        ],
    ) {
        let handle = handle();
        let _ = run(&handle, &name, &arguments);
        let call = ToolCall { id: String::new(), name, arguments };
        let _ = (wants_heartbeat(&call), speech(&call), call.to_string());
        let memory = handle.core_memory().unwrap();
        prop_assert!(memory.get("human").unwrap().value().chars().count() <= 40);
    }
}
