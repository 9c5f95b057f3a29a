//! What two processes, or one after the other, know of the same agent's queue.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::UnboundedSender;

use crate::agent::{Agent, Model, PendingReply, Permissions, WindowConfig};
use crate::message::{Message, Piece, Request};
use crate::storage::{AgentId, MemoryStorage, NewMessage, Storage, Timestamp};
use crate::tutor::RuleBasedTutor;

#[test]
fn a_queue_that_was_never_evicted_is_read_as_a_whole() {
    let now = Timestamp::from_millis(0);
    let said = |n: u64| NewMessage::new(Message::user(&format!("{n}")), now);
    let said: Vec<_> = (0..1_200).map(said).collect();
    let storage = Arc::new(MemoryStorage::new());
    let open = |name: &str| {
        let agent = Agent::open(RuleBasedTutor, storage.clone(), name).unwrap();
        agent.with_window(1_000_000)
    };
    drop(open("own"));
    storage.append_messages(&AgentId::new("own"), &said).unwrap();
    assert_eq!(open("own").queue().len(), 1_200);
    // Where the queue of one that was imported began is not known.
    storage.create_agent(&AgentId::new("imported"), now).unwrap();
    storage.append_messages(&AgentId::new("imported"), &said).unwrap();
    assert_eq!(open("imported").queue().len(), 1_000);
}

/// An agent that knows from its queue and its summary alone.
fn open(storage: &Arc<MemoryStorage>) -> Agent {
    let agent = Agent::open(RuleBasedTutor, storage.clone(), "sara").unwrap();
    let window = WindowConfig::new(1_400).with_reply(100);
    agent.with_permissions(Permissions::none()).unwrap().with_window(window)
}

fn talk(agent: &mut Agent) {
    for n in 0..60 {
        agent.say(&format!("My lucky number is {n}.")).unwrap();
    }
}

/// Asserts that nothing was lost between them.
fn check(storage: &Arc<MemoryStorage>) {
    let mut agent = open(storage);
    let n_messages = storage.agent(agent.id()).unwrap().unwrap().n_messages;
    assert!(agent.queue().n_evicted() > 0);
    assert_eq!(agent.queue().n_evicted() + agent.queue().len() as u64, n_messages);
    assert_eq!(agent.say("What is my name?").unwrap().answer(), "Your name is Sara.");
    assert_eq!(agent.say("Where do I live?").unwrap().answer(), "You live in Lyon.");
}

#[test]
fn two_processes_lose_nothing_that_either_has_summarised() {
    let storage = Arc::new(MemoryStorage::new());
    let (mut first, mut second) = (open(&storage), open(&storage));
    first.say("My name is Sara.").unwrap();
    second.say("I live in Lyon.").unwrap();
    talk(&mut first);
    talk(&mut second);
    talk(&mut first);
    check(&storage);
}

/// A summariser while whose work another process goes on with the same agent.
struct Meanwhile(Mutex<Option<Agent>>);

impl Model for Meanwhile {
    fn name(&self) -> &str {
        RuleBasedTutor.name()
    }

    fn describes(&self) -> String {
        RuleBasedTutor.describes()
    }

    fn reply(
        self: Arc<Self>,
        request: Request,
        pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply {
        if let Some(mut other) = self.0.lock().unwrap().take() {
            talk(&mut other);
        }
        Arc::new(RuleBasedTutor).reply(request, pieces)
    }
}

#[test]
fn two_processes_may_evict_at_once() {
    let storage = Arc::new(MemoryStorage::new());
    let (mut first, mut second) = (open(&storage), open(&storage));
    first.say("My name is Sara.").unwrap();
    second.say("I live in Lyon.").unwrap();
    let mut first = first.with_summariser(Meanwhile(Mutex::new(Some(second))));
    talk(&mut first);
    check(&storage);
}
