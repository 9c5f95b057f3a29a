//! The tutor's decision: what the person wants, less what was done in this turn, is what to do
//! next; and when nothing is left to do, what to say.

mod condensing;
mod heard;
mod intending;
mod looking;
mod said;

use serde_json::Value;

use self::said::Said;
use super::knowledge::Knowledge;
use super::offers::{Offer, Purpose};
use crate::message::{Message, Request, ToolCall, ToolChoice};

/// A tool's name and its arguments.
pub(super) type Call = (String, Value);

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Call these tools, and come back with the results.
    Call(Vec<Call>),
    /// Say this; nothing is left to do.
    Say(String),
}

/// A call that was made, and its result if there is one yet.
struct Done<'m> {
    call: &'m ToolCall,
    arguments: Vec<(String, String)>,
    result: Option<&'m str>,
}

impl Done<'_> {
    fn failed(&self) -> bool {
        self.result.is_some_and(|result| result.trim_start().starts_with("Error"))
    }

    /// Whether one of the arguments, or all together, hold both texts.
    fn holds(&self, key: &str, value: &str) -> bool {
        let all: Vec<_> = self.arguments.iter().map(|(_, text)| text.as_str()).collect();
        let all = all.join("\n").to_lowercase();
        let written = key.replace(' ', "_").to_lowercase();
        all.contains(&written) && all.contains(&value.to_lowercase())
    }
}

/// The calls in some messages, each with its result.
fn done(messages: &[Message]) -> Vec<Done<'_>> {
    let mut found = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        for call in &message.tool_calls {
            let answers = |message: &&Message| message.answers.as_deref() == Some(call.id.as_str());
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            let arguments = arguments.as_object().into_iter().flatten();
            found.push(Done {
                call,
                arguments: arguments
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                    .collect(),
                // Some programs use an id again in a later step: the first answer is meant.
                result: messages[at..].iter().find(answers).map(|message| message.text.as_str()),
            });
        }
    }
    found
}

/// What the tutor does next on this request.
pub(super) fn decide(request: &Request) -> Step {
    if let Some(summary) = condensing::summary(request) {
        return Step::Say(summary);
    }
    let messages = &request.messages;
    let Some(heard) = heard::newest(messages) else {
        return Step::Say("Hello. I have heard nothing from you yet.".to_owned());
    };
    let offers: Vec<_> = request
        .tools
        .iter()
        .filter(|tool| match &request.tool_choice {
            ToolChoice::None => false,
            ToolChoice::Named(name) => tool.name == *name,
            ToolChoice::Auto | ToolChoice::Required => true,
        })
        .map(Offer::new)
        .collect();
    let (before, now) = (&messages[..heard.at], &messages[heard.at + 1..]);
    let memory = Knowledge::of_memory(messages);
    let mut known = Knowledge::of_summary(messages);
    known.learn(&Knowledge::of_conversation(before, heard::intents));
    looking::learn_results(&mut known, &offers, &done(before));
    let turn = done(now);
    looking::learn_results(&mut known, &offers, &turn);
    // What stands in memory is the newest, unless nothing could be written there.
    let keeps = offers
        .iter()
        .any(|offer| matches!(offer.purpose, Purpose::Save | Purpose::Append | Purpose::Replace));
    if keeps {
        known.learn(&memory);
    } else {
        let later = std::mem::replace(&mut known, memory.clone());
        known.learn(&later);
    }

    let mut plan = Plan { offers, memory, known, turn, calls: Vec::new(), said: Said::default() };
    if let Some(event) = heard.event {
        plan.said.answers.push(format!("Noted: {event}"));
    }
    for intent in heard.intents {
        plan.intend(intent);
    }
    if !plan.calls.is_empty() {
        if request.parallel_tool_calls == Some(false) {
            plan.calls.truncate(1);
        }
        return Step::Call(plan.calls);
    }
    let text = plan.said.text();
    let spoken = plan.turn.iter().any(|done| Offer::is_speech(&plan.offers, &done.call.name));
    match plan.offers.iter().find_map(|offer| offer.speak(&text)).filter(|_| !spoken) {
        Some(call) => Step::Call(vec![call]),
        None => Step::Say(text),
    }
}

struct Plan<'m> {
    offers: Vec<Offer<'m>>,
    /// What the system message holds: this lasts.
    memory: Knowledge,
    /// What the whole context holds.
    known: Knowledge,
    turn: Vec<Done<'m>>,
    calls: Vec<Call>,
    said: Said,
}
