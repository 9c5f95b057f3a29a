//! The Rust toolchain that compiles cells: the one that compiled this kernel.
//!
//! A cell links to the prebuilt helpers, and Rust has no stable binary interface: both must come
//! from the same compiler, whatever toolchain is the default where the notebook lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::helpers::cache_folder;

/// Set by rustup's `cargo` while it builds this kernel, such as `1.95.0-x86_64-unknown-linux-gnu`.
const BUILT_BY: Option<&str> = option_env!("RUSTUP_TOOLCHAIN");

/// The oldest Rust that compiles cells and helpers.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Where the compiler is, and which one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// The compiler itself, not rustup's proxy: a proxy costs 20 ms a cell.
    pub rustc: PathBuf,
    /// Cargo itself.
    pub cargo: PathBuf,
    /// First line of `rustc --version`, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub version: String,
    /// Target triple of this machine.
    pub host: String,
    /// The folder with the standard library's files for this machine.
    pub library_folder: PathBuf,
}

/// Why no toolchain can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// Neither rustup nor the path knows the tool.
    #[error(
        "`{tool}` was not found; cells are compiled by the Rust toolchain: install it from https://rustup.rs and open a new terminal"
    )]
    Missing {
        /// `rustc` or `cargo`.
        tool: &'static str,
    },
    /// The tool is there and does not run.
    #[error("`{}` does not run; try `rustup toolchain install {}`", path.display(), BUILT_BY.unwrap_or("stable"))]
    Broken {
        /// The tool.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The compiler is older than the cells' code needs.
    #[error(
        "{version} is too old: Rust {OLDEST} or newer is needed; update by `rustup update`, or install it from https://rustup.rs"
    )]
    Old {
        /// What was found.
        version: String,
    },
    /// The compiler answered something that is not understood.
    #[error("`{} -vV` gave no `{field}` line", path.display())]
    Unknown {
        /// The compiler.
        path: PathBuf,
        /// The line that is missing.
        field: &'static str,
    },
}

impl Toolchain {
    /// Finds the toolchain. What it says of itself is kept in the user's cache, for as long as the
    /// compiler's file is the same.
    ///
    /// # Errors
    ///
    /// When there is none, or when it does not run.
    pub fn find() -> Result<Toolchain, ToolchainError> {
        let rustc = find_tool("rustc")?;
        let cargo = find_tool("cargo")?;
        let record = record(&rustc, &cargo);
        let known = record.as_ref().and_then(|file| fs::read(file).ok());
        if let Some(toolchain) = known.and_then(|json| serde_json::from_slice(&json).ok()) {
            return Ok(toolchain);
        }
        let toolchain = Toolchain::ask(rustc, cargo)?;
        if is_older(toolchain.release(), OLDEST) {
            return Err(ToolchainError::Old { version: toolchain.version });
        }
        // Not kept, it is asked again next time.
        if let Some(file) = record {
            let _ = keep(&file, &toolchain);
        }
        Ok(toolchain)
    }

    fn ask(rustc: PathBuf, cargo: PathBuf) -> Result<Toolchain, ToolchainError> {
        let verbose = run(&rustc, &["-vV"])?;
        let field = |name: &'static str| {
            verbose
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|rest| rest.trim_start_matches(':').trim().to_owned())
                .ok_or_else(|| ToolchainError::Unknown { path: rustc.clone(), field: name })
        };
        let version = verbose.lines().next().unwrap_or_default().to_owned();
        let host = field("host")?;
        let library_folder = run(&rustc, &["--print", "target-libdir"])?.trim().into();
        Ok(Toolchain { host, version, library_folder, rustc, cargo })
    }

    /// The release alone, such as `1.95.0`.
    pub fn release(&self) -> &str {
        release(&self.version)
    }

    /// The standard library as a dynamic library, which cells and helpers share.
    ///
    /// # Errors
    ///
    /// When the toolchain's folder cannot be read or has none.
    pub fn standard_library(&self) -> std::io::Result<PathBuf> {
        let is_it = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("libstd-") && name.ends_with(std::env::consts::DLL_SUFFIX)
        };
        let entries = std::fs::read_dir(&self.library_folder)?;
        entries.filter_map(|entry| Some(entry.ok()?.path())).find(is_it).ok_or_else(|| {
            let message = format!("no libstd in {}", self.library_folder.display());
            std::io::Error::new(std::io::ErrorKind::NotFound, message)
        })
    }
}

/// The release in what `rustc --version` says.
pub(crate) fn release(version: &str) -> &str {
    version.split(' ').nth(1).unwrap_or_default()
}

/// Whether a release such as `1.70.0` comes before another.
fn is_older(release: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        // Of `1.97.0-nightly` the numbers count.
        let release = text.split('-').next().unwrap_or_default();
        release.split('.').filter_map(|part| part.parse().ok()).collect()
    };
    numbers(release) < numbers(than)
}

/// The file that says what the toolchain has said of itself.
fn record(rustc: &Path, cargo: &Path) -> Option<PathBuf> {
    let about = fs::metadata(rustc).ok()?;
    let when = about.modified().ok()?;
    let text = format!("{} {} {} {when:?}", rustc.display(), cargo.display(), about.len());
    let hash = format!("{:x}", Sha256::digest(text));
    Some(cache_folder().ok()?.join("toolchains").join(&hash[..16]).with_extension("json"))
}

fn keep(file: &Path, toolchain: &Toolchain) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)?;
    let written = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&written, toolchain)?;
    written.persist(file)?;
    Ok(())
}

/// The tool in rustup's folder of toolchains, if it is where rustup puts it.
fn installed(tool: &str) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("RUSTUP_HOME").or_else(|| Some(set("HOME")?.join(".rustup")))?;
    let file = home.join("toolchains").join(BUILT_BY?).join("bin").join(tool);
    file.is_file().then_some(file)
}

fn find_tool(tool: &'static str) -> Result<PathBuf, ToolchainError> {
    if let Some(file) = installed(tool) {
        return Ok(file);
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["which", tool]);
    if let Some(toolchain) = BUILT_BY {
        rustup.args(["--toolchain", toolchain]);
    }
    if let Ok(output) = rustup.output()
        && output.status.success()
    {
        return Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    std::env::var_os("PATH")
        .and_then(|path| {
            std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file())
        })
        .ok_or(ToolchainError::Missing { tool })
}

fn run(program: &Path, arguments: &[&str]) -> Result<String, ToolchainError> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|source| ToolchainError::Broken { path: program.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert!(is_older("1.70.0", "1.95") && is_older("1.9.0", "1.95"));
        assert!(!is_older("1.95.0", "1.95") && !is_older("1.100.0-nightly", "1.95"));
    }

    #[test]
    fn the_toolchain_that_runs_this_test_is_found() {
        let toolchain = Toolchain::find().unwrap();
        assert!(toolchain.version.starts_with("rustc 1."), "{}", toolchain.version);
        assert!(toolchain.library_folder.is_dir());
        assert!(toolchain.cargo.is_file());
    }
}
