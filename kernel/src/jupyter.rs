//! The JupyterLab of this machine: whether it is there, which one, and how to get it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest JupyterLab that keeps the cells' ids (nbformat 4.5), by which runs are recorded.
const OLDEST: u32 = 3;

/// A JupyterLab that can open our notebooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JupyterLab {
    /// The program `jupyter-lab`.
    pub program: PathBuf,
    /// What it says of itself, such as `4.6.6`.
    pub version: String,
}

/// Why there is no JupyterLab for our notebooks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JupyterError {
    /// It is not on the path.
    #[error("JupyterLab is not on the path")]
    Missing,
    /// It is there, and does not say its version.
    #[error("`{} --version` says no version: {said}", program.display())]
    Broken {
        /// The program.
        program: PathBuf,
        /// What it, or the system, said.
        said: String,
    },
    /// It is older than what reads our notebooks.
    #[error(
        "JupyterLab {version} is too old: {OLDEST} or newer keeps the cells' ids (nbformat 4.5)"
    )]
    Old {
        /// What was found.
        version: String,
    },
}

impl JupyterError {
    /// A command that mends it here.
    pub fn advice(&self) -> String {
        let here = |tool: &str| on_path(tool).is_some();
        let verb = match self {
            JupyterError::Missing => "install",
            JupyterError::Broken { .. } => "reinstall",
            JupyterError::Old { .. } => "upgrade",
        };
        if here("uv") {
            match self {
                JupyterError::Missing => "uv tool install jupyterlab".to_owned(),
                _ => "uv tool install --force jupyterlab".to_owned(),
            }
        } else if here("pipx") {
            format!("pipx {verb} jupyterlab")
        } else if matches!(self, JupyterError::Missing) {
            "python3 -m pip install jupyterlab (where the system forbids that: `python3 -m venv ~/jupyter`, then `~/jupyter/bin/pip install jupyterlab`, and ~/jupyter/bin on the path)".to_owned()
        } else {
            "python3 -m pip install --upgrade jupyterlab".to_owned()
        }
    }
}

impl JupyterLab {
    /// Looks for `jupyter-lab` on the path, and asks it for its version.
    ///
    /// # Errors
    ///
    /// When there is none, or none that opens our notebooks.
    pub fn find() -> Result<JupyterLab, JupyterError> {
        let program = on_path("jupyter-lab").ok_or(JupyterError::Missing)?;
        let output = Command::new(&program).arg("--version").output();
        let (said, failed) = match output {
            Ok(output) => {
                let out = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                let errors = String::from_utf8_lossy(&output.stderr);
                (out, errors.lines().last().unwrap_or_default().to_owned())
            }
            Err(error) => (String::new(), error.to_string()),
        };
        let version = said.lines().last().unwrap_or_default().trim().to_owned();
        match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
            Some(major) if major >= OLDEST => Ok(JupyterLab { program, version }),
            Some(_) => Err(JupyterError::Old { version }),
            None => Err(JupyterError::Broken { program, said: failed }),
        }
    }

    /// What starts it with a notebook, in its own browser window or with an address to open.
    pub fn command(&self, notebook: &Path, with_browser: bool) -> Command {
        let mut command = Command::new(&self.program);
        if !with_browser {
            command.arg("--no-browser");
        }
        // In a container one often is root, and it asks for that word.
        if cfg!(unix) && rustix::process::geteuid().is_root() {
            command.arg("--allow-root");
        }
        command.arg(notebook);
        command
    }
}

/// The first file of that name in the folders of the path.
pub(crate) fn on_path(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}
