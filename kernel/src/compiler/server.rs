//! Compiles the cells of a session.
//!
//! It lives in the kernel, on a thread of its own; the stand-in for cargo, which evcxr starts for
//! each cell, only asks it, over a local socket in the session's folder.

mod worker;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::CompilerConfig;
use super::cache::CellCache;
use super::crates;
use super::request::{self, SOCKET};
use super::source::{self, StandIns};
use super::types::VariableType;
use super::waiting::Running;
use crate::cell::Typed;
use worker::Worker;

/// The thread that compiles, and what others tell it.
pub(crate) struct CompilerServer {
    shared: Arc<Shared>,
    socket: PathBuf,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    config: CompilerConfig,
    session: PathBuf,
    cache: Option<CellCache>,
    running: Running,
    /// The hash of all cells up to the one that is compiled now.
    chain: Mutex<String>,
    level: Mutex<Option<String>>,
    types: Mutex<Vec<VariableType>>,
    compiled: Mutex<Option<String>>,
    stand_ins: Mutex<StandIns>,
    /// The variables whose types were defined anew.
    stale: Mutex<BTreeSet<String>>,
    /// Whether the cell has variables whose types cannot be had by the way.
    asks_for_types: AtomicBool,
    /// Called at the first cell that is not in the cache.
    on_miss: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Whether the cell that comes waits for another session that compiles it.
    waits: AtomicBool,
    interrupted: AtomicBool,
    ended: AtomicBool,
}

impl CompilerServer {
    /// Starts it for a session.
    pub(crate) fn start(config: CompilerConfig, session: &Path) -> io::Result<CompilerServer> {
        let socket = session.join(SOCKET);
        let listener = UnixListener::bind(&socket)?;
        let shared = Arc::new(Shared {
            cache: CellCache::open(&config),
            config,
            session: session.to_owned(),
            running: Running::default(),
            chain: Mutex::default(),
            level: Mutex::default(),
            types: Mutex::default(),
            compiled: Mutex::default(),
            stand_ins: Mutex::default(),
            stale: Mutex::default(),
            asks_for_types: AtomicBool::new(false),
            on_miss: Mutex::default(),
            waits: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || Worker::new(&shared).serve(&listener)
        });
        Ok(CompilerServer { shared, socket, thread: Some(thread) })
    }

    /// Tells which cell comes: the hash of its text and of all texts before it, and the
    /// optimisation that it asks for, if it does.
    pub(crate) fn expect(&self, chain: &str, level: Option<&str>) {
        *lock(&self.shared.chain) = chain.to_owned();
        *lock(&self.shared.level) = level.map(str::to_owned);
        *lock(&self.shared.compiled) = None;
        self.shared.interrupted.store(false, Ordering::SeqCst);
        crates::check(&self.shared.session);
        self.expect_types(&Typed::default());
    }

    /// The names that stand for types in the cell that comes, by number; nothing if its types must be
    /// asked for.
    pub(crate) fn stand_ins(&self) -> Option<impl Fn(usize) -> String + use<>> {
        let session = &self.shared.session;
        let manifest = fs::read_to_string(session.join("crate/Cargo.toml")).unwrap_or_default();
        let alone = request::dependencies(&manifest).is_empty();
        let served = alone || !crates::are_by_cargo(session);
        let helpers = self.shared.config.crate_name().is_some();
        let chain = lock(&self.shared.chain).clone();
        (served && helpers).then_some(move |number| source::stand_in(&chain, number))
    }

    /// Tells what was written into the cell that comes.
    pub(crate) fn expect_types(&self, typed: &Typed) {
        let told = |(told, written): (&str, &str)| (told.to_owned(), written.to_owned());
        let replaced = if typed.stand_ins.is_empty() {
            Vec::new()
        } else {
            typed.replaced().map(told).collect()
        };
        lock(&self.shared.stand_ins).expect(typed.stand_ins.clone(), replaced);
        self.shared.asks_for_types.store(false, Ordering::SeqCst);
    }

    /// Tells what to do at the first cell that is not in the cache.
    pub(crate) fn on_miss(&self, action: impl FnOnce() + Send + 'static) {
        *lock(&self.shared.on_miss) = Some(Box::new(action));
    }

    /// Tells the variables whose types were defined anew: they are given up.
    pub(crate) fn expect_stale(&self, variables: BTreeSet<String>) {
        *lock(&self.shared.stale) = variables;
    }

    /// Whether the cell was refused because its types must be asked for.
    pub(crate) fn asks_for_types(&self) -> bool {
        self.shared.asks_for_types.load(Ordering::SeqCst)
    }

    /// A text with types in place of the names that stand for them.
    pub(crate) fn spelt_out(&self, text: &str) -> String {
        lock(&self.shared.stand_ins).spelt_out(text, "_")
    }

    /// The same in HTML.
    pub(crate) fn spelt_out_in_html(&self, text: &str) -> String {
        lock(&self.shared.stand_ins).spelt_out_in_html(text)
    }

    /// The text of the cell that was compiled last, in which lines are counted.
    pub(crate) fn take_compiled(&self) -> Option<String> {
        lock(&self.shared.compiled).take()
    }

    /// The types that the last check found.
    pub(crate) fn take_types(&self) -> Vec<VariableType> {
        std::mem::take(&mut lock(&self.shared.types))
    }

    /// How to stop the compiler, if it runs; gives whether it did.
    pub(crate) fn interrupter(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            shared.interrupted.store(true, Ordering::SeqCst);
            if shared.waits.load(Ordering::SeqCst) {
                return true;
            }
            let process = lock(&shared.running).take();
            let process = process.and_then(|number| i32::try_from(number).ok());
            process.and_then(rustix::process::Pid::from_raw).is_some_and(|process| {
                rustix::process::kill_process(process, rustix::process::Signal::KILL).is_ok()
            })
        }
    }
}

impl Drop for CompilerServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes it.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
