//! The grammar's patterns as regular expressions.

use std::sync::OnceLock;

use regex_lite::Regex;

use crate::tutor::grammar::{self as g, Relation};

/// The grammar's patterns, compiled once.
pub(super) struct Patterns {
    pub states: Vec<(usize, Regex)>,
    pub asks: Vec<(usize, Regex)>,
    pub asks_everything: Vec<Regex>,
    pub asks_lookup: Vec<Regex>,
    pub tells: Regex,
    pub forgets: Regex,
    pub everything: Regex,
    pub remembers: Regex,
    pub asks_before: Regex,
    pub openers: Regex,
    pub greeting: Regex,
    pub greeting_before: Regex,
    pub joint: Regex,
    pub clause_begins: Regex,
    pub verb_begins: Regex,
    pub question_begins: Regex,
    pub value_ends: Regex,
    pub keys: Vec<Regex>,
    pub contractions: Vec<(Regex, &'static str)>,
}

/// The slot `{w}`: the library's own `\w` knows only English letters. Latin to Greek Extended, then
/// from the kana to Hangul, with the marks that follow a letter.
const LETTERS: &str = r"\w\x{C0}-\x{1FFF}\x{3040}-\x{D7FF}";

fn regex(pattern: &str) -> Regex {
    let pattern = pattern.replace("{w}", LETTERS);
    // The patterns are constants of the grammar, and a test compiles them all.
    Regex::new(&format!("(?i){pattern}")).expect("a pattern of the grammar is not a regex")
}

fn whole(pattern: &str) -> Regex {
    let pattern = pattern
        .replace("{v}", "(?P<v>.+?)")
        .replace("{V}", "(?P<capital>.+?)")
        .replace("{n}", "(?P<v>[0-9]{1,3})")
        .replace("{k}", "(?P<k>[^,;:?!]+?)");
    regex(&format!("^(?:{pattern})$"))
}

pub(super) fn patterns() -> &'static Patterns {
    static PATTERNS: OnceLock<Patterns> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let all = |list: fn(&Relation) -> &'static [&'static str]| {
            let relations = g::RELATIONS.iter().enumerate();
            relations
                .flat_map(|(i, relation)| list(relation).iter().map(move |p| (i, whole(p))))
                .collect()
        };
        Patterns {
            states: all(|relation| relation.states),
            asks: all(|relation| relation.asks),
            asks_everything: g::ASKS_EVERYTHING.iter().map(|p| whole(p)).collect(),
            asks_lookup: g::ASKS_LOOKUP.iter().map(|p| whole(p)).collect(),
            tells: regex(&format!("^{}$", g::TELLS)),
            forgets: regex(&format!("^{}", g::FORGETS)),
            everything: whole(g::EVERYTHING),
            remembers: regex(&format!("^{}", g::REMEMBERS)),
            asks_before: regex(&format!("^{}", g::ASKS)),
            openers: regex(&format!("^{}", g::OPENERS)),
            greeting: whole(g::GREETINGS),
            greeting_before: regex(&format!("^{}[,!]? +", g::GREETINGS)),
            joint: regex(r"(?:,\s*(?:and |but |so )?|\s(?:and|but)\s)\s*"),
            clause_begins: regex(&format!("^(?:{})", g::CLAUSE_BEGINS)),
            verb_begins: regex(&format!("^{}", g::VERB_BEGINS)),
            question_begins: regex(&format!("^{}", g::QUESTION_BEGINS)),
            value_ends: regex(&format!("{}$", g::VALUE_ENDS)),
            keys: g::RELATIONS.iter().map(|relation| whole(relation.key)).collect(),
            contractions: (g::CONTRACTIONS.iter())
                .map(|(short, long)| (regex(&format!(r"\b{short}\b")), *long))
                .collect(),
        }
    })
}
