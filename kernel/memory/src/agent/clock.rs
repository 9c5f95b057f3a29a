//! Where an agent takes the time from.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::storage::Timestamp;

/// What time it is for an agent: the machine's clock, or one that counts, so that a lesson, a
/// recording or a test gives the same bits each time. Clones of a counting clock go on together.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that starts at a time and goes forward a little each time it is read.
    #[non_exhaustive]
    Counting {
        /// Milliseconds after 1970, at the next reading.
        next: Arc<AtomicI64>,
        /// How much it goes forward.
        step: Duration,
    },
}

impl Clock {
    /// A clock that starts at `start` and goes forward by `step` each time it is read.
    ///
    /// ```
    /// use std::time::Duration;
    /// use momentum_memory::agent::Clock;
    /// use momentum_memory::storage::Timestamp;
    ///
    /// let clock = Clock::counting(Timestamp::parse("2026-11-23T09:00:00Z")?, Duration::from_secs(60));
    /// assert_eq!(clock.now().to_string(), "2026-11-23T09:00:00.000Z");
    /// assert_eq!(clock.now().to_string(), "2026-11-23T09:01:00.000Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn counting(start: Timestamp, step: Duration) -> Self {
        Clock::Counting { next: Arc::new(AtomicI64::new(start.millis())), step }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => SystemTime::now().into(),
            Clock::Counting { next, step } => {
                let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(next.fetch_add(step, Ordering::Relaxed))
            }
        }
    }
}
