//! Facts with the time in which they hold.
//!
//! "I moved to Lyon" ends the old address and does not erase it. Whether a fact that comes in is
//! new, known, a change or a contradiction is decided here, by [`decide`]; each backend only
//! carries that out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The number of a fact, unique in an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactId(pub u64);

/// How many values an attribute has at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Values {
    /// One, such as an address: a later value supersedes the one before.
    #[default]
    One,
    /// Any number, such as hobbies: values stand beside each other.
    Many,
}

/// A fact on its way into a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFact {
    /// Whom or what it is about, such as `Sara`.
    pub subject: String,
    /// What is said, such as `home`.
    pub attribute: String,
    /// The value, such as `Lyon`.
    pub value: String,
    /// How many values the attribute has at a time.
    pub values: Values,
    /// From when on it holds.
    pub from: Timestamp,
    /// Whether only the day of `from` is known, and `from` is its beginning.
    pub by_day: bool,
    /// When it was written down.
    pub at: Timestamp,
    /// Where it comes from, such as the position of a message.
    pub source: Option<String>,
}

impl NewFact {
    /// A fact that holds from the time at which it is written down, of an attribute with one value
    /// at a time.
    pub fn new(
        subject: impl Into<String>,
        attribute: impl Into<String>,
        value: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        NewFact {
            subject: subject.into(),
            attribute: attribute.into(),
            value: value.into(),
            values: Values::One,
            from: at,
            by_day: false,
            at,
            source: None,
        }
    }

    /// Says from when on it holds.
    pub fn holding_from(mut self, from: Timestamp) -> Self {
        self.from = from;
        self
    }

    /// Says on which day it begins to hold, by the beginning of that day in UTC. When in that day is
    /// not known: a value that began later on it and holds still is superseded.
    pub fn holding_from_day(mut self, day: Timestamp) -> Self {
        (self.from, self.by_day) = (day, true);
        self
    }

    /// Says that the attribute may have several values at a time.
    pub fn one_of_many(mut self) -> Self {
        self.values = Values::Many;
        self
    }
}

/// A fact in a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its number.
    pub id: FactId,
    /// Whom or what it is about.
    pub subject: String,
    /// What is said.
    pub attribute: String,
    /// The value.
    pub value: String,
    /// From when on it holds.
    pub from: Timestamp,
    /// The first moment in which it holds no more; [`None`] while it holds.
    pub until: Option<Timestamp>,
    /// When it was written down.
    pub at: Timestamp,
    /// Where it comes from.
    pub source: Option<String>,
}

impl Fact {
    /// Whether it holds at this time.
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.from <= time && self.until.is_none_or(|until| time < until)
    }

    /// By what facts are ordered: subject, attribute, time, number.
    pub(crate) fn order(&self) -> (String, String, Timestamp, FactId) {
        (folded(&self.subject), folded(&self.attribute), self.from, self.id)
    }
}

/// Which facts are meant. The default is all of them, of any time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactQuery {
    /// Only those about this subject.
    pub subject: Option<String>,
    /// Only those of this attribute.
    pub attribute: Option<String>,
    /// Only those that hold at this time.
    pub holding_at: Option<Timestamp>,
}

impl FactQuery {
    /// Whether a fact is meant. Case and space in names do not count.
    pub fn fits(&self, fact: &Fact) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| same_text(wanted, found))
        };
        same(&self.subject, &fact.subject)
            && same(&self.attribute, &fact.attribute)
            && self.holding_at.is_none_or(|time| fact.holds_at(time))
    }
}

/// What became of a fact that was to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactOutcome {
    /// It was written.
    New(Fact),
    /// It holds already; nothing was written.
    Known(Fact),
    /// It was written, and the old one ended when it began.
    Superseded {
        /// The new fact.
        new: Fact,
        /// The old one, as it is now.
        old: Fact,
    },
    /// Another value holds for the very same time, and nothing was written. Say from when on the
    /// new one holds, or leave it.
    Contradiction(Fact),
}

/// What a backend does with a fact that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Write it, holding until this time.
    Write { until: Option<Timestamp> },
    /// Leave it: the fact at this index says the same.
    Known(usize),
    /// End the fact at this index when the new one begins, and write the new one.
    Supersede(usize),
    /// Leave it: the fact at this index says something else of the same time.
    Contradiction(usize),
}

/// Whether two names or values are the same but for case and space.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    folded(a) == folded(b)
}

/// A name or value in lower case with single spaces.
pub(crate) fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Decides about `new`, given all facts of the same subject and attribute.
pub(crate) fn decide(known: &[Fact], new: &NewFact) -> Decision {
    let holds = |fact: &&Fact| fact.holds_at(new.from);
    let index = |wanted: &Fact| known.iter().position(|fact| fact.id == wanted.id).unwrap_or(0);
    if let Some(same) = known.iter().filter(holds).find(|fact| same_text(&fact.value, &new.value)) {
        return Decision::Known(index(same));
    }
    if new.values == Values::Many {
        return Decision::Write { until: None };
    }
    match known.iter().find(holds) {
        Some(other) if other.from == new.from || other.until.is_some() => {
            Decision::Contradiction(index(other))
        }
        Some(old) => Decision::Supersede(index(old)),
        // Written down late: it held until the next one that is known began.
        None => {
            let later = known.iter().map(|fact| fact.from).filter(|from| *from > new.from);
            Decision::Write { until: later.min() }
        }
    }
}

impl NewFact {
    /// The fact as it is decided about, given all facts of the same subject and attribute. One that
    /// is known by its day begins right after the one that it stands against on that day.
    pub(crate) fn placed(&self, known: &[Fact]) -> NewFact {
        let day_after = self.from.plus(Duration::from_secs(24 * 60 * 60));
        let is_rival = |fact: &&Fact| {
            let on_that_day = self.from < fact.from && fact.from < day_after;
            let stands_against = self.values == Values::One || same_text(&fact.value, &self.value);
            self.by_day && fact.until.is_none() && on_that_day && stands_against
        };
        let rival = known.iter().filter(is_rival).map(|fact| fact.from).max();
        let from = rival.map_or(self.from, |rival| rival.plus(Duration::from_millis(1)));
        NewFact { from, ..self.clone() }
    }

    /// The record that is written.
    pub(crate) fn into_fact(self, id: FactId, until: Option<Timestamp>) -> Fact {
        let NewFact { subject, attribute, value, from, at, source, .. } = self;
        Fact { id, subject, attribute, value, from, until, at, source }
    }
}
