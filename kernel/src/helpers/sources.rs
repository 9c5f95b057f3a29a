//! The hash of what the helpers are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{HelperCrate, HelperError};
use crate::toolchain::Toolchain;

/// Hash of the sources, the manifests and the locked dependencies, as hex digits.
pub(super) fn hash(helpers: &HelperCrate) -> Result<String, HelperError> {
    let mut hasher = Sha256::new();
    for folder in &helpers.folders {
        let mut files = Vec::new();
        let root = helpers.workspace.join(folder);
        files.push(root.join("Cargo.toml"));
        for part in ["src", "data"] {
            collect(&root.join(part), &mut files)?;
        }
        files.sort();
        for file in files {
            let content = fs::read(&file).map_err(|e| HelperError::file("read", &file, e))?;
            let name = file.strip_prefix(&helpers.workspace).unwrap_or(&file);
            hasher.update(name.to_string_lossy().as_bytes());
            hasher.update([0]);
            hasher.update((content.len() as u64).to_le_bytes());
            hasher.update(content);
        }
    }
    for package in locked(helpers)? {
        hasher.update(package);
        hasher.update([0]);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// How many packages the helpers are made of: about as many as cargo will report.
pub(super) fn count(helpers: &HelperCrate) -> Result<usize, HelperError> {
    Ok(locked(helpers)?.len())
}

/// The cache key of a set: its version and the compiler.
pub(super) fn key(version: &str, toolchain: &Toolchain) -> String {
    let digest = Sha256::digest(format!("{version}\n{}\n{}", toolchain.version, toolchain.host));
    format!("{version}-{}", &format!("{digest:x}")[..8])
}

/// All files below a folder, without those that are compiled for tests only (`tests.rs` and what is
/// below `tests/`); none if there is no such folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), HelperError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|e| HelperError::file("read", folder, e))?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Name, version and checksum of every package that the helpers are made of, sorted.
fn locked(helpers: &HelperCrate) -> Result<Vec<String>, HelperError> {
    let path = helpers.workspace.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(|e| HelperError::file("read", &path, e))?;
    let missing = || HelperError::Lock { path: path.clone(), package: helpers.package.clone() };
    let lock: Lock = toml::from_str(&text).map_err(|_| missing())?;
    let mut by_name = BTreeMap::<&str, Vec<&Package>>::new();
    for package in &lock.package {
        by_name.entry(&package.name).or_default().push(package);
    }
    let start =
        by_name.get(helpers.package.as_str()).and_then(|all| all.first()).ok_or_else(missing)?;
    let mut waiting = vec![*start];
    let mut found = BTreeSet::new();
    while let Some(package) = waiting.pop() {
        let checksum = package.checksum.as_deref().unwrap_or("here");
        if !found.insert(format!("{} {} {checksum}", package.name, package.version)) {
            continue;
        }
        for dependency in &package.dependencies {
            let mut words = dependency.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let candidates = by_name.get(name).into_iter().flatten();
            waiting.extend(candidates.filter(|p| version.is_none_or(|v| v == p.version)));
        }
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lock: &str, edit: impl Fn(&Path)) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("cells/src");
        fs::create_dir_all(&source).unwrap();
        fs::write(folder.path().join("Cargo.lock"), lock).unwrap();
        fs::write(folder.path().join("cells/Cargo.toml"), "[package]").unwrap();
        fs::write(source.join("lib.rs"), "//! a").unwrap();
        let helpers = HelperCrate {
            workspace: folder.path().to_owned(),
            package: "cells".into(),
            folders: vec!["cells".into()],
            version: "1.0.0".into(),
        };
        let before = hash(&helpers).unwrap();
        edit(folder.path());
        (before, hash(&helpers).unwrap())
    }

    const LOCK: &str = "[[package]]\nname = \"cells\"\nversion = \"1.0.0\"\ndependencies = [\"a\"]\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"1\"\n[[package]]\nname = \"other\"\nversion = \"1.0.0\"\n";

    #[test]
    fn a_source_edit_and_a_dependency_change_count() {
        let (before, after) =
            check(LOCK, |root| fs::write(root.join("cells/src/lib.rs"), "//! b").unwrap());
        assert_ne!(before, after);
        let (before, after) =
            check(LOCK, |root| fs::write(root.join("cells/src/tests.rs"), "//! b").unwrap());
        assert_eq!(before, after, "a test is no part of what cells call");
        let (before, after) = check(LOCK, |root| {
            fs::write(
                root.join("Cargo.lock"),
                LOCK.replace("checksum = \"1\"", "checksum = \"2\""),
            )
            .unwrap();
        });
        assert_ne!(before, after);
    }

    #[test]
    fn packages_that_the_helpers_do_not_use_do_not_count() {
        let (before, after) = check(LOCK, |root| {
            fs::write(root.join("Cargo.lock"), LOCK.replace("\"other\"", "\"another\"")).unwrap();
        });
        assert_eq!(before, after);
    }
}
