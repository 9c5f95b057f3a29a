//! Facts with a time of validity, as two functions of an agent. They go beyond the MemGPT paper, so
//! an agent has them only when asked to: [`Agent::with_facts`].
//!
//! A block holds what is true now; rewriting it loses what was. A fact that changes is not lost:
//! the old value ends when the new one begins. What comes in is compared with what is known: a fact
//! that is known already is not written twice, and one that contradicts is refused.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::context::records;
use super::{Agent, AgentError, MemoryHandle};
use crate::storage::{Fact, FactOutcome, FactQuery, NewFact, PageRequest, Timestamp, Values};
use crate::tool::{Permission, Tool, ToolError};

/// Facts on a page.
const PAGE: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Record {
    /// Whom or what the fact is about, such as `Sara`.
    subject: String,
    /// What is said, such as `home`. Use the same word each time.
    attribute: String,
    /// The value, such as `Lyon`.
    value: String,
    /// The day from which on it holds, as `2026-11-23`; left out, it holds from now on.
    #[serde(default)]
    since: Option<String>,
    /// Whether several values may hold at a time, as with hobbies. Otherwise the new value takes
    /// the place of the old one.
    #[serde(default)]
    several: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Look {
    /// Only facts about this; left out, about all.
    #[serde(default)]
    subject: Option<String>,
    /// Only this attribute; left out, every one.
    #[serde(default)]
    attribute: Option<String>,
    /// Only what held on this day, as `2026-11-23`, or `now`; left out, of all times.
    #[serde(default)]
    on: Option<String>,
    /// Which page of the results, from 1.
    #[serde(default = "first_page")]
    page: u64,
}

fn first_page() -> u64 {
    1
}

impl Agent {
    /// Gives the agent two more functions. `fact_record` writes a fact down: a later value
    /// supersedes the one before and does not erase it, a fact that is known is not written twice,
    /// a contradiction is refused and explained. `fact_search` reads them, of any time.
    ///
    /// ```
    /// use momentum_memory::prelude::*;
    ///
    /// let agent = Agent::new(Client::tutor()?).with_facts()?;
    /// # drop(agent);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AgentError::ToolNameTaken`], [`AgentError::PermissionNotGranted`].
    pub fn with_facts(self) -> Result<Self, AgentError> {
        let record = Tool::with_memory(
            "fact_record",
            "Writes down a fact with the time from which on it holds. Nothing is erased: what held \
             before is kept with its time.",
            [Permission::WriteFacts],
            |args: Record, memory| record(args, memory),
        );
        let look = Tool::with_memory(
            "fact_search",
            "Lists facts with the time in which they hold or held, oldest first.",
            [Permission::ReadFacts],
            |args: Look, memory| look(args, memory),
        );
        self.with_tool(record)?.with_tool(look)
    }
}

fn record(args: Record, memory: &MemoryHandle) -> Result<String, ToolError> {
    let Record { subject, attribute, value, since, several } = args;
    for (name, text) in [("subject", &subject), ("attribute", &attribute), ("value", &value)] {
        if text.trim().is_empty() {
            return Err(ToolError::Refused(format!("`{name}` is empty")));
        }
    }
    let now = memory.now();
    let mut fact = NewFact::new(subject, attribute, value, now);
    fact.values = if several { Values::Many } else { Values::One };
    if let Some(since) = since {
        let since = day("since", &since)?;
        // Since today is since now: what was recorded earlier today held until then.
        if date(since) != date(now) {
            fact = fact.holding_from_day(since);
        }
    }
    Ok(match memory.record_fact(&fact)? {
        FactOutcome::Known(known) => {
            format!("That is known already, and was not written again: {}.", sentence(&known))
        }
        FactOutcome::Superseded { new, old } => {
            format!(
                "Recorded: {}. Before that it was {}, which is kept.",
                sentence(&new),
                old.value
            )
        }
        FactOutcome::Contradiction(known) => {
            let text = format!(
                "this contradicts what is recorded, so nothing was written: {}. Say by `since` from \
                 which day on the new value holds, or ask the user which is true",
                sentence(&known)
            );
            return Err(ToolError::Refused(text));
        }
        FactOutcome::New(new) => format!("Recorded: {}.", sentence(&new)),
    })
}

fn look(args: Look, memory: &MemoryHandle) -> Result<String, ToolError> {
    let Look { subject, attribute, on, page } = args;
    let holding_at = match on.as_deref().map(str::trim) {
        None | Some("") => None,
        Some("now") => Some(memory.now()),
        // As it was at the end of that day.
        Some(text) => Some(day("on", text)?.plus(std::time::Duration::from_secs(24 * 60 * 60 - 1))),
    };
    let Some(before) = page.checked_sub(1) else {
        return Err(ToolError::Refused("pages count from 1".to_owned()));
    };
    let query = FactQuery { subject, attribute, holding_at };
    let request = PageRequest::new(before.saturating_mul(PAGE as u64), PAGE);
    let found = memory.facts(&query, request)?;
    if found.items.is_empty() {
        return Ok(match found.total {
            0 => "No facts found.".to_owned(),
            total => format!("No facts on this page; there are {total} in all."),
        });
    }
    let lines = records(found.items.iter().map(|fact| {
        let mut record = json!({"subject": fact.subject, "attribute": fact.attribute,
                                "value": fact.value, "since": date(fact.from)});
        if let Some(until) = fact.until {
            record["until"] = date(until).into();
        }
        record
    }));
    let n_pages = found.total.div_ceil(PAGE as u64);
    Ok(format!("Page {page} of {n_pages}, {} facts found.\n{lines}", found.total))
}

/// The fact in words: `Sara, home: Lyon, since 2026-11-23`.
fn sentence(fact: &Fact) -> String {
    let Fact { subject, attribute, value, from, until, .. } = fact;
    let until = until.map(|until| format!(" until {}", date(until)));
    let until = until.unwrap_or_default();
    format!("{subject}, {attribute}: {value}, since {}{until}", date(*from))
}

/// The day of a time, in UTC.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The beginning of a day, in UTC.
fn day(name: &str, text: &str) -> Result<Timestamp, ToolError> {
    let date = text.trim().get(..10).unwrap_or(text.trim());
    Timestamp::parse(&format!("{date}T00:00:00Z")).map_err(|_| {
        let text = format!("`{name}`: expected a day as 2026-11-23, got {text:?}");
        ToolError::Refused(text)
    })
}
