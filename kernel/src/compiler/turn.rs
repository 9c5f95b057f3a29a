//! Who compiles a cell, when two sessions of this process come to the same one.
//!
//! While a notebook runs, its cells are also compiled ahead (`engine/ahead`). Whoever comes second
//! to a cell waits for the first, and finds the library in the cache.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The keys of the cells that are being compiled.
static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static GIVEN_BACK: Condvar = Condvar::new();
/// How often it is looked whether the one who waits has been interrupted.
const POLL: Duration = Duration::from_millis(50);

/// The right to compile a cell; given back when it is dropped.
pub(super) struct Turn {
    key: String,
}

impl Turn {
    /// Waits until nobody else compiles the cell with this key. Nothing once `interrupted` is set.
    pub(super) fn take(key: &str, interrupted: &AtomicBool) -> Option<Turn> {
        let mut taken = lock();
        while taken.contains(key) {
            if interrupted.load(Ordering::SeqCst) {
                return None;
            }
            let waited = GIVEN_BACK.wait_timeout(taken, POLL);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        taken.insert(key.to_owned());
        Some(Turn { key: key.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock().remove(&self.key);
        GIVEN_BACK.notify_all();
    }
}

fn lock() -> MutexGuard<'static, BTreeSet<String>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_who_is_interrupted_waits_no_longer() {
        let (free, interrupted) = (AtomicBool::new(false), AtomicBool::new(true));
        let first = Turn::take("a cell", &free).unwrap();
        assert!(Turn::take("a cell", &interrupted).is_none());
        assert!(Turn::take("another", &interrupted).is_some(), "it need not wait");
        let second = std::thread::spawn(|| Turn::take("a cell", &AtomicBool::new(false)).is_some());
        drop(first);
        assert!(second.join().unwrap());
    }
}
