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
        Ok(read(self.storage.state(&self.id, TIMERS)?.as_deref())?)
    }

    /// Sets a timer, in the place of the one with the same name.
    ///
    /// # Errors
    /// What the storage says.
    pub fn set_timer(&mut self, name: &str, timer: Timer) -> Result<(), AgentError> {
        self.change_timers(|timers| drop(timers.insert(name.to_owned(), timer.clone())))
    }

    /// Takes a timer away; says whether there was one.
    ///
    /// # Errors
    /// What the storage says.
    pub fn cancel_timer(&mut self, name: &str) -> Result<bool, AgentError> {
        self.change_timers(|timers| timers.remove(name).is_some())
    }

    /// Changes the timers as they are by then: another process may set some of the same agent.
    fn change_timers<T>(
        &self,
        mut change: impl FnMut(&mut BTreeMap<String, Timer>) -> T,
    ) -> Result<T, AgentError> {
        loop {
            let before = self.storage.state(&self.id, TIMERS)?;
            let mut timers = read(before.as_deref())?;
            let done = change(&mut timers);
            let after = serde_json::json!(timers).to_string();
            if self.storage.replace_state(&self.id, TIMERS, before.as_deref(), &after)? {
                return Ok(done);
            }
        }
    }

    /// Lets every timer that is due go off, the one that was due first before the others: a turn
    /// each. A timer that was missed several times goes off once. Call this from time to time, in
    /// one process for each agent: two would both see a timer that is due.
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

/// The timers as they stand in the storage.
fn read(text: Option<&str>) -> Result<BTreeMap<String, Timer>, StorageError> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    serde_json::from_str(text).map_err(|error| {
        let what = "the agent's timers".to_owned();
        StorageError::Corrupt { what, why: error.to_string() }
    })
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

    #[test]
    fn timers_set_at_once_are_all_kept() {
        use std::sync::Arc;

        use crate::storage::MemoryStorage;

        let storage = Arc::new(MemoryStorage::new());
        let open = || Agent::open(RuleBasedTutor, storage.clone(), "sara").unwrap();
        let agent = open();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let mut agent = open();
                scope.spawn(move || {
                    for n in 0..25 {
                        let due = Timestamp::from_millis(n);
                        let timer = Timer { due, every: None, text: String::new() };
                        agent.set_timer(&format!("{thread} {n}"), timer).unwrap();
                    }
                });
            }
        });
        assert_eq!(agent.timers().unwrap().len(), 100);
    }
}
