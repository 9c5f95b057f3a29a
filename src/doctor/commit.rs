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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A clone of two commits, whose helpers differ, and a third that touches only a notebook.
    struct Clone {
        folder: tempfile::TempDir,
        helpers: HelperCrate,
    }

    impl Clone {
        fn new() -> Clone {
            let folder = tempfile::tempdir().unwrap();
            let workspace = folder.path().to_owned();
            fs::create_dir_all(workspace.join("cells/src")).unwrap();
            let lock = "version = 4\n\n[[package]]\nname = \"cells\"\nversion = \"0.1.0\"\n";
            fs::write(workspace.join("Cargo.lock"), lock).unwrap();
            fs::write(workspace.join("cells/Cargo.toml"), "[package]\nname = \"cells\"\n").unwrap();
            let helpers = HelperCrate {
                workspace,
                package: "cells".into(),
                folders: vec!["cells".into()],
                version: "0.1.0".into(),
            };
            let clone = Clone { folder, helpers };
            clone.git(&["init", "--quiet"]);
            clone
        }

        fn git(&self, arguments: &[&str]) -> String {
            let mut git = git(self.folder.path());
            git.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
            let output = git.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        /// Commits a file; gives the commit and the version of the helpers at it.
        fn commit(&self, file: &str, text: &str) -> (String, String) {
            fs::write(self.folder.path().join(file), text).unwrap();
            self.git(&["add", "-A"]);
            self.git(&["commit", "--quiet", "-m", file]);
            (self.git(&["rev-parse", "--short", "HEAD"]), helper_version(&self.helpers).unwrap())
        }
    }

    #[test]
    fn the_commit_whose_helpers_made_the_outputs_is_found() {
        let clone = Clone::new();
        let (first, first_version) = clone.commit("cells/src/lib.rs", "fn a() {}");
        let (_, second_version) = clone.commit("cells/src/lib.rs", "fn b() {}");
        let (third, third_version) = clone.commit("day.ipynb", "{}");
        assert_eq!(second_version, third_version);
        let check = |version: &str, expected: Option<&String>| {
            let notebook = clone.folder.path().join("day.ipynb");
            let found = with_helpers(&clone.helpers, version, &notebook);
            assert_eq!(found.as_ref(), expected, "{version}");
        };
        check(&first_version, Some(&first));
        check(&third_version, Some(&third));
        check("0.1.0+000000000000", None);
        // What is not committed does not count.
        fs::write(clone.folder.path().join("cells/src/lib.rs"), "fn c() {}").unwrap();
        check(&helper_version(&clone.helpers).unwrap(), None);
    }
}
