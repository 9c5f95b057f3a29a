//! The tutor's decision: what the person wants, less what was done in this turn, is what to do
//! next; and when nothing is left to do, what to say.

use serde_json::Value;

use super::english::{self, Fact, Intent};
use super::knowledge::{Knowledge, found_nothing};
use super::offers::{Offer, Purpose};
use crate::message::{Message, Request, Role, ToolCall, ToolChoice};

/// The longest chain of keys that is followed.
const LONGEST_CHAIN: usize = 32;

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
    let calls = messages.iter().flat_map(|message| &message.tool_calls);
    calls
        .map(|call| {
            let answers = |message: &&Message| message.answers.as_deref() == Some(call.id.as_str());
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            let arguments = arguments.as_object().into_iter().flatten();
            Done {
                call,
                arguments: arguments
                    .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                    .collect(),
                result: messages.iter().rfind(answers).map(|message| message.text.as_str()),
            }
        })
        .collect()
}

/// What the tutor does next on this request.
pub(super) fn decide(request: &Request) -> Step {
    let messages = &request.messages;
    let Some(last_user) = messages.iter().rposition(|message| message.role == Role::User) else {
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
    let memory = Knowledge::of_memory(messages);
    let mut known = Knowledge::of_conversation(&messages[..last_user]);
    learn_results(&mut known, &offers, &done(&messages[..last_user]));
    known.learn(&memory);
    let turn = done(&messages[last_user + 1..]);
    learn_results(&mut known, &offers, &turn);

    let mut plan = Plan { offers, memory, known, turn, calls: Vec::new(), said: Said::default() };
    let text = &messages[last_user].text;
    for intent in english::understand(text) {
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

/// Takes over what look-ups found.
fn learn_results(known: &mut Knowledge, offers: &[Offer<'_>], calls: &[Done<'_>]) {
    for done in calls {
        let offer = offers.iter().find(|offer| offer.tool.name == done.call.name);
        let Some(offer) = offer.filter(|offer| offer.purpose == Purpose::LookUp) else { continue };
        let Some(result) = done.result.filter(|result| !found_nothing(result)) else { continue };
        match (offer.is_by_key(), done.arguments.first()) {
            (true, Some((_, key))) => known.set(key, result.trim()),
            _ => result.lines().for_each(|line| known.read_line(line)),
        }
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

impl Plan<'_> {
    fn intend(&mut self, intent: Intent) {
        match &intent {
            Intent::State(fact) => self.keep(fact),
            Intent::Forget(key) => {
                self.forget(key);
                self.known.apply(&intent);
            }
            Intent::ForgetAll => {
                for (key, _) in self.memory.clone().facts() {
                    self.forget(key);
                }
                self.said.forgot_all = true;
                self.known.apply(&intent);
            }
            Intent::Ask(path) => match self.known.resolve(path) {
                Ok((key, value)) => self.said.answers.push(english::tell(&key, &value)),
                Err(missing) => {
                    if !self.look_up(&missing.replace(' ', "_")) {
                        self.said.unknown.push(english::tell_unknown(&path.join(" ")));
                    }
                }
            },
            Intent::AskAll => {
                let facts = self.known.facts().iter();
                let told: Vec<_> = facts.map(|(key, value)| english::tell(key, value)).collect();
                self.said.answers.push(match told.is_empty() {
                    true => "I know nothing about you: my context holds no fact".to_owned(),
                    false => format!("I know that {}", joined(&told)),
                });
            }
            Intent::LookUp { key, follow } => self.follow(key, *follow),
            Intent::AskOpen(question) => match self.known.mentioning(question) {
                Some((key, value)) => self.said.answers.push(english::tell(&key, &value)),
                None => {
                    let words = english::content_words(question).join(" ");
                    if !self.use_named(question) && !self.look_up(&words) {
                        let text = "I do not know: my context holds nothing about that";
                        self.said.answers.push(text.to_owned());
                    }
                }
            },
            Intent::Greet => {
                let text = "Hello. Tell me a fact about you, or ask me for one";
                self.said.answers.push(text.to_owned());
            }
            Intent::Unclear(text) => {
                if !self.use_named(text) {
                    self.said.unclear.push(text.clone());
                }
            }
        }
    }

    fn keep(&mut self, fact: &Fact) {
        let value = self.known.merged(fact);
        let old = self.memory.get(&fact.key).map(str::to_owned);
        let told = (fact.key.clone(), value.clone());
        let tried: Vec<_> = self.turn.iter().filter(|done| done.holds(&fact.key, &value)).collect();
        if tried.iter().any(|done| !done.failed()) {
            self.said.kept.push(told);
        } else if tried.is_empty() && old.as_deref() == Some(value.as_str()) {
            self.said.known_already.push(told);
        } else {
            let mut ways: Vec<_> = [Purpose::Save, Purpose::Replace, Purpose::Append]
                .iter()
                .flat_map(|purpose| {
                    let fitting = self.offers.iter().filter(move |o| o.purpose == *purpose);
                    fitting.filter_map(|offer| offer.keep(&fact.key, &value, old.as_deref()))
                })
                .collect();
            ways.retain(|(name, _)| tried.iter().all(|done| done.call.name != *name));
            match (ways.into_iter().next(), tried.last()) {
                (Some(call), _) => self.calls.push(call),
                (None, Some(done)) => {
                    let problem = done.result.unwrap_or_default().trim();
                    let problem = problem.trim_start_matches("Error:").trim().to_owned();
                    self.said.failed.push((told, problem));
                }
                (None, None) => self.said.unkept.push(told),
            }
        }
        self.known.set(&fact.key, &value);
        // The next fact of this message is planned on what memory will then hold.
        self.memory.set(&fact.key, &value);
    }

    fn forget(&mut self, key: &str) {
        let about = english::tell_unknown(self.known.key_of(key).unwrap_or(key));
        let written = self.memory.key_of(key).unwrap_or(key).to_owned();
        let tried = self.turn.iter().filter(|done| done.holds(&written, ""));
        let tried: Vec<_> = tried.collect();
        if let Some(done) = tried.iter().rfind(|done| done.failed()) {
            self.said.answers.push(format!(
                "I could not forget {about}: {}",
                done.result.unwrap_or_default().trim().trim_end_matches('.')
            ));
        } else if !tried.is_empty() {
            self.said.forgotten.push(about);
        } else if let Some(old) = self.memory.get(key) {
            let call = self.offers.iter().find_map(|offer| offer.drop(&written, old));
            match call {
                Some(call) => self.calls.push(call),
                None => self.said.answers.push(format!(
                    "I cannot forget {about}: I have no tool that deletes from memory"
                )),
            }
        } else if self.known.get(key).is_some() {
            self.said.forgotten.push(about);
        } else {
            self.said.answers.push(format!("There is nothing to forget: I do not know {about}"));
        }
    }

    /// Looks a key up if there is a tool for it and this was not done yet; says whether.
    fn look_up(&mut self, key: &str) -> bool {
        let Some(call) = self.offers.iter().find_map(|offer| offer.look_up(key)) else {
            return false;
        };
        let asked = |done: &Done<'_>| {
            done.call.name == call.0 && done.arguments.iter().any(|(_, text)| text == key)
        };
        if self.turn.iter().any(asked) {
            return false;
        }
        self.calls.push(call);
        true
    }

    fn follow(&mut self, key: &str, follow: bool) {
        let can = self.offers.iter().any(|offer| offer.purpose == Purpose::LookUp);
        let mut at = key.to_owned();
        for _ in 0..LONGEST_CHAIN {
            let result = self.turn.iter().find_map(|done| {
                let asked = done.arguments.iter().any(|(_, text)| *text == at);
                done.result.filter(|_| asked).map(str::trim)
            });
            match result {
                None if can => {
                    self.look_up(&at);
                    return;
                }
                Some(value) if !found_nothing(value) && value != at => {
                    at = value.to_owned();
                    if !follow {
                        break;
                    }
                }
                _ => break,
            }
        }
        self.said.answers.push(match (at != key, can) {
            (true, _) => format!("The value of `{key}` is `{at}`"),
            (false, true) => format!("Nothing was found for `{key}`"),
            (false, false) => match self.known.get(key) {
                Some(value) => english::tell(key, value),
                None => format!("I have no tool to look up `{key}`"),
            },
        });
    }

    /// Calls a tool that the words name, or tells its result; says whether there is one.
    fn use_named(&mut self, words: &str) -> bool {
        let Some(call) = self.offers.iter().find_map(|offer| offer.named_by(words)) else {
            return false;
        };
        match self.turn.iter().find(|done| done.call.name == call.0) {
            Some(done) => {
                let result = done.result.unwrap_or("nothing").trim().trim_end_matches('.');
                self.said.answers.push(format!("The tool `{}` says: {result}", call.0));
            }
            None => self.calls.push(call),
        }
        true
    }
}

/// What there is to say, by kind.
#[derive(Default)]
struct Said {
    kept: Vec<(String, String)>,
    known_already: Vec<(String, String)>,
    unkept: Vec<(String, String)>,
    failed: Vec<((String, String), String)>,
    forgotten: Vec<String>,
    forgot_all: bool,
    answers: Vec<String>,
    unknown: Vec<String>,
    unclear: Vec<String>,
}

impl Said {
    fn text(&self) -> String {
        let mut sentences = Vec::new();
        let mut facts = |before: &str, facts: &[(String, String)]| {
            // Of several values for one key, the last holds all.
            let last = facts
                .iter()
                .enumerate()
                .filter(|(i, (key, _))| !facts[i + 1..].iter().any(|(other, _)| other == key));
            let told: Vec<_> = last.map(|(_, (key, value))| english::tell(key, value)).collect();
            if !told.is_empty() {
                sentences.push(format!("{before} {}", joined(&told)));
            }
        };
        facts("I will remember that", &self.kept);
        facts("I already know that", &self.known_already);
        facts("I have no memory tool here, so only in this conversation I know that", &self.unkept);
        for ((key, value), problem) in &self.failed {
            let problem = problem.trim_end_matches('.');
            sentences
                .push(format!("I could not save that {}: {problem}", english::tell(key, value)));
        }
        if self.forgot_all {
            sentences.push("I have forgotten everything about you".to_owned());
        } else if !self.forgotten.is_empty() {
            sentences.push(format!("I have forgotten {}", joined(&self.forgotten)));
        }
        sentences.extend(self.answers.iter().map(|answer| capitalised(answer)));
        if !self.unknown.is_empty() {
            let what = self.unknown.join(" or ");
            let they = if self.unknown.len() > 1 { "they are" } else { "it is" };
            sentences.push(format!("I do not know {what}: {they} not in my context"));
        }
        for text in &self.unclear {
            sentences.push(format!(
                "I am a rule-based tutor model and did not understand \"{text}\". Tell me a fact, \
                 such as \"I live in Lyon\", or ask for one: \"Where do I live?\""
            ));
        }
        if sentences.is_empty() {
            sentences.push("I heard nothing that I could act on".to_owned());
        }
        let ended = sentences.iter().map(|text| match text.ends_with(['.', '?', '!', '"']) {
            true => text.clone(),
            false => format!("{text}."),
        });
        ended.collect::<Vec<_>>().join(" ")
    }
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
