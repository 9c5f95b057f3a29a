//! What every backend must do, written once. Each backend's tests run all of it.

mod blocks;
mod facts;
mod records;
mod searching;

use super::{AgentId, Storage, Timestamp};

/// Opens an empty storage.
pub(super) type Open<'a> = &'a dyn Fn() -> Box<dyn Storage>;

/// Runs every check on a new storage each.
pub(super) fn check_all(open: Open<'_>) {
    check_records(open);
    searching::check_all(open);
}

/// Runs every check but those of searches.
pub(super) fn check_records(open: Open<'_>) {
    records::check_all(open);
    blocks::check_all(open);
    facts::check_all(open);
}

/// A time some minutes after a fixed start.
fn minute(n: i64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + n * 60_000)
}

/// An empty storage with one agent.
fn with_agent(open: Open<'_>) -> (Box<dyn Storage>, AgentId) {
    let storage = open();
    let sara = AgentId::new("sara");
    storage.create_agent(&sara, minute(0)).expect("the id is free");
    (storage, sara)
}

#[test]
fn memory_storage_conforms() {
    check_all(&|| Box::new(super::MemoryStorage::new()));
}

#[test]
fn sqlite_storage_conforms() {
    check_all(&|| Box::new(super::SqliteStorage::temporary().expect("there is memory")));
}

#[test]
fn a_sqlite_file_conforms() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let n = std::cell::Cell::new(0);
    check_all(&|| {
        n.set(n.get() + 1);
        let path = folder.path().join(format!("{}.sqlite", n.get()));
        Box::new(super::SqliteStorage::open(path).expect("a new file"))
    });
}

#[test]
fn storages_share_a_sqlite_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("shared.sqlite");
    check_shared(&|| Box::new(super::SqliteStorage::open(&path).expect("the file opens")));
}

/// Storages that are opened side by side are to a database what processes are.
pub(super) fn check_shared(open: &(dyn Fn() -> Box<dyn Storage> + Sync)) {
    use super::{
        Author, EditRequest, MessageFilter, NewBlock, NewMessage, PageRequest, Search, StorageError,
    };
    use crate::message::Message;

    let (storage, sara) = (open(), AgentId::new("sara"));
    storage.create_agent(&sara, minute(0)).unwrap();
    let by = Author::Program("test".to_owned());
    let new = NewBlock {
        label: "human".to_owned(),
        description: String::new(),
        value: String::new(),
        limit: 2_000,
        read_only: false,
    };
    let block = storage.create_block(&sara, &new, &by, minute(0)).unwrap().id;
    let (n_edits, names) = (30, ["a", "b", "c"]);
    std::thread::scope(|scope| {
        for name in names {
            let (storage, sara, by) = (open(), &sara, &by);
            scope.spawn(move || {
                for n in 0..n_edits {
                    let said = Message::user(&format!("edit {n} by {name}"));
                    storage.append_messages(sara, &[NewMessage::new(said, minute(n))]).unwrap();
                    let found = storage.search_messages(sara, &Search::exact(format!("by {name}")));
                    assert_eq!(found.unwrap().total, n.unsigned_abs() + 1);
                    storage.search_messages(sara, &Search::ranked(format!("{n}"))).unwrap();
                    let mut seen = storage.block(block).unwrap();
                    loop {
                        let value = format!("{}{name}", seen.value);
                        let (expected_version, at) = (seen.version, minute(n));
                        let edit = EditRequest { block, expected_version, value: &value, by, at };
                        match storage.edit_block(&edit) {
                            Ok(_) => break,
                            Err(StorageError::Conflict(conflict)) => seen = conflict.found,
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
            });
        }
    });
    let last = storage.block(block).unwrap();
    assert_eq!(last.version, 1 + 3 * n_edits.unsigned_abs());
    for name in names {
        assert_eq!(last.value.matches(name).count() as i64, n_edits);
    }
    let page = storage.messages(&sara, &MessageFilter::default(), PageRequest::all()).unwrap();
    assert_eq!(page.total, 3 * n_edits.unsigned_abs());
    assert!(page.items.iter().zip(0..).all(|(message, position)| message.position == position));
    let found = storage.search_messages(&sara, &Search::ranked("29")).unwrap();
    assert!(found.items[..3].iter().all(|hit| hit.item.message.text.starts_with("edit 29")));
}
