//! The runtime on which cells with an `.await` run.
//!
//! evcxr's text of such a cell makes a tokio runtime and waits on it. The kernel puts this one in its
//! place. It differs in two ways: what waits is compiled already, so that a cell generates none of
//! tokio's code; and it belongs to the process. The session's process may be a copy of an earlier one
//! (a cell was undone), and threads are not copied: there the copy starts threads of its own, where a
//! timer of the old runtime would never ring.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use momentum_memory::runtime::PerProcess;
use tokio::runtime;

/// tokio's runtime of this process.
static OF_PROCESS: PerProcess<Arc<runtime::Runtime>> = PerProcess::new();

/// What evcxr takes for tokio's own.
#[derive(Debug)]
pub struct Runtime(());

impl Runtime {
    /// Starts the threads of this process, unless they run.
    ///
    /// # Errors
    ///
    /// When the system gives no threads or no event queue.
    pub fn new() -> io::Result<Runtime> {
        of_process().map(|_| Runtime(()))
    }

    /// Waits for work, on this thread.
    ///
    /// ```
    /// use momentum_cells::asynchronous::Runtime;
    ///
    /// let text = "borrowed".to_owned();
    /// assert_eq!(Runtime::new()?.block_on(async { text.len() }), 8);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the work panics; and in a copy of the process to which the system gives no threads.
    pub fn block_on<Work: Future>(&self, work: Work) -> Work::Output {
        let mut output = None;
        wait(Box::pin(async { output = Some(work.await) }));
        let Some(output) = output else { unreachable!("the work has ended") };
        output
    }
}

#[inline(never)]
fn wait(work: Pin<Box<dyn Future<Output = ()> + '_>>) {
    match of_process() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => panic!("the runtime for `.await` cannot be started: {error}"),
    }
}

fn of_process() -> io::Result<Arc<runtime::Runtime>> {
    let start = || runtime::Builder::new_multi_thread().enable_all().build().map(Arc::new);
    OF_PROCESS.with(start, Arc::clone)
}
