//! The threads that networks compute on.
//!
//! A notebook's process may be a copy of an earlier one (the kernel undoes a cell that failed by
//! going back to such a copy), and threads are not copied. So the pool is this crate's own, and a
//! process that finds the pool of another starts a new one. The number of threads changes no bit
//! of any result.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

/// How often a caller looks whether its helpers are done before it sleeps until they are: about as
/// long as it takes to be woken.
const LOOKS: u32 = 2_000;

/// Runs parallel work on this process's pool, or on the pool whose thread calls.
///
/// `RAYON_NUM_THREADS` tells how many threads there are; else there is one for each core.
pub(crate) fn install<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// Works on every part, on the calling thread and on those of this process's pool (or the pool whose
/// thread calls): whoever is free takes the next part.
///
/// The caller works along because to wake a thread costs as much as some dozens of images, and to
/// wait for one again as much.
pub(crate) fn share<P: Send>(
    parts: impl ExactSizeIterator<Item = P> + Send,
    work: impl Fn(P) + Sync,
) {
    let n_parts = parts.len();
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(part) = next() {
            work(part);
        }
    };
    let helpers = count().min(n_parts).saturating_sub(1);
    let done = AtomicUsize::new(0);
    let pool = if rayon::current_thread_index().is_some() { None } else { pool() };
    match pool {
        Some(pool) => pool.in_place_scope(|scope| with_helpers(scope, helpers, &done, &work)),
        None => rayon::in_place_scope(|scope| with_helpers(scope, helpers, &done, &work)),
    }
}

/// Works here and on that many other threads; `done` counts those that have ended.
fn with_helpers<'scope>(
    scope: &Scope<'scope>,
    helpers: usize,
    done: &'scope AtomicUsize,
    work: &'scope (impl Fn() + Sync + 'scope),
) {
    for _ in 0..helpers {
        scope.spawn(move |_| {
            work();
            done.fetch_add(1, Ordering::Release);
        });
    }
    work();
    // The scope waits for the helpers in any case; this only keeps the caller awake meanwhile.
    let mut looks = 0;
    while looks < LOOKS && done.load(Ordering::Acquire) < helpers {
        hint::spin_loop();
        looks += 1;
    }
}

/// How many threads [`share`] works on.
pub(crate) fn count() -> usize {
    match pool() {
        Some(pool) if rayon::current_thread_index().is_none() => pool.current_num_threads(),
        _ => rayon::current_num_threads(),
    }
}

/// The pool; none if the system gives no threads, in which case rayon's own does what it can.
fn pool() -> Option<Arc<ThreadPool>> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, pool)) = &*pool
        && *owner == process
    {
        return Some(Arc::clone(pool));
    }
    let name = |index| format!("momentum-vis-{index}");
    let new = Arc::new(ThreadPoolBuilder::new().thread_name(name).build().ok()?);
    // Nobody is there who could end the threads of the old one.
    std::mem::forget(pool.replace((process, Arc::clone(&new))));
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_the_pool_and_on_the_callers_own() {
        let name = || std::thread::current().name().unwrap_or_default().to_owned();
        assert!(install(name).starts_with("momentum-vis-"));
        let other = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(other.install(|| install(rayon::current_num_threads)), 1);
    }

    #[test]
    fn every_part_is_worked_on_once() {
        let check = |n_parts: usize| {
            let mut done = vec![0; n_parts];
            share(done.iter_mut().enumerate(), |(i, done)| *done += i + 1);
            assert!(done.iter().copied().eq(1..=n_parts), "{done:?}");
        };
        for threads in [1, 2, 4] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for n_parts in [0, 1, 3, 100] {
                pool.install(|| check(n_parts));
            }
        }
        check(10);
    }
}
