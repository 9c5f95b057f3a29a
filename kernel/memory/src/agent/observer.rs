//! Seeing a turn while it goes on.

use std::fmt;
use std::sync::Arc;

use crate::message::{Piece, ToolCall};
use crate::trace::Outcome;

/// What happens in a turn, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum StepEvent<'a> {
    /// The model is asked; the number counts from 1.
    Asked {
        /// Which step of the turn.
        step: usize,
        /// The tokens of the prompt, as we count them.
        prompt_tokens: usize,
    },
    /// The model writes.
    Piece(&'a Piece),
    /// A tool is about to be called.
    Called(&'a ToolCall),
    /// A tool has returned.
    Returned(&'a ToolCall, &'a str),
    /// The prompt is close to the window, and the agent was warned.
    Pressure {
        /// The tokens of the prompt.
        n_tokens: usize,
        /// The largest prompt.
        limit: usize,
    },
    /// Messages left the queue.
    Evicted {
        /// How many.
        n_messages: usize,
    },
    /// The agent speaks.
    Answered(&'a str),
    /// The turn has ended.
    Ended(&'a Outcome),
}

/// Somebody who is told of each [`StepEvent`], on the thread of the turn.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&StepEvent<'_>) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&StepEvent<'_>) + Send + Sync + 'static) -> Self {
        Observer(Arc::new(observe))
    }

    pub(crate) fn tell(&self, event: &StepEvent<'_>) {
        (self.0)(event);
    }
}

impl Default for Observer {
    fn default() -> Self {
        Observer(Arc::new(|_| {}))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
