//! The queue manager (MemGPT, section 2.2): it warns the agent when the prompt comes close to the
//! window, evicts the oldest messages when it reaches it, and has them summarised.

use std::sync::Arc;

use crate::agent::context::Context;
use crate::agent::observer::StepEvent;
use crate::agent::turn::Asked;
use crate::agent::{Agent, AgentError, summary};
use crate::message::{Message, Role};
use crate::storage::NewMessage;

/// What a warning begins with.
pub(crate) const WARNING: &str = "[memory pressure]";

/// The size of a prompt that has just been made room in may differ by a few digits.
const SLACK: usize = 8;

impl Agent {
    /// The main context, after the queue manager has seen to it: never larger than the window.
    pub(crate) fn fitting_context(&mut self) -> Result<Context, AgentError> {
        let limit = self.window.prompt_limit();
        let mut context = self.context()?;
        if context.n_tokens() > self.window.evict_at() || context.n_tokens() > limit {
            self.evict(context.fixed_tokens())?;
            context = self.context()?;
        }
        if context.n_tokens() > self.window.warn_at() && !self.is_warned {
            self.is_warned = true;
            self.warn(&context);
            context = self.context()?;
        }
        if context.n_tokens() > limit {
            context = self.shrunk_context(context)?;
        }
        Ok(context)
    }

    /// Drops the messages of a step that came to nothing. A warning among them was not read, and is
    /// given again.
    pub(crate) fn drop_step(&mut self) {
        let is_warning = |kept: &NewMessage| {
            kept.message.role == Role::System && kept.message.text.starts_with(WARNING)
        };
        if self.unkept.iter().any(is_warning) {
            self.is_warned = false;
        }
        self.unkept.clear();
        self.queue_mut().drop_unkept();
    }

    fn warn(&mut self, context: &Context) {
        let (n_tokens, limit) = (context.n_tokens(), self.window.prompt_limit());
        self.tell(&StepEvent::Pressure { n_tokens, limit });
        let text = format!(
            "{WARNING} The prompt takes {n_tokens} of {limit} tokens. Soon the oldest messages \
             will be summarised and leave your sight. Save what is worth keeping now."
        );
        let message = Message::system(&text);
        // Where not even the warning has room, there is nothing left to be saved.
        if self.counter.count_message(&message) + n_tokens <= limit {
            self.push(message, false);
        }
    }

    /// Evicts the oldest messages down to the mark, and has them summarised. `fixed` is what the
    /// rest of the prompt takes.
    fn evict(&mut self, fixed: usize) -> Result<(), AgentError> {
        let reserved = fixed + self.window.summary_limit() + SLACK;
        let goal = self.window.evict_to().saturating_sub(reserved);
        loop {
            self.catch_up()?;
            let evicted = self.queue_mut().evict_to(goal);
            if evicted.is_empty() {
                return Ok(());
            }
            self.is_warned = false;
            self.tell(&StepEvent::Evicted { n_messages: evicted.len() });
            let text = self.summarise(&evicted);
            let (limit, counter) = (self.window.summary_limit(), self.counter.clone());
            self.queue_mut().set_summary(&text, limit, &counter);
            if self.keep_queue_state()? {
                return Ok(());
            }
            // Another process evicted meanwhile: what it has summarised is gone on from.
            self.reload_queue()?;
        }
    }

    /// The summary of the one before and these messages, in the model's words. The summariser has
    /// the whole window, and neither the turn's limit of steps nor its budget. When it fails, what
    /// stands there instead says so.
    fn summarise(&self, evicted: &[Message]) -> String {
        let mut before = self.queue().summary().map(str::to_owned);
        let limit = self.window.prompt_limit();
        let portions =
            summary::portions(evicted, limit, self.window.summary_limit() + SLACK, &self.counter);
        for portion in &portions {
            let request = summary::request(before.as_deref(), portion);
            let messages = request.messages.iter();
            let n: usize = messages.map(|message| self.counter.count_message(message)).sum();
            let asked = match n + crate::tokens::PER_PROMPT <= limit {
                true => self.ask(&self.summariser, request, None),
                false => Ok(Asked::Nothing("the window is too small for a summariser".to_owned())),
            };
            let why = match asked {
                Ok(Asked::Reply(reply)) => match summary::text_of(&reply) {
                    Some(text) => {
                        let room = self.window.summary_limit();
                        before = Some(super::queue::cut(text, room, &self.counter));
                        continue;
                    }
                    None => "the summariser gave an empty reply".to_owned(),
                },
                Ok(Asked::Nothing(why)) => why,
                Err(error) => error.to_string(),
            };
            before = Some(summary::fallback(before.as_deref(), portion, &why));
        }
        before.unwrap_or_default()
    }

    /// The last resort, when the newest turn alone is too large: texts in it are cut, and if that
    /// is not enough, the summary is given up.
    fn shrunk_context(&mut self, mut context: Context) -> Result<Context, AgentError> {
        let limit = self.window.prompt_limit();
        for with_summary in [true, false] {
            if !with_summary {
                self.queue_mut().clear_summary();
            }
            let beside = context.fixed_tokens() + self.queue().summary_tokens() + SLACK;
            let counter = self.counter.clone();
            if limit > beside && self.queue_mut().shrink_to(limit - beside, &counter) {
                context = self.context()?;
                if context.n_tokens() <= limit {
                    return Ok(context);
                }
            }
        }
        let n_tokens = context.fixed_tokens();
        Err(AgentError::OverWindow { n_tokens, limit })
    }

    pub(crate) fn tell(&self, event: &StepEvent<'_>) {
        if let Some(observer) = &self.observer {
            observer.tell(event);
        }
    }

    pub(crate) fn model(&self) -> &Arc<dyn super::Model> {
        &self.model
    }
}
