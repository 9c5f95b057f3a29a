//! Stopping a turn from outside.

use std::sync::Arc;

use tokio::sync::watch;

/// A switch that ends the turn that goes on: the request to the model is dropped, tools that are
/// async are dropped, and no further step is made. Clones are the same switch.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let mut agent = Agent::new(Client::tutor()?);
/// let cancellation = agent.cancellation();
/// // From another thread, as a rule.
/// cancellation.cancel();
/// assert_eq!(*agent.say("Hello.")?.outcome(), Outcome::Cancelled);
/// cancellation.reset();
/// assert_eq!(*agent.say("Hello.")?.outcome(), Outcome::Answered);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cancellation(Arc<watch::Sender<bool>>);

impl Default for Cancellation {
    fn default() -> Self {
        Cancellation(Arc::new(watch::Sender::new(false)))
    }
}

impl Cancellation {
    /// Ends the turn that goes on, and every later one until [`reset`](Self::reset).
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Lets turns go on again.
    pub fn reset(&self) {
        self.0.send_replace(false);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is cancelled.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender is held by this value, so waiting does not fail.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
