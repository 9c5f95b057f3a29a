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
const STEPS: [&str; 2] = [CREATE, NEVER_AGAIN];

const CREATE: &str = "
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
";

/// The number of a deleted agent is not given to another: what a process has in memory of the
/// first would be taken for the second's.
const NEVER_AGAIN: &str = "
    CREATE TABLE numbered_agent (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        n_passages INTEGER NOT NULL DEFAULT 0,
        n_passages_ever INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO numbered_agent SELECT id, name, created, n_passages, n_passages_ever FROM agent;
    DROP TABLE agent;
    ALTER TABLE numbered_agent RENAME TO agent;
";

/// Brings a file to the newest version, in one transaction. Foreign keys are not enforced after it.
pub(super) fn migrate(connection: &mut Connection, place: &str) -> Result<(), StorageError> {
    migrate_by(&STEPS, connection, place)
}

fn migrate_by(
    steps: &[&str],
    connection: &mut Connection,
    place: &str,
) -> Result<(), StorageError> {
    let newest = steps.len() as i64;
    let pragma = |connection: &Connection, name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(failed("read the version of the schema"))
    };
    if pragma(connection, "user_version")? == newest {
        return Ok(());
    }
    // Else a table that is made anew would take with it all rows that name its rows.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(failed("bring the schema up to date"))?;
    let step = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed("bring the schema up to date"))?;
    // Asked again inside: another process may have been quicker.
    let found = pragma(&step, "user_version")?;
    if found > newest {
        let place = place.to_owned();
        return Err(StorageError::NewerSchema { place, found, known: newest });
    }
    let n_tables: i64 = step
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(failed("read the schema"))?;
    if found < 0 || (found == 0 && n_tables > 0) {
        let why = "it is an SQLite file of another program; choose another path".to_owned();
        return Err(StorageError::Corrupt { what: place.to_owned(), why });
    }
    for sql in steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
        step.execute_batch(sql).map_err(failed("bring the schema up to date"))?;
    }
    step.pragma_update(None, "application_id", APPLICATION)
        .and_then(|()| step.pragma_update(None, "user_version", newest))
        .and_then(|()| step.commit())
        .map_err(failed("bring the schema up to date"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::storage::{
        AgentId, FactQuery, NewMessage, PageRequest, Search, SqliteStorage, Storage, Timestamp,
    };

    const VERSION: i64 = STEPS.len() as i64;

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
        assert!(matches!(newer, Err(StorageError::NewerSchema { found: 99, known: VERSION, .. })));
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

    /// A file as the first version left it, with something of everything.
    const OLD: &str = "
        INSERT INTO agent VALUES (1, 'sara', 7, 1, 2), (4, 'tom', 8, 0, 0);
        INSERT INTO state VALUES (1, 'queue', 'q');
        INSERT INTO message VALUES (1 << 40, 9, 0, 'user', 'I have a dog.', NULL, NULL);
        INSERT INTO passage VALUES (1 << 40 | 1, 9, 0, NULL, '[]', 'Dogs bark.');
        INSERT INTO block VALUES (1, 'human', '', 'dog: Pixel', 100, 0, 1);
        INSERT INTO block_edit VALUES (1, 1, 'program:setup', 7, NULL, 'dog: Pixel', NULL);
        INSERT INTO attachment VALUES (1, 1, 1, 1);
        INSERT INTO fact VALUES (1, 0, 'Sara', 'dog', 'Pixel', 7, NULL, 7, NULL, 'sara', 'dog');
    ";

    fn old_file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sqlite");
        let mut connection = Connection::open(&path).unwrap();
        migrate_by(&STEPS[..1], &mut connection, "old").unwrap();
        connection.execute_batch(OLD).unwrap();
        (folder, path)
    }

    #[test]
    fn an_older_file_is_brought_up_to_date_as_a_whole() {
        let (_folder, path) = old_file();
        let (sara, tom) = (AgentId::new("sara"), AgentId::new("tom"));
        let number = |storage: &SqliteStorage, agent: &AgentId| {
            storage.read(|open| open.agent(agent)).unwrap()
        };
        for _ in 0..2 {
            let storage = SqliteStorage::open(&path).unwrap();
            assert_eq!((number(&storage, &sara), number(&storage, &tom)), (1, 4));
            assert_eq!(storage.agents().unwrap().len(), 2);
            assert_eq!(storage.state(&sara, "queue").unwrap().as_deref(), Some("q"));
            let found = storage.search_messages(&sara, &Search::ranked("dog")).unwrap();
            assert_eq!(found.items[0].item.message.text, "I have a dog.");
            let found = storage.search_passages(&sara, &Search::ranked("dogs")).unwrap();
            assert_eq!(found.items[0].item.text, "Dogs bark.");
            assert_eq!(storage.blocks(&sara).unwrap()[0].block.value, "dog: Pixel");
            let facts = storage.facts(&sara, &FactQuery::default(), PageRequest::all()).unwrap();
            assert_eq!(facts.items[0].value, "Pixel");
            storage.check().unwrap();
        }
        // The rows that name the agent still do, and go with it.
        let storage = SqliteStorage::open(&path).unwrap();
        storage.delete_agent(&sara).unwrap();
        storage.delete_agent(&tom).unwrap();
        let left = storage.read(|open| {
            let sql = "SELECT (SELECT count(*) FROM state) + (SELECT count(*) FROM fact)";
            open.value::<i64>("count", sql, ())
        });
        assert_eq!(left.unwrap(), Some(0));
        storage.create_agent(&tom, Timestamp::default()).unwrap();
        assert_eq!(number(&storage, &tom), 5);
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_file() {
        let (_folder, path) = old_file();
        let mut connection = Connection::open(&path).unwrap();
        let content = |connection: &Connection| -> (i64, String, i64) {
            let sql = "SELECT (SELECT user_version FROM pragma_user_version),
                       (SELECT group_concat(sql) FROM sqlite_schema), (SELECT count(*) FROM state)";
            connection
                .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap()
        };
        let before = content(&connection);
        assert_eq!((before.0, before.2), (1, 1));
        let steps = [STEPS[0], NEVER_AGAIN, "CREATE TABLE more (id INTEGER); SELECT nonsense"];
        let failed = migrate_by(&steps, &mut connection, "old");
        assert!(matches!(failed, Err(StorageError::Backend { .. })), "{failed:?}");
        assert_eq!(content(&connection), before);
        migrate(&mut connection, "old").unwrap();
        assert_eq!((content(&connection).0, content(&connection).2), (VERSION, 1));
    }

    #[test]
    fn what_is_kept_of_a_deleted_agent_is_not_taken_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStorage::open(folder.path().join("a.sqlite")).unwrap();
        let (one, other) = (open(), open());
        let (sara, now) = (AgentId::new("sara"), Timestamp::default());
        let found = |storage: &SqliteStorage, text: &str| {
            storage.search_messages(&sara, &Search::ranked(text)).unwrap().items.len()
        };
        for (text, other_text) in [("I have a dog.", "cat"), ("I have a cat.", "dog")] {
            one.create_agent(&sara, now).unwrap();
            one.append_messages(&sara, &[NewMessage::new(Message::user(text), now)]).unwrap();
            assert_eq!((found(&other, text), found(&other, other_text)), (1, 0));
            one.delete_agent(&sara).unwrap();
        }
    }
}
