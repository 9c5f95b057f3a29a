//! The **rule-based tutor model**: what lessons talk to when there is no language model.
//!
//! It is *not* a language model. It is a small deterministic program that tells facts from
//! questions by a [list of patterns](https://en.wikipedia.org/wiki/ELIZA), as ELIZA did in 1966,
//! and it says so: its name is [`MODEL`], its replies carry that name as `model` and as
//! `system_fingerprint`, and where no pattern fits it answers that it did not understand.
//!
//! What it is for: to give an agent something honest to work with, on any machine, with the same
//! bits each time, through the same HTTP format as a real model. It reads the schemas of the tools
//! on offer to decide which to call, calls them in as many steps as it takes, and answers **only
//! from what is in its context**: the messages that it is sent. It keeps nothing between requests.
//!
//! | it understands | examples |
//! |---|---|
//! | facts | "My name is Sara", "I moved to Lyon", "I have a dog called Pixel", "My dog's vet is Dr Blanc" |
//! | notes | "Remember that the meeting is on Monday" |
//! | questions | "Where do I live?", "What is my dog called?", "What do you know about me?" |
//! | deletion | "Forget my favourite colour", "Forget everything" |
//! | look-ups | "Look up 'a7f3' and follow the chain" |
//! | letters | "Tell the agent librarian: my name is Sara" |
//! | a request for a summary | it lists the facts that the user told |
//! | a tool by its name | "Roll the dice" with a tool `roll_dice` |
//!
//! The whole grammar stands in one file, `tutor/grammar.rs`.

mod english;
mod grammar;
mod knowledge;
mod offers;
mod plan;
mod server;

pub use self::server::{TutorError, TutorServer};
use crate::message::{FinishReason, Reply, Request, ToolCall, Usage};

/// The name of the model, as clients ask for it.
pub const MODEL: &str = "rule-based-tutor-1";

/// The rule-based tutor model: a pure function from a request to a reply.
///
/// ```
/// use momentum_memory::message::{Message, Request, ToolDefinition};
/// use momentum_memory::tutor::RuleBasedTutor;
///
/// let ask = |text: &str| {
///     let request = Request::new(&[Message::user(text)], &[]);
///     RuleBasedTutor.reply(&request).text.unwrap()
/// };
/// assert_eq!(ask("I live in Lyon. Where do I live?"),
///            "I have no memory tool here, so only in this conversation I know that you live in \
///             Lyon. You live in Lyon.");
/// assert_eq!(ask("Where do I live?"),
///            "I do not know where you live: it is not in my context.");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleBasedTutor;

impl RuleBasedTutor {
    /// The reply to a request. The same request always gets the same reply. Tokens are counted as
    /// words. Tool calls are numbered through the conversation: `call_1`, `call_2`, and so on.
    pub fn reply(&self, request: &Request) -> Reply {
        let messages = &request.messages;
        let n_calls: usize = messages.iter().map(|message| message.tool_calls.len()).sum();
        let (text, calls) = match plan::decide(request) {
            plan::Step::Say(text) => (Some(text), Vec::new()),
            plan::Step::Call(calls) => (None, calls),
        };
        let calls = calls.into_iter().zip(n_calls + 1..).map(|((name, arguments), n)| ToolCall {
            id: format!("call_{n}"),
            name,
            arguments: arguments.to_string(),
        });
        let tool_calls: Vec<_> = calls.collect();
        let words = |text: &str| text.split_whitespace().count() as u64;
        let usage = Usage {
            prompt_tokens: messages.iter().map(|message| words(&message.to_string())).sum(),
            completion_tokens: words(text.as_deref().unwrap_or_default())
                + tool_calls.iter().map(|call| words(&call.arguments)).sum::<u64>(),
        };
        let finish =
            if tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        Reply { text, reasoning: None, tool_calls, finish, model: MODEL.to_owned(), usage }
    }
}

#[cfg(test)]
mod tests;
