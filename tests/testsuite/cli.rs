//! The command line: what it says when something is wrong.

use std::path::Path;
use std::process::{Command, Output};

pub(crate) fn momentum(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_momentum"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("momentum starts")
}

/// The command succeeds; what it printed.
pub(crate) fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = momentum(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The command fails and says all of these.
pub(crate) fn check_fails(folder: &Path, arguments: &[&str], said: &[&str]) {
    let output = momentum(folder, arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded: {text}");
    // The printer breaks long lines.
    let joined = text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    for words in said {
        assert!(joined.contains(words), "{arguments:?} does not say `{words}`:\n{text}");
    }
}

#[test]
fn help_names_every_subcommand_with_an_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = |arguments: &[&str]| {
        String::from_utf8(momentum(here, arguments).stdout).expect("help is text")
    };
    let text = said(&["--help"]);
    let commands = text.split_once("Commands:\n").expect("commands are listed").1;
    let names = commands.lines().take_while(|line| !line.trim().is_empty());
    let names: Vec<_> = names
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 14 && names.contains(&"tour"), "{names:?}");
    for name in names {
        // In the short help as well.
        for help in ["--help", "-h"] {
            let text = said(&[name, help]);
            assert!(text.contains(&format!("Examples:\n  momentum {name}")), "{name}: {text}");
        }
    }
}

#[test]
fn a_folder_without_a_series_is_named() {
    let folder = tempfile::tempdir().unwrap();
    check_fails(folder.path(), &["build"], &["momentum.yaml", "title:"]);
}

#[test]
fn a_broken_notebook_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cut.ipynb"), "{\"cells\": [").unwrap();
    check_fails(folder.path(), &["run", "cut.ipynb"], &["cut.ipynb:1:11", "not JSON"]);
    check_fails(
        folder.path(),
        &["run", "none.ipynb"],
        &["cannot read", "none.ipynb", "No such file"],
    );
}
