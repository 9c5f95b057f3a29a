//! The notebooks that are run while the journal is served: one after the other, on a thread of
//! their own, so that an entry never waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic, Result};
use momentum_journal::{LiveEvent, Server};
use momentum_kernel::notebook::Notebook;
use momentum_kernel::output::Interrupter;
use momentum_kernel::provenance::{Freshness, freshness};
use momentum_kernel::runner::RunEvent;

use super::name_in;
use crate::copy::RunCopy;
use crate::helpers::Workshop;
use crate::progress::cell_line;
use crate::report::{self, CellFailed};

/// The thread that runs notebooks.
pub(super) struct Runs {
    asks: Sender<PathBuf>,
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

/// What ends a run.
#[derive(Default)]
struct Stop {
    asked: AtomicBool,
    cell: Mutex<Option<Box<dyn Interrupter>>>,
}

impl Runs {
    /// Starts the thread. A run that has ended is a notebook that has changed, so the watch over the
    /// files sees it.
    pub(super) fn start(server: Arc<Server>, root: PathBuf) -> Runs {
        let (asks, asked) = channel();
        let stop = Arc::new(Stop::default());
        let worker = Worker {
            server,
            root,
            stop: Arc::clone(&stop),
            workshop: None,
            left: BTreeMap::new(),
            restless: BTreeSet::new(),
        };
        let thread = std::thread::spawn(move || worker.work(&asked));
        Runs { asks, stop, thread }
    }

    /// Asks for a notebook to be run, if its outputs do not hold.
    pub(super) fn ask(&self, notebook: PathBuf) {
        // The thread ends only with this program.
        let _ = self.asks.send(notebook);
    }

    /// Stops what runs and waits for it, but not for long: compiling the helpers cannot be stopped
    /// halfway, and ends with this process.
    pub(super) fn end(self) {
        self.stop.asked.store(true, Ordering::SeqCst);
        drop(self.asks);
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < Duration::from_secs(5) {
            if let Some(cell) = &*self.stop.cell.lock().unwrap_or_else(PoisonError::into_inner) {
                cell.interrupt();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Worker {
    server: Arc<Server>,
    root: PathBuf,
    stop: Arc<Stop>,
    workshop: Option<Workshop>,
    /// The bytes that the last run of each notebook left: they are not run again as they are.
    left: BTreeMap<PathBuf, Vec<u8>>,
    /// Those whose last run changed the data that they declare: running them would not end.
    restless: BTreeSet<PathBuf>,
}

impl Worker {
    fn work(mut self, asked: &Receiver<PathBuf>) {
        let mut waiting = BTreeSet::new();
        loop {
            if waiting.is_empty() {
                match asked.recv() {
                    Ok(path) => drop(waiting.insert(path)),
                    Err(_) => return,
                }
            }
            waiting.extend(asked.try_iter());
            if self.stop.asked.load(Ordering::SeqCst) {
                return;
            }
            if let Some(path) = waiting.pop_first()
                && let Err(failure) = self.run(&path)
                && !self.stop.asked.load(Ordering::SeqCst)
            {
                let name = name_in(&self.root, &path);
                let report = format!("{failure}");
                self.server.publish(LiveEvent::CellFailed {
                    notebook: name,
                    cell: String::new(),
                    report,
                });
                report::print(&failure);
            }
        }
    }

    /// Runs a notebook whose outputs do not hold.
    fn run(&mut self, path: &Path) -> Result<()> {
        // What cannot be read is said by the build.
        let Ok(notebook) = Notebook::read(path) else { return Ok(()) };
        if notebook.check_language().is_err() {
            return Ok(());
        }
        let mut copy = RunCopy::of(path).into_diagnostic()?;
        let is_left = self.left.get(path).is_some_and(|bytes| bytes == copy.bytes());
        if is_left && self.restless.contains(path) {
            return Ok(());
        }
        let mut workshop = match self.workshop.take() {
            Some(workshop) => workshop,
            None => Workshop::open(0)?,
        };
        let name = name_in(&self.root, path);
        let result = match freshness(&notebook, &workshop.environment) {
            Freshness::Fresh => Ok(()),
            // Its last run ended so, and nothing has changed since.
            found if is_left && found != Freshness::DataChanged => Ok(()),
            _ => self.run_copy(&name, path, &mut copy, &mut workshop),
        };
        *self.stop.cell.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.workshop = Some(workshop);
        result
    }

    fn run_copy(
        &mut self,
        name: &str,
        path: &Path,
        copy: &mut RunCopy,
        workshop: &mut Workshop,
    ) -> Result<()> {
        eprintln!("Running {name}");
        let (server, stop) = (Arc::clone(&self.server), Arc::clone(&self.stop));
        let mut started = |cell| {
            *stop.cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(cell);
        };
        let report = copy.run(workshop, &mut started, &mut |event| {
            if let RunEvent::Cell { number, of, cell } = &event {
                server.publish(LiveEvent::Running {
                    notebook: name.to_owned(),
                    cell: cell.label().to_owned(),
                    number: *number,
                    of: *of,
                });
            }
            cell_line(event);
        })?;
        if self.stop.asked.load(Ordering::SeqCst) {
            return Ok(());
        }
        if copy.take_over().into_diagnostic()? {
            let bytes = std::fs::read(path).into_diagnostic()?;
            self.left.insert(path.to_owned(), bytes);
            let again = Notebook::read(path).is_ok_and(|after| {
                freshness(&after, &workshop.environment) == Freshness::DataChanged
            });
            if again {
                eprintln!(
                    "  {name} changes the data that it declares: it is not run again by itself"
                );
                self.restless.insert(path.to_owned());
            } else {
                self.restless.remove(path);
            }
        } else {
            eprintln!("  {name} was saved meanwhile: its outputs are left to the next run");
        }
        match &report.failure {
            None => self.server.publish(LiveEvent::Ran { notebook: name.to_owned() }),
            Some(failure) => {
                self.server.publish(LiveEvent::CellFailed {
                    notebook: name.to_owned(),
                    cell: failure.cell.label().to_owned(),
                    report: report::cell_report(failure),
                });
                report::print(&CellFailed::new(path, failure).into());
            }
        }
        Ok(())
    }
}
