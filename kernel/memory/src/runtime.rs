//! One shared tokio runtime, so that a caller needs none.
//!
//! Work is spawned onto it and waited for over a plain channel. That blocks the calling thread
//! and nothing else, so it works from a plain program, from a notebook cell, and from inside
//! another tokio runtime (where `block_on` would panic).

use std::future::Future;
use std::sync::{OnceLock, mpsc};

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
pub(crate) fn handle() -> Result<&'static Handle, RuntimeError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("momentum-memory")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle()),
        Err(problem) => Err(RuntimeError::NotStarted(problem.clone())),
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_panic_inside_is_an_error_outside() {
        let lost = wait(async { panic!("on purpose") });
        assert!(matches!(lost, Err(RuntimeError::Lost)));
    }
}
