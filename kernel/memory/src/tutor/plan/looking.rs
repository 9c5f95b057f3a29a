//! Looking things up: in which tool, under which words, on which page, and what was found.

use super::{Done, Plan};
use crate::tutor::english;
use crate::tutor::knowledge::{Knowledge, found_nothing};
use crate::tutor::offers::{Offer, Purpose};

/// The longest chain of keys that is followed.
const LONGEST_CHAIN: usize = 32;
/// So many pages of one search are read.
const MOST_PAGES: u64 = 20;

/// What a look-up's result says.
pub(super) fn learn_results(known: &mut Knowledge, offers: &[Offer<'_>], calls: &[Done<'_>]) {
    let mut said = Vec::new();
    for done in calls {
        let offer = offers.iter().find(|offer| offer.tool.name == done.call.name);
        let Some(offer) = offer.filter(|offer| offer.purpose == Purpose::LookUp) else { continue };
        let Some(result) = done.result.filter(|result| !found_nothing(result)) else { continue };
        match (offer.is_by_key(), done.arguments.first()) {
            (true, Some((_, key))) => known.set(key, result.trim()),
            _ => said.extend(records(result)),
        }
    }
    // What was said later holds, in whatever order it was found.
    said.sort();
    for (_, text) in said {
        text.lines().for_each(|line| known.read_line(line));
    }
}

/// The texts in a result, each with the time at which it was said and its number: JSON objects a
/// line, or plain lines. What an assistant said is no source.
pub(super) fn records(result: &str) -> Vec<((String, u64), String)> {
    let lines = result.lines().filter(|line| page_of(line).is_none());
    let records = lines.filter_map(|line| {
        let record = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
        let field = |name: &str| record[name].as_str().map(str::to_owned);
        match field("text") {
            Some(_) if field("role").is_some_and(|role| role != "user") => None,
            Some(text) => {
                let number = record["n"].as_u64().unwrap_or(0);
                Some(((field("at").unwrap_or_default(), number), text))
            }
            None => Some(((String::new(), 0), line.to_owned())),
        }
    });
    records.collect()
}

/// Which page of how many, from a line such as "Page 1 of 3, 23 messages found."
fn page_of(line: &str) -> Option<(u64, u64)> {
    let (this, rest) = line.strip_prefix("Page ")?.split_once(" of ")?;
    let all: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((this.parse().ok()?, all.parse().ok()?))
}

impl Plan<'_> {
    /// Looks something up with the next tool that was not asked yet, or on the next page; says
    /// whether there was one. A tool that takes keys is asked for `key`, one that takes a query for
    /// `words`; with `exact`, the words are meant as they stand.
    pub(super) fn look_up(&mut self, key: &str, words: &str, exact: bool) -> bool {
        let finds = self.offers.iter().filter(|offer| offer.purpose == Purpose::LookUp);
        let mut finds: Vec<_> = finds.collect();
        // What was written down on purpose comes before what was only said.
        finds.sort_by_key(|offer| offer.tool.name.contains("conversation"));
        if exact && finds.iter().any(|offer| offer.is_exact()) {
            finds.retain(|offer| offer.is_exact());
        }
        for offer in finds {
            let text = if offer.is_by_key() { key } else { words };
            let mut asked = self.turn.iter().filter(|done| {
                done.call.name == offer.tool.name
                    && done.arguments.iter().any(|(_, argument)| argument == text)
            });
            let page = match asked.next_back() {
                None => 1,
                Some(done) => {
                    match done.result.and_then(|result| page_of(result.lines().next()?)) {
                        Some((this, all)) if this < all.min(MOST_PAGES) => this + 1,
                        _ => continue,
                    }
                }
            };
            if let Some(call) = offer.look_up(text, page, exact) {
                self.calls.push(call);
                return true;
            }
        }
        false
    }

    /// The words under which a fact is found in texts: its key, and how people speak of it. Whoever
    /// wanted it forgotten said so with that word.
    pub(super) fn words_for(key: &str) -> String {
        let mut words = english::content_words(&key.replace('_', " "));
        for word in english::content_words(&english::tell_unknown(key)) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.push("forget".to_owned());
        words.join(" ")
    }

    /// What was found in this turn under `key`: by a tool that takes keys, or in a text that says
    /// `key: value`.
    fn found(&self, key: &str) -> Option<String> {
        for done in &self.turn {
            let Some(result) = done.result.filter(|result| !found_nothing(result)) else {
                continue;
            };
            let offer = self.offers.iter().find(|offer| offer.tool.name == done.call.name);
            let Some(offer) = offer.filter(|offer| offer.purpose == Purpose::LookUp) else {
                continue;
            };
            if !done.arguments.iter().any(|(_, text)| text == key) {
                continue;
            }
            if offer.is_by_key() {
                return Some(result.trim().to_owned());
            }
            let mut records = records(result);
            records.sort();
            let value = records.iter().rev().flat_map(|(_, text)| text.lines()).find_map(|line| {
                let (known, value) = line.split_once(':')?;
                (known.trim() == key).then(|| value.trim().to_owned())
            });
            if value.is_some() {
                return value;
            }
        }
        None
    }

    /// Looks `key` up, and with `follow` what is found under it in turn, a step each.
    pub(super) fn follow(&mut self, key: &str, follow: bool) {
        let can = self.offers.iter().any(|offer| offer.purpose == Purpose::LookUp);
        let mut at = key.to_owned();
        for _ in 0..LONGEST_CHAIN {
            match self.found(&at) {
                Some(value) if value != at => {
                    at = value;
                    if !follow {
                        break;
                    }
                }
                Some(_) => break,
                None if can && self.look_up(&at, &at.clone(), true) => return,
                None => break,
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
}
