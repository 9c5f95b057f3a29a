//! Several agents who write to each other.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use crate::agent::event::Event;
use crate::agent::handle::{Letter, Post};
use crate::agent::{Agent, AgentError};
use crate::trace::Trace;

/// Agents in one process that know each other by their names. Each gets the function
/// `send_message_to_agent`. A letter wakes the agent that it is for; what that agent answers to the
/// person, it answers in its own trace. Letters are handled one after the other, in the order in
/// which they were sent, so the same letters always give the same course.
///
/// ```
/// use std::sync::Arc;
/// use momentum_memory::prelude::*;
/// use momentum_memory::storage::MemoryStorage;
///
/// let storage = Arc::new(MemoryStorage::new());
/// let mut team = Team::default();
/// team.add(Agent::open(Client::tutor()?, storage.clone(), "front desk")?)?;
/// team.add(Agent::open(Client::tutor()?, storage, "librarian")?)?;
///
/// let turns = team.say("front desk", "Tell the agent librarian: my name is Sara.")?;
/// assert_eq!(turns[1].agent, "librarian");
/// assert_eq!(team.agent("librarian").unwrap().block("human").unwrap().value(), "name: Sara");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Team {
    agents: BTreeMap<String, Agent>,
    post: Post,
    most_letters: usize,
}

/// A turn of one of a team's agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose turn it was.
    pub agent: String,
    /// Who wrote, if it was another agent.
    pub from: Option<String>,
    /// What it did.
    pub trace: Trace,
}

/// Nobody, and at most 32 letters before somebody outside speaks again.
impl Default for Team {
    fn default() -> Self {
        Team { agents: BTreeMap::new(), post: Post::default(), most_letters: 32 }
    }
}

impl Team {
    /// Sets how many letters are delivered before somebody outside speaks again, so that two agents
    /// do not talk for ever. The rest waits for [`deliver`](Self::deliver).
    pub fn with_most_letters(mut self, n: usize) -> Self {
        self.most_letters = n;
        self
    }

    /// Adds an agent under its own name.
    ///
    /// # Errors
    /// [`AgentError::MemberTaken`].
    pub fn add(&mut self, mut agent: Agent) -> Result<(), AgentError> {
        let name = agent.id().to_string();
        if self.agents.contains_key(&name) {
            return Err(AgentError::MemberTaken { name });
        }
        agent.post = Some(self.post.clone());
        let mut members = self.post.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.push(name.clone());
        members.sort();
        drop(members);
        self.agents.insert(name, agent);
        Ok(())
    }

    /// The agent of this name.
    pub fn agent(&self, name: &str) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// The agent of this name.
    pub fn agent_mut(&mut self, name: &str) -> Option<&mut Agent> {
        self.agents.get_mut(name)
    }

    /// The number of letters that wait.
    pub fn n_letters(&self) -> usize {
        self.post.letters.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A person says something to one of the agents; then letters are delivered.
    ///
    /// # Errors
    /// [`AgentError::NoMember`], and as [`Agent::handle`].
    pub fn say(&mut self, name: &str, text: &str) -> Result<Vec<Delivery>, AgentError> {
        let agent = self.agents.get_mut(name);
        let agent = agent.ok_or_else(|| AgentError::NoMember { name: name.to_owned() })?;
        let trace = agent.say(text)?;
        let mut turns = vec![Delivery { agent: name.to_owned(), from: None, trace }];
        turns.extend(self.deliver()?);
        Ok(turns)
    }

    /// Delivers letters until none waits, or until the limit.
    ///
    /// # Errors
    /// As [`Agent::handle`]. The letter that could not be handled waits again, as the first.
    pub fn deliver(&mut self) -> Result<Vec<Delivery>, AgentError> {
        let mut turns = Vec::new();
        for _ in 0..self.most_letters {
            let letters = || self.post.letters.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(letter) = letters().pop_front() else { break };
            let Letter { from, to, text } = letter.clone();
            let Some(agent) = self.agents.get_mut(&to) else { continue };
            match agent.handle(Event::Agent { from: from.clone(), text }) {
                Ok(trace) => turns.push(Delivery { agent: to, from: Some(from), trace }),
                Err(error) => {
                    self.post
                        .letters
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push_front(letter);
                    return Err(error);
                }
            }
        }
        Ok(turns)
    }
}
