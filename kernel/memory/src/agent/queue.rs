//! The FIFO queue: the rolling history of messages in the main context. Its first entry is the
//! recursive summary of what was evicted (MemGPT, section 2.1).

use std::collections::VecDeque;

use crate::message::{Message, Role};
use crate::tokens::TokenCounter;
use crate::untrusted;

/// What stands where text was cut out.
const CUT: &str = "cut here to fit the window; conversation_search finds the whole";

/// A message in the queue. Its tokens are counted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub message: Message,
    pub n_tokens: usize,
    /// Where it is in recall storage; [`None`] until it is kept there.
    pub position: Option<u64>,
    /// Whether a turn begins with it.
    pub opens_turn: bool,
}

/// The recursive summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// What it says.
    pub text: String,
    entry: Entry,
}

/// The newest messages, oldest first, behind the summary of the ones before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    summary: Option<Summary>,
    entries: VecDeque<Entry>,
    n_tokens: usize,
    n_evicted: u64,
    /// The entry that opened the turn that goes on now; it is not evicted before the turn ends.
    pinned: Option<usize>,
}

impl Queue {
    /// Puts a message at the end, [`harmless`](untrusted::harmless) and cut to `longest` tokens;
    /// `opens_turn` when a turn begins with it.
    pub(crate) fn push(
        &mut self,
        message: Message,
        opens_turn: bool,
        longest: usize,
        counter: &TokenCounter,
    ) {
        let mut message = untrusted::harmless(message);
        let mut n_tokens = counter.count_message(&message);
        if n_tokens > longest {
            shorten(&mut message, longest, counter);
            n_tokens = counter.count_message(&message);
        }
        self.n_tokens += n_tokens;
        self.entries.push_back(Entry { message, n_tokens, position: None, opens_turn });
        if opens_turn {
            self.pinned = Some(self.entries.len() - 1);
        }
    }

    /// Ends the turn: what opened it may be evicted from now on.
    pub(crate) fn end_turn(&mut self) {
        self.pinned = None;
    }

    /// Where the message that opened the turn that goes on is in recall storage; the inner [`None`]
    /// before it is kept there, the outer one between turns.
    pub(crate) fn opening(&self) -> Option<Option<u64>> {
        self.pinned.map(|pinned| self.entries[pinned].position)
    }

    /// Says which message opened the turn that goes on, as [`opening`](Self::opening) does.
    pub(crate) fn pin(&mut self, opening: Option<Option<u64>>) {
        self.pinned = opening
            .and_then(|opening| self.entries.iter().position(|entry| entry.position == opening));
    }

    /// The messages as they stand in the prompt, oldest first, the summary before them.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        let summary = self.summary.iter().map(|summary| &summary.entry.message);
        summary.chain(self.entries.iter().map(|entry| &entry.message))
    }

    /// What the summary says, if anything was evicted yet.
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_ref().map(|summary| summary.text.as_str())
    }

    /// The number of messages, without the summary.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of messages evicted so far. Recall storage has them.
    pub fn n_evicted(&self) -> u64 {
        self.n_evicted
    }

    /// The tokens of the summary.
    pub fn summary_tokens(&self) -> usize {
        self.summary.as_ref().map_or(0, |summary| summary.entry.n_tokens)
    }

    /// The tokens of all messages and the summary.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens + self.summary_tokens()
    }

    /// The tokens of the messages of one role, without the summary.
    pub fn tokens_of(&self, role: Role) -> usize {
        let fitting = self.entries.iter().filter(|entry| entry.message.role == role);
        fitting.map(|entry| entry.n_tokens).sum()
    }

    /// Sets the recursive summary, which now stands for all evicted messages, cut to `limit`
    /// tokens.
    pub(crate) fn set_summary(&mut self, text: &str, limit: usize, counter: &TokenCounter) {
        let n_evicted = self.n_evicted;
        let message = |text: &str| {
            Message::system(&format!(
                "<conversation_summary messages=\"{n_evicted}\">\n{}\n</conversation_summary>",
                untrusted::defused(&untrusted::escaped(text)),
            ))
        };
        let frame = counter.count_message(&message(""));
        let mut text = cut(text, limit.saturating_sub(frame), counter);
        // Escaping makes some texts longer.
        while counter.count_message(&message(&text)) > limit.max(frame) && !text.is_empty() {
            text = head(&text, text.len() / 2).to_owned();
        }
        let message = message(&text);
        let n_tokens = counter.count_message(&message);
        let entry = Entry { message, n_tokens, position: None, opens_turn: false };
        self.summary = Some(Summary { text, entry });
    }

    pub(crate) fn clear_summary(&mut self) {
        self.summary = None;
    }

    /// The oldest entries that may go together: a whole turn before the one that goes on now, else
    /// its oldest step. A tool's result never stands without its call, and the newest step stays.
    fn oldest_unit(&self) -> Option<std::ops::Range<usize>> {
        let pinned = self.pinned.unwrap_or(self.entries.len());
        if pinned > 0 {
            let next = (1..pinned).find(|i| self.entries[*i].opens_turn).unwrap_or(pinned);
            // With no turn going on, the newest turn stays.
            let newest = self.pinned.is_none() && next == self.entries.len();
            return (!newest).then_some(0..next);
        }
        let is_result = |i: &usize| self.entries[*i].message.role == Role::Tool;
        let begins: Vec<_> = (1..self.entries.len()).filter(|i| !is_result(i)).take(2).collect();
        match begins.as_slice() {
            [first, second] => Some(*first..*second),
            _ => None,
        }
    }

    /// Evicts the oldest units until the messages take at most `n_tokens`, or no unit may go.
    /// Returns what was evicted, oldest first.
    pub(crate) fn evict_to(&mut self, n_tokens: usize) -> Vec<Message> {
        let mut evicted = Vec::new();
        while self.n_tokens > n_tokens
            && let Some(unit) = self.oldest_unit()
        {
            if let Some(pinned) = &mut self.pinned
                && *pinned >= unit.end
            {
                *pinned -= unit.len();
            }
            for entry in self.entries.drain(unit) {
                self.n_tokens -= entry.n_tokens;
                evicted.push(entry.message);
            }
        }
        self.n_evicted += evicted.len() as u64;
        evicted
    }

    /// Cuts the longest texts until the messages take at most `n_tokens`; says whether that could
    /// be done. Recall storage keeps the whole texts.
    pub(crate) fn shrink_to(&mut self, n_tokens: usize, counter: &TokenCounter) -> bool {
        while self.n_tokens > n_tokens {
            let over = self.n_tokens - n_tokens;
            let mut longest_first: Vec<_> = (0..self.entries.len()).collect();
            longest_first.sort_by_key(|i| (std::cmp::Reverse(self.entries[*i].n_tokens), *i));
            let saved = longest_first.into_iter().find_map(|i| {
                let entry = &mut self.entries[i];
                let before = entry.n_tokens;
                let goal = (before / 2).max(before.saturating_sub(over));
                let mut message = entry.message.clone();
                shorten(&mut message, goal, counter);
                let n_tokens = counter.count_message(&message);
                let saved = before.checked_sub(n_tokens).filter(|saved| *saved > 0)?;
                (entry.message, entry.n_tokens) = (message, n_tokens);
                Some(saved)
            });
            let Some(saved) = saved else { return false };
            self.n_tokens -= saved;
        }
        true
    }

    /// Says where the messages that were not kept yet are now in recall storage.
    pub(crate) fn set_positions(&mut self, first: u64) {
        let unkept = self.entries.iter_mut().filter(|entry| entry.position.is_none());
        for (entry, position) in unkept.zip(first..) {
            entry.position = Some(position);
        }
    }

    /// The position of the oldest message that is kept.
    pub(crate) fn first_position(&self) -> Option<u64> {
        self.entries.iter().find_map(|entry| entry.position)
    }

    /// Drops the messages that are not kept: the turn came to nothing.
    pub(crate) fn drop_unkept(&mut self) {
        let n_tokens = &mut self.n_tokens;
        self.entries.retain(|entry| {
            if entry.position.is_none() {
                *n_tokens -= entry.n_tokens;
            }
            entry.position.is_some()
        });
        self.pinned = None;
    }

    pub(crate) fn set_n_evicted(&mut self, n_evicted: u64) {
        self.n_evicted = n_evicted;
    }
}

/// The first `n` bytes of a text, less what would cut a character.
fn head(text: &str, n: usize) -> &str {
    &text[..text.floor_char_boundary(n)]
}

fn tail(text: &str, n: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(n))..]
}

/// A text of at most `limit` tokens: the whole, or its head and tail with a mark between.
pub(crate) fn cut(text: &str, limit: usize, counter: &TokenCounter) -> String {
    let n = counter.count(text);
    if n <= limit {
        return text.to_owned();
    }
    // At first as many bytes as the text's own ratio allows, then ever fewer.
    let mut room = text.len() * limit / n.max(1);
    while room > 0 {
        let (head, tail) = (head(text, room * 2 / 3), tail(text, room / 3));
        let shorter = format!("{head} [… {CUT} …] {tail}");
        if counter.count(&shorter) <= limit {
            return shorter;
        }
        room = room * 3 / 4;
    }
    let mut end = text.len().min(4 * limit);
    while counter.count(head(text, end)) > limit {
        end /= 2;
    }
    head(text, end).to_owned()
}

/// Makes a message take about `goal` tokens, by cutting its text and the texts in the arguments of
/// its calls, which stay valid JSON.
fn shorten(message: &mut Message, goal: usize, counter: &TokenCounter) {
    let n_texts = 1 + message.tool_calls.len();
    let frame = counter.count_message(&Message { text: String::new(), ..message.clone() });
    if message.tool_calls.is_empty() {
        message.text = cut(&message.text, goal.saturating_sub(frame), counter);
        return;
    }
    let share = goal / n_texts;
    message.text = cut(&message.text, share, counter);
    for call in &mut message.tool_calls {
        let share = share.saturating_sub(counter.count(&call.name));
        if counter.count(&call.arguments) > share {
            let parsed = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>;
            let mut arguments = parsed(&call.arguments).unwrap_or_default();
            let each = share / (arguments.len().max(1) * 2);
            for value in arguments.values_mut() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if counter.count(&text) > each {
                    *value = cut(&text, each, counter).into();
                }
            }
            let shorter = serde_json::Value::Object(arguments).to_string();
            let fits = counter.count(&shorter) <= share;
            call.arguments = if fits { shorter } else { "{}".to_owned() };
        }
    }
}

#[cfg(test)]
mod tests;
