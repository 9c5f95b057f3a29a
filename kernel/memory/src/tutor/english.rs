//! From text to intents, by the [grammar](super::grammar).

mod patterns;

use regex_lite::{Captures, Regex};

use self::patterns::patterns;

use super::grammar as g;
use super::grammar::Relation;

/// A clause longer than this is not looked at.
const LONGEST_CLAUSE: usize = 600;

/// A fact: what it is about, and what holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub key: String,
    pub value: String,
    pub many: bool,
}

/// What a clause wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// It states a fact.
    State(Fact),
    /// It wants a fact forgotten.
    Forget(String),
    /// It wants everything forgotten.
    ForgetAll,
    /// It asks for a fact, by the path to it: `["dog", "vet"]` for "my dog's vet".
    Ask(Vec<String>),
    /// It asks for all there is.
    AskAll,
    /// It wants a key looked up with a tool, and perhaps what it finds looked up in turn.
    LookUp { key: String, follow: bool },
    /// It wants another agent told something.
    Tell { agent: String, message: String },
    /// A question that no pattern fits.
    AskOpen(String),
    /// Politeness.
    Greet,
    /// No pattern fits.
    Unclear(String),
}

/// What a text wants, clause by clause.
pub(super) fn understand(text: &str) -> Vec<Intent> {
    let text = text.replace(['\u{2019}', '\u{2018}'], "'");
    if let Some(found) = patterns().tells.captures(text.trim()) {
        let part = |name: &str| found.name(name).map_or("", |part| part.as_str()).trim().to_owned();
        return vec![Intent::Tell { agent: part("agent"), message: part("message") }];
    }
    let follow = {
        let lower = text.to_lowercase();
        g::FOLLOW.iter().any(|word| lower.contains(word))
    };
    let mut intents = Vec::new();
    for (sentence, is_question) in sentences(&text) {
        if sentence.len() > LONGEST_CLAUSE {
            let beginning: String = sentence.chars().take(60).collect();
            intents.push(Intent::Unclear(format!("{beginning}…")));
            continue;
        }
        for clause in clauses(&spell_out(&sentence)) {
            // "Actually" on its own, before a comma, says nothing.
            let alone = format!("{clause} ");
            if patterns().openers.find(&alone).is_some_and(|found| found.end() == alone.len()) {
                continue;
            }
            intents.push(clause_intent(&clause, is_question, follow));
        }
    }
    // "Follow the chain" belongs to the look-up beside it.
    if intents.iter().any(|intent| matches!(intent, Intent::LookUp { follow: true, .. })) {
        intents.retain(|intent| match intent {
            Intent::Unclear(text) => !g::FOLLOW.iter().any(|w| text.to_lowercase().contains(w)),
            _ => true,
        });
    }
    // Politeness counts only when there is nothing else.
    if intents.iter().any(|intent| *intent != Intent::Greet) {
        intents.retain(|intent| *intent != Intent::Greet);
    } else {
        intents.truncate(1);
    }
    intents
}

/// Sentences without their marks, and whether the mark was a question mark.
fn sentences(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut begin = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = match c {
            '\n' | ';' => true,
            '!' | '?' => true,
            '.' => {
                let word = text[begin..at].rsplit(char::is_whitespace).next().unwrap_or("");
                next_is_space && !g::ABBREVIATIONS.contains(&word.to_lowercase().as_str())
            }
            _ => false,
        };
        if ends {
            found.push((text[begin..at].trim().to_owned(), c == '?'));
            begin = at + c.len_utf8();
        }
    }
    found.push((text[begin..].trim().to_owned(), false));
    found.retain(|(sentence, _)| sentence.chars().any(char::is_alphanumeric));
    found
}

fn spell_out(sentence: &str) -> String {
    let words: Vec<_> = sentence.split_whitespace().collect();
    let mut text = words.join(" ");
    for (short, long) in &patterns().contractions {
        text = short.replace_all(&text, *long).into_owned();
    }
    text
}

/// A sentence cut where a new clause begins.
fn clauses(sentence: &str) -> Vec<String> {
    let p = patterns();
    let mut found: Vec<String> = Vec::new();
    let (mut begin, mut prefix) = (0, "");
    for joint in p.joint.find_iter(sentence) {
        let rest = &sentence[joint.end()..];
        let clause = format!("{prefix}{}", &sentence[begin..joint.start()]);
        let own_subject = p.clause_begins.is_match(rest);
        let same_subject = p.verb_begins.is_match(rest) && clause.to_lowercase().starts_with("i ");
        if own_subject || same_subject {
            found.push(clause);
            begin = joint.end();
            prefix = if own_subject { "" } else { "I " };
        }
    }
    found.push(format!("{prefix}{}", &sentence[begin..]));
    found.retain(|clause| clause.chars().any(char::is_alphanumeric));
    found
}

fn clause_intent(clause: &str, is_question: bool, follow: bool) -> Intent {
    let p = patterns();
    let mut rest = clause.trim_matches([' ', ',', ':']);
    if p.greeting.is_match(rest) {
        return Intent::Greet;
    }
    for before in [&p.greeting_before, &p.openers, &p.openers, &p.openers] {
        rest = after(before, rest).unwrap_or(rest);
    }
    if let Some(what) = after(&p.forgets, rest) {
        if p.everything.is_match(what) {
            return Intent::ForgetAll;
        }
        if let Some(path) = ask(what) {
            return Intent::Forget(path.join(" "));
        }
        if let Some(fact) = state(what) {
            return Intent::Forget(fact.key);
        }
    }
    let asked = after(&p.asks_before, rest);
    if asked.is_some() || is_question || p.question_begins.is_match(rest) {
        let question = asked.unwrap_or(rest);
        if p.asks_everything.iter().any(|pattern| pattern.is_match(question)) {
            return Intent::AskAll;
        }
        if let Some(key) = lookup(question) {
            return Intent::LookUp { key, follow };
        }
        return ask(question).map_or_else(|| Intent::AskOpen(rest.to_owned()), Intent::Ask);
    }
    if let Some(key) = lookup(rest) {
        return Intent::LookUp { key, follow };
    }
    let remember = after(&p.remembers, rest);
    if let Some(fact) = state(remember.unwrap_or(rest)) {
        return Intent::State(fact);
    }
    match remember {
        Some(note) => {
            Intent::State(Fact { key: "note".into(), value: tidy_value(note), many: true })
        }
        None => Intent::Unclear(rest.to_owned()),
    }
}

fn after<'t>(pattern: &Regex, text: &'t str) -> Option<&'t str> {
    let end = pattern.find(text)?.end();
    Some(text[end..].trim_start()).filter(|rest| !rest.is_empty())
}

fn lookup(text: &str) -> Option<String> {
    let found = patterns().asks_lookup.iter().find_map(|pattern| pattern.captures(text))?;
    let key = found.name("v")?.as_str();
    // What is quoted is the key; else what stands before the next "and".
    let key = match key.split(['"', '\'', '`']).nth(1) {
        Some(quoted) => quoted,
        None => key.split(" and ").next().unwrap_or(key),
    };
    Some(tidy_value(key)).filter(|key| !key.is_empty())
}

fn state(clause: &str) -> Option<Fact> {
    patterns().states.iter().find_map(|(relation, pattern)| {
        let found = pattern.captures(clause)?;
        let value = match found.name("capital") {
            Some(value) => {
                let mut words = value.as_str().split(' ');
                let named = words.all(|word| word.starts_with(char::is_uppercase));
                named.then(|| tidy_value(value.as_str()))?
            }
            None => tidy_value(found.name("v")?.as_str()),
        };
        let relation = &g::RELATIONS[*relation];
        let key = relation.key.replace("{k}", &path(relation, &found).join(" "));
        let many = relation.many;
        (!value.is_empty() && !key.is_empty()).then(|| Fact { key: tidy_key(&key), value, many })
    })
}

fn ask(question: &str) -> Option<Vec<String>> {
    patterns().asks.iter().find_map(|(relation, pattern)| {
        let found = pattern.captures(question)?;
        let relation = &g::RELATIONS[*relation];
        if !relation.key.contains("{k}") {
            return Some(vec![relation.key.to_owned()]);
        }
        let mut path = path(relation, &found);
        if let Some(last) = path.last_mut() {
            *last = tidy_key(&relation.key.replace("{k}", last));
        }
        Some(path)
    })
}

/// The slots `k2` and `k` as the path to a fact: "the phone number of my dog's vet" is
/// `["dog", "vet", "phone number"]`. Capital letters stay where somebody else is the owner.
fn path(relation: &Relation, found: &Captures<'_>) -> Vec<String> {
    let owner = found.name("k").map_or("", |k| k.as_str());
    let about_another = relation.told.starts_with("{k}");
    let owner = if about_another { owner.to_owned() } else { owner.to_lowercase() };
    let mut path: Vec<_> = owner.split("'s ").map(tidy_key).collect();
    path.extend(found.name("k2").map(|k| tidy_key(k.as_str())));
    path.retain(|part| !part.is_empty());
    path
}

/// A key in the one form in which keys are compared: words with single spaces, British spelling,
/// no possessive; small letters, unless it begins with a name.
pub(super) fn tidy_key(text: &str) -> String {
    let text = text.replace('_', " ").replace("'s", "");
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let words = text.split_whitespace().map(|word| {
        let lower = word.to_lowercase();
        match g::SAME_KEY.iter().find(|(other, _)| *other == lower) {
            Some((_, one)) => (*one).to_owned(),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn tidy_value(text: &str) -> String {
    let text = text.trim_matches(|c: char| c.is_whitespace() || "\"'.,:".contains(c));
    patterns().value_ends.replace(text, "").trim().to_owned()
}

/// A fact as a clause: "your name is Sara".
pub(super) fn tell(key: &str, value: &str) -> String {
    let (relation, k) = relation_of(key);
    let value = if relation.many { listed(value) } else { value.to_owned() };
    relation.told.replace("{k}", &k).replace("{v}", &value)
}

/// What is not known, as an object: "where you live".
pub(super) fn tell_unknown(key: &str) -> String {
    let (relation, k) = relation_of(key);
    relation.unknown.replace("{k}", &k)
}

/// The relation that a key belongs to, and the words in its slot.
fn relation_of(key: &str) -> (&'static Relation, String) {
    let key = tidy_key(key);
    // Keys that begin with a capital are about somebody else: the general relation without "your".
    let about_another = key.starts_with(char::is_uppercase);
    let mut found = g::RELATIONS.iter().zip(&patterns().keys).filter_map(|(relation, pattern)| {
        let slots = pattern.captures(&key)?;
        let other = relation.told.starts_with("{k}");
        (other == about_another)
            .then(|| (relation, slots.name("k").map_or(String::new(), |k| k.as_str().to_owned())))
    });
    // A fixed key comes before the general ones, whatever their order.
    let first = found.next();
    let fixed = found.find(|(relation, _)| relation.key == key);
    let general = g::RELATIONS.iter().find(|relation| relation.key == "{k}");
    fixed.or(first).unwrap_or_else(|| (general.unwrap_or(&g::RELATIONS[0]), key))
}

/// "a, b, c" as "a, b and c".
pub(super) fn listed(value: &str) -> String {
    match value.rsplit_once(", ") {
        Some((before, last)) => format!("{before} and {last}"),
        None => value.to_owned(),
    }
}

/// The words that carry meaning, in small letters.
pub(super) fn content_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| !word.is_empty() && !g::STOP_WORDS.contains(&word.as_str())).collect()
}

#[cfg(test)]
mod tests;
