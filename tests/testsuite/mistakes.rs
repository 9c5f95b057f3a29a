//! The mistakes that newcomers make. Each is made here, and docs/mistakes.md holds what was said.
//!
//! To accept changes: `MOMENTUM_UPDATE=1 cargo test --workspace --release --test testsuite
//! mistakes`, then read the diff.

mod cell;
mod exercise;
mod machine;
mod notebook;
mod place;
mod said;
mod series;
mod way;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use place::Place;
use said::Said;

/// One mistake: what it is called, and how it is made in a place of its own.
type Mistake = (&'static str, fn(&Place) -> Tried);

/// What was said, or what this machine lacks to make the mistake.
type Tried = Result<Said, &'static str>;

const GROUPS: [(&str, &[Mistake]); 6] = [
    ("Finding one's way", way::MISTAKES),
    ("The machine", machine::MISTAKES),
    ("Notebooks", notebook::MISTAKES),
    ("Cells", cell::MISTAKES),
    ("The series", series::MISTAKES),
    ("Exercises", exercise::MISTAKES),
];

const HEAD: &str = "# Mistakes that newcomers make, and what is said

Written by [`tests/testsuite/mistakes.rs`](../tests/testsuite/mistakes.rs), which makes each of these mistakes and holds the
words. Messages are shortened to one line: the lines of your file that they point at are left out. After `→` stands what to
do. What the compiler says of mistakes within a cell is in [`mistakes.txt`](../tests/jupyter/mistakes.txt), and what a
cell can do to its process in [`faults.md`](faults.md).
";

#[test]
fn each_mistake_is_answered_as_the_document_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mistakes.md");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let known = rows(&before);
    let (mut text, mut number, mut faults) = (HEAD.to_owned(), 0, Vec::new());
    for (group, mistakes) in GROUPS {
        text += &format!(
            "\n## {group}\n\n| | the mistake | typed | what is said |\n|---|---|---|---|\n"
        );
        for (name, make) in mistakes {
            number += 1;
            let place = Place::new();
            let row = match make(&place) {
                Ok(said) => {
                    faults
                        .extend(said.faults().into_iter().map(|fault| format!("{name}: {fault}")));
                    said.row()
                }
                Err(lacking) => {
                    // Not by `eprintln!`, which a passing test keeps to itself.
                    let _ =
                        writeln!(std::io::stderr(), "mistakes: `{name}` was not made: {lacking}");
                    known.get(*name).cloned().unwrap_or_default()
                }
            };
            text += &format!("| {number} | {name} | {row} |\n");
        }
    }
    if std::env::var_os("MOMENTUM_UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the document can be written");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(number >= 40, "{number}");
    let before = std::fs::read_to_string(&path).expect("docs/mistakes.md is there");
    for (old, new) in before.lines().zip(text.lines()) {
        assert_eq!(old, new, "docs/mistakes.md says otherwise");
    }
    assert_eq!(before, text);
}

/// The rows of the document by the mistakes' names: what was typed and said.
fn rows(text: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let rest = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (_, rest) = rest.split_once(" | ")?;
        let (name, row) = rest.split_once(" | ")?;
        Some((name.to_owned(), row.to_owned()))
    };
    text.lines().filter_map(row).collect()
}
