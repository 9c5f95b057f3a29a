//! Completion and inspection by rust-analyzer, in a process of its own.
//!
//! That process, the *analyst*, is this program in another role. It is started when the first
//! question is asked, never before, and belongs to one session: no cell pays for it, neither in
//! time nor in the kernel's memory. It knows the sources of the standard library (where the
//! toolchain's `rust-src` is installed; nothing is downloaded), the helpers' and the session's.
//! What crates a cell adds with `:dep` it does not know.
//!
//! While it starts, which takes seconds, names are completed by what the session itself knows.

mod client;
mod question;
mod scene;
mod server;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::engine::EngineConfig;

pub(crate) use client::Analyst;
pub(crate) use scene::{Lost, Scene};

/// Which part a process of this program plays; shared with the session's other processes.
const ROLE: &str = "MOMENTUM_ROLE";
/// The analyst's configuration, as JSON.
const CONFIG: &str = "MOMENTUM_ANALYST";

/// What the analyst has to know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AnalystConfig {
    /// The compiler: it says for which machine the sources are read.
    rustc: PathBuf,
    /// The folder with the standard library's sources, which may not be there.
    library: PathBuf,
    /// The name under which cells know the helpers, if they have any.
    helpers: Option<String>,
    /// The folders of the helpers' crates.
    sources: Vec<PathBuf>,
}

impl AnalystConfig {
    pub(crate) fn new(engine: &EngineConfig) -> AnalystConfig {
        let set = engine.helpers.as_ref();
        AnalystConfig {
            rustc: engine.toolchain.rustc.clone(),
            library: library_sources(&engine.toolchain.library_folder),
            helpers: set.map(|set| set.crate_name.clone()),
            sources: set.map(|set| set.sources.clone()).unwrap_or_default(),
        }
    }
}

/// Where `rust-src` is installed: `lib/rustlib/src` stands beside `lib/rustlib/HOST`.
fn library_sources(library_folder: &Path) -> PathBuf {
    let beside = library_folder.ancestors().find(|folder| folder.ends_with("rustlib"));
    beside.unwrap_or(library_folder).join("src/rust/library")
}

/// Runs as the analyst if this process was started as such; else gives nothing.
pub(crate) fn run_if_called() -> Option<ExitCode> {
    if std::env::var_os(ROLE)? != "analyst" {
        return None;
    }
    Some(server::run())
}
