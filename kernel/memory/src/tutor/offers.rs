//! What the offered tools are for, read from their schemas: names, parameters, descriptions.

use serde_json::{Map, Value, json};

use super::english;
use crate::message::ToolDefinition;

/// What the tutor can do with a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Sets a key to a value.
    Save,
    /// Appends to a labelled block, or keeps a text as it is.
    Append,
    /// Replaces old text by new text in a labelled block.
    Replace,
    /// Deletes a key.
    Forget,
    /// Finds the value of a key, or texts that fit a query.
    LookUp,
    /// Speaks to the person.
    Speak,
    /// Writes to another agent.
    Tell,
    /// Anything else: called when the person names it.
    Other,
}

const KEYS: &[&str] = &["key", "field", "topic", "subject", "attribute", "fact_name"];
const LABELS: &[&str] = &["label", "block", "block_label", "section", "name", "memory_block"];
const VALUES: &[&str] = &["value", "content", "text", "memory", "fact", "information", "new_value"];
const OLD: &[&str] = &["old_content", "old_str", "old", "old_text", "old_value"];
const NEW: &[&str] = &["new_content", "new_str", "new", "new_text"];
const QUERIES: &[&str] = &["query", "question", "search", "search_term", "keywords"];

/// An offered tool, and which parameter plays which part.
#[derive(Debug, Clone)]
pub(super) struct Offer<'t> {
    pub tool: &'t ToolDefinition,
    pub purpose: Purpose,
}

impl<'t> Offer<'t> {
    pub(super) fn new(tool: &'t ToolDefinition) -> Self {
        let mut offer = Offer { tool, purpose: Purpose::Other };
        let name = tool.name.to_lowercase();
        let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let has = |list| offer.parameter(list).is_some();
        let finds = named(&["search", "look", "find", "get", "fetch", "recall", "query", "read"]);
        let drops = named(&["forget", "delete", "remove", "erase"]);
        let keeps = named(&["save", "append", "insert", "remember", "store", "add", "note"])
            || name.contains("memory");
        offer.purpose = if name == "send_message" && has(&["message"]) {
            Purpose::Speak
        } else if has(&["agent"]) && has(&["message"]) {
            Purpose::Tell
        } else if has(OLD) && has(NEW) {
            Purpose::Replace
        } else if drops && (has(KEYS) || has(LABELS)) {
            Purpose::Forget
        } else if has(KEYS) && has(VALUES) {
            Purpose::Save
        } else if finds && (has(QUERIES) || has(KEYS) || has(LABELS)) {
            Purpose::LookUp
        } else if keeps && has(VALUES) {
            Purpose::Append
        } else {
            Purpose::Other
        };
        offer
    }

    fn properties(&self) -> Option<&'t Map<String, Value>> {
        self.tool.parameters.get("properties")?.as_object()
    }

    /// The parameter that plays a part, by the names it may have.
    fn parameter(&self, names: &[&str]) -> Option<&'t str> {
        let properties = self.properties()?;
        let found = names.iter().find_map(|name| properties.get_key_value(*name))?;
        Some(found.0.as_str())
    }

    /// The block to write to: what the schema allows, preferably the one about the person.
    fn label(&self) -> String {
        let listed = self.parameter(LABELS).and_then(|name| {
            let values = self.properties()?.get(name)?.get("enum")?.as_array()?;
            Some(values.iter().filter_map(Value::as_str).collect::<Vec<_>>())
        });
        let listed = listed.unwrap_or_default();
        let person = listed.iter().find(|label| ["human", "user", "person"].contains(label));
        person.or(listed.first()).copied().unwrap_or("human").to_owned()
    }

    fn call(&self, parts: &[(&[&str], String)]) -> (String, Value) {
        let mut arguments = Map::new();
        for (names, value) in parts {
            if let Some(name) = self.parameter(names) {
                arguments.insert(name.to_owned(), value.clone().into());
            }
        }
        // MemGPT's chaining: ask to be called again after this call.
        if self.parameter(&["request_heartbeat"]).is_some() {
            let goes_on = self.purpose != Purpose::Speak;
            arguments.insert("request_heartbeat".into(), goes_on.into());
        }
        (self.tool.name.clone(), Value::Object(arguments))
    }

    /// The call that keeps `key: value`, if this tool can; `old` is the value known so far.
    pub(super) fn keep(
        &self,
        key: &str,
        value: &str,
        old: Option<&str>,
    ) -> Option<(String, Value)> {
        let line = |value: &str| format!("{}: {value}", written_key(key));
        match (self.purpose, old) {
            (Purpose::Save, _) => {
                Some(self.call(&[(KEYS, written_key(key)), (VALUES, value.to_owned())]))
            }
            (Purpose::Replace, Some(old)) if old != value => {
                Some(self.call(&[(LABELS, self.label()), (OLD, line(old)), (NEW, line(value))]))
            }
            (Purpose::Append, _) => {
                Some(self.call(&[(LABELS, self.label()), (VALUES, line(value))]))
            }
            _ => None,
        }
    }

    /// The call that deletes a key whose value is `old`, if this tool can.
    pub(super) fn drop(&self, key: &str, old: &str) -> Option<(String, Value)> {
        let description = self.tool.description.to_lowercase();
        match self.purpose {
            Purpose::Forget => {
                Some(self.call(&[(KEYS, written_key(key)), (LABELS, written_key(key))]))
            }
            Purpose::Save if description.contains("empty") => {
                Some(self.call(&[(KEYS, written_key(key)), (VALUES, String::new())]))
            }
            Purpose::Replace => Some(self.call(&[
                (LABELS, self.label()),
                (OLD, format!("{}: {old}", written_key(key))),
                (NEW, String::new()),
            ])),
            _ => None,
        }
    }

    /// The call that looks a text up: a key as it is, or the words of a query, on a page from 1.
    /// Where the tool can be told that the text is meant as it stands, it is, with `exact`.
    pub(super) fn look_up(&self, text: &str, page: u64, exact: bool) -> Option<(String, Value)> {
        if self.purpose != Purpose::LookUp {
            return None;
        }
        let text = text.to_owned();
        let parts = [(KEYS, text.clone()), (LABELS, text.clone()), (QUERIES, text)];
        let (name, mut arguments) = self.call(&parts);
        if exact && self.parameter(&["exact"]).is_some() {
            arguments["exact"] = true.into();
        }
        if page > 1 {
            let parameter = self.parameter(&["page"])?;
            arguments[parameter] = page.into();
        }
        Some((name, arguments))
    }

    /// Whether a look-up can be for a text as it stands.
    pub(super) fn is_exact(&self) -> bool {
        self.is_by_key() || self.parameter(&["exact"]).is_some()
    }

    /// The call that writes to another agent.
    pub(super) fn tell(&self, agent: &str, message: &str) -> Option<(String, Value)> {
        let parts = [(&["agent"] as &[&str], agent.to_owned()), (&["message"], message.to_owned())];
        (self.purpose == Purpose::Tell).then(|| self.call(&parts))
    }

    /// Whether a look-up's result is the value of the key that was asked for.
    pub(super) fn is_by_key(&self) -> bool {
        self.parameter(QUERIES).is_none()
    }

    /// Whether the tool of this name speaks to the person.
    pub(super) fn is_speech(offers: &[Offer<'_>], name: &str) -> bool {
        offers.iter().any(|offer| offer.purpose == Purpose::Speak && offer.tool.name == name)
    }

    /// The call that says `text` to the person.
    pub(super) fn speak(&self, text: &str) -> Option<(String, Value)> {
        (self.purpose == Purpose::Speak).then(|| self.call(&[(&["message"], text.to_owned())]))
    }

    /// The call of a tool that the person's words name, with arguments taken from these words:
    /// numbers in order, quoted text, else what follows "in", "for", "of" or "to".
    pub(super) fn named_by(&self, words: &str) -> Option<(String, Value)> {
        if self.purpose != Purpose::Other {
            return None;
        }
        let spoken = english::content_words(words);
        let name: Vec<_> = english::content_words(&self.tool.name.replace('_', " "));
        if name.is_empty() || !name.iter().all(|word| spoken.contains(word)) {
            return None;
        }
        let mut numbers = words
            .split(|c: char| c.is_whitespace() || ",;?".contains(c))
            .filter_map(|word| word.trim_end_matches('.').parse::<f64>().ok())
            .filter(|number| number.is_finite());
        let mut quoted = words.split('"').skip(1).step_by(2).map(str::to_owned);
        let after = [" in ", " for ", " of ", " to "].iter().find_map(|word| {
            let (_, after) = words.split_once(word)?;
            Some(after.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        });
        let mut arguments = Map::new();
        for (parameter, schema) in self.properties().into_iter().flatten() {
            let value = match schema["type"].as_str() {
                Some("integer") => numbers.next().map(|number| json!(number as i64)),
                Some("number") => numbers.next().map(|number| json!(number)),
                Some("string") => quoted.next().or_else(|| after.clone()).map(Value::from),
                Some("boolean") => Some(Value::Bool(true)),
                _ => None,
            };
            if let Some(value) = value {
                arguments.insert(parameter.clone(), value);
            }
        }
        Some((self.tool.name.clone(), Value::Object(arguments)))
    }
}

/// A key as it is written into memory: `favourite_colour`.
fn written_key(key: &str) -> String {
    key.replace(' ', "_")
}
