//! A process that writes to a storage is killed at random moments.

use std::process::Command;

#[test]
fn nothing_acknowledged_is_lost() {
    // cargo builds the examples beside the tests: target/release/deps/wire, ../examples/NAME.
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join("storage_crash");
    assert!(program.exists(), "build it first: cargo build --release --example storage_crash");
    let done = Command::new(program).arg("12").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    assert!(out.contains("12 kills") && out.contains("none lost, none half there"), "{out}");
}
