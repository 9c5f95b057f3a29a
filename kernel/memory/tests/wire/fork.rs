//! A storage in a copy of the process, as the notebook's worker makes one before each cell.

#![allow(unsafe_code, reason = "there is no other way to copy a process")]

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::process::Command;

use momentum_memory::message::Message;
use momentum_memory::storage::{
    AgentId, MessageFilter, NewMessage, PageRequest, SqliteStorage, Storage, Timestamp,
};

/// Names the folder, in the process that is copied.
const FOLDER: &str = "MOMENTUM_TEST_FORK_FOLDER";
/// The test, which runs itself again.
const TEST: &str = "fork::a_copy_of_the_process_loses_nothing";

fn say(storage: &SqliteStorage, text: &str) {
    let said = NewMessage::new(Message::user(text), Timestamp::default());
    storage.append_messages(&AgentId::new("sara"), &[said]).unwrap();
}

fn said(storage: &SqliteStorage) -> Vec<String> {
    let (sara, all) = (AgentId::new("sara"), PageRequest::all());
    let page = storage.messages(&sara, &MessageFilter::default(), all).unwrap();
    page.items.into_iter().map(|stored| stored.message.text).collect()
}

/// Runs `work` in a copy of this process, whose number comes back.
fn copied(work: impl FnOnce()) -> i32 {
    // SAFETY: this process has one thread that does anything: the one that is copied.
    let process = unsafe { libc::fork() };
    if process == 0 {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the copy at once: nothing is dropped, as after a crash.
        unsafe { libc::_exit(i32::from(done.is_err())) }
    }
    process
}

/// How the copy ended: 0 when all was well.
fn end_of(process: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the process is a child of this one, and the status is ours to write.
    unsafe { libc::waitpid(process, &raw mut status, 0) };
    status
}

fn signal(pipe: &mut PipeWriter) {
    pipe.write_all(b"!").unwrap();
}

fn wait_for(pipe: &mut PipeReader) {
    pipe.read_exact(&mut [0]).unwrap();
}

fn scenario(folder: &Path) {
    let path = folder.join("memory.sqlite");
    let open = || SqliteStorage::open(&path).unwrap();
    let (one, mut other) = (open(), Some(open()));
    one.create_agent(&AgentId::new("sara"), Timestamp::default()).unwrap();
    say(&one, "before");
    let (mut from_copy, mut to_parent) = std::io::pipe().unwrap();
    let (mut from_parent, mut to_copy) = std::io::pipe().unwrap();
    let copy = copied(|| {
        wait_for(&mut from_parent);
        say(&one, "copy 1");
        say(other.as_ref().unwrap(), "copy 2");
        signal(&mut to_parent);
        // The parent has dropped its connections: to its knowledge the last of this file.
        wait_for(&mut from_parent);
        say(&one, "copy 3");
        drop(other.take());
        say(&one, "copy 4");
        assert_eq!(said(&one).len(), 6);
    });
    say(&one, "parent 1");
    signal(&mut to_copy);
    wait_for(&mut from_copy);
    assert_eq!(said(other.as_ref().unwrap()).last().unwrap(), "copy 2");
    drop((one, other));
    signal(&mut to_copy);
    assert_eq!(end_of(copy), 0);
    let again = open();
    again.check().unwrap();
    assert_eq!(said(&again), ["before", "parent 1", "copy 1", "copy 2", "copy 3", "copy 4"]);

    // The other order: the parent is gone before the copy comes to life.
    let (mut from_parent, mut to_copy) = std::io::pipe().unwrap();
    let copy = copied(|| {
        wait_for(&mut from_parent);
        say(&again, "copy 5");
    });
    say(&again, "parent 2");
    drop(again);
    signal(&mut to_copy);
    assert_eq!(end_of(copy), 0);
    assert_eq!(said(&open())[6..], ["parent 2", "copy 5"]);

    // A copy that uses nothing disturbs nothing, not even when it drops what it has.
    let storage = open();
    let mut kept = Some(open());
    assert_eq!(end_of(copied(|| drop(kept.take()))), 0);
    say(&storage, "parent 3");
    assert_eq!(said(&open()).len(), 9);

    // In memory, the copy has its own.
    let temporary = SqliteStorage::temporary().unwrap();
    temporary.create_agent(&AgentId::new("sara"), Timestamp::default()).unwrap();
    assert_eq!(end_of(copied(|| say(&temporary, "hidden"))), 0);
    assert!(said(&temporary).is_empty());
}

/// In a process of its own, since the other tests' threads would not be copied, but their locks.
#[test]
fn a_copy_of_the_process_loses_nothing() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return scenario(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([TEST, "--exact", "--test-threads=1"]).env(FOLDER, folder.path());
    let done = again.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}{err}");
}
