//! `momentum man` and `momentum completions`: what is written, and whether programs take it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::printed;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_reference_is_what_the_commands_say_of_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    printed(Path::new(ROOT), &["man", "--format", "markdown", "--out", out]);
    let written = std::fs::read_to_string(folder.path().join("commands.md")).unwrap();
    let path = Path::new(ROOT).join("docs/reference/commands.md");
    if std::env::var_os("MOMENTUM_UPDATE").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == written, "momentum man --format markdown --out docs/reference");
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let said = printed(folder.path(), &["man", "--out", "man1"]);
    let pages: Vec<_> = std::fs::read_dir(folder.path().join("man1")).unwrap().flatten().collect();
    assert!(said.contains(&format!("Wrote {} pages", pages.len())), "{said}");
    assert!(pages.len() > 25, "{}", pages.len());
    for page in pages {
        let text = std::fs::read_to_string(page.path()).unwrap();
        assert!(text.contains(".TH momentum") && text.contains("Examples:"), "{text}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    let script = printed(folder.path(), &["completions", "bash"]);
    std::fs::write(folder.path().join("momentum.bash"), script).unwrap();
    let complete = |words: &str, last: usize| {
        let ask = format!(
            "source ./momentum.bash; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _momentum momentum \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"; echo \"${{COMPREPLY[@]}}\"",
            last - 1
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &ask])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash is there: tests/run is written in it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("momentum exer", 1), "exercise");
    assert_eq!(complete("momentum exercise st", 2), "start");
    assert_eq!(complete("momentum build --str", 2), "--strict");
}

#[test]
fn there_are_completions_for_each_shell() {
    let here = Path::new(ROOT);
    for (shell, mark) in [
        ("zsh", "#compdef momentum"),
        ("fish", "complete -c momentum"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = printed(here, &["completions", shell]);
        assert!(script.contains(mark) && script.contains("exercise"), "{shell}: {script}");
    }
}
