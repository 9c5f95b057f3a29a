//! What there is to say at the end of a turn, as sentences.

use crate::tutor::english;

/// What there is to say, by kind.
#[derive(Default)]
pub(super) struct Said {
    pub kept: Vec<(String, String)>,
    pub known_already: Vec<(String, String)>,
    pub unkept: Vec<(String, String)>,
    pub failed: Vec<((String, String), String)>,
    pub forgotten: Vec<String>,
    pub forgot_all: bool,
    pub answers: Vec<String>,
    pub unknown: Vec<String>,
    pub unclear: Vec<String>,
}

impl Said {
    pub(super) fn text(&self) -> String {
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

pub(super) fn joined(parts: &[String]) -> String {
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
