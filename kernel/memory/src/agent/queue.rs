//! The FIFO queue: the rolling history of messages in the main context.

use std::collections::VecDeque;

use crate::message::{Message, Role};

/// The newest messages, oldest first. Eviction takes whole turns from the front, so that a tool's
/// result never stands without its call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    messages: VecDeque<Message>,
    n_evicted: usize,
}

impl Queue {
    /// Puts a message at the end.
    pub fn push(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.messages.iter()
    }

    /// The number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The number of messages evicted so far.
    pub fn n_evicted(&self) -> usize {
        self.n_evicted
    }

    /// The characters of all messages.
    pub fn n_chars(&self) -> usize {
        self.messages.iter().map(Message::n_chars).sum()
    }

    /// Evicts the oldest turns until at most `n_chars` characters are left. The newest turn stays
    /// whatever its length. Returns what was evicted, oldest first.
    pub fn evict_to(&mut self, n_chars: usize) -> Vec<Message> {
        let mut evicted = Vec::new();
        while self.n_chars() > n_chars {
            let begins = |(_, message): &(usize, &Message)| message.role == Role::User;
            // The second turn begins at the first user message after the front.
            let Some((next, _)) = self.messages.iter().enumerate().skip(1).find(begins) else {
                break;
            };
            evicted.extend(self.messages.drain(..next));
        }
        self.n_evicted += evicted.len();
        evicted
    }

    /// Drops all messages from the `n`-th on.
    pub(crate) fn truncate(&mut self, n: usize) {
        self.messages.truncate(n);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::ToolCall;

    #[test]
    fn whole_turns_are_evicted() {
        let call = ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{}".into() };
        let asked = Message { tool_calls: vec![call.clone()], ..Message::assistant("") };
        let mut queue = Queue::default();
        for message in
            [Message::user("one"), asked, Message::tool(&call, "done"), Message::user("two")]
        {
            queue.push(message);
        }
        assert_eq!(queue.n_chars(), 3 + 3 + 4 + 3);
        assert_eq!(queue.evict_to(12).len(), 3);
        assert_eq!(queue.messages().collect::<Vec<_>>(), [&Message::user("two")]);
        assert_eq!((queue.evict_to(0).len(), queue.len(), queue.n_evicted()), (0, 1, 3));
    }

    proptest! {
        #[test]
        fn eviction_keeps_order_and_loses_nothing(
            turns in prop::collection::vec(prop::collection::vec("[a-z]{0,9}", 1..4), 0..8),
            limit in 0_usize..60,
        ) {
            let mut queue = Queue::default();
            for turn in &turns {
                for (i, text) in turn.iter().enumerate() {
                    queue.push(if i == 0 { Message::user(text) } else { Message::assistant(text) });
                }
            }
            let all: Vec<_> = queue.messages().cloned().collect();
            let mut after = queue.evict_to(limit);
            let first = queue.messages().next().map(|message| message.role);
            prop_assert!(first.is_none_or(|role| role == Role::User));
            let n_users = queue.messages().filter(|message| message.role == Role::User).count();
            prop_assert!(queue.n_chars() <= limit || n_users <= 1);
            after.extend(queue.messages().cloned());
            prop_assert_eq!(after, all);
        }
    }
}
