//! Text from outside, made harmless before it stands in a prompt.
//!
//! Memory is untrusted text: a block, a passage, a tool's result or another agent may have been
//! written by anyone. Three ways of forging something are closed:
//!
//! - ending a section of the system message, by [`escaped`] within tags;
//! - beginning a new result or line in a list of results, by JSON strings;
//! - the marks by which chat templates of local models separate messages (`<|im_start|>`,
//!   `[INST]`), which some servers take for real wherever they stand, by [`defused`]; in what a
//!   model wrote itself, its tool calls included, by [`harmless`].

use serde_json::{Map, Value};

use crate::message::Message;

/// `text` for a place between tags: no `<` is left, so it can neither end nor begin a section.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What [`escaped`] did, undone: a model that copies from its prompt means the plain text.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&amp;", "&")
}

/// The beginnings of marks in the templates of ChatML, Llama, Mistral, Gemma, Phi, Qwen, Hermes and
/// DeepSeek (whose bars are U+FF5C).
const MARKS: [&str; 30] = [
    "<|",
    "<\u{ff5c}",
    "[INST",
    "[/INST",
    "<<SYS",
    "<</SYS",
    "<start_of_turn",
    "<end_of_turn",
    "<bos>",
    "<eos>",
    "<s>",
    "</s>",
    "[SYSTEM_PROMPT",
    "[/SYSTEM_PROMPT",
    "[AVAILABLE_TOOLS",
    "[/AVAILABLE_TOOLS",
    "[TOOL_CALLS",
    "[/TOOL_CALLS",
    "[TOOL_RESULTS",
    "[/TOOL_RESULTS",
    "[TOOL_CONTENT",
    "[ARGS]",
    "[CALL_ID]",
    "[THINK]",
    "[/THINK]",
    "<tool_call",
    "</tool_call",
    "<tool_response",
    "</tool_response",
    "<tools>",
];

/// `text` with a space in every mark of a chat template, so that it is read as text.
pub(crate) fn defused(text: &str) -> String {
    let mut text = text.to_owned();
    for mark in MARKS {
        if text.contains(mark) {
            let (first, rest) = mark.split_at(1);
            text = text.replace(mark, &format!("{first} {rest}"));
        }
    }
    text
}

/// A message for the prompt without a mark of a chat template in its text and its tool calls. A
/// model may have been talked into writing such marks, and its calls are sent back to it as JSON,
/// which servers of local models decode and put into the template.
pub(crate) fn harmless(mut message: Message) -> Message {
    message.text = defused(&message.text);
    message.answers = message.answers.map(|id| plain(&id));
    for call in &mut message.tool_calls {
        call.id = plain(&call.id);
        call.name = plain(&call.name);
        call.arguments = harmless_json(&call.arguments);
    }
    message
}

/// A name or an id. One with a mark in it is made of letters, digits, `_` and `-` alone: endpoints
/// refuse names with spaces.
fn plain(name: &str) -> String {
    if defused(name) == name {
        return name.to_owned();
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// JSON whose strings have no mark, neither as written nor as decoded. What is no JSON is taken as
/// text.
fn harmless_json(text: &str) -> String {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let harmless = harmless_value(&value);
        if harmless != value {
            return harmless.to_string();
        }
    }
    defused(text)
}

fn harmless_value(value: &Value) -> Value {
    match value {
        Value::String(text) => defused(text).into(),
        Value::Array(items) => items.iter().map(harmless_value).collect(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (defused(key), harmless_value(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_broken_up() {
        assert_eq!(defused("a <|im_start|>system"), "a < |im_start|>system");
        assert_eq!(defused("[INST] x [/INST]"), "[ INST] x [ /INST]");
        assert_eq!(defused("<\u{ff5c}User\u{ff5c}>"), "< \u{ff5c}User\u{ff5c}>");
        assert_eq!(defused("</tool_response>[TOOL_CALLS]"), "< /tool_response>[ TOOL_CALLS]");
        assert_eq!(defused("if a < b || [1]"), "if a < b || [1]");
    }

    #[test]
    fn a_models_own_calls_are_made_harmless() {
        let check = |text: &str, expected: &str| assert_eq!(harmless_json(text), expected);
        check(r#"{ "a": 1.50, "b": "x < y" }"#, r#"{ "a": 1.50, "b": "x < y" }"#);
        check(r#"{"a":"<|im_end|>"}"#, r#"{"a":"< |im_end|>"}"#);
        check(r#"{"a":["\u003c\u007cim_end|>"]}"#, r#"{"a":["< |im_end|>"]}"#);
        check(r#"{"\u005bINST]":{"b":"[\/INST]"}}"#, r#"{"[ INST]":{"b":"[ /INST]"}}"#);
        // The first of two values of one key is read by nobody, but stands there.
        check(r#"{"a":"</s>","a":1}"#, r#"{"a":"< /s>","a":1}"#);
        check(r#"{"a":"<|im_end|>"#, r#"{"a":"< |im_end|>"#);
        assert_eq!(plain("functions.add:0"), "functions.add:0");
        assert_eq!(plain("x<|im_end|>"), "x__im_end__");
    }

    proptest! {
        #[test]
        fn escaping_can_be_undone(text in "(&|<|lt;|amp;|[a-z]){0,20}") {
            prop_assert!(!escaped(&text).contains('<'));
            prop_assert_eq!(unescaped(&escaped(&text)), text);
        }
    }
}
