//! Timers: events that an agent is woken by when their time has come.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Event};
use crate::storage::{StorageError, Timestamp};
use crate::trace::Trace;

/// The key under which an agent's timers are kept.
const TIMERS: &str = "timers";

/// A timer of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// When it goes off next.
    pub due: Timestamp,
    /// How long after that it goes off again; [`None`] for once.
    pub every: Option<Duration>,
    /// What it was set for.
    pub text: String,
}

impl Agent {
    /// The timers, by name. They are kept in the storage.
    ///
    /// # Errors
    /// What the storage says.
    pub fn timers(&self) -> Result<BTreeMap<String, Timer>, AgentError> {
        let Some(text) = self.storage.state(&self.id, TIMERS)? else { return Ok(BTreeMap::new()) };
        serde_json::from_str(&text).map_err(|error| {
            let what = "the agent's timers".to_owned();
            StorageError::Corrupt { what, why: error.to_string() }.into()
        })
    }

    /// Sets a timer, in the place of the one with the same name.
    ///
    /// # Errors
    /// What the storage says.
    pub fn set_timer(&mut self, name: &str, timer: Timer) -> Result<(), AgentError> {
        let mut timers = self.timers()?;
        timers.insert(name.to_owned(), timer);
        self.keep_timers(&timers)
    }

    /// Takes a timer away; says whether there was one.
    ///
    /// # Errors
    /// What the storage says.
    pub fn cancel_timer(&mut self, name: &str) -> Result<bool, AgentError> {
        let mut timers = self.timers()?;
        let removed = timers.remove(name).is_some();
        self.keep_timers(&timers)?;
        Ok(removed)
    }

    fn keep_timers(&self, timers: &BTreeMap<String, Timer>) -> Result<(), AgentError> {
        let text = serde_json::json!(timers).to_string();
        Ok(self.storage.set_state(&self.id, TIMERS, &text)?)
    }

    /// Lets every timer that is due go off, the one that was due first before the others: a turn
    /// each. A timer that was missed several times goes off once. Call this from time to time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use momentum_memory::agent::Timer;
    /// use momentum_memory::prelude::*;
    /// use momentum_memory::storage::Timestamp;
    ///
    /// let noon = Timestamp::parse("2026-11-23T12:00:00Z")?;
    /// let clock = Clock::counting(noon, Duration::from_secs(60));
    /// let mut agent = Agent::new(Client::tutor()?).with_clock(clock);
    /// agent.set_timer("tea", Timer { due: noon, every: None, text: "the tea is ready".into() })?;
    /// assert_eq!(agent.run_timers()?[0].answer(), "Noted: the tea is ready.");
    /// assert!(agent.run_timers()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`handle`](Self::handle). The timer that failed stays due.
    pub fn run_timers(&mut self) -> Result<Vec<Trace>, AgentError> {
        let now = self.clock.now();
        let mut due: Vec<_> =
            self.timers()?.into_iter().filter(|(_, timer)| timer.due <= now).collect();
        due.sort_by(|(a, x), (b, y)| (x.due, a).cmp(&(y.due, b)));
        let mut traces = Vec::new();
        for (name, timer) in due {
            let event = Event::Timer { name: name.clone(), text: timer.text.clone() };
            traces.push(self.handle(event)?);
            match timer.every.filter(|every| !every.is_zero()) {
                None => drop(self.cancel_timer(&name)?),
                Some(every) => {
                    let millis = i64::try_from(every.as_millis()).unwrap_or(i64::MAX).max(1);
                    let missed = (now.millis() - timer.due.millis()) / millis;
                    let ahead = missed.saturating_add(1).saturating_mul(millis);
                    let due = Timestamp::from_millis(timer.due.millis().saturating_add(ahead));
                    self.set_timer(&name, Timer { due, ..timer })?;
                }
            }
        }
        Ok(traces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Clock;
    use crate::tutor::RuleBasedTutor;

    #[test]
    fn timers_go_off_in_order_and_come_again() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let once = |minute: i64| Timer { due: at(minute), every: None, text: "x".to_owned() };
        let clock = Clock::counting(at(10), Duration::ZERO);
        let mut agent = Agent::new(RuleBasedTutor).with_clock(clock);
        agent.set_timer("late", once(99)).unwrap();
        agent.set_timer("second", once(9)).unwrap();
        agent.set_timer("first", once(8)).unwrap();
        let every = Some(Duration::from_secs(180));
        agent.set_timer("often", Timer { due: at(3), every, text: "y".to_owned() }).unwrap();
        let traces = agent.run_timers().unwrap();
        let users: Vec<_> = traces.iter().map(|trace| trace.user()).collect();
        assert_eq!(users, ["[timer often] y", "[timer first] x", "[timer second] x"]);
        let left = agent.timers().unwrap();
        assert_eq!(left.keys().collect::<Vec<_>>(), ["late", "often"]);
        assert_eq!(left["often"].due, at(12), "what was missed does not pile up");
        assert!(agent.cancel_timer("late").unwrap() && !agent.cancel_timer("late").unwrap());
    }
}
