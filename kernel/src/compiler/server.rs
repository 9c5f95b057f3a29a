//! Compiles the cells of a session.
//!
//! It lives in the kernel, on a thread of its own; the stand-in for cargo, which evcxr starts for
//! each cell, only asks it, over a local socket in the session's folder.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::cache::CellCache;
use super::probe::{self, VariableType};
use super::waiting::{Purpose, Running, Waiting, folder};
use super::{CompilerConfig, direct, source};

/// The socket, in the session's folder.
const SOCKET: &str = "compiler.sock";

/// What the stand-in wants.
#[derive(Serialize, Deserialize)]
struct Request {
    purpose: Asked,
    /// The folder of evcxr's crate.
    crate_folder: PathBuf,
    /// Where evcxr wants to be told the path of the library.
    library_path: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
enum Asked {
    Build,
    Check,
}

/// What the stand-in passes on.
#[derive(Serialize, Deserialize)]
struct Reply {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Reply {
    fn failure(message: String) -> Reply {
        Reply { success: false, stdout: String::new(), stderr: message }
    }
}

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

/// The thread's own part: the compilers that wait.
struct Worker<'a> {
    shared: &'a Shared,
    build: Option<Waiting>,
    probe: Option<Waiting>,
    started: u64,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared) -> Worker<'a> {
        Worker { shared, build: None, probe: None, started: 0 }
    }

    fn serve(&mut self, listener: &UnixListener) {
        self.start_ahead(Purpose::Build);
        for connection in listener.incoming() {
            if self.shared.ended.load(Ordering::SeqCst) {
                break;
            }
            // One that goes away before it has asked is none of our business.
            let _ = connection.and_then(|connection| self.answer(&connection));
        }
    }

    fn answer(&mut self, mut connection: &UnixStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        let request: Request = serde_json::from_str(&line)?;
        let reply = match request.purpose {
            Asked::Build => self.build(&request),
            Asked::Check => self.check(&request),
        };
        let reply =
            reply.unwrap_or_else(|error| Reply::failure(format!("cannot compile: {error}")));
        let reply = serde_json::to_string(&reply)? + "\n";
        connection.write_all(reply.as_bytes())
    }

    fn build(&mut self, request: &Request) -> io::Result<Reply> {
        let shared = self.shared;
        let file = request.crate_folder.join("src/lib.rs");
        let manifest = fs::read_to_string(request.crate_folder.join("Cargo.toml"))?;
        let asked = lock(&shared.level).clone();
        let level = asked.as_deref().unwrap_or_else(|| direct::optimisation(&manifest));
        let written = fs::read_to_string(&file)?;
        let output = request.crate_folder.join("target").join("cell");
        fs::create_dir_all(&output)?;
        let library = output.join("libctx.so");
        let cached = shared.cache.as_ref().map(|cache| {
            let key = cache.key(&[&lock(&shared.chain), level], &written);
            (cache, key)
        });
        if let Some((cache, key)) = &cached
            && let Some(compiled) = cache.library(key, &library)
        {
            // The same cell, perhaps with its items in another order.
            *lock(&shared.compiled) = Some(compiled);
            return reply(request, &library, None);
        }
        let text = source::with_runtime(&written, shared.config.crate_name());
        let result = self.compile(&text, level, &library)?;
        if let (true, Some((cache, key))) = (result.status.success(), &cached) {
            cache.keep_library(key, &library, &written);
        }
        *lock(&shared.compiled) = Some(written);
        reply(request, &library, Some(&result))
    }

    /// Makes the library of a cell.
    fn compile(&mut self, text: &str, level: &str, library: &Path) -> io::Result<Output> {
        let (config, running) = (&self.shared.config, &self.shared.running);
        if source::names_libraries(text) {
            let (folder, file) = self.plain(text)?;
            let mut rustc = direct::library(config, &file, library, level);
            return direct::run(rustc.current_dir(folder), running);
        }
        // What waits is kept until the end: its folder, with the object file, goes with it.
        let mut waiting = None;
        let included = (level == "0").then(|| source::without_attributes(text)).flatten();
        if let Some(text) = included {
            waiting = self.ahead(Purpose::Build);
            if let Some(compiler) = &mut waiting
                && compiler.give(&text, running).is_err()
            {
                waiting = None;
            }
            self.start_ahead(Purpose::Build);
        }
        let (object, compiled) = if let Some(compiler) = &mut waiting {
            (compiler.object(), compiler.finish(running)?)
        } else {
            let (folder, file) = self.plain(text)?;
            let object = library.with_extension("o");
            let mut rustc = direct::object(config, &file, &object, level);
            (object, direct::run(rustc.current_dir(folder), running)?)
        };
        if !compiled.status.success() {
            return Ok(compiled);
        }
        let linked = direct::link(config, &object, library, running)?;
        Ok(if linked.status.success() { compiled } else { linked })
    }

    fn check(&mut self, request: &Request) -> io::Result<Reply> {
        let shared = self.shared;
        lock(&shared.types).clear();
        let written = fs::read_to_string(request.crate_folder.join("src/lib.rs"))?;
        let cached = shared.cache.as_ref().map(|cache| {
            let key = cache.key(&[&lock(&shared.chain), "types"], &written);
            (cache, key)
        });
        let known = cached.as_ref().and_then(|(cache, key)| cache.types(key));
        let (types, errors) = if let Some(types) = known {
            (types, String::new())
        } else {
            let text = probe::with_bound(&written);
            let output = self.probe(&text)?;
            let found = probe::read(&output.stderr);
            if let (true, Some((cache, key))) = (found.1.is_empty(), &cached) {
                cache.keep_types(key, &found.0);
            }
            found
        };
        let success = errors.is_empty();
        *lock(&shared.types) = types;
        Ok(Reply { success, stdout: errors, stderr: String::new() })
    }

    /// Runs the compiler on a probe, whose answers are errors.
    fn probe(&mut self, text: &str) -> io::Result<Output> {
        let (config, running) = (&self.shared.config, &self.shared.running);
        if let Some(text) = source::without_attributes(text)
            && let Some(mut compiler) = self.ahead(Purpose::Probe)
            && compiler.give(&text, running).is_ok()
        {
            self.start_ahead(Purpose::Probe);
            return compiler.finish(running);
        }
        let (folder, file) = self.plain(text)?;
        let mut rustc = direct::probe(config, &file, Path::new("probe.rmeta"));
        direct::run(rustc.current_dir(folder), running)
    }

    /// The compiler that waits, or a new one.
    fn ahead(&mut self, purpose: Purpose) -> Option<Waiting> {
        let place = match purpose {
            Purpose::Build => &mut self.build,
            Purpose::Probe => &mut self.probe,
        };
        let waiting = place.take();
        if waiting.is_none() {
            self.start_ahead(purpose);
            return match purpose {
                Purpose::Build => self.build.take(),
                Purpose::Probe => self.probe.take(),
            };
        }
        waiting
    }

    /// Starts a compiler for the next cell, if none waits. Without one, cells are only slower.
    fn start_ahead(&mut self, purpose: Purpose) {
        let place = match purpose {
            Purpose::Build => &mut self.build,
            Purpose::Probe => &mut self.probe,
        };
        if place.is_none() {
            self.started += 1;
            let folder = folder(&self.shared.session, self.started);
            *place = Waiting::start(&self.shared.config, folder, purpose).ok();
        }
    }

    /// The text as an ordinary file: the folder to be in, and the file's name there.
    fn plain(&self, text: &str) -> io::Result<(PathBuf, PathBuf)> {
        let folder = self.shared.session.join("plain");
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("src/lib.rs"), text)?;
        Ok((folder, "src/lib.rs".into()))
    }
}

fn reply(request: &Request, library: &Path, result: Option<&Output>) -> io::Result<Reply> {
    let success = result.is_none_or(|result| result.status.success());
    if let (true, Some(place)) = (success, &request.library_path) {
        fs::write(place, library.as_os_str().as_encoded_bytes())?;
    }
    let stderr = result.map(|result| String::from_utf8_lossy(&result.stderr).into_owned());
    Ok(Reply { success, stdout: String::new(), stderr: stderr.unwrap_or_default() })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stand-in's part: asks the server of its session, and passes on what that says.
pub(super) fn ask(session: &Path, check: bool) -> ExitCode {
    let ask = || -> io::Result<Reply> {
        let mut connection = UnixStream::connect(session.join(SOCKET))?;
        let request = Request {
            purpose: if check { Asked::Check } else { Asked::Build },
            crate_folder: std::env::current_dir()?,
            library_path: std::env::var_os("EVCXR_EXECUTION_SO_PATH").map(PathBuf::from),
        };
        connection.write_all((serde_json::to_string(&request)? + "\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    match ask() {
        Ok(reply) => {
            print!("{}", reply.stdout);
            eprint!("{}", reply.stderr);
            ExitCode::from(if reply.success { 0 } else { 101 })
        }
        Err(error) => {
            eprintln!("error: the kernel's compiler does not answer: {error}");
            ExitCode::from(101)
        }
    }
}
