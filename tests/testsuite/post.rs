//! `momentum post`, on the journal of this repository.

use std::path::Path;

use crate::cli::{check_fails, printed};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn day_two_becomes_a_post_in_the_series_manner() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("post");
    let out_name = out.to_str().unwrap();
    let said = printed(Path::new(ROOT), &["post", "2", "--for", "text", "--out", out_name]);
    let opening = "Momentum Learning Day 2\n| # Day 2 | Momentum Learning Series |\n";
    assert!(said.starts_with(opening), "{said}");
    for mark in ["**", "](", "![", "\n## "] {
        assert!(!said.contains(mark), "{mark}: {said}");
    }
    let alt = std::fs::read_to_string(out.join("alt.txt")).unwrap();
    assert!(alt.contains("Loss and accuracy, epoch by epoch"), "{alt}");
    for line in alt.lines() {
        let name = line.split(' ').next().unwrap();
        assert!(std::fs::read(out.join(name)).unwrap().starts_with(b"\x89PNG"), "{name}");
    }
}

#[test]
fn a_thread_has_as_many_files_as_parts() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("post");
    printed(Path::new(ROOT), &["post", "2", "--for", "x", "--out", out.to_str().unwrap()]);
    let names = std::fs::read_dir(&out).unwrap().map(|one| one.unwrap().file_name());
    let parts: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("post-")).collect();
    assert!(parts.len() > 9, "{parts:?}");
    for name in &parts {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(text.trim_end().ends_with(&format!("/{})", parts.len())), "{text}");
    }
}

#[test]
fn a_day_that_is_not_there_is_refused() {
    check_fails(Path::new(ROOT), &["post", "999"], &["there is no day 999"]);
}
