//! Against a real server, which MOMENTUM_DATABASE_URL names (`tests/run` and `tests/database` start
//! one). Without the variable, each of these tests says that it was not run.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::connection::wait;
use super::*;
use crate::message::Message;
use crate::storage::{NewMessage, conformance};

/// Schemas of this process's tests, removed at the end.
struct Schemas {
    made: Mutex<Vec<String>>,
}

impl Schemas {
    /// None when there is no database to test with.
    fn new(test: &str) -> Option<Self> {
        if std::env::var_os(VARIABLE).is_none() {
            // Past the harness, which shows nothing of tests that pass.
            let text = format!("{test} was not run: {VARIABLE} names no database\n");
            let _ = std::io::stderr().write_all(text.as_bytes());
            return None;
        }
        Some(Schemas { made: Mutex::default() })
    }

    /// The configuration of a schema that nobody has.
    fn another(&self) -> PostgresConfig {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{n}", std::process::id());
        self.made.lock().unwrap().push(schema.clone());
        PostgresConfig::from_environment().unwrap().with_schema(schema).with_connections(4)
    }

    fn open(&self) -> PostgresStorage {
        PostgresStorage::open(self.another()).unwrap()
    }
}

impl Drop for Schemas {
    fn drop(&mut self) {
        for schema in self.made.lock().unwrap().drain(..) {
            let config = PostgresConfig::from_environment().unwrap().with_schema(schema);
            // A test that failed may have left a schema that cannot be opened.
            if let Ok(storage) = PostgresStorage::open(config) {
                storage.remove().unwrap();
            }
        }
    }
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + n * 60_000)
}

fn sara(storage: &PostgresStorage) -> AgentId {
    let sara = AgentId::new("sara");
    storage.create_agent(&sara, at(0)).unwrap();
    sara
}

/// Runs SQL of a test's own on a connection of the storage.
fn script(storage: &PostgresStorage, sql: &str) {
    let mut lease = storage.pool.session().unwrap();
    wait(lease.session().unwrap().client.batch_execute(sql)).unwrap();
}

#[test]
fn postgres_storage_conforms() {
    let Some(schemas) = Schemas::new("postgres_storage_conforms") else { return };
    conformance::check_all(&|| Box::new(schemas.open()));
}

#[test]
fn storages_share_a_database() {
    let Some(schemas) = Schemas::new("storages_share_a_database") else { return };
    let config = schemas.another().with_connections(2);
    conformance::check_shared(&|| Box::new(PostgresStorage::open(config.clone()).unwrap()));
}

#[test]
fn a_schema_is_made_once_and_others_are_left_alone() {
    let Some(schemas) = Schemas::new("a_schema_is_made_once_and_others_are_left_alone") else {
        return;
    };
    // Made by many at once.
    let config = schemas.another();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| PostgresStorage::open(config.clone()).unwrap());
        }
    });
    let storage = PostgresStorage::open(config.clone()).unwrap();
    let version = storage.read(|open| {
        let row = open.row("read the version", "SELECT version FROM schema_version", &[])?;
        Ok(row.map(|row| row.get::<_, i64>(0)))
    });
    assert_eq!(version.unwrap(), Some(schema::VERSION));

    script(&storage, "UPDATE schema_version SET version = 99");
    let newer = PostgresStorage::open(config.clone());
    assert!(matches!(newer, Err(StorageError::NewerSchema { found: 99, .. })), "{newer:?}");
    script(&storage, "DROP TABLE schema_version");
    let other = PostgresStorage::open(config.clone());
    assert!(matches!(other, Err(StorageError::Corrupt { .. })), "{other:?}");
    assert!(storage.agents().unwrap().is_empty());
    storage.remove().unwrap();
    PostgresStorage::open(config).unwrap();
}

#[test]
fn an_older_schema_is_brought_up_to_date_as_a_whole() {
    let Some(schemas) = Schemas::new("an_older_schema_is_brought_up_to_date_as_a_whole") else {
        return;
    };
    let storage = schemas.open();
    let agent = sara(&storage);
    let steps = |more: &'static str| [vec![""; schema::VERSION as usize], vec![more]].concat();
    let migrate = |steps: &[&str]| {
        let mut lease = storage.pool.session().unwrap();
        let client = &lease.session().unwrap().client;
        schema::migrate_by(steps, client, storage.pool.schema(), storage.pool.place())
    };
    // A step that fails in its middle leaves nothing behind.
    let broken = migrate(&steps("ALTER TABLE agent ADD COLUMN colour TEXT; SELECT 1 / 0"));
    assert!(matches!(broken, Err(StorageError::Backend { .. })), "{broken:?}");
    for _ in 0..2 {
        migrate(&steps("ALTER TABLE agent ADD COLUMN colour TEXT DEFAULT 'blue'")).unwrap();
    }
    let colour = storage.read(|open| {
        let row = open.row("read a colour", "SELECT colour FROM agent", &[])?;
        Ok(row.map(|row| row.get::<_, String>(0)))
    });
    assert_eq!(colour.unwrap().as_deref(), Some("blue"));
    assert!(storage.agent(&agent).unwrap().is_some());
    script(&storage, "UPDATE schema_version SET version = version - 1");
}

#[test]
fn a_lost_connection_is_replaced() {
    let Some(schemas) = Schemas::new("a_lost_connection_is_replaced") else { return };
    let storage = PostgresStorage::open(schemas.another().with_connections(1)).unwrap();
    let agent = sara(&storage);
    let other = PostgresStorage::open(
        PostgresConfig::from_environment().unwrap().with_schema(storage.pool.schema()),
    )
    .unwrap();
    for n in 0..3 {
        let process = storage.read(|open| {
            let row = open.row("read the process", "SELECT pg_backend_pid()", &[])?;
            Ok(row.map_or(0, |row| row.get::<_, i32>(0)))
        });
        script(&other, &format!("SELECT pg_terminate_backend({}, 10000)", process.unwrap()));
        let said = [NewMessage::new(Message::user("Hello"), at(n))];
        assert_eq!(storage.append_messages(&agent, &said).unwrap(), n.unsigned_abs());
    }
}

#[test]
fn a_panic_inside_rolls_back() {
    let Some(schemas) = Schemas::new("a_panic_inside_rolls_back") else { return };
    let storage = PostgresStorage::open(schemas.another().with_connections(1)).unwrap();
    let agent = sara(&storage);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        storage.write(|open| -> Result<(), StorageError> {
            open.set_state(&agent, "queue", "half")?;
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(storage.state(&agent, "queue").unwrap(), None);
}

/// Two transactions that wait for each other: the server ends one, and it is done again.
#[test]
fn deadlocks_are_tried_again() {
    let Some(schemas) = Schemas::new("deadlocks_are_tried_again") else { return };
    let storage = schemas.open();
    let (a, b) = (AgentId::new("a"), AgentId::new("b"));
    for agent in [&a, &b] {
        storage.create_agent(agent, at(0)).unwrap();
    }
    let barrier = std::sync::Barrier::new(2);
    let tries = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for (first, second) in [(&a, &b), (&b, &a)] {
            let (storage, barrier, tries) = (&storage, &barrier, &tries);
            scope.spawn(move || {
                let mut is_first = true;
                let done = storage.write(|open| {
                    tries.fetch_add(1, Ordering::Relaxed);
                    open.set_state(first, first.as_str(), "seen")?;
                    if std::mem::take(&mut is_first) {
                        barrier.wait();
                    }
                    open.set_state(second, first.as_str(), "seen")
                });
                done.unwrap();
            });
        }
    });
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    for (agent, key) in [(&a, "a"), (&a, "b"), (&b, "a"), (&b, "b")] {
        assert_eq!(storage.state(agent, key).unwrap().as_deref(), Some("seen"));
    }
}

#[test]
fn an_index_finds_the_nearest_vectors() {
    let Some(schemas) = Schemas::new("an_index_finds_the_nearest_vectors") else { return };
    let storage = schemas.open();
    let agent = sara(&storage);
    let mut random = 5_u64;
    let mut vector = || -> Vec<f32> {
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((random >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
        };
        (0..8).map(|_| next()).collect()
    };
    let n = 4_500;
    let new: Vec<_> = (0..n)
        .map(|n| NewPassage::new(format!("text {n}"), at(0)).with_tag(format!("t{}", n % 2)))
        .collect();
    storage.insert_passages(&agent, &new).unwrap();
    let vectors: Vec<(u64, Vec<f32>)> = (0..n).map(|n| (n, vector())).collect();
    storage.set_vectors(&agent, Collection::Archival, "tiny", &vectors).unwrap();
    let query = vector();
    let found = |filter: PassageFilter| -> Vec<u64> {
        let search = Search::ranked("nothing of this stands there")
            .with_vector("tiny", query.clone())
            .with_filter(filter);
        let page = storage.search_passages(&agent, &search).unwrap();
        page.items.iter().map(|hit| hit.item.id.0).collect()
    };
    let odd = || PassageFilter { tags: vec!["t1".to_owned()], ..PassageFilter::default() };
    let (all, some) = (found(PassageFilter::default()), found(odd()));
    assert_eq!((all.len(), some.len()), (10, 10));
    assert!(some.iter().all(|id| id % 2 == 1));
    assert_eq!(storage.index_vectors(&agent).unwrap(), 1);
    assert_eq!(storage.index_vectors(&agent).unwrap(), 0);
    let by_index = found(PassageFilter::default());
    let n_same = by_index.iter().filter(|id| all.contains(id)).count();
    assert!(n_same >= 9, "{all:?}, by the index {by_index:?}");
    assert_eq!(found(odd()), some);
    // The plan does use it.
    let plan = storage.read(|open| {
        open.script("choose", "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")?;
        let sql = "EXPLAIN SELECT place FROM embedding WHERE space = 1
                   ORDER BY numbers::vector(8) <#> '[1,1,1,1,1,1,1,1]'::vector(8) LIMIT 10";
        let rows = open.rows("explain", sql, &[])?;
        Ok(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
    });
    assert!(plan.as_ref().unwrap().contains("embedding_of_space_1"), "{plan:?}");
    // It is kept up to date, and goes with the agent.
    storage.set_vectors(&agent, Collection::Archival, "tiny", &[(7, query.clone())]).unwrap();
    assert_eq!(found(PassageFilter::default())[0], 7);
    storage.delete_agent(&agent).unwrap();
    let left = storage.read(|open| {
        let sql = "SELECT 1 FROM pg_indexes WHERE indexname = 'embedding_of_space_1'
                   AND schemaname = current_schema()";
        Ok(open.row("look for the index", sql, &[])?.is_some())
    });
    assert!(!left.unwrap());
}

#[test]
fn exact_searches_know_unicode_as_the_others_do() {
    let Some(schemas) = Schemas::new("exact_searches_know_unicode_as_the_others_do") else {
        return;
    };
    let storage = schemas.open();
    let agent = sara(&storage);
    // Characters whose lower-case forms are in ASCII, and others.
    let texts = ["300 \u{212a}", "\u{130}stanbul", "ÄRGER", "STRASSE"];
    let new: Vec<_> = texts.iter().map(|text| NewPassage::new(*text, at(0))).collect();
    storage.insert_passages(&agent, &new).unwrap();
    let found = |text: &str| {
        let page = storage.search_passages(&agent, &Search::exact(text)).unwrap();
        page.items.iter().map(|hit| hit.item.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found("300 k"), [0]);
    assert_eq!(found("ärger"), [2]);
    assert_eq!(found("straSSe"), [3]);
    assert_eq!(found("i"), [1]);
}

#[test]
fn wrong_configurations_are_told_without_the_password() {
    let check = |config: PostgresConfig, expected: &str| {
        let error = PostgresStorage::open(config.clone()).unwrap_err();
        let mut said = format!("{config:?} {error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(why) = cause {
            said.push_str(&format!(" | {why}"));
            cause = why.source();
        }
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    };
    let at = |rest: &str| PostgresConfig::new(format!("postgres://ann:hunter2@{rest}"));
    check(at("127.0.0.1:1/memory"), "connect to PostgreSQL");
    check(at("127.0.0.1:many/memory"), "read the database's address");
    check(at("127.0.0.1/memory").with_schema("Robert'; DROP"), "is no name for a schema");
    check(at("127.0.0.1/memory").with_schema("pg_mine"), "is no name for a schema");
}
