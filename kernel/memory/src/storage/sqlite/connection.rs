//! The connection of a storage, in whichever process the storage is used.
//!
//! A notebook's process is copied before each cell, and the copy may go on with the storages. A
//! copy has its parent's memory, in which SQLite believes that it holds locks, but not the locks:
//! they belong to the parent. As long as one connection of a file is there from before the copy,
//! SQLite gives later ones what it believes to have. The copy would write to a file that its parent
//! removes. So before a copy uses a file, it closes all inherited connections of that file, quietly
//! (nothing on the disk changes), and opens its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Durability, failed, schema, vectors};
use crate::retrieval::index::Index;
use crate::storage::{Collection, StorageError};

/// The connection, and what is kept in memory to search quickly.
pub(super) struct Open {
    pub(super) connection: Connection,
    pub(super) indexes: HashMap<(i64, Collection), Index>,
    pub(super) spaces: HashMap<i64, vectors::Space>,
}

impl Open {
    fn new(mut connection: Connection, place: &str, how: Durability) -> Result<Self, StorageError> {
        let settings = "
            PRAGMA journal_mode = WAL;
            PRAGMA foreign_keys = ON;
            PRAGMA cache_size = -65536;
            PRAGMA mmap_size = 1073741824;
        ";
        let wrong = failed("set up the SQLite file");
        connection.busy_timeout(Duration::from_secs(30)).map_err(&wrong)?;
        // First of all: another program's file stays as it is.
        schema::migrate(&mut connection, place)?;
        connection.execute_batch(settings).map_err(&wrong)?;
        connection.set_prepared_statement_cache_capacity(64);
        let open = Open { connection, indexes: HashMap::new(), spaces: HashMap::new() };
        open.set_durability(how)?;
        Ok(open)
    }

    fn set_durability(&self, durability: Durability) -> Result<(), StorageError> {
        let level = match durability {
            Durability::Process => "NORMAL",
            Durability::Power => "FULL",
        };
        let set = self.connection.pragma_update(None, "synchronous", level);
        set.map_err(failed("set the durability"))
    }

    /// Locks it. A panic inside has rolled its transaction back; what is kept in memory is dropped.
    pub(super) fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
        open.lock().unwrap_or_else(|poisoned| {
            let mut inside = PoisonError::into_inner(poisoned);
            inside.indexes.clear();
            inside.spaces.clear();
            open.clear_poison();
            inside
        })
    }
}

/// The connection of one process.
struct Owned {
    process: u32,
    /// Whoever uses it has it as well.
    open: Option<Arc<Mutex<Open>>>,
}

impl Owned {
    /// Closes what another process opened, without a change on the disk. Says whether it could: a
    /// connection that a thread of that process was using is in the midst of something.
    fn abandon(&mut self) -> bool {
        let Some(open) = self.open.take() else { return true };
        match Arc::try_unwrap(open) {
            Ok(open) => {
                let open = open.into_inner().unwrap_or_else(PoisonError::into_inner);
                // What the file's other users need is not cleared away by one that is none.
                let _ =
                    open.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
                true
            }
            Err(open) => {
                self.open = Some(open);
                false
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.process != std::process::id() && !self.abandon() {
            std::mem::forget(self.open.take());
        }
    }
}

/// The files that this process has open, each as often as it has.
static FILES: Mutex<Vec<(PathBuf, Weak<Mutex<Owned>>)>> = Mutex::new(Vec::new());

/// Nothing panics while these locks are held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the file of a storage in each process that uses it.
pub(super) struct Opener {
    place: String,
    /// Where the file is, whatever the working directory is by then. None in memory.
    path: Option<PathBuf>,
    durability: Durability,
    owned: Arc<Mutex<Owned>>,
}

impl Opener {
    pub(super) fn of_file(path: &Path) -> Result<Self, StorageError> {
        let opening = "open the SQLite file";
        let connection = Connection::open(path).map_err(failed(opening))?;
        let mut opener = Self::new(connection, path.display().to_string())?;
        let path = std::fs::canonicalize(path)
            .map_err(|source| StorageError::Backend { doing: opening, source: source.into() })?;
        let mut files = lock(&FILES);
        files.retain(|(_, owned)| owned.strong_count() > 0);
        files.push((path.clone(), Arc::downgrade(&opener.owned)));
        opener.path = Some(path);
        Ok(opener)
    }

    pub(super) fn in_memory() -> Result<Self, StorageError> {
        let connection = Connection::open_in_memory().map_err(failed("open SQLite in memory"))?;
        Self::new(connection, "memory".to_owned())
    }

    fn new(connection: Connection, place: String) -> Result<Self, StorageError> {
        let durability = Durability::default();
        let open = Open::new(connection, &place, durability)?;
        let open = Some(Arc::new(Mutex::new(open)));
        let owned = Arc::new(Mutex::new(Owned { process: std::process::id(), open }));
        Ok(Opener { place, path: None, durability, owned })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn set_durability(&mut self, durability: Durability) -> Result<(), StorageError> {
        self.durability = durability;
        Open::lock(&*self.open()?).set_durability(durability)
    }

    /// This process's connection.
    pub(super) fn open(&self) -> Result<Arc<Mutex<Open>>, StorageError> {
        let process = std::process::id();
        let mut owned = lock(&self.owned);
        if let Some(path) = self.path.as_ref().filter(|_| owned.process != process) {
            drop(owned);
            abandon_all(path, process)?;
            owned = lock(&self.owned);
        }
        if let Some(open) = &owned.open {
            return Ok(Arc::clone(open));
        }
        let path = self.path.as_deref().unwrap_or(Path::new(&self.place));
        // A file that is gone by now is not made anew, without what was in it.
        let flags = OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(failed("open the SQLite file in a copy of the process"))?;
        let open = Arc::new(Mutex::new(Open::new(connection, &self.place, self.durability)?));
        owned.open = Some(Arc::clone(&open));
        Ok(open)
    }
}

/// Closes every connection of the file that was opened before this process was copied.
fn abandon_all(path: &Path, process: u32) -> Result<(), StorageError> {
    for (_, owned) in lock(&FILES).iter().filter(|(known, _)| known == path) {
        let Some(owned) = owned.upgrade() else { continue };
        let mut owned = lock(&owned);
        if owned.process == process {
            continue;
        }
        if !owned.abandon() {
            let why =
                "a thread was using the file when the process was copied; restart the process";
            let doing = "go on in a copy of the process";
            return Err(StorageError::Backend { doing, source: why.into() });
        }
        owned.process = process;
    }
    Ok(())
}
