//! What two processes, or one after the other, know of the same agent's queue.

use std::sync::Arc;

use crate::agent::Agent;
use crate::message::Message;
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
