//! `momentum init`.

use crate::cli::{check_fails, printed};

#[test]
fn a_series_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let said = printed(folder.path(), &["init", "log", "--title", "Days: \"mine\""]);
    assert!(said.contains("momentum build log"), "{said}");
    let config = std::fs::read_to_string(folder.path().join("log/momentum.yaml")).unwrap();
    assert!(config.contains("title: \"Days: \\\"mine\\\"\""), "{config}");
    check_fails(folder.path(), &["init", "log"], &["log is a series already", "momentum new"]);
}

#[test]
fn an_unknown_key_of_the_configuration_is_refused_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    let path = folder.path().join("momentum.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("author:", "auther:")).unwrap();
    check_fails(folder.path(), &["check"], &["no key `auther`", "did you mean `author`?"]);
}

#[test]
fn the_reference_names_every_key_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("momentum.yaml"), "title: T\nqqqqqqqqqqqqqqqq: 1\n").unwrap();
    let said = crate::cli::momentum(folder.path(), &["check"]).stderr;
    let said = String::from_utf8(said).unwrap();
    let known = said.split_once("there are: ").expect("the keys are listed").1;
    let known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
    assert!(known.len() > 8, "{said}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/configuration.md");
    let reference = std::fs::read_to_string(path).unwrap();
    for key in known {
        assert!(reference.contains(&format!("\n| `{key}` |")), "{key}");
    }
}

#[test]
fn the_new_series_waits_only_for_its_first_run() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    check_fails(
        folder.path(),
        &["build", "--no-run"],
        &["has never been run", "momentum run notebooks/day-01-first-steps.ipynb"],
    );
    // Without its outputs it is a series like any other.
    let entry = folder.path().join("entries/day-01.md");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replace("![", "[")).unwrap();
    assert!(printed(folder.path(), &["build", "--no-run"]).contains("The journal is ready"));
}
