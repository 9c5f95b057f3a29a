//! Processes that write to a storage: killed at random moments, and several at once.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// cargo builds the examples beside the tests: target/release/deps/wire, ../examples/NAME.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "build it first: cargo build --release --example {name}");
    program
}

/// Runs an example, and looks for words in what it says.
fn check(name: &str, words: &[&str], expected: &[&str]) {
    let done = Command::new(example(name)).args(words).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    assert!(expected.iter().all(|part| out.contains(part)), "{out}");
}

/// Whether there is a database to test with. `tests/run` always has one.
fn has_database(test: &str) -> bool {
    let is_set = std::env::var_os("MOMENTUM_DATABASE_URL").is_some();
    if !is_set {
        // Past the harness, which shows nothing of tests that pass.
        let text = format!("{test} was not run: MOMENTUM_DATABASE_URL names no database\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    is_set
}

#[test]
fn nothing_acknowledged_is_lost() {
    check("storage_crash", &["12"], &["12 kills", "none lost, none half there"]);
}

#[test]
fn nothing_acknowledged_is_lost_in_postgres() {
    if has_database("nothing_acknowledged_is_lost_in_postgres") {
        check("storage_crash", &["8", "postgres"], &["8 kills", "none lost, none half there"]);
    }
}

#[test]
fn several_processes_lose_no_update() {
    let expected = ["3 processes", "90 edits of one block", "none lost"];
    check("storage_processes", &["3", "30"], &expected);
}

#[test]
fn several_processes_lose_no_update_in_postgres() {
    if has_database("several_processes_lose_no_update_in_postgres") {
        let expected = ["3 processes", "90 edits of one block", "none lost"];
        check("storage_processes", &["3", "30", "postgres"], &expected);
    }
}
