//! Compiling the cells that come, while one runs.
//!
//! Who runs a whole notebook knows what comes. A second evaluator goes through the same cells, with
//! a process that runs none of them; what it compiles it leaves in the cells' cache, and there the
//! session finds it. It begins with the first cell that is not in the cache: a notebook that was
//! compiled before costs nothing more. It ends at a cell with commands, which may add crates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use super::evaluator::Evaluator;
use super::{EngineConfig, Stop};
use crate::cell;
use crate::process::{Control, FrameSender, Part};

/// The evaluator that goes ahead; stopped when it is dropped.
pub(super) struct Ahead {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
    /// Tells the thread whether there is something to do.
    begin: Sender<bool>,
}

impl Ahead {
    /// Prepares to compile these cells, the next ones of a session that has run none yet.
    ///
    /// # Errors
    ///
    /// When there are no pipes left. The session compiles its cells itself then.
    pub(super) fn new(config: &EngineConfig, cells: Vec<String>) -> std::io::Result<Ahead> {
        let (control, control_end) = Control::pipe()?;
        let (frames, _) = FrameSender::pipe()?;
        let stop = Arc::new(Stop::new(control));
        let (begin, begins) = channel();
        let thread = std::thread::spawn({
            let (config, stop) = (config.clone(), Arc::clone(&stop));
            move || {
                if begins.recv() == Ok(true)
                    && let Ok(evaluator) =
                        Evaluator::start(&config, Part::Rehearsal, &frames, control_end, &stop)
                {
                    go(evaluator, &cells, &stop.requested);
                }
            }
        });
        Ok(Ahead { stop, thread: Some(thread), begin })
    }

    /// How it is told that a cell is not in the cache.
    pub(super) fn beginning(&self) -> impl FnOnce() + Send + 'static {
        let begin = self.begin.clone();
        move || {
            let _ = begin.send(true);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let _ = self.begin.send(false);
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Goes through the cells, until one has commands or it is told to stop.
fn go(mut evaluator: Evaluator, cells: &[String], stopped: &AtomicBool) {
    let (events, _unheard) = channel();
    for source in cells {
        if stopped.load(Ordering::SeqCst) || !cell::split_commands(source).0.is_empty() {
            break;
        }
        evaluator.execute(source, &events);
    }
}
