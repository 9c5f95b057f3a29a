//! Whether everything that the kernel needs is there: `momentum doctor`.
//!
//! Each check tells what it looked at and, if something is wrong, what to do. Nothing is changed,
//! and nothing is compiled.

mod notebook;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use libloading::os::unix::Library;

use crate::helpers::{self, HelperCrate, cache_folder};
use crate::jupyter::{JupyterError, JupyterLab, on_path};
use crate::kernelspec::{Location, program_of};
use crate::toolchain::{Toolchain, ToolchainError};

pub use notebook::notebook_checks;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and something is worth knowing.
    Note,
    /// Cells will not run.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `compiler`.
    pub name: &'static str,
    /// How it came out.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do about it, if anything.
    pub advice: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, health: Health::Good, found: found.into(), advice: None }
    }

    fn with(
        name: &'static str,
        health: Health,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Check {
        Check { name, health, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything, in the order in which a cell needs it.
pub fn checks(
    toolchain: &Result<Toolchain, ToolchainError>,
    helpers: Option<&HelperCrate>,
    program: &Path,
) -> Vec<Check> {
    let mut checks = vec![compiler(toolchain)];
    if let Ok(toolchain) = toolchain {
        checks.push(library_sources(toolchain));
    }
    checks.push(linker());
    checks.push(folder(
        "cache folder",
        cache_folder().ok(),
        "set MOMENTUM_CACHE_DIR to a folder that can be written",
    ));
    checks.push(folder(
        "temporary folder",
        Some(std::env::temp_dir()),
        "set TMPDIR to a folder that can be written",
    ));
    match (toolchain, helpers) {
        (Ok(toolchain), Some(helpers)) => checks.push(helper_set(helpers, toolchain)),
        (_, None) => checks.push(Check::with(
            "helpers' sources",
            Health::Bad,
            "not found",
            "set MOMENTUM_SOURCE to the folder of your clone of Momentum",
        )),
        _ => {}
    }
    checks.push(kernelspec(program));
    checks.push(jupyter());
    checks
}

fn compiler(toolchain: &Result<Toolchain, ToolchainError>) -> Check {
    match toolchain {
        Ok(toolchain) => Check::good("compiler", toolchain.version.clone()),
        Err(error) => Check::with(
            "compiler",
            Health::Bad,
            error.to_string(),
            "install Rust from https://rustup.rs and open a new terminal",
        ),
    }
}

fn library_sources(toolchain: &Toolchain) -> Check {
    const NAME: &str = "library sources";
    // <sysroot>/lib/rustlib/<host>/lib: the sources are in <sysroot>/lib/rustlib/src.
    let rustlib = toolchain.library_folder.ancestors().nth(2);
    match rustlib.map(|folder| folder.join("src/rust/library/std")).filter(|std| std.is_dir()) {
        Some(_) => Check::good(NAME, "installed: completion knows the standard library"),
        None => Check::with(
            NAME,
            Health::Note,
            "not installed: completion does not know the standard library",
            "rustup component add rust-src",
        ),
    }
}

fn linker() -> Check {
    let missing: Vec<&str> = ["cc", "ld"].into_iter().filter(|t| on_path(t).is_none()).collect();
    if missing.is_empty() {
        Check::good("linker", "cc and ld are there")
    } else {
        let advice = "install a C compiler, such as by `sudo apt install build-essential`";
        Check::with("linker", Health::Bad, format!("not found: {}", missing.join(", ")), advice)
    }
}

/// Whether a folder can be written.
fn folder(name: &'static str, folder: Option<PathBuf>, advice: &str) -> Check {
    let Some(folder) = folder else {
        return Check::with(name, Health::Bad, "there is none", advice);
    };
    let tried = fs::create_dir_all(&folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(&folder))
        .and_then(|mut file| file.write_all(&[0; 1 << 16]));
    match tried {
        Ok(()) => Check::good(name, folder.display().to_string()),
        Err(error) => {
            Check::with(name, Health::Bad, format!("{}: {error}", folder.display()), advice)
        }
    }
}

/// Whether the helper set is there, whole, and can be loaded.
fn helper_set(helpers: &HelperCrate, toolchain: &Toolchain) -> Check {
    const NAME: &str = "helpers";
    let set = match helpers::find(helpers, toolchain) {
        Ok(Some(set)) => set,
        Ok(None) => {
            let found = "not compiled yet for these sources and this compiler";
            let advice = "`momentum kernel install` compiles them; so does the first cell";
            return Check::with(NAME, Health::Note, found, advice);
        }
        Err(error) => {
            return Check::with(NAME, Health::Bad, error.to_string(), "see the message");
        }
    };
    let again = "remove the cache folder; the helpers are compiled again when they are needed";
    let loaded = toolchain.standard_library().map_err(|error| error.to_string()).and_then(|std| {
        #[allow(unsafe_code, reason = "whether a library can be loaded is seen by loading it")]
        // SAFETY: both were built from sources that belong to the compiler and to this kernel.
        let loaded =
            unsafe { Library::new(std).and_then(|std| Ok((std, Library::new(&set.library)?))) };
        // Never unloaded: what it has registered with the process stays valid.
        loaded.map(std::mem::forget).map_err(|error| error.to_string())
    });
    match loaded {
        Ok(()) => Check::good(NAME, set.version),
        Err(error) => Check::with(NAME, Health::Bad, error, again),
    }
}

fn kernelspec(program: &Path) -> Check {
    const NAME: &str = "kernelspec";
    let advice = "momentum kernel install";
    let file = match Location::User.folder() {
        Ok(folder) => folder.join("kernel.json"),
        Err(error) => return Check::with(NAME, Health::Note, error.to_string(), advice),
    };
    let Ok(text) = fs::read_to_string(&file) else {
        return Check::with(NAME, Health::Note, "not installed for this user", advice);
    };
    match program_of(&text) {
        Some(started) if started == program => Check::good(NAME, file.display().to_string()),
        Some(started) => {
            let found = format!("starts another program: {}", started.display());
            Check::with(NAME, Health::Note, found, advice)
        }
        None => Check::with(NAME, Health::Note, format!("{} is broken", file.display()), advice),
    }
}

fn jupyter() -> Check {
    const NAME: &str = "jupyter";
    const WITHOUT: &str = "`momentum run` and `momentum build` do without it";
    match JupyterLab::find() {
        Ok(JupyterLab { program, version }) => {
            Check::good(NAME, format!("JupyterLab {version}, {}", program.display()))
        }
        Err(error) => match on_path("jupyter") {
            Some(file) if matches!(error, JupyterError::Missing) => {
                Check::good(NAME, format!("{}, without JupyterLab", file.display()))
            }
            _ => Check::with(NAME, Health::Note, format!("{error}; {WITHOUT}"), error.advice()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_bad_and_says_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let check = folder("cache folder", Some(file.path().join("below")), "choose another");
        assert_eq!((check.health, check.advice.as_deref()), (Health::Bad, Some("choose another")));
        let good = tempfile::tempdir().unwrap();
        assert_eq!(folder("f", Some(good.path().to_owned()), "").health, Health::Good);
    }

    #[test]
    fn no_toolchain_is_the_first_thing_that_is_said() {
        let missing = Err(ToolchainError::Missing { tool: "rustc" });
        let found = checks(&missing, None, Path::new("/nowhere/momentum"));
        assert_eq!((found[0].name, found[0].health), ("compiler", Health::Bad));
        assert!(found.iter().all(|check| check.health == Health::Good || check.advice.is_some()));
    }
}
