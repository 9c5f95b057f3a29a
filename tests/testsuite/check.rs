//! `momentum check`.

use std::path::Path;

use crate::cli::{momentum, printed};

#[test]
fn the_journal_of_this_repository_is_sound() {
    // Helpers may have changed since: tests/jupyter/test_lessons.py compares a fresh run.
    let arguments = ["check", "--allow", "stale-environment"];
    let said = printed(Path::new(env!("CARGO_MANIFEST_DIR")), &arguments);
    assert!(said.starts_with("Nothing found in"), "{said}");
}

#[test]
fn findings_are_written_for_people_and_for_machines() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    let entry = folder.path().join("entries/day-01.md");
    let text = std::fs::read_to_string(&entry).unwrap().replace("![", "[");
    std::fs::write(&entry, format!("{text}\n[nowhere](#no-such-part)\n")).unwrap();

    let run = |arguments: &[&str]| {
        let output = momentum(folder.path(), arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&["check"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("dead-link: this entry has no heading `#no-such-part`"), "{text}");
    assert!(
        text.contains(
            "stale-output: cell 2 (`answer`) does not hold (never run): no run of this cell is on record"
        ),
        "{text}"
    );

    let (code, text) = run(&["check", "--format", "json"]);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 2, "{text}");

    let (_, text) = run(&["check", "--format", "github", "--allow", "stale-output"]);
    assert!(text.starts_with("::error file=entries/day-01.md,line="), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    // Of a series below the folder where the job begins.
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let output = momentum(folder.path().parent().unwrap(), &["check", name, "--format", "github"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(&format!("::error file={name}/entries/day-01.md,line=")), "{text}");

    let (code, _) = run(&["check", "--allow", "stale-output", "--allow", "dead-link"]);
    assert_eq!(code, Some(0));
    assert_eq!(momentum(folder.path(), &["check", "--allow", "nothing"]).status.code(), Some(2));
}
