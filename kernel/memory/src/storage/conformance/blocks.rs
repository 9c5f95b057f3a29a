//! Blocks: sharing, conflicts, rights, history, undo.

use super::{Open, minute, with_agent};
use crate::storage::{
    Access, AgentId, Author, EditRequest, NewBlock, PageRequest, Storage, StorageError, StoredBlock,
};

pub(super) fn check_all(open: Open<'_>) {
    edits_are_kept_and_undone(open);
    no_update_is_lost(open);
    rights_are_held(open);
    blocks_are_shared(open);
    threads_lose_no_update(open);
}

fn human() -> NewBlock {
    NewBlock {
        label: "human".to_owned(),
        description: "What you know about the user".to_owned(),
        value: String::new(),
        limit: 2_000,
        read_only: false,
    }
}

fn edit(
    storage: &dyn Storage,
    block: &StoredBlock,
    value: &str,
    by: &Author,
) -> Result<StoredBlock, StorageError> {
    storage.edit_block(&EditRequest {
        block: block.id,
        expected_version: block.version,
        value,
        by,
        at: minute(5),
    })
}

fn edits_are_kept_and_undone(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let by = Author::Agent(sara.clone());
    let mut block = storage
        .create_block(&sara, &human(), &Author::Person("Ann".to_owned()), minute(1))
        .unwrap();
    assert_eq!((block.version, block.value.as_str(), block.limit), (1, "", 2_000));
    for value in ["a", "b", "c"] {
        block = edit(&*storage, &block, value, &by).unwrap();
    }
    let undo = |block: &StoredBlock| storage.undo_block(block.id, block.version, &by, minute(6));
    let mut values = Vec::new();
    for _ in 0..2 {
        block = undo(&block).unwrap();
        values.push(block.value.clone());
    }
    block = edit(&*storage, &block, "d", &by).unwrap();
    for _ in 0..2 {
        block = undo(&block).unwrap();
        values.push(block.value.clone());
    }
    assert_eq!(values, ["b", "a", "a", ""]);
    let nothing = undo(&block);
    assert!(matches!(nothing, Err(StorageError::NothingToUndo { .. })), "{nothing:?}");

    block = storage.restore_block(block.id, 4, block.version, &by, minute(7)).unwrap();
    assert_eq!((block.value.as_str(), block.version), ("c", 10));
    let none = storage.restore_block(block.id, 99, block.version, &by, minute(7));
    assert!(matches!(none, Err(StorageError::NoVersion { version: 99, .. })), "{none:?}");

    let history = storage.block_history(block.id, PageRequest::new(0, 3)).unwrap();
    assert_eq!(history.total, 10);
    let newest = &history.items[0];
    assert_eq!((newest.version, newest.restores), (10, Some(4)));
    assert_eq!((newest.before.as_deref(), newest.after.as_str()), (Some(""), "c"));
    assert_eq!((&newest.by, newest.at), (&by, minute(7)));
    let first = storage.block_history(block.id, PageRequest::new(9, 3)).unwrap();
    assert_eq!((first.items.len(), &first.items[0].before), (1, &None));
    assert_eq!(first.items[0].by, Author::Person("Ann".to_owned()));
}

fn no_update_is_lost(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let by = Author::Agent(sara.clone());
    let seen = storage.create_block(&sara, &human(), &by, minute(1)).unwrap();
    edit(&*storage, &seen, "mine", &by).unwrap();
    match edit(&*storage, &seen, "yours", &by) {
        Err(StorageError::Conflict(conflict)) => {
            assert_eq!((conflict.expected, conflict.found.version), (1, 2));
            assert_eq!(conflict.found.value, "mine");
        }
        other => panic!("a conflict was expected: {other:?}"),
    }
    assert_eq!(storage.block(seen.id).unwrap().value, "mine");
}

fn rights_are_held(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let tom = AgentId::new("tom");
    storage.create_agent(&tom, minute(0)).unwrap();
    let by = Author::Agent(sara.clone());
    let persona = NewBlock { label: "persona".to_owned(), read_only: true, ..human() };
    let persona = storage.create_block(&sara, &persona, &by, minute(1)).unwrap();
    let shared = storage.create_block(&sara, &human(), &by, minute(1)).unwrap();
    let refused = |result: Result<StoredBlock, StorageError>| {
        assert!(matches!(result, Err(StorageError::NoRight { .. })), "{result:?}");
    };
    refused(edit(&*storage, &persona, "x", &by));
    refused(storage.restore_block(persona.id, 1, 1, &by, minute(2)));
    refused(edit(&*storage, &shared, "x", &Author::Agent(tom.clone())));
    storage.attach_block(&tom, shared.id, Access::Read).unwrap();
    refused(edit(&*storage, &shared, "x", &Author::Agent(tom.clone())));
    storage.attach_block(&tom, shared.id, Access::Write).unwrap();
    edit(&*storage, &shared, "x", &Author::Agent(tom)).unwrap();
    edit(&*storage, &persona, "by a person", &Author::Person("Ann".to_owned())).unwrap();
}

fn blocks_are_shared(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let tom = AgentId::new("tom");
    storage.create_agent(&tom, minute(0)).unwrap();
    let by = Author::Program("import".to_owned());
    let block = storage.create_block(&sara, &human(), &by, minute(1)).unwrap();
    let again = storage.create_block(&sara, &human(), &by, minute(1));
    assert!(matches!(again, Err(StorageError::LabelTaken { .. })), "{again:?}");
    assert!(!storage.blocks(&sara).unwrap()[0].shared);
    storage.attach_block(&tom, block.id, Access::Read).unwrap();
    edit(&*storage, &block, "seen by both", &by).unwrap();
    let toms = storage.blocks(&tom).unwrap();
    assert_eq!((toms.len(), toms[0].block.value.as_str()), (1, "seen by both"));
    assert!(toms[0].shared && !toms[0].is_writable());

    storage.delete_agent(&sara).unwrap();
    assert!(!storage.blocks(&tom).unwrap()[0].shared);
    storage.detach_block(&tom, block.id).unwrap();
    // What nobody has attached stays, whoever else is deleted.
    let ann = AgentId::new("ann");
    storage.create_agent(&ann, minute(0)).unwrap();
    storage.delete_agent(&ann).unwrap();
    assert_eq!(storage.block(block.id).unwrap().value, "seen by both");
    assert!(matches!(storage.detach_block(&tom, block.id), Err(StorageError::NoBlock { .. })));
    assert!(storage.blocks(&tom).unwrap().is_empty());
    let own = storage.create_block(&tom, &human(), &by, minute(2)).unwrap();
    storage.delete_agent(&tom).unwrap();
    assert!(matches!(storage.block(own.id), Err(StorageError::NoBlock { .. })));
}

fn threads_lose_no_update(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let by = Author::Agent(sara.clone());
    let block = storage.create_block(&sara, &human(), &by, minute(1)).unwrap();
    let (n_threads, n_edits) = (4, 10);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let (storage, by) = (&*storage, &by);
            scope.spawn(move || {
                for _ in 0..n_edits {
                    let mut seen = storage.block(block.id).unwrap();
                    loop {
                        match edit(storage, &seen, &format!("{}{name}", seen.value), by) {
                            Ok(_) => break,
                            Err(StorageError::Conflict(conflict)) => seen = conflict.found,
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
            });
        }
    });
    let last = storage.block(block.id).unwrap();
    assert_eq!(last.version, 1 + n_threads * n_edits);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(last.value.matches(name).count() as u64, n_edits);
    }
}
