//! Which commit of the clone has the helpers that a notebook's record names.

use std::path::Path;
use std::process::{Command, Stdio};

use momentum_kernel::helpers::{HelperCrate, helper_version};

/// How many commits are looked at, newest first.
const MOST: &str = "60";

/// The commit, among the newest that touched the notebook or the helpers.
pub(super) fn with_helpers(clone: &HelperCrate, version: &str, notebook: &Path) -> Option<String> {
    let notebook = std::path::absolute(notebook).ok()?;
    let mut paths = vec!["Cargo.lock".into()];
    paths.extend(clone.folders.iter().cloned());
    let mut log = git(&clone.workspace);
    log.args(["log", "--format=%h", "-n", MOST, "--"]).args(&paths);
    if let Ok(inside) = notebook.strip_prefix(&clone.workspace) {
        log.arg(inside);
    }
    let output = log.output().ok().filter(|output| output.status.success())?;
    let commits = String::from_utf8(output.stdout).ok()?;
    let release = version.split('+').next().unwrap_or_default();
    let has_it = |commit: &&str| -> Option<bool> {
        let folder = tempfile::Builder::new().prefix("momentum-commit-").tempdir().ok()?;
        let mut archive = git(&clone.workspace)
            .args(["archive", commit])
            .args(&paths)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let unpacked = Command::new("tar")
            .args(["-x", "-C"])
            .arg(folder.path())
            .stdin(archive.stdout.take()?)
            .stderr(Stdio::null())
            .status();
        if !archive.wait().ok()?.success() || !unpacked.ok()?.success() {
            return None;
        }
        let workspace = folder.path().to_owned();
        let there = HelperCrate { workspace, version: release.to_owned(), ..clone.clone() };
        Some(helper_version(&there).ok()? == version)
    };
    commits.lines().find(|commit| has_it(commit) == Some(true)).map(str::to_owned)
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder);
    git
}
