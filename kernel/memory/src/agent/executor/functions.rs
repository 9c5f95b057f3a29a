//! The functions that every agent has: to edit core memory, to search recall storage, to write and
//! search archival storage, to speak.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Effect;
use crate::agent::context::records;
use crate::agent::core_memory::{CoreMemory, Edit};
use crate::agent::handle::MemoryHandle;
use crate::message::{Role, ToolCall, ToolDefinition};
use crate::storage::{Page, PageRequest, Passage, PassageFilter, StoredMessage, Timestamp};
use crate::tool::{Permission, Permissions, ToolError, schema_of};
use crate::untrusted::unescaped;

/// Records on a page.
const PAGE: usize = 10;
/// Longer texts are cut in a page of results, in characters.
const LONGEST_RECORD: usize = 1_500;

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
struct Insert {
    /// The label of the block to edit.
    label: String,
    /// The text to insert.
    new_str: String,
    /// The line behind which to insert: 0 before the first, -1 behind the last.
    #[serde(default = "last_line")]
    insert_line: i64,
}

fn last_line() -> i64 {
    -1
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rethink {
    /// The label of the block to rewrite.
    label: String,
    /// All that the block shall hold.
    new_memory: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchConversation {
    /// What to look for.
    query: String,
    /// Only messages of these; without it, of the user and the assistant.
    #[serde(default)]
    roles: Vec<Speaker>,
    /// Which page of the results, from 1.
    #[serde(default = "first_page")]
    page: u64,
}

/// Whose messages are searched. Those of the system are no part of the conversation.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Speaker {
    User,
    Assistant,
    Tool,
}

impl From<Speaker> for Role {
    fn from(speaker: Speaker) -> Self {
        match speaker {
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
            Speaker::Tool => Role::Tool,
        }
    }
}

fn first_page() -> u64 {
    1
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchDates {
    /// The first day, as `2026-11-23`.
    start_date: String,
    /// The last day, as `2026-11-23`.
    end_date: String,
    /// Which page of the results, from 1.
    #[serde(default = "first_page")]
    page: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InsertPassage {
    /// The text to keep. It should make sense on its own.
    content: String,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
    /// Where it comes from, such as a file or an address.
    source: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SearchArchive {
    /// What to look for.
    query: String,
    /// Only passages with all of these tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Only passages from this source.
    source: Option<String>,
    /// Whether the query must stand in the passage as it is: for names, keys and numbers.
    #[serde(default)]
    exact: bool,
    /// Which page of the results, from 1.
    #[serde(default = "first_page")]
    page: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Letter {
    /// The agent to write to.
    agent: String,
    /// What to tell it.
    message: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Speech {
    /// What to say.
    message: String,
}

/// The names of all of them.
pub(super) const NAMES: [&str; 10] = [
    "core_memory_append",
    "core_memory_replace",
    "memory_insert",
    "memory_rethink",
    "conversation_search",
    "conversation_search_date",
    "archival_memory_insert",
    "archival_memory_search",
    "send_message_to_agent",
    "send_message",
];

/// What a model is told about them, as far as the permissions go.
pub(super) fn definitions(
    memory: &CoreMemory,
    granted: &Permissions,
    has_post: bool,
) -> Vec<ToolDefinition> {
    let labels = memory.blocks().iter().filter(|block| !block.is_read_only());
    let labels: Vec<_> = labels.map(|block| block.label()).collect();
    let mut definitions = Vec::new();
    let mut add = |name, description, schema| {
        definitions.push(ToolDefinition::new(name, description, schema));
    };
    if !labels.is_empty() && granted.contains(Permission::WriteBlocks) {
        let labelled = |mut schema: Value| {
            schema["properties"]["label"]["enum"] = labels.clone().into();
            schema
        };
        let text = "Appends a line to a block of core memory. One fact a line.";
        add(NAMES[0], text, labelled(schema_of::<Append>()));
        let text = "Replaces text in a block of core memory: for facts that have changed.";
        add(NAMES[1], text, labelled(schema_of::<Replace>()));
        let text = "Inserts a line into a block of core memory, behind a line of your choice.";
        add(NAMES[2], text, labelled(schema_of::<Insert>()));
        let text = "Rewrites a block of core memory as a whole, to put it in order.";
        add(NAMES[3], text, labelled(schema_of::<Rethink>()));
    }
    if granted.contains(Permission::SearchConversation) {
        let text = "Searches every message ever said, also those that you no longer see.";
        add(NAMES[4], text, schema_of::<SearchConversation>());
        let text = "Lists the messages that were said on some days.";
        add(NAMES[5], text, schema_of::<SearchDates>());
    }
    if granted.contains(Permission::WriteArchive) {
        let text = "Stores a passage in archival memory: for what is too long for core memory.";
        add(NAMES[6], text, schema_of::<InsertPassage>());
    }
    if granted.contains(Permission::SearchArchive) {
        add(NAMES[7], "Searches archival memory.", schema_of::<SearchArchive>());
    }
    if has_post && granted.contains(Permission::MessageAgents) {
        let text = "Sends a message to another agent. Its answer comes later, as a message.";
        add(NAMES[8], text, schema_of::<Letter>());
    }
    add(NAMES[9], "Says something to the user, and ends your turn.", schema_of::<Speech>());
    definitions
}

/// Carries out a call of one of them; [`None`] for another tool's name.
pub(super) fn call(memory: &MemoryHandle, call: &ToolCall) -> Option<Result<Effect, ToolError>> {
    let result = match call.name.as_str() {
        "core_memory_append" => run(call, |Append { label, content }| {
            memory.edit(&label, &Edit::Append { text: content })?;
            Ok(format!("Appended to `{label}`."))
        }),
        "core_memory_replace" => run(call, |args| replace(memory, args)),
        "memory_insert" => run(call, |Insert { label, new_str, insert_line }| {
            memory.edit(&label, &Edit::Insert { line: insert_line, text: new_str })?;
            Ok(format!("Inserted into `{label}`."))
        }),
        "memory_rethink" => run(call, |Rethink { label, new_memory }| {
            memory.edit(&label, &Edit::Rethink { text: new_memory })?;
            Ok(format!("Rewrote `{label}`."))
        }),
        "conversation_search" => run(call, |SearchConversation { query, roles, page }| {
            let roles: Vec<Role> = roles.into_iter().map(Role::from).collect();
            Ok(messages(&memory.search_conversation(&query, &roles, page_request(page)?)?))
        }),
        "conversation_search_date" => run(call, |SearchDates { start_date, end_date, page }| {
            let (from, until) = days(&start_date, &end_date)?;
            Ok(messages(&memory.conversation_between(from, until, page_request(page)?)?))
        }),
        "archival_memory_insert" => run(call, |InsertPassage { content, tags, source }| {
            let id = memory.insert_passage(&content, &tags, source.as_deref())?;
            Ok(format!("Stored as passage {id}."))
        }),
        "archival_memory_search" => run(call, |args: SearchArchive| {
            let SearchArchive { query, tags, source, exact, page } = args;
            let filter = PassageFilter { tags, source, ..PassageFilter::default() };
            let page = memory.search_passages(&query, filter, exact, page_request(page)?)?;
            Ok(passages(&page, &memory.own_source()))
        }),
        "send_message_to_agent" => run(call, |Letter { agent, message }| {
            memory.send_to_agent(&agent, &message)?;
            Ok(format!("Sent to `{agent}`."))
        }),
        "send_message" => {
            return Some(call.arguments::<Speech>().map(|speech| Effect::Spoken(speech.message)));
        }
        _ => return None,
    };
    Some(result.map(Effect::Result))
}

fn run<Args: DeserializeOwned>(
    call: &ToolCall,
    function: impl FnOnce(Args) -> Result<String, ToolError>,
) -> Result<String, ToolError> {
    function(call.arguments()?)
}

fn replace(memory: &MemoryHandle, args: Replace) -> Result<String, ToolError> {
    let Replace { label, old_content: old, new_content: new } = args;
    // The prompt shows `<` and `&` escaped; a model that copies it means the plain text.
    let (plain_old, plain_new) = (unescaped(&old), unescaped(&new));
    memory.edit(&label, &Edit::Replace { old: old.clone(), new }).or_else(|error| {
        if plain_old == old {
            return Err(error);
        }
        memory.edit(&label, &Edit::Replace { old: plain_old, new: plain_new })
    })?;
    Ok(format!("Replaced in `{label}`."))
}

fn page_request(page: u64) -> Result<PageRequest, ToolError> {
    match page.checked_sub(1) {
        Some(before) => Ok(PageRequest::new(before.saturating_mul(PAGE as u64), PAGE)),
        None => Err(ToolError::Refused("pages count from 1".to_owned())),
    }
}

/// From the beginning of the first day to the end of the last, in UTC.
fn days(first: &str, last: &str) -> Result<(Timestamp, Timestamp), ToolError> {
    let day = |name: &str, text: &str| {
        let date = text.trim().get(..10).unwrap_or(text.trim());
        Timestamp::parse(&format!("{date}T00:00:00Z")).map_err(|_| {
            let text = format!("`{name}`: expected a day as 2026-11-23, got {text:?}");
            ToolError::Refused(text)
        })
    };
    let (from, until) = (day("start_date", first)?, day("end_date", last)?);
    if until < from {
        let text = format!("`end_date` {last} is before `start_date` {first}");
        return Err(ToolError::Refused(text));
    }
    Ok((from, until.plus(std::time::Duration::from_secs(24 * 60 * 60))))
}

/// A page as text: a line that says which, then a record a line.
fn page_text<T>(what: &str, page: &Page<T>, record: impl Fn(&T) -> Value) -> String {
    if page.items.is_empty() {
        return match page.total {
            0 => format!("No {what} found."),
            total => format!("No {what} on this page; there are {total} in all."),
        };
    }
    let (this, n_pages) = (page.offset / PAGE as u64 + 1, page.total.div_ceil(PAGE as u64));
    let lines = records(page.items.iter().map(record));
    format!("Page {this} of {n_pages}, {} {what} found.\n{lines}", page.total)
}

fn messages(page: &Page<StoredMessage>) -> String {
    page_text("messages", page, |stored| {
        json!({"n": stored.position, "at": minute(stored.at), "role": stored.message.role.as_str(),
               "text": beginning(&stored.message.text)})
    })
}

/// The source of what the agent wrote of itself goes without saying.
fn passages(page: &Page<Passage>, own_source: &str) -> String {
    page_text("passages", page, |passage| {
        let text = beginning(&passage.text);
        let mut record = json!({"n": passage.id.0, "at": minute(passage.at), "text": text});
        if !passage.tags.is_empty() {
            record["tags"] = passage.tags.clone().into();
        }
        if let Some(source) = passage.source.as_deref().filter(|source| *source != own_source) {
            record["source"] = beginning(source).into();
        }
        record
    })
}

/// The time to the minute, as `2026-11-23 09:00`.
fn minute(at: Timestamp) -> String {
    at.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(LONGEST_RECORD) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
