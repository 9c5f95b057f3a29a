//! Writes a site aside and swaps it in, so that there is always one whole site.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::BuildConfig;
use crate::problem::JournalError;
use crate::series::Series;

/// The file by which a site is known as ours: only such a folder is ever replaced.
const MARKER: &str = ".momentum-site";

/// The folder to write to.
///
/// # Errors
/// The configured folder is the root, holds the series' own folders, or is reached through a link
/// that leads out of the root; or the folder holds something that is not a site of ours.
pub(super) fn out_folder(series: &Series, config: &BuildConfig) -> Result<PathBuf, JournalError> {
    let out = match &config.out {
        Some(out) => std::path::absolute(out).map_err(JournalError::io("read", out))?,
        None => {
            let out = &series.config.out;
            let wrong = || JournalError::OutputPath { out: out.clone() };
            let own = [&series.config.file, &series.config.entries, &series.config.notebooks];
            let holds = |folder: &str| folder == out || folder.starts_with(&format!("{out}/"));
            if out.is_empty() || own.into_iter().any(|folder| holds(folder)) {
                return Err(wrong());
            }
            let path = series.root.join(out);
            // The nearest folder that exists must lie inside the root when links are followed.
            let real = path.ancestors().find_map(|folder| folder.canonicalize().ok());
            if !real.is_some_and(|real| real.starts_with(series.root.path())) {
                return Err(wrong());
            }
            path
        }
    };
    match std::fs::read_dir(&out) {
        Ok(mut entries) => {
            if entries.next().is_none() || out.join(MARKER).is_file() {
                Ok(out)
            } else {
                Err(JournalError::ForeignOutput { path: out })
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(out),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(JournalError::ForeignOutput { path: out })
        }
        Err(error) => Err(JournalError::io("list", out)(error)),
    }
}

/// Writes `files` beside `out`, then swaps the two. Killed at any moment, it leaves either the old
/// site or the new one.
pub(super) fn replace(out: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), JournalError> {
    let parent = out.parent().unwrap_or(out);
    std::fs::create_dir_all(parent).map_err(JournalError::io("write", parent))?;
    let name = out.file_name().and_then(|name| name.to_str()).unwrap_or("site");
    let aside = parent.join(format!(".{name}.new"));
    // What a build that was killed left behind.
    remove(&aside)?;
    let write = |path: &Path, bytes: &[u8]| {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(JournalError::io("write", folder))?;
        }
        std::fs::write(path, bytes).map_err(JournalError::io("write", path))
    };
    // Keeps the half-written folder out of the author's version control.
    write(&aside.join(".gitignore"), b"*\n")?;
    for (name, bytes) in files {
        write(&aside.join(name), bytes)?;
    }
    write(&aside.join(MARKER), b"Built by momentum. This folder is replaced as a whole.\n")?;
    let ignore = aside.join(".gitignore");
    std::fs::remove_file(&ignore).map_err(JournalError::io("write", ignore))?;
    if out.exists() {
        exchange(&aside, out)?;
        remove(&aside)
    } else {
        std::fs::rename(&aside, out).map_err(JournalError::io("replace", out))
    }
}

fn remove(folder: &Path) -> Result<(), JournalError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(JournalError::io("replace", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Swaps two folders in one step where the system can, else in two.
fn exchange(new: &Path, old: &Path) -> Result<(), JournalError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    let spare = new.with_extension("old");
    remove(&spare)?;
    std::fs::rename(old, &spare).map_err(JournalError::io("replace", old))?;
    if let Err(error) = std::fs::rename(new, old) {
        // Put the last good site back.
        let _ = std::fs::rename(&spare, old);
        return Err(JournalError::io("replace", old)(error));
    }
    remove(&spare)
}
