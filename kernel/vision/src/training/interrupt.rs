//! A flag that asks training to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A flag that training and downloads look at between batches. Clones share the flag.
#[derive(Clone, Debug)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    idle: Arc<AtomicBool>,
    listeners: Arc<Mutex<usize>>,
}

impl Default for Interrupt {
    fn default() -> Self {
        let idle = Arc::new(AtomicBool::new(true));
        Interrupt { raised: Arc::default(), idle, listeners: Arc::default() }
    }
}

/// While it is there, someone looks at the flag.
#[derive(Debug)]
pub(crate) struct Listening(Interrupt);

impl Interrupt {
    /// A flag of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// The flag shared by the whole process: what an interrupt handler raises.
    pub fn of_process() -> Self {
        static PROCESS: OnceLock<Interrupt> = OnceLock::new();
        PROCESS.get_or_init(Self::new).clone()
    }

    /// Asks to stop.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether someone has asked to stop; lowers the flag.
    pub fn take(&self) -> bool {
        self.raised.swap(false, Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.raised)
    }

    /// True while no training and no download looks at the flag: then a signal handler must do what
    /// it always does.
    pub fn idle(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.idle)
    }

    /// Says that the flag is looked at, as long as the result lives.
    pub(crate) fn listen(&self) -> Listening {
        self.count(|n| *n += 1);
        Listening(self.clone())
    }

    fn count(&self, change: impl FnOnce(&mut usize)) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut listeners);
        self.idle.store(*listeners == 0, Ordering::Relaxed);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.count(|n| *n -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_listened_to_until_the_last_listener_has_gone() {
        let interrupt = Interrupt::new();
        let idle = || interrupt.idle().load(Ordering::Relaxed);
        assert!(idle());
        let (first, second) = (interrupt.listen(), interrupt.clone().listen());
        drop(first);
        assert!(!idle());
        drop(second);
        assert!(idle());
    }

    #[test]
    fn it_is_taken_once() {
        let interrupt = Interrupt::new();
        interrupt.clone().raise();
        assert!(interrupt.take() && !interrupt.take());
    }
}
