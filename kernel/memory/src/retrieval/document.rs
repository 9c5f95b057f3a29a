//! What an index knows of one text.

use super::analysis::{Analyzer, Term, hash, words};
use super::dates;
use crate::storage::Timestamp;

/// What ranking needs to know of a document besides its terms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// The session that it belongs to, counted from 0.
    pub(crate) session: u32,
    /// Who speaks, as part of the hash of the name's term; 0 when no one is named.
    pub(crate) speaker: u32,
    /// Whether it ends with a question mark.
    pub(crate) question: bool,
}

/// A text as an index takes it in.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Its terms with their numbers, in the order of the terms.
    pub(crate) terms: Vec<(Term, u8)>,
    /// The number of its words that are no stop words.
    pub(crate) length: u32,
    /// The rest.
    pub(crate) traits: Traits,
}

impl Document {
    /// Takes a text apart. The terms of its date are given.
    pub(crate) fn new(analyzer: &mut Analyzer, text: &str, date: &[Term], session: u32) -> Self {
        let mut all = analyzer.terms(text);
        let length = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let speaker = speaker(text).and_then(|name| analyzer.term(name)).map_or(0, speaker_of);
        all.extend(date);
        all.sort_unstable();
        let mut terms: Vec<(Term, u8)> = Vec::with_capacity(all.len());
        for term in all {
            match terms.last_mut() {
                Some((last, n)) if *last == term => *n = n.saturating_add(1),
                _ => terms.push((term, 1)),
            }
        }
        let end = text.trim_end_matches(|c: char| c.is_whitespace() || "\"'”’)".contains(c));
        Document {
            terms,
            length,
            traits: Traits { session, speaker, question: end.ends_with('?') },
        }
    }
}

/// The part of a name's term that stands for the speaker.
pub(crate) fn speaker_of(name: Term) -> u32 {
    (name >> 32) as u32 | 1
}

/// Who speaks, when the text begins with `Name:` or `Name said`.
fn speaker(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric())?;
    let (name, rest) = text.split_at(end);
    let capital = name.chars().next().is_some_and(char::is_uppercase);
    let speaks = rest.starts_with(": ") || rest.starts_with(" said") || rest.starts_with(" says");
    (capital && speaks).then_some(name)
}

/// The terms of a search, and whom it names.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// Its different terms, in order.
    pub(crate) terms: Vec<Term>,
    /// The terms of its words as speakers.
    pub(crate) names: Vec<u32>,
}

impl Question {
    /// Takes a question apart. Days, months and years that it names become terms too.
    pub(crate) fn new(analyzer: &mut Analyzer, text: &str, now: Option<Timestamp>) -> Self {
        let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
        let names = words(text).filter(capital).filter_map(|word| analyzer.term(word));
        let names: Vec<_> = names.map(speaker_of).collect();
        let mut terms = analyzer.terms(text);
        terms.extend(dates::terms_in(text, now).iter().map(|date| hash(date)));
        terms.sort_unstable();
        terms.dedup();
        Question { terms, names }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers_are_named_at_the_start() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(speaker(text), expected);
        check("Caroline: Hey Mel!", Some("Caroline"));
        check("Caroline said, \"Hey Mel!\"", Some("Caroline"));
        check("Caroline saw a dog", None);
        check("https://example.org", None);
        check("note: buy bread", None);
        check("", None);
    }

    #[test]
    fn questions_end_with_their_mark() {
        let check = |text: &str, expected: bool| {
            let document = Document::new(&mut Analyzer::new(), text, &[], 0);
            assert_eq!(document.traits.question, expected, "{text:?}");
        };
        check("Mel said, \"How are you?\"", true);
        check("Where? ", true);
        check("Where? There.", false);
    }
}
