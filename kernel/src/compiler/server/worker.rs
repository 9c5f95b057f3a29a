//! What the thread does: it takes what the stand-in for cargo asks, and makes it.

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::Ordering;

use super::{Shared, lock};
use crate::compiler::again::Failed;
use crate::compiler::cache::CellCache;
use crate::compiler::crates::Crates;
use crate::compiler::linker::CompilerBuiltins;
use crate::compiler::request::{Asked, Reply, Request, dependencies};
use crate::compiler::source::{self, CellTypes, Restored};
use crate::compiler::turn::Turn;
use crate::compiler::waiting::Waiting;
use crate::compiler::{direct, probe};
use crate::process::GIVEN_UP;

/// The thread's own part: the compiler that waits, and the cell that failed.
pub(super) struct Worker<'a> {
    shared: &'a Shared,
    waiting: Option<Waiting>,
    failed: Option<Failed>,
    builtins: CompilerBuiltins,
    /// Those of the cell that comes.
    crates: Crates,
    started: u64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Shared) -> Worker<'a> {
        let builtins = CompilerBuiltins::new(shared.config.compiler_builtins.clone());
        Worker {
            shared,
            waiting: None,
            failed: None,
            builtins,
            crates: Crates::default(),
            started: 0,
        }
    }

    pub(super) fn serve(&mut self, listener: &UnixListener) {
        self.start_ahead();
        for connection in listener.incoming() {
            if self.shared.ended.load(Ordering::SeqCst) {
                break;
            }
            // One that goes away before it has asked is none of our business.
            let _ = connection.and_then(|connection| self.answer(&connection));
        }
    }

    fn answer(&mut self, mut connection: &UnixStream) -> io::Result<()> {
        let request = Request::read(&mut BufReader::new(connection))?;
        if matches!(request.purpose, Asked::Build | Asked::Text)
            && fs::remove_file(self.shared.session.join(GIVEN_UP)).is_ok()
        {
            return Reply::failure("error: the cell was given up".into()).write(&mut connection);
        }
        let reply = match request.purpose {
            Asked::Build => self.build(&request),
            Asked::Check => self.check(&request),
            Asked::Text => self.text(&request),
        };
        let reply =
            reply.unwrap_or_else(|error| Reply::failure(format!("cannot compile: {error}")));
        reply.write(&mut connection)
    }

    fn build(&mut self, request: &Request) -> io::Result<Reply> {
        let shared = self.shared;
        if shared.asks_for_types.load(Ordering::SeqCst) {
            return Ok(Reply::failure("error: the cell's types must be asked for".into()));
        }
        let file = request.crate_folder.join("src/lib.rs");
        let manifest = fs::read_to_string(request.crate_folder.join("Cargo.toml"))?;
        let asked = lock(&shared.level).clone();
        let level = asked.as_deref().unwrap_or_else(|| direct::optimisation(&manifest));
        self.use_crates(&manifest)?;
        let written = fs::read_to_string(&file)?;
        let output = request.crate_folder.join("target").join("cell");
        fs::create_dir_all(&output)?;
        let library = output.join("libctx.so");
        let cached = shared.cache.as_ref().map(|cache| {
            let chain = lock(&shared.chain);
            let key = match chain.as_str() {
                "" => cache.start_key(&[level], &written),
                chain => cache.key(&[chain, level, &self.crates.key()], &written),
            };
            (cache, key)
        });
        let mut turn = None;
        if let Some((cache, key)) = &cached {
            shared.waits.store(true, Ordering::SeqCst);
            turn = Turn::take(key, &shared.interrupted);
            shared.waits.store(false, Ordering::SeqCst);
            if turn.is_none() {
                return Ok(Reply::failure("error: interrupted".into()));
            }
            if self.recall(cache, key, &library) {
                return reply(request, &library, None);
            }
            if let Some(messages) = cache.failure(key) {
                return Ok(failure(&messages));
            }
            if !CellCache::is_start(key)
                && let Some(action) = lock(&shared.on_miss).take()
            {
                action();
            }
        }
        let restored = lock(&shared.stand_ins).restore(&written);
        if let Some(messages) = self.failed.as_ref().and_then(|failed| failed.again(&restored.text))
        {
            *lock(&shared.compiled) = Some(restored.text.clone());
            return Ok(failure(&restored.told(&messages)));
        }
        let text = source::with_runtime(&restored.text, shared.config.crate_name());
        let text = source::without_keeper(&source::without_stale(&text, &lock(&shared.stale)));
        let mut text = source::without_idle_variables(&text);
        text = source::with_own_crates(&text, shared.config.crate_name(), self.crates.names());
        if self.crates.tokio_of_helpers {
            text = source::with_own_runtime(&text, shared.config.crate_name());
        }
        let others = source::shows_by_other_crates(&manifest);
        if others {
            text = source::with_displays_of_others(&text, shared.config.crate_name());
        }
        let (mut result, listing) = self.compile(&text, level, &library)?;
        if others {
            result.stderr = source::without_hints_at_ours(&result.stderr);
        }
        let mut types = CellTypes::default();
        if result.status.success() && lock(&shared.stand_ins).has_new() {
            let Some(found) = self.types(&listing).filter(|types| level == "0" || types.is_whole())
            else {
                shared.asks_for_types.store(true, Ordering::SeqCst);
                return Ok(Reply::failure("error: the cell's types must be asked for".into()));
            };
            lock(&shared.stand_ins).learn(&found);
            types = found;
        }
        if let (true, Some((cache, key))) = (result.status.success(), &cached) {
            cache.keep_stand_ins(key, &types);
            cache.keep_library(key, &library, &restored.text);
        }
        drop(turn);
        *lock(&shared.compiled) = Some(restored.text.clone());
        if result.status.success() {
            return reply(request, &library, Some(&result));
        }
        let failed = Failed::new(restored.text.clone(), &result.stderr);
        if let Some((cache, key)) = &cached
            && result.status.code().is_some()
        {
            cache.keep_failure(key, failed.messages());
        }
        let reply = failure(&restored.told(failed.messages()));
        self.failed = Some(failed);
        Ok(reply)
    }

    /// Takes the crates that a manifest asks for. The compiler that waits has to know them.
    fn use_crates(&mut self, manifest: &str) -> io::Result<()> {
        if dependencies(manifest).is_empty() {
            // A session does not lose its crates; evcxr asks so before it has any.
            return Ok(());
        }
        let crates = Crates::of_session(&self.shared.session, manifest);
        let crates = crates.ok_or_else(|| io::Error::other("the session's crates have changed"))?;
        if crates != self.crates {
            self.crates = crates;
            self.waiting = None;
        }
        Ok(())
    }

    /// Takes a cell that was compiled before, if it is all there.
    fn recall(&self, cache: &CellCache, key: &str, library: &Path) -> bool {
        let shared = self.shared;
        let types = cache.stand_ins(key);
        if lock(&shared.stand_ins).has_new() && types.is_none() {
            return false;
        }
        // The same cell, perhaps with its items in another order.
        let Some(compiled) = cache.library(key, library) else { return false };
        lock(&shared.stand_ins).learn(&types.unwrap_or_default());
        *lock(&shared.compiled) = Some(compiled);
        true
    }

    /// The types of the cell's variables, if they can be written down in other cells.
    fn types(&mut self, listing: &str) -> Option<CellTypes> {
        let (types, foreign) = lock(&self.shared.stand_ins).read(listing)?;
        foreign.iter().all(|name| self.is_public(name)).then_some(types)
    }

    /// Whether a type of another crate can be named by a cell. Its parts may be private.
    fn is_public(&mut self, name: &str) -> bool {
        let shared = self.shared;
        let cached = shared
            .cache
            .as_ref()
            .map(|cache| (cache, cache.key(&["type", &self.crates.key()], name)));
        let known = cached.as_ref().and_then(|(cache, key)| cache.types(key));
        if known.is_some() {
            return true;
        }
        let helpers = shared.config.crate_name().unwrap_or("std");
        let text = format!("extern crate {helpers}; pub fn f() {{ let _: Option<{name}>; }}");
        let checked = self.plain(&text).and_then(|(folder, file)| {
            let mut rustc =
                direct::check(&shared.config, &self.crates, &file, Path::new("type.rmeta"));
            direct::run(rustc.current_dir(folder), &shared.running)
        });
        let public = checked.is_ok_and(|output| output.status.success());
        if let (true, Some((cache, key))) = (public, &cached) {
            cache.keep_types(key, &[]);
        }
        public
    }

    /// Makes the library of a cell; gives the compiler's listing as well, if it made one.
    fn compile(&mut self, text: &str, level: &str, library: &Path) -> io::Result<(Output, String)> {
        let (config, running) = (&self.shared.config, &self.shared.running);
        if source::names_libraries(text) {
            let (folder, file) = self.plain(text)?;
            let mut rustc = direct::library(config, &self.crates, &file, library, level);
            return Ok((direct::run(rustc.current_dir(folder), running)?, String::new()));
        }
        let included = (level == "0").then(|| source::without_attributes(text)).flatten();
        let compiled = included.and_then(|text| self.compile_ahead(&text));
        let (object, compiled) = match compiled {
            Some(compiled) => compiled,
            None => {
                let (folder, file) = self.plain(text)?;
                let object = library.with_extension("o");
                let mut rustc = direct::object(config, &self.crates, &file, &object, level);
                (object, direct::run(rustc.current_dir(folder), running)?)
            }
        };
        if !compiled.status.success() {
            return Ok((compiled, String::new()));
        }
        let listing = fs::read_to_string(object.with_extension(direct::LISTING));
        let linked = self.builtins.link(config, &object, library, &self.crates, running)?;
        let result = if linked.status.success() { compiled } else { linked };
        Ok((result, listing.unwrap_or_default()))
    }

    fn check(&mut self, request: &Request) -> io::Result<Reply> {
        let shared = self.shared;
        lock(&shared.types).clear();
        self.use_crates(&fs::read_to_string(request.crate_folder.join("Cargo.toml"))?)?;
        let written = fs::read_to_string(request.crate_folder.join("src/lib.rs"))?;
        let Restored { text: written, .. } = lock(&shared.stand_ins).restore(&written);
        let cached = shared.cache.as_ref().map(|cache| {
            let key = cache.key(&[&lock(&shared.chain), "types", &self.crates.key()], &written);
            (cache, key)
        });
        let known = cached.as_ref().and_then(|(cache, key)| cache.types(key));
        let (types, errors) = if let Some(types) = known {
            (types, String::new())
        } else {
            let text = probe::with_bound(&source::without_keeper(&written));
            let helpers = shared.config.crate_name();
            let text = source::with_own_crates(&text, helpers, self.crates.names());
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

    /// Makes the text of the cell one that cargo can compile.
    fn text(&mut self, request: &Request) -> io::Result<Reply> {
        let shared = self.shared;
        let file = request.crate_folder.join("src/lib.rs");
        let written = fs::read_to_string(&file)?;
        if lock(&shared.stand_ins).is_new_in(&written) {
            shared.asks_for_types.store(true, Ordering::SeqCst);
            return Ok(Reply::failure("error: the cell's types must be asked for".into()));
        }
        let Restored { text, .. } = lock(&shared.stand_ins).restore(&written);
        let mut text = source::without_keeper(&source::without_stale(&text, &lock(&shared.stale)));
        let manifest = fs::read_to_string(request.crate_folder.join("Cargo.toml"))?;
        if source::shows_by_other_crates(&manifest) {
            text = source::with_displays_of_others(&text, shared.config.crate_name());
        }
        if text != written {
            fs::write(&file, text)?;
        }
        Ok(Reply { success: true, stdout: String::new(), stderr: String::new() })
    }

    /// Runs the compiler on a probe, whose answers are errors.
    fn probe(&mut self, text: &str) -> io::Result<Output> {
        let (folder, file) = self.plain(text)?;
        let mut rustc =
            direct::probe(&self.shared.config, &self.crates, &file, Path::new("probe.rmeta"));
        direct::run(rustc.current_dir(folder), &self.shared.running)
    }

    /// Has the compiler that waits compile a text; nothing if there is none.
    fn compile_ahead(&mut self, text: &str) -> Option<(PathBuf, Output)> {
        self.start_ahead();
        let waiting = self.waiting.as_mut()?;
        let object = waiting.object();
        let text = source::with_root_helpers(text, self.shared.config.crate_name());
        let compiled = waiting.compile(&text, &self.shared.running);
        if compiled.as_ref().is_ok_and(|output| output.status.code().is_some()) {
            return Some((object, compiled.ok()?));
        }
        // It, or its copy, was killed: by who interrupts, or by the system for want of memory.
        self.waiting = None;
        self.start_ahead();
        Some((object, compiled.ok()?))
    }

    /// Starts the compiler that waits. Without one, cells are only slower.
    fn start_ahead(&mut self) {
        if self.waiting.is_none() {
            self.started += 1;
            let folder = self.shared.session.join("ahead").join(self.started.to_string());
            self.waiting = Waiting::start(&self.shared.config, &self.crates, folder).ok();
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

/// What the stand-in passes on of an error.
fn failure(messages: &[u8]) -> Reply {
    Reply::failure(String::from_utf8_lossy(messages).into_owned())
}
