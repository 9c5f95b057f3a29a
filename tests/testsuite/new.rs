//! `momentum new`.

use crate::cli::{check_fails, printed};

#[test]
fn the_next_day_is_made() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    let said = printed(folder.path(), &["new", "By hand", "--date", "2026-11-23"]);
    assert!(said.starts_with("Day 2: By hand\n"), "{said}");
    assert!(folder.path().join("notebooks/day-02-by-hand.ipynb").is_file());
    let entry = std::fs::read_to_string(folder.path().join("entries/day-02.md")).unwrap();
    assert!(entry.contains("date: 2026-11-23"), "{entry}");
    let again = printed(folder.path(), &["new", "Again", "."]);
    assert!(again.starts_with("Day 3"), "{again}");
}

#[test]
fn without_a_series_there_is_no_next_day() {
    let folder = tempfile::tempdir().unwrap();
    check_fails(folder.path(), &["new", "T"], &["holds no momentum.yaml"]);
    printed(folder.path(), &["init"]);
    check_fails(folder.path(), &["new", "  "], &["a title is needed"]);
    check_fails(folder.path(), &["new", "T", "--date", "23.11."], &["--date"]);
}
