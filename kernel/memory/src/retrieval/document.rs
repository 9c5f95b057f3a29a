//! What an index knows of one text.

use super::analysis::{Analyzer, Term, hash, words};
use super::dates;
use crate::message::Role;
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
    /// Whether it says when something happens: `yesterday`, `last week`, `in June`.
    pub(crate) tells_time: bool,
    /// Whose message it is; [`None`] for passages, and where an older version wrote the index.
    pub(crate) role: Option<Role>,
}

/// Some roles, as bits. The default is none of them, which stands for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Roles(u8);

impl Roles {
    /// These roles.
    pub(crate) fn of(roles: &[Role]) -> Self {
        Roles(roles.iter().fold(0, |bits, role| bits | 1 << number_of(Some(*role))))
    }

    /// Whether a document of this role is meant.
    pub(crate) fn fits(self, role: Option<Role>) -> bool {
        self.0 == 0 || self.0 & 1 << number_of(role) != 0
    }

    /// As [`fits`](Roles::fits); the role is asked for only where it matters.
    pub(crate) fn fits_by(self, role: impl FnOnce() -> Option<Role>) -> bool {
        self.0 == 0 || self.fits(role())
    }
}

/// A role as a number of three bits, 0 for [`None`].
pub(crate) fn number_of(role: Option<Role>) -> u8 {
    match role {
        None => 0,
        Some(Role::System) => 1,
        Some(Role::User) => 2,
        Some(Role::Assistant) => 3,
        Some(Role::Tool) => 4,
    }
}

/// The role from [`number_of`].
pub(crate) fn role_of(number: u8) -> Option<Role> {
    match number {
        1 => Some(Role::System),
        2 => Some(Role::User),
        3 => Some(Role::Assistant),
        4 => Some(Role::Tool),
        _ => None,
    }
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
        let tells_time = all.iter().any(|term| analyzer.is_of_time(*term));
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
            traits: Traits {
                session,
                speaker,
                question: end.ends_with('?'),
                tells_time,
                role: None,
            },
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
    /// Whether it asks for a time.
    pub(crate) asks_when: bool,
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
        Question { terms, names, asks_when: dates::asks_when(text) }
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
    fn roles_are_bits() {
        let all = [Role::System, Role::User, Role::Assistant, Role::Tool];
        for role in all {
            assert_eq!(role_of(number_of(Some(role))), Some(role));
            assert!(Roles::default().fits(Some(role)));
            for other in all {
                assert_eq!(Roles::of(&[role]).fits(Some(other)), role == other);
            }
            assert!(!Roles::of(&[role]).fits(None));
        }
        assert!(Roles::of(&[Role::User, Role::Tool]).fits(Some(Role::Tool)));
    }

    #[test]
    fn texts_tell_a_time() {
        let check = |text: &str, expected: bool| {
            let document = Document::new(&mut Analyzer::new(), text, &[], 0);
            assert_eq!(document.traits.tells_time, expected, "{text:?}");
        };
        check("We met two weeks ago.", true);
        check("Last summer we met.", true);
        check("We moved in 2019.", true);
        check("On Tuesdays, I swim.", true);
        check("I may swim in room 2219.", false);
        let at = Timestamp::parse("2023-05-07T12:00:00Z").unwrap();
        let document = Document::new(&mut Analyzer::new(), "I swim.", &dates::terms_of(at), 0);
        assert!(!document.traits.tells_time, "its own date is not in the text");
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
