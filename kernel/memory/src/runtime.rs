//! One shared tokio runtime, so that a caller needs none.
//!
//! Work is spawned onto it and waited for over a plain channel. That blocks the calling thread
//! and nothing else, so it works from a plain program, from a notebook cell, and from inside
//! another tokio runtime (where `block_on` would panic).

use std::future::Future;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::runtime::{Builder, Handle, Runtime};

/// Why asynchronous work could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The operating system gave no threads or no event queue.
    #[error("the background runtime could not be started: {0}. Close some programs and try again.")]
    NotStarted(String),
    /// The work ended without a result, which means that it panicked.
    #[error("work on the background runtime ended without a result; please report this as a bug")]
    Lost,
}

/// The handle of the shared runtime, which is started on first use.
///
/// A notebook's process may be a copy of an earlier one, and threads are not copied: a process that
/// finds the runtime of another starts its own (see [`PerProcess`]).
pub(crate) fn handle() -> Result<Handle, RuntimeError> {
    static RUNTIME: PerProcess<Runtime> = PerProcess::new();
    RUNTIME.with(start, |runtime| runtime.handle().clone())
}

fn start() -> Result<Runtime, RuntimeError> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("momentum-memory")
        .enable_all()
        .build()
        .map_err(|error| RuntimeError::NotStarted(error.to_string()))
}

/// A value that belongs to the process that made it: it has threads, or talks to some.
///
/// A process that is a copy of another (`fork`) has the other's memory and none of its threads. There
/// the value is made anew.
#[derive(Debug)]
pub struct PerProcess<T>(Mutex<Option<(u32, T)>>);

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess::new()
    }
}

impl<T> PerProcess<T> {
    /// No value yet.
    pub const fn new() -> Self {
        PerProcess(Mutex::new(None))
    }

    /// A value that this process has just made.
    pub(crate) fn of(value: T) -> Self {
        PerProcess(Mutex::new(Some((std::process::id(), value))))
    }

    /// Uses the value, made anew if there is none or if it is another process's.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn with<R, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
        use_it: impl FnOnce(&T) -> R,
    ) -> Result<R, E> {
        let mut value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some((owner, value)) = &*value
            && *owner == process
        {
            return Ok(use_it(value));
        }
        let new = make()?;
        // Nobody is there to whom the old one could say that it ends.
        std::mem::forget(value.take());
        let (_, new) = value.insert((process, new));
        Ok(use_it(new))
    }
}

/// Runs `work` on the shared runtime and waits for its result.
///
/// # Errors
/// [`RuntimeError`] when the runtime cannot be started or the work panics.
pub(crate) fn wait<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, RuntimeError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        // The receiver is waiting below; it cannot be gone.
        let _ = sender.send(work.await);
    });
    receiver.recv().map_err(|mpsc::RecvError| RuntimeError::Lost)
}

/// Runs any async work to its end, from a plain program or a notebook cell, without a runtime of
/// one's own: `block_on(async { ... })`. It may borrow.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let names = vec!["Sara".to_string()];
/// let n = block_on(async { names.len() })?;
/// assert_eq!(n, 1);
/// # Ok::<(), momentum_memory::runtime::RuntimeError>(())
/// ```
///
/// # Errors
/// [`RuntimeError`] when the runtime cannot be started or the work panics.
pub fn block_on<Work>(work: Work) -> Result<Work::Output, RuntimeError>
where
    Work: Future + Send,
    Work::Output: Send,
{
    let handle = handle()?;
    // A thread of its own, since the calling one may belong to another runtime.
    std::thread::scope(|scope| scope.spawn(|| handle.block_on(work)).join())
        .map_err(|_| RuntimeError::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_a_process() {
        let value = PerProcess::new();
        let get = |number| value.with(|| Ok::<_, ()>(number), |number| *number).unwrap();
        assert_eq!((get(1), get(2)), (1, 1));
        *value.0.lock().unwrap() = Some((std::process::id().wrapping_add(1), 9));
        assert_eq!(get(3), 3);
    }

    #[test]
    fn works_from_a_plain_thread() {
        assert_eq!(wait(async { 1 + 1 }).unwrap(), 2);
    }

    #[test]
    fn works_from_inside_another_runtime() {
        let other = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(other.block_on(async { wait(async { 1 + 1 }) }).unwrap(), 2);
    }

    #[test]
    fn work_that_borrows_runs_anywhere() {
        let text = "borrowed".to_owned();
        assert_eq!(block_on(async { text.len() }).unwrap(), 8);
        let other = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(other.block_on(async { block_on(async { text.len() }) }).unwrap(), 8);
        let lost = block_on(async { panic!("on purpose") });
        assert!(matches!(lost, Err(RuntimeError::Lost)));
    }

    #[test]
    fn a_panic_inside_is_an_error_outside() {
        let lost = wait(async { panic!("on purpose") });
        assert!(matches!(lost, Err(RuntimeError::Lost)));
    }
}
