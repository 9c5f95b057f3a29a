//! The kernelspec: the folder by which Jupyter finds and starts this kernel.
//!
//! ```
//! use momentum_kernel::kernelspec::{Location, install, uninstall};
//!
//! let prefix = tempfile::tempdir()?;
//! let location = Location::Prefix(prefix.path().to_owned());
//! let folder = install(std::path::Path::new("/opt/momentum"), &[], &location)?;
//! assert!(folder.ends_with("share/jupyter/kernels/momentum"));
//! assert!(folder.join("kernel.json").is_file());
//! uninstall(&location)?;
//! assert!(!folder.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;
use thiserror::Error;

/// The kernel's name: its folder's name, and `kernelspec.name` in a notebook.
pub const NAME: &str = "momentum";
/// The kernel's name as Jupyter shows it.
pub const DISPLAY_NAME: &str = "Rust (Momentum)";

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("kernelspec/logo-svg.svg")),
    ("logo-32x32.png", include_bytes!("kernelspec/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("kernelspec/logo-64x64.png")),
];

/// The kernelspec cannot be installed or removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelspecError {
    /// There is no home folder to put it into.
    #[error("no home folder is known: set JUPYTER_DATA_DIR or HOME, or name a folder by --prefix")]
    NoHome,
    /// The path of the program is not Unicode, which `kernel.json` has to be.
    #[error("the program's path {program} is not Unicode; move it to a path that is")]
    ProgramPath {
        /// The path.
        program: PathBuf,
    },
    /// The program's path is relative: Jupyter starts kernels from any folder.
    #[error("the program's path {program} is not absolute")]
    RelativeProgram {
        /// The path.
        program: PathBuf,
    },
    /// A folder or file cannot be written.
    #[error("cannot write {path}; choose a folder that you may write to by --prefix")]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is nothing to remove.
    #[error("no kernelspec at {path}: it is not installed there")]
    NotInstalled {
        /// Where it was sought.
        path: PathBuf,
    },
    /// The folder cannot be removed.
    #[error("cannot remove {path}")]
    Remove {
        /// What could not be removed.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Where a kernelspec goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The user's own Jupyter data folder.
    User,
    /// `share/jupyter` below this folder, such as a Python environment's `sys.prefix`.
    Prefix(PathBuf),
}

impl Location {
    /// The folder of the kernelspec itself.
    ///
    /// # Errors
    /// [`KernelspecError::NoHome`] when no variable tells where the user's data is.
    pub fn folder(&self) -> Result<PathBuf, KernelspecError> {
        let data = match self {
            Location::User => user_data_dir(|name| std::env::var_os(name))?,
            Location::Prefix(prefix) => prefix.join("share").join("jupyter"),
        };
        Ok(data.join("kernels").join(NAME))
    }
}

/// The user's Jupyter data folder, as `jupyter --paths` tells it.
fn user_data_dir(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, KernelspecError> {
    let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = path("JUPYTER_DATA_DIR") {
        return Ok(folder);
    }
    let home = || path("HOME").ok_or(KernelspecError::NoHome);
    if cfg!(windows) {
        Ok(path("APPDATA").ok_or(KernelspecError::NoHome)?.join("jupyter"))
    } else if cfg!(target_os = "macos") {
        Ok(home()?.join("Library").join("Jupyter"))
    } else {
        match path("XDG_DATA_HOME") {
            Some(data) => Ok(data.join("jupyter")),
            None => Ok(home()?.join(".local").join("share").join("jupyter")),
        }
    }
}

/// Installs the kernelspec that starts `program` (an absolute path) and returns its folder.
///
/// An older one is replaced. The folder appears whole or not at all.
///
/// # Errors
/// [`KernelspecError`] when there is no place for it or that cannot be written.
pub fn install(
    program: &Path,
    options: &[String],
    location: &Location,
) -> Result<PathBuf, KernelspecError> {
    let spec = kernel_json(program, options)?;
    let folder = location.folder()?;
    let kernels = folder.parent().unwrap_or(&folder);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KernelspecError::Write { path, source }
    };
    std::fs::create_dir_all(kernels).map_err(failed(kernels))?;
    let staging = tempfile::Builder::new()
        .prefix(".momentum-")
        .tempdir_in(kernels)
        .map_err(failed(kernels))?;
    let new = staging.path().join("new");
    std::fs::create_dir(&new).map_err(failed(&new))?;
    let files = LOGOS.iter().map(|(name, bytes)| (*name, *bytes));
    for (name, bytes) in files.chain([("kernel.json", spec.as_bytes())]) {
        let path = new.join(name);
        std::fs::write(&path, bytes).map_err(failed(&path))?;
    }
    // A folder cannot be renamed onto another: the old one goes aside, and back if that fails.
    let old = staging.path().join("old");
    let had_old = match std::fs::rename(&folder, &old) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(KernelspecError::Write { path: folder, source }),
    };
    if let Err(source) = std::fs::rename(&new, &folder) {
        if had_old {
            let _ = std::fs::rename(&old, &folder);
        }
        return Err(KernelspecError::Write { path: folder, source });
    }
    Ok(folder)
}

/// Removes the kernelspec and returns the folder that it was in.
///
/// # Errors
/// [`KernelspecError::NotInstalled`] when there is none, [`KernelspecError::Remove`] when it
/// cannot be removed.
pub fn uninstall(location: &Location) -> Result<PathBuf, KernelspecError> {
    let folder = location.folder()?;
    if !folder.join("kernel.json").is_file() {
        return Err(KernelspecError::NotInstalled { path: folder });
    }
    match std::fs::remove_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(KernelspecError::Remove { path: folder, source }),
    }
}

/// The program that a `kernel.json` starts.
pub fn program_of(kernel_json: &str) -> Option<PathBuf> {
    let spec: serde_json::Value = serde_json::from_str(kernel_json).ok()?;
    spec["argv"][0].as_str().map(PathBuf::from)
}

/// The text of `kernel.json`.
fn kernel_json(program: &Path, options: &[String]) -> Result<String, KernelspecError> {
    let Some(path) = program.to_str() else {
        return Err(KernelspecError::ProgramPath { program: program.to_owned() });
    };
    if !program.is_absolute() {
        return Err(KernelspecError::RelativeProgram { program: program.to_owned() });
    }
    let fixed = [path, "kernel", "serve"].into_iter();
    let argv: Vec<&str> =
        fixed.chain(options.iter().map(String::as_str)).chain(["{connection_file}"]).collect();
    let spec = json!({
        "argv": argv,
        "display_name": DISPLAY_NAME,
        "language": "rust",
        "interrupt_mode": "message",
        "env": {},
        "metadata": { "debugger": false },
    });
    Ok(format!("{spec:#}\n"))
}

#[cfg(test)]
mod tests;
