//! What wakes the tutor: the newest message that is no reply and no result, as plain text.

use serde_json::Value;

use crate::message::{Message, Role};
use crate::tutor::english::{self, Intent};
use crate::untrusted;

/// What was heard, and where.
pub(super) struct Heard {
    /// The index of its message.
    pub at: usize,
    /// What it wants.
    pub intents: Vec<Intent>,
    /// What the program around says, to be acknowledged: the text of an event or a timer.
    pub event: Option<String>,
}

/// The newest thing heard, if there is one.
pub(super) fn newest(messages: &[Message]) -> Option<Heard> {
    let at = messages.iter().rposition(|message| match message.role {
        Role::User => true,
        Role::System => event(&message.text).is_some(),
        _ => false,
    })?;
    let message = &messages[at];
    if message.role == Role::System {
        let event = event(&message.text).map(str::to_owned);
        return Some(Heard { at, intents: Vec::new(), event });
    }
    Some(Heard { at, intents: intents(&message.text), event: None })
}

/// What a user message wants. A letter from another agent is unpacked; a list of what was said
/// yields the facts that the person stated, and nothing to answer.
pub(super) fn intents(text: &str) -> Vec<Intent> {
    let Some(letter) = letter(text) else { return english::understand(text) };
    let said: Vec<_> = letter.lines().filter_map(said_by_user).collect();
    if said.is_empty() {
        return english::understand(&letter);
    }
    let intents = said.iter().flat_map(|text| english::understand(text));
    let lasting = |intent: &Intent| {
        matches!(intent, Intent::State(_) | Intent::Forget(_) | Intent::ForgetAll)
    };
    intents.filter(lasting).collect()
}

/// The text of an event or a timer.
fn event(text: &str) -> Option<&str> {
    let (mark, text) = text.strip_prefix('[')?.split_once(']')?;
    (mark == "event" || mark.starts_with("timer ")).then(|| text.trim())
}

/// The text within `<message from="...">` and `</message>`.
fn letter(text: &str) -> Option<String> {
    let text = text.strip_prefix("<message from=\"")?.split_once(">\n")?.1;
    Some(untrusted::unescaped(text.strip_suffix("\n</message>")?))
}

/// What the user said, from a JSON object on a line.
fn said_by_user(line: &str) -> Option<String> {
    let record = serde_json::from_str::<Value>(line).ok()?;
    (record["role"] == "user").then(|| record["text"].as_str().map(str::to_owned))?
}
