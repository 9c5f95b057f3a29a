//! The threads that networks compute on.
//!
//! A notebook's process may be a copy of an earlier one (the kernel undoes a cell that failed by
//! going back to such a copy), and threads are not copied. So the pool is this crate's own, and a
//! process that finds the pool of another starts a new one. The number of threads changes no bit
//! of any result.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

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
}
