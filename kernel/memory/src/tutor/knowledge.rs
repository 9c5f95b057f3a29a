//! What the tutor knows: the facts in the messages it is sent, and nothing else.

use serde_json::Value;

use super::english::{self, Fact, Intent};
use crate::message::{Message, Role};

/// Facts in the order in which they were found; a later one replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Knowledge {
    facts: Vec<(String, String)>,
    /// What else was found under a key, in one and the same place: contradictions.
    others: Vec<(String, Vec<String>)>,
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Knowledge {
    /// What the system messages hold in their memory sections, contradictions and all.
    pub(super) fn of_memory(messages: &[Message]) -> Self {
        let mut knowledge = Self::default();
        for line in sections(messages, "memory") {
            let before = knowledge.clone();
            knowledge.read_line(line);
            for (key, value) in &before.facts {
                let now = knowledge.get(key).unwrap_or(value);
                if now != value {
                    knowledge.note_other(key, value);
                }
            }
        }
        knowledge
    }

    /// What the system messages hold in a summary of the conversation.
    pub(super) fn of_summary(messages: &[Message]) -> Self {
        let mut knowledge = Self::default();
        for line in sections(messages, "summary") {
            knowledge.read_line(line);
        }
        knowledge
    }

    fn note_other(&mut self, key: &str, value: &str) {
        match self.others.iter_mut().find(|(known, _)| same(known, key)) {
            Some((_, others)) => others.push(value.to_owned()),
            None => self.others.push((key.to_owned(), vec![value.to_owned()])),
        }
    }

    /// What else is said about a key, beside [`get`](Self::get).
    pub(super) fn others(&self, key: &str) -> &[String] {
        let found = self.others.iter().find(|(known, _)| same(known, key));
        found.map_or(&[], |(_, others)| others)
    }

    /// What the person said in these messages, by what each of them is understood to want.
    pub(super) fn of_conversation(
        messages: &[Message],
        intents: impl Fn(&str) -> Vec<Intent>,
    ) -> Self {
        let mut knowledge = Self::default();
        for message in messages.iter().filter(|message| message.role == Role::User) {
            for intent in intents(&message.text) {
                knowledge.apply(&intent);
            }
        }
        knowledge
    }

    /// Reads one line: `key: value`, or an English sentence, or a JSON object on one line.
    pub(super) fn read_line(&mut self, line: &str) {
        let line = line.trim().trim_start_matches(['-', '*']).trim();
        if let Ok(Value::Object(map)) = serde_json::from_str::<Value>(line) {
            for (key, value) in map {
                self.set(&key, value.as_str().unwrap_or(&value.to_string()));
            }
        } else if let Some((key, value)) = key_and_value(line) {
            self.set(&key, &value);
        } else {
            for intent in english::understand(line) {
                self.apply(&intent);
            }
        }
    }

    /// Applies what a clause states or wants forgotten.
    pub(super) fn apply(&mut self, intent: &Intent) {
        match intent {
            Intent::State(fact) => {
                let value = self.merged(fact);
                self.set(&fact.key, &value);
            }
            Intent::Forget(key) => self.remove(key),
            Intent::ForgetAll => {
                self.facts.clear();
                self.others.clear();
            }
            _ => {}
        }
    }

    /// The value that the fact's key has once the fact is known: several values side by side
    /// where the relation allows it.
    pub(super) fn merged(&self, fact: &Fact) -> String {
        match self.get(&fact.key).filter(|_| fact.many) {
            Some(old) if old.split(", ").any(|part| same(part, &fact.value)) => old.to_owned(),
            Some(old) => format!("{old}, {}", fact.value),
            None => fact.value.clone(),
        }
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        let key = english::tidy_key(key);
        if key.is_empty() || value.trim().is_empty() {
            return;
        }
        match self.facts.iter_mut().find(|(known, _)| same(known, &key)) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.facts.push((key, value.to_owned())),
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(key) = self.key_of(key).map(str::to_owned) {
            self.facts.retain(|(known, _)| *known != key);
            self.others.retain(|(known, _)| *known != key);
        }
    }

    /// Takes over all that `other` knows.
    pub(super) fn learn(&mut self, other: &Knowledge) {
        for (key, value) in &other.facts {
            self.set(key, value);
        }
    }

    /// The key under which something is known: "dog" also finds "dog name", and the reverse.
    pub(super) fn key_of(&self, key: &str) -> Option<&str> {
        let key = english::tidy_key(key);
        let with = format!("{key} name");
        let without = key.strip_suffix(" name").unwrap_or(&key);
        [key.as_str(), with.as_str(), without].iter().find_map(|wanted| {
            let found = self.facts.iter().find(|(known, _)| same(known, wanted));
            found.map(|(known, _)| known.as_str())
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let key = self.key_of(key)?;
        self.facts.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn facts(&self) -> &[(String, String)] {
        &self.facts
    }

    /// Follows a path: `["dog", "vet", "phone number"]` is "dog vet phone number", or the
    /// "phone number" of whoever "dog vet" is.
    ///
    /// # Errors
    /// The key that is missing, which a look-up tool may find.
    pub(super) fn resolve(&self, path: &[String]) -> Result<(String, String), String> {
        let whole = path.join(" ");
        if let Some(key) = self.key_of(&whole) {
            return Ok((key.to_owned(), self.get(key).unwrap_or_default().to_owned()));
        }
        for n in (1..path.len()).rev() {
            if let Some(value) = self.get(&path[..n].join(" ")) {
                let mut rest = vec![value.to_owned()];
                rest.extend_from_slice(&path[n..]);
                if let Ok(found) = self.resolve_once(&rest) {
                    return Ok(found);
                }
                // "dog vet" is missing rather than "Pixel vet", unless the path goes on.
                if n > 1 {
                    return Err(rest.join(" "));
                }
            }
        }
        Err(path[..path.len().min(2)].join(" "))
    }

    fn resolve_once(&self, path: &[String]) -> Result<(String, String), String> {
        let key = path.join(" ");
        let known = self.key_of(&key).ok_or_else(|| key.clone())?;
        Ok((known.to_owned(), self.get(known).unwrap_or_default().to_owned()))
    }

    /// The facts that hold every content word of a question: how a note is found again.
    pub(super) fn mentioning(&self, question: &str) -> Option<(String, String)> {
        let wanted = english::content_words(question);
        if wanted.is_empty() {
            return None;
        }
        self.facts.iter().find_map(|(key, value)| {
            let part = value.split(", ").find(|part| {
                let words = english::content_words(&format!("{key} {part}"));
                wanted.iter().all(|word| words.contains(word))
            })?;
            Some((key.clone(), part.to_owned()))
        })
    }
}

/// `key: value` with at most four words before the colon; the value may be a JSON string.
fn key_and_value(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once(':')?;
    let (key, value) = (key.trim().trim_matches('"'), value.trim().trim_end_matches(','));
    let is_key = key.chars().all(|c| c.is_alphanumeric() || " _'.-".contains(c));
    let is_short = key.replace('_', " ").split_whitespace().count() <= 4;
    if key.is_empty() || !is_key || !is_short || value.is_empty() {
        return None;
    }
    let value = serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned());
    Some((key.to_owned(), value))
}

/// The lines of the sections of this name in all system messages.
fn sections<'m>(messages: &'m [Message], named: &str) -> Vec<&'m str> {
    let system = messages.iter().filter(|message| message.role == Role::System);
    system.flat_map(|message| memory_lines(&message.text, named)).collect()
}

/// The lines of a prompt that hold memory: between a tag that names it and its end, or after a
/// line that names it and ends in a colon, up to an empty line.
fn memory_lines<'t>(prompt: &'t str, named: &str) -> Vec<&'t str> {
    enum In {
        Nothing,
        Tag(String),
        Paragraph,
    }
    let mut place = In::Nothing;
    let mut found = Vec::new();
    for line in prompt.lines() {
        let text = line.trim();
        let lower = text.to_lowercase();
        match &place {
            In::Nothing if text.starts_with('<') && lower.contains(named) => {
                let name = lower.trim_start_matches('<');
                let name = name.split(|c: char| c == '>' || c.is_whitespace()).next();
                place = In::Tag(format!("</{}>", name.unwrap_or_default()));
            }
            In::Nothing if text.ends_with(':') && lower.contains(named) => place = In::Paragraph,
            In::Nothing => {}
            In::Tag(end) if lower == *end => place = In::Nothing,
            In::Paragraph if text.is_empty() => place = In::Nothing,
            In::Tag(_) if text.starts_with('<') => {}
            In::Tag(_) | In::Paragraph => found.push(text),
        }
    }
    found
}

/// The words of a tool's result that mean that nothing was found.
pub(super) fn found_nothing(result: &str) -> bool {
    let lower = result.trim().to_lowercase();
    lower.is_empty()
        || lower.starts_with("error")
        || lower.starts_with("no ")
        || ["null", "none", "[]", "{}", "\"\""].contains(&lower.as_str())
        || lower.contains("not found")
        || lower.contains("nothing found")
        || lower.contains("no result")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_tags_and_paragraphs() {
        let check = |prompt: &str, expected: &str| {
            let known = Knowledge::of_memory(&[Message::system(prompt)]);
            let facts: Vec<_> = known.facts().iter().map(|(k, v)| format!("{k}={v}")).collect();
            assert_eq!(facts.join("; "), expected);
        };
        check("<memory>\nname: \"Sara\"\nfavorite_color: teal\n</memory>\nx: y", {
            "name=Sara; favourite colour=teal"
        });
        check("Your memory:\n- home: Lyon\n\nnot: this", "home=Lyon");
        check(
            r#"<core_memory>
            {"name": "Sara"}
            </core_memory>"#,
            "name=Sara",
        );
        check("<core_memory>\n<human limit=\"9\">\nI live in Lyon.\n</human>\n</core_memory>", {
            "home=Lyon"
        });
        check("Rule: be kind.", "");
        check("<memory>\nname: \"x\\n</memory>\\nhome: Rome\"\n</memory>", {
            "name=x\n</memory>\nhome: Rome"
        });
    }

    #[test]
    fn paths_are_followed() {
        let mut known = Knowledge::default();
        known.set("dog name", "Pixel");
        known.set("dog vet", "Dr Blanc");
        known.set("Dr Blanc phone number", "04 72");
        let check = |path: &[&str], expected: Result<&str, &str>| {
            let path: Vec<_> = path.iter().map(|part| (*part).to_owned()).collect();
            let got = known.resolve(&path).map(|(_, value)| value);
            assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned));
        };
        check(&["dog"], Ok("Pixel"));
        check(&["dog", "vet"], Ok("Dr Blanc"));
        check(&["dog", "vet", "phone number"], Ok("04 72"));
        check(&["dog", "vet", "address"], Err("Dr Blanc address"));
        check(&["cat", "vet", "address"], Err("cat vet"));
        check(&["cat"], Err("cat"));
    }
}
