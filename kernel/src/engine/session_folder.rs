//! The folder of a session, in the system's folder for temporary files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// How the folders' names begin.
const PREFIX: &str = "momentum-";
/// The file that a session holds locked as long as it lives.
const LOCK: &str = "session.lock";

/// The folder; removed when it is dropped.
pub(super) struct SessionFolder {
    folder: TempDir,
    /// Locked; the lock goes with the process, however that ends.
    _lock: File,
}

impl SessionFolder {
    /// Makes one, and removes those that killed sessions have left.
    pub(super) fn new() -> io::Result<SessionFolder> {
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(SessionFolder { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the sessions' folders that nobody holds any more. Those of others cannot be removed.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Without a lock file it is no session's, or that of one which has just begun.
        if let Ok(lock) = File::options().write(true).open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_swept() {
        let temporary = tempfile::tempdir().unwrap();
        let session = |name: &str| {
            let folder = temporary.path().join(name);
            fs::create_dir(&folder).unwrap();
            File::create(folder.join(LOCK)).unwrap()
        };
        let held = session("momentum-held");
        held.lock().unwrap();
        drop(session("momentum-left"));
        drop(session("other"));
        fs::create_dir(temporary.path().join("momentum-no-lock")).unwrap();
        sweep(temporary.path());
        let there = |name: &str| temporary.path().join(name).is_dir();
        assert!(there("momentum-held") && there("other") && there("momentum-no-lock"));
        assert!(!there("momentum-left"));
    }
}
