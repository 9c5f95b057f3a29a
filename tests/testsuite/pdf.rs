//! `momentum build --pdf`. What typst makes of it is looked at in tests/browser.

use crate::cli::printed;

#[test]
fn without_typst_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    let entry = folder.path().join("entries/day-01.md");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replace("![", "[")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_momentum"))
        .args(["build", "--no-run", "--pdf"])
        .current_dir(folder.path())
        .env("MOMENTUM_TYPST", "no-such-typst")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    // The printer breaks long lines.
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    assert!(!output.status.success());
    assert!(said.contains("no-such-typst") && said.contains("cargo install typst-cli"), "{said}");
    // The site was built all the same.
    assert!(folder.path().join("_site/index.html").is_file());
    assert!(!folder.path().join("my-study-log.pdf").exists());
}
