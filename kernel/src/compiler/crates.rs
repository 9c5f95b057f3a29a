//! The crates that a session adds with `:dep`.
//!
//! Cargo builds them once, as what a package of nothing else depends on, and links them into one
//! dynamic library. The package is in the user's cache, under a hash of what was asked for, with its
//! lock file; all such packages share a target folder. From then on the kernel's own compiler
//! compiles the session's cells against that library as it does against the helpers, in this session
//! and in later ones, and a crate's statics are the same in all cells.
//!
//! Where that does not go (a crate that cannot be part of a dynamic library, no folder to write to),
//! cargo builds each cell.

mod package;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::request::{READY, dependencies};
use super::{CompilerConfig, write};
use crate::helpers::cache_folder;
use package::build;
pub(super) use package::{LINKER, compile, is_known, is_package, link};

/// What a session knows of its crates, in its folder.
const CRATES: &str = "crates.json";
/// What the session asked for, if cargo must build each cell; in its folder.
const BY_CARGO: &str = "crates.by-cargo";
/// What evcxr 0.22.0 asks for when a cell has an `.await`. The helpers contain it.
const TOKIO: &str = "tokio = {version=\"1.34.0\", features=[\"rt\", \"rt-multi-thread\"]}";

/// Crates that are built, for the compiler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crates {
    /// What asked for them, in the order of the manifest.
    asked: String,
    /// Names and files, as the compiler wants them behind `--extern`.
    externs: Vec<String>,
    /// Folders, as the compiler wants them behind `-L`.
    folders: Vec<String>,
    /// All of them as one dynamic library, but for tokio if the helpers contain it.
    library: Option<PathBuf>,
    /// Crates with code of other languages. What that does not show to others each cell needs itself.
    foreign: Vec<PathBuf>,
    /// Whether tokio is the helpers'.
    pub(super) tokio_of_helpers: bool,
    /// The crates' own sources that are on this machine, and how they were.
    sources: Vec<(PathBuf, Option<SystemTime>)>,
}

/// How it went to have the crates built.
pub(super) enum Prepared {
    Ready,
    /// Cargo has said why not.
    Failed(ExitCode),
    /// Cargo must build each cell.
    ByCargo,
}

impl Crates {
    /// Those of a session, if they are what its manifest asks for and were not changed since.
    pub(super) fn of_session(session: &Path, manifest: &str) -> Option<Crates> {
        let crates: Crates = read(&session.join(CRATES))?;
        (crates.asked == dependencies(manifest) && crates.is_current()).then_some(crates)
    }

    /// Whether all is there as it was when they were built.
    fn is_current(&self) -> bool {
        let files = self.externs.iter().filter_map(|external| external.split_once('='));
        files.map(|(_, file)| Path::new(file)).chain(self.library.as_deref()).all(Path::is_file)
            && self.sources.iter().all(|(source, modified)| changed(source) == *modified)
    }

    /// What tells them from others.
    pub(super) fn key(&self) -> String {
        let library = self.library.as_deref().map(Path::to_string_lossy).unwrap_or_default();
        format!("{}\n{library}", self.externs.join("\n"))
    }

    /// Makes them known to the compiler.
    pub(super) fn flags(&self) -> Vec<OsString> {
        let externs = self.externs.iter().map(|external| ["--extern", external]);
        let folders = self.folders.iter().map(|folder| ["-L", folder]);
        externs.chain(folders).flatten().map(OsString::from).collect()
    }

    /// What a cell is linked to.
    pub(super) fn libraries(&self) -> impl Iterator<Item = &Path> {
        self.library.iter().chain(&self.foreign).map(PathBuf::as_path)
    }

    /// Their names in code.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.externs.iter().filter_map(|external| Some(name(external.split_once('=')?.0)))
    }

    /// Whether tokio is among them, or below them.
    fn has_tokio(&self) -> bool {
        let lock = self.library.as_deref().map(|library| library.with_file_name("Cargo.lock"));
        lock.is_some_and(|lock| {
            fs::read_to_string(lock).is_ok_and(|lock| lock.contains("name = \"tokio\"\n"))
        })
    }

    fn tell(&self, session: &Path) -> io::Result<()> {
        write(&session.join(CRATES), &serde_json::to_vec(self)?)?;
        // Last: from here on the session's compiler is asked.
        write(&session.join(READY), self.asked.as_bytes())
    }
}

/// Where they are built.
pub(crate) fn crates_folder() -> Option<PathBuf> {
    Some(cache_folder().ok()?.join("crates"))
}

/// Whether cargo must build each cell of this session.
pub(super) fn are_by_cargo(session: &Path) -> bool {
    session.join(BY_CARGO).is_file()
}

/// Forgets that a session's crates are ready if they are not any more.
pub(super) fn check(session: &Path) {
    let ready = session.join(READY);
    let current =
        || read::<Crates>(&session.join(CRATES)).is_some_and(|crates| crates.is_current());
    if ready.is_file() && !current() {
        let _ = fs::remove_file(ready);
    }
}

/// Has what a session's manifest asks for built, unless it is.
pub(super) fn prepare(config: &CompilerConfig, session: &Path, manifest: &str) -> Prepared {
    let asked = dependencies(manifest);
    if fs::read_to_string(session.join(BY_CARGO)).is_ok_and(|given_up| given_up == asked) {
        return Prepared::ByCargo;
    }
    let _ = fs::remove_file(session.join(BY_CARGO));
    match make(config, session, asked)
        .and_then(|crates| crates.tell(session).map_err(|_| Prepared::ByCargo))
    {
        Ok(()) => Prepared::Ready,
        Err(Prepared::ByCargo) => {
            let _ = write(&session.join(BY_CARGO), asked.as_bytes());
            Prepared::ByCargo
        }
        Err(other) => other,
    }
}

/// Has all that is asked for built. What evcxr needs for an `.await` comes out of the helpers, unless
/// another crate uses tokio too: they must be one.
fn make(config: &CompilerConfig, session: &Path, asked: &str) -> Result<Crates, Prepared> {
    let others: Vec<&str> = asked.lines().map(str::trim).filter(|&line| line != TOKIO).collect();
    let others = others.join("\n");
    let tokio = (others != asked).then(|| tokio_of_helpers(config)).flatten();
    let crates = match (&tokio, others.is_empty()) {
        (None, _) => build(config, session, asked)?,
        (Some(_), true) => Crates::default(),
        (Some(_), false) => build(config, session, &others)?,
    };
    let crates = match tokio {
        Some(_) if crates.has_tokio() => build(config, session, asked)?,
        Some(tokio) => Crates {
            externs: crates.externs.into_iter().chain([tokio]).collect(),
            tokio_of_helpers: true,
            ..crates
        },
        None => crates,
    };
    Ok(Crates { asked: asked.to_owned(), ..crates })
}

/// tokio as the compiler wants it behind `--extern`.
fn tokio_of_helpers(config: &CompilerConfig) -> Option<String> {
    let set = config.helpers.as_ref()?;
    let mut found = fs::read_dir(&set.dependencies).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?;
        (name.starts_with("libtokio-") && name.ends_with(".rlib")).then_some(path)
    });
    let (library, None) = (found.next()?, found.next()) else { return None };
    Some(format!("tokio={}", library.display()))
}

/// The name of a crate without options for the compiler: `noprelude:alloc`.
fn name(external: &str) -> &str {
    external.rsplit(':').next().unwrap_or(external)
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|about| about.modified()).ok()
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_hold_while_their_sources_do() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("lib.rs");
        fs::write(&source, "").unwrap();
        let manifest = "[dependencies]\na = \"1\"\n";
        let crates = Crates {
            asked: dependencies(manifest).to_owned(),
            externs: vec![format!("a={}", source.display())],
            sources: vec![(source.clone(), changed(&source))],
            ..Crates::default()
        };
        crates.tell(folder.path()).unwrap();
        assert_eq!(Crates::of_session(folder.path(), manifest).unwrap(), crates);
        assert_eq!(Crates::of_session(folder.path(), "[dependencies]\na = \"2\"\n"), None);
        check(folder.path());
        assert!(folder.path().join(READY).is_file());
        let file = fs::File::options().append(true).open(&source).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        check(folder.path());
        assert!(!folder.path().join(READY).is_file());
        assert_eq!(Crates::of_session(folder.path(), manifest), None);
    }

    #[test]
    fn names_are_without_options() {
        let crates = Crates {
            externs: vec!["noprelude:a=/a.rlib".into(), "b_c=/b.rlib".into()],
            ..Crates::default()
        };
        assert_eq!(crates.names().collect::<Vec<_>>(), ["a", "b_c"]);
    }
}
