//! What each intent leads to: calls that are left to make, or something to say.

use super::Plan;
use super::said::joined;
use crate::tutor::english::{self, Fact, Intent};
use crate::tutor::offers::Purpose;

impl Plan<'_> {
    pub(super) fn intend(&mut self, intent: Intent) {
        match &intent {
            Intent::State(fact) => self.keep(fact),
            Intent::Forget(key) => {
                self.forget(key);
                self.known.apply(&intent);
            }
            Intent::ForgetAll => {
                for (key, _) in self.memory.clone().facts() {
                    self.forget(key);
                }
                self.said.forgot_all = true;
                self.known.apply(&intent);
            }
            Intent::Ask(path) => self.ask(path),
            Intent::AskAll => {
                let facts = self.known.facts().iter();
                let told: Vec<_> = facts.map(|(key, value)| english::tell(key, value)).collect();
                self.said.answers.push(match told.is_empty() {
                    true => "I know nothing about you: my context holds no fact".to_owned(),
                    false => format!("I know that {}", joined(&told)),
                });
            }
            Intent::LookUp { key, follow } => self.follow(key, *follow),
            Intent::AskOpen(question) => self.ask_open(question),
            Intent::Tell { agent, message } => self.tell_agent(agent, message),
            Intent::Greet => {
                let text = "Hello. Tell me a fact about you, or ask me for one";
                self.said.answers.push(text.to_owned());
            }
            Intent::Unclear(text) => {
                if !self.use_named(text) {
                    self.said.unclear.push(text.clone());
                }
            }
        }
    }

    fn ask(&mut self, path: &[String]) {
        match self.known.resolve(path) {
            Ok((key, value)) => {
                let told = english::tell(&key, &value);
                let others = self.memory.others(&key).iter();
                let others: Vec<_> = others.map(|other| english::tell(&key, other)).collect();
                self.said.answers.push(match others.as_slice() {
                    [] => told,
                    others => format!(
                        "My memory says two things: {told}, and {}. Which one is right?",
                        others.join(", and ")
                    ),
                });
            }
            Err(missing) => {
                let (key, words) = (missing.replace(' ', "_"), Self::words_for(&missing));
                if !self.look_up(&key, &words, false) {
                    self.said.unknown.push(english::tell_unknown(&path.join(" ")));
                }
            }
        }
    }

    fn ask_open(&mut self, question: &str) {
        match self.known.mentioning(question) {
            Some((key, value)) => self.said.answers.push(english::tell(&key, &value)),
            None => {
                let words = english::content_words(question).join(" ");
                if !self.use_named(question) && !self.look_up(&words, &words, false) {
                    let text = "I do not know: my context holds nothing about that";
                    self.said.answers.push(text.to_owned());
                }
            }
        }
    }

    fn keep(&mut self, fact: &Fact) {
        let value = self.known.merged(fact);
        let old = self.memory.get(&fact.key).map(str::to_owned);
        let told = (fact.key.clone(), value.clone());
        self.settle(&fact.key, &value);
        let tried: Vec<_> = self.turn.iter().filter(|done| done.holds(&fact.key, &value)).collect();
        if tried.iter().any(|done| !done.failed()) {
            self.said.kept.push(told);
        } else if tried.is_empty() && old.as_deref() == Some(value.as_str()) {
            self.said.known_already.push(told);
        } else {
            let mut ways: Vec<_> = [Purpose::Save, Purpose::Replace, Purpose::Append]
                .iter()
                .flat_map(|purpose| {
                    let fitting = self.offers.iter().filter(move |o| o.purpose == *purpose);
                    fitting.filter_map(|offer| offer.keep(&fact.key, &value, old.as_deref()))
                })
                .collect();
            ways.retain(|(name, _)| tried.iter().all(|done| done.call.name != *name));
            match (ways.into_iter().next(), tried.last()) {
                (Some(call), _) => self.calls.push(call),
                (None, Some(done)) => {
                    let problem = done.result.unwrap_or_default().trim();
                    let problem = problem.trim_start_matches("Error:").trim().to_owned();
                    self.said.failed.push((told, problem));
                }
                (None, None) => self.said.unkept.push(told),
            }
        }
        self.known.set(&fact.key, &value);
        // The next fact of this message is planned on what memory will then hold.
        self.memory.set(&fact.key, &value);
    }

    /// Where memory says several things about a key, all but one go, beside the edit that sets it.
    fn settle(&mut self, key: &str, value: &str) {
        for other in self.memory.others(key).to_vec() {
            let call = self.offers.iter().find_map(|offer| offer.drop(key, &other));
            let done = self.turn.iter().any(|done| done.holds(key, &other));
            if let Some(call) = call.filter(|_| !done && other != value) {
                self.calls.push(call);
            }
        }
    }

    fn forget(&mut self, key: &str) {
        let about = english::tell_unknown(self.known.key_of(key).unwrap_or(key));
        let written = self.memory.key_of(key).unwrap_or(key).to_owned();
        let tried = self.turn.iter().filter(|done| done.holds(&written, ""));
        let tried: Vec<_> = tried.collect();
        if let Some(done) = tried.iter().rfind(|done| done.failed()) {
            self.said.answers.push(format!(
                "I could not forget {about}: {}",
                done.result.unwrap_or_default().trim().trim_end_matches('.')
            ));
        } else if !tried.is_empty() {
            self.said.forgotten.push(about);
        } else if let Some(old) = self.memory.get(key).map(str::to_owned) {
            let call = self.offers.iter().find_map(|offer| offer.drop(&written, &old));
            match call {
                Some(call) => {
                    self.calls.push(call);
                    self.settle(&written, "");
                }
                None => self.said.answers.push(format!(
                    "I cannot forget {about}: I have no tool that deletes from memory"
                )),
            }
        } else if self.known.get(key).is_some() {
            self.said.forgotten.push(about);
        } else {
            self.said.answers.push(format!("There is nothing to forget: I do not know {about}"));
        }
    }

    fn tell_agent(&mut self, agent: &str, message: &str) {
        let Some(call) = self.offers.iter().find_map(|offer| offer.tell(agent, message)) else {
            self.said.answers.push(format!("I have no tool to write to the agent {agent}"));
            return;
        };
        match self.turn.iter().find(|done| done.call.name == call.0) {
            None => self.calls.push(call),
            Some(done) if done.failed() => {
                let problem = done.result.unwrap_or_default().trim();
                let problem = problem.trim_start_matches("Error:").trim();
                self.said.answers.push(format!("I could not tell the agent {agent}: {problem}"));
            }
            Some(_) => self.said.answers.push(format!("I have told the agent {agent}")),
        }
    }

    /// Calls a tool that the words name, or tells its result; says whether there is one.
    fn use_named(&mut self, words: &str) -> bool {
        let Some(call) = self.offers.iter().find_map(|offer| offer.named_by(words)) else {
            return false;
        };
        match self.turn.iter().find(|done| done.call.name == call.0) {
            Some(done) => {
                let result = done.result.unwrap_or("nothing").trim().trim_end_matches('.');
                self.said.answers.push(format!("The tool `{}` says: {result}", call.0));
            }
            None => self.calls.push(call),
        }
        true
    }
}
