//! Small programs that only make cells faster, compiled at first use by the user's own compiler and
//! kept beside the helpers. Without them, cells are only slower.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::toolchain::Toolchain;

/// What is loaded into the compiler that waits (see `waiting`).
const PRELOAD: &str = include_str!("companions/preload.rs");
/// What evcxr starts in place of cargo.
const MESSENGER: &str = concat!(
    "mod request {\n",
    include_str!("request.rs"),
    "}\n",
    include_str!("companions/messenger.rs")
);

/// The library that is loaded into waiting compilers.
pub(crate) fn preload(toolchain: &Toolchain, folder: &Path) -> Option<PathBuf> {
    made(toolchain, folder, ("preload", ".so"), PRELOAD, &["--crate-type", "cdylib"])
}

/// The program that asks the server to build a cell.
pub(crate) fn messenger(toolchain: &Toolchain, folder: &Path) -> Option<PathBuf> {
    made(toolchain, folder, ("messenger", ""), MESSENGER, &["--crate-type", "bin"])
}

/// The file that is compiled of a source, now or earlier.
fn made(
    toolchain: &Toolchain,
    folder: &Path,
    (name, extension): (&str, &str),
    source: &str,
    kind: &[&str],
) -> Option<PathBuf> {
    let hash = Sha256::digest(source);
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let file = folder.join(format!("{name}-{hash}{extension}"));
    if file.is_file() {
        return Some(file);
    }
    let work = tempfile::tempdir_in(folder).ok()?;
    let text = work.path().join("source.rs");
    fs::write(&text, source).ok()?;
    let made = work.path().join("made");
    let mut rustc = Command::new(&toolchain.rustc);
    rustc
        .args(["--edition", "2024", "--crate-name", name, "-Cpanic=abort", "-Copt-level=2"])
        .args(["-Cstrip=symbols"])
        .args(kind)
        .arg("-o")
        .arg(&made)
        .arg(&text);
    let output = rustc.stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    fs::rename(&made, &file).ok()?;
    Some(file)
}
