//! The tables, and the steps from each version of them to the next.

use rusqlite::Connection;

use super::failed;
use crate::storage::StorageError;

/// The mark of our files, so that another program's file is not taken for one: "Mmnt".
const APPLICATION: i64 = 0x4d6d_6e74;

/// Each step leads from the version of its index to the next. Never edit one that was released:
/// add another.
///
/// Messages and passages have one number for agent and place together (`agent << 40 | place`), so
/// that an agent's rows lie side by side and a new one goes to their end.
const STEPS: [&str; 1] = ["
    CREATE TABLE agent (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        n_passages INTEGER NOT NULL DEFAULT 0,
        n_passages_ever INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE state (
        agent INTEGER NOT NULL REFERENCES agent ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (agent, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        session INTEGER NOT NULL,
        role TEXT NOT NULL,
        text TEXT NOT NULL,
        calls TEXT,
        answers TEXT
    ) STRICT;
    CREATE TABLE passage (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        session INTEGER NOT NULL,
        source TEXT,
        tags TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE gone (id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE block (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT NOT NULL,
        description TEXT NOT NULL,
        value TEXT NOT NULL,
        char_limit INTEGER NOT NULL,
        read_only INTEGER NOT NULL,
        version INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE block_edit (
        block INTEGER NOT NULL REFERENCES block ON DELETE CASCADE,
        version INTEGER NOT NULL,
        author TEXT NOT NULL,
        at INTEGER NOT NULL,
        before TEXT,
        after TEXT NOT NULL,
        restores INTEGER,
        PRIMARY KEY (block, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE attachment (
        id INTEGER PRIMARY KEY,
        agent INTEGER NOT NULL REFERENCES agent ON DELETE CASCADE,
        block INTEGER NOT NULL REFERENCES block ON DELETE CASCADE,
        can_write INTEGER NOT NULL,
        UNIQUE (agent, block)
    ) STRICT;
    CREATE INDEX attachment_of_block ON attachment (block);
    CREATE TABLE fact (
        agent INTEGER NOT NULL REFERENCES agent ON DELETE CASCADE,
        id INTEGER NOT NULL,
        subject TEXT NOT NULL,
        attribute TEXT NOT NULL,
        value TEXT NOT NULL,
        valid_from INTEGER NOT NULL,
        valid_until INTEGER,
        at INTEGER NOT NULL,
        source TEXT,
        subject_key TEXT NOT NULL,
        attribute_key TEXT NOT NULL,
        PRIMARY KEY (agent, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX fact_by_subject ON fact (agent, subject_key, attribute_key, valid_from);
    CREATE TABLE segment (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        agent INTEGER NOT NULL REFERENCES agent ON DELETE CASCADE,
        collection INTEGER NOT NULL,
        first INTEGER NOT NULL,
        n INTEGER NOT NULL,
        total_length INTEGER NOT NULL,
        traits BLOB NOT NULL
    ) STRICT;
    CREATE INDEX segment_of_agent ON segment (agent, collection, first, n, total_length);
    CREATE TABLE block_of_terms (
        segment INTEGER NOT NULL REFERENCES segment ON DELETE CASCADE,
        first_term INTEGER NOT NULL,
        postings BLOB NOT NULL,
        PRIMARY KEY (segment, first_term)
    ) STRICT;
    CREATE TABLE space (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        agent INTEGER NOT NULL REFERENCES agent ON DELETE CASCADE,
        collection INTEGER NOT NULL,
        model TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        n_replaced INTEGER NOT NULL DEFAULT 0,
        UNIQUE (agent, collection, model)
    ) STRICT;
    CREATE TABLE vector (id INTEGER PRIMARY KEY, numbers BLOB NOT NULL) STRICT;
"];

/// The newest version.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Brings a file to the newest version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<(), StorageError> {
    let pragma = |connection: &Connection, name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(failed("read the version of the schema"))
    };
    if pragma(connection, "user_version")? == VERSION {
        return Ok(());
    }
    let step = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed("bring the schema up to date"))?;
    // Asked again inside: another process may have been quicker.
    let found = pragma(&step, "user_version")?;
    if found > VERSION {
        let place = place.to_owned();
        return Err(StorageError::NewerSchema { place, found, known: VERSION });
    }
    let n_tables: i64 = step
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(failed("read the schema"))?;
    if found < 0 || (found == 0 && n_tables > 0) {
        let why = "it is an SQLite file of another program; choose another path".to_owned();
        return Err(StorageError::Corrupt { what: place.to_owned(), why });
    }
    for sql in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        step.execute_batch(sql).map_err(failed("bring the schema up to date"))?;
    }
    step.pragma_update(None, "application_id", APPLICATION)
        .and_then(|()| step.pragma_update(None, "user_version", VERSION))
        .and_then(|()| step.commit())
        .map_err(failed("bring the schema up to date"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SqliteStorage;

    fn opened(sql: &str) -> Result<SqliteStorage, StorageError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        SqliteStorage::open(&path)
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        let newer = opened("PRAGMA user_version = 99");
        assert!(matches!(newer, Err(StorageError::NewerSchema { found: 99, known: 1, .. })));
        let other = opened("CREATE TABLE bookmarks (url TEXT)");
        assert!(matches!(other, Err(StorageError::Corrupt { .. })), "{other:?}");
        assert!(opened("").is_ok());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.sqlite");
        std::fs::write(
            &path,
            "This is not a database, and it is long enough to be one. ".repeat(9),
        )
        .unwrap();
        assert!(matches!(SqliteStorage::open(&path), Err(StorageError::Backend { .. })));
    }

    #[test]
    fn an_old_file_is_brought_up_to_date_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection, "memory").unwrap();
            let version: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(version, VERSION);
        }
    }
}
