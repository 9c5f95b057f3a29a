//! Tidy as a test: the arrows of ARCHITECTURE.md, the doors, the sizes, the notebooks' metadata.

mod notebooks;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Which package may depend on which of ours.
const ARROWS: [(&str, &[&str]); 7] = [
    ("Cargo.toml", &["momentum-kernel", "momentum-journal", "momentum-lessons"]),
    ("kernel/Cargo.toml", &[]),
    ("kernel/cells/Cargo.toml", &["momentum-memory", "momentum-vision"]),
    ("kernel/memory/Cargo.toml", &[]),
    ("kernel/vision/Cargo.toml", &[]),
    ("journal/Cargo.toml", &[]),
    ("notebooks/Cargo.toml", &["momentum-kernel"]),
];

/// A name in code, where that is looked for, and the one file (with its children) that may use it.
const DOORS: &[(&str, &str, &str)] = &[
    ("rs_fsrs", "", "notebooks/src/review"),
    ("open::", "src/", "src/tour/screen"),
    ("clap_mangen", "", "src/manual"),
    ("clap_markdown", "", "src/manual"),
    ("clap_complete", "", "src/completions"),
    ("landlock", "", "kernel/src/sandbox"),
    ("evcxr::", "", "kernel/src/engine/evaluator"),
    ("zeromq", "", "kernel/src/wire"),
    ("jupyter_zmq_client", "", "kernel/src/wire"),
    ("std::net", "kernel/src/", "kernel/src/wire"),
    ("tokio::net", "kernel/src/", "kernel/src/wire"),
    ("async_openai", "", "kernel/memory/src/client"),
    ("serde_yaml", "journal/", "journal/src/front_matter"),
    ("mermaid_svg", "", "journal/src/diagram"),
    ("resvg", "", "journal/src/raster"),
    ("notify::", "journal/", "journal/src/serve/watch"),
    ("hyper::", "journal/", "journal/src/serve/http"),
    ("serde_yaml", "kernel/", "kernel/memory/src/transcript/file"),
    ("tiktoken_rs", "", "kernel/memory/src/tokens"),
    ("plotters", "kernel/vision/", "kernel/vision/src/figure"),
    ("plotters", "kernel/cells/", "kernel/cells/src/plot"),
    ("ra_ap_ide", "", "kernel/src/analyst/world"),
    ("rusqlite", "kernel/memory/src/", "kernel/memory/src/storage/sqlite"),
    ("tokio_postgres", "", "kernel/memory/src/storage/postgres"),
    ("tokio_rustls", "", "kernel/memory/src/storage/postgres/encryption"),
    ("rust_stemmers", "", "kernel/memory/src/retrieval/analysis"),
    ("icu_normalizer", "kernel/memory/", "kernel/memory/src/sentence_model/word_piece"),
    ("safetensors::", "kernel/memory/", "kernel/memory/src/sentence_model/weights"),
    ("safetensors::", "kernel/vision/src/", "kernel/vision/src/weights"),
    ("ureq::", "", "kernel/vision/src/data/download"),
    ("zune_jpeg", "", "kernel/vision/src/data/folder/picture"),
    ("signal_hook", "", "kernel/cells/src/interrupt"),
];

const MAX_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that git tracks or would, as a path relative to the root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("paths are Unicode");
    let paths = text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    paths.filter(|path| root().join(path).is_file()).collect()
}

fn with_extension<'a>(files: &'a [PathBuf], kinds: &[&str]) -> Vec<&'a PathBuf> {
    let fits = |path: &&PathBuf| {
        path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| kinds.contains(&kind))
    };
    files.iter().filter(fits).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Fails with all faults, one a line.
fn assert_none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}\n{}", faults.join("\n"));
}

/// The lines of Rust code, numbered from 1, without comment lines.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn packages_depend_only_along_the_arrows() {
    let mut faults = Vec::new();
    for (manifest, allowed) in ARROWS {
        let text = read(Path::new(manifest));
        // The root's own [workspace.dependencies] table is no dependency of a package.
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            let ours = name.starts_with("momentum-");
            let depends =
                section.ends_with("dependencies]") && section != "[workspace.dependencies]";
            // A package may name itself for its tests, to have all of its features there.
            let itself = section == "[dev-dependencies]"
                && text.contains(&format!("[package]\nname = \"{name}\""));
            if ours && depends && !itself && !allowed.contains(&name) {
                faults.push(format!("{manifest}: {section} {name}"));
            }
        }
    }
    assert_none(faults, "ARCHITECTURE.md has no such arrow:");
}

#[test]
fn every_package_has_its_arrows_and_inherits_the_lints() {
    let files = files();
    // Fuzz targets and the benchmark's peers are workspaces of their own, which no build here sees.
    let apart = ["fuzz/Cargo.toml", "rust_peers/Cargo.toml"];
    let is_member = |path: &&PathBuf| {
        path.ends_with("Cargo.toml") && !apart.iter().any(|manifest| path.ends_with(manifest))
    };
    let manifests: Vec<_> = files.iter().filter(is_member).collect();
    assert!(manifests.len() >= ARROWS.len());
    let mut faults = Vec::new();
    for manifest in manifests {
        let text = read(manifest);
        let known = ARROWS.iter().any(|(path, _)| Path::new(path) == manifest);
        if !known {
            faults.push(format!("{}: not in the list of arrows", manifest.display()));
        }
        if !text.contains("[lints]\nworkspace = true") {
            faults.push(format!("{}: does not inherit the lints", manifest.display()));
        }
    }
    assert_none(faults, "every manifest is a member with the workspace's lints:");
}

#[test]
fn each_door_is_one_file() {
    let mut faults = Vec::new();
    for path in with_extension(&files(), &["rs"]) {
        let text = read(path);
        let name = path.to_str().expect("paths are Unicode");
        if name.starts_with("tests/testsuite/tidy") {
            continue;
        }
        for &(needle, under, door) in DOORS {
            let is_door = name == format!("{door}.rs") || name.starts_with(&format!("{door}/"));
            if is_door || !name.starts_with(under) {
                continue;
            }
            let found = code_lines(&text).filter(|(_, line)| line.contains(needle));
            faults.extend(
                found.map(|(n, _)| format!("{name}:{n}: names {needle}; {door}.rs is its door")),
            );
        }
    }
    assert_none(faults, "an outside library has one door (ARCHITECTURE.md):");
}

#[test]
fn files_stay_readable() {
    let mut faults = Vec::new();
    for path in with_extension(&files(), &["rs", "py", "sh"]) {
        let n_lines = read(path).lines().count();
        if n_lines > MAX_LINES {
            faults.push(format!("{}: {n_lines} lines", path.display()));
        }
    }
    assert_none(faults, "a file has 500 lines at most; split it by its nouns:");
}

#[test]
fn modules_are_named_after_what_they_hold() {
    let refused = ["mod.rs", "utils.rs", "util.rs", "common.rs", "manager.rs", "misc.rs"];
    let faults = files()
        .iter()
        .filter(|path| refused.iter().any(|name| path.ends_with(name)))
        .map(|path| path.display().to_string())
        .collect();
    assert_none(faults, "modules are nouns of the field, in foo.rs beside foo/:");
}

#[test]
fn modules_of_tests_are_compiled_for_tests_only() {
    let mut faults = Vec::new();
    for path in with_extension(&files(), &["rs"]) {
        let (text, mut above) = (read(path), "");
        for (n, line) in text.lines().enumerate() {
            if line.trim() == "mod tests;" && above.trim() != "#[cfg(test)]" {
                faults.push(format!("{}:{}", path.display(), n + 1));
            }
            above = line;
        }
    }
    // The hash of the notebooks' helpers leaves such files out (kernel/src/helpers/sources.rs).
    assert_none(faults, "`mod tests;` stands below #[cfg(test)]:");
}

#[test]
fn links_of_the_documentation_lead_to_files() {
    let mut faults = Vec::new();
    for page in with_extension(&files(), &["md"]) {
        if !page.starts_with("docs") {
            continue;
        }
        let (text, folder) = (read(page), page.parent().unwrap_or(Path::new("")));
        // What stands between marks of code is an example.
        let prose: String = text.split('`').step_by(2).collect();
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_file = !file.is_empty() && !file.contains("://");
            if is_file && !root().join(folder).join(file).exists() {
                faults.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_none(faults, "these links lead nowhere:");
}

#[test]
fn no_snapshot_waits_for_review() {
    let files = files();
    let waiting = with_extension(&files, &["pending-snap", "new"]).into_iter();
    let faults = waiting.map(|path| path.display().to_string()).collect();
    assert_none(faults, "accept or refuse these snapshots, then remove the files:");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];
    let mut faults = Vec::new();
    for path in with_extension(&files(), &["rs"]) {
        // Exercises have holes: that is what they are.
        if path.starts_with("notebooks/src") {
            continue;
        }
        let text = read(path);
        for (n, line) in code_lines(&text) {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                faults.push(format!("{}:{n}: {mark}", path.display()));
            }
        }
    }
    assert_none(faults, "no stubs and no ignored tests:");
}

#[test]
fn no_file_names_a_developers_machine() {
    let marks = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!("/t", "mp/"),
        concat!("../sha", "red"),
    ];
    let mut faults = Vec::new();
    for path in &files() {
        // Data and pictures are not text.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        for (n, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| names_path(line, mark)) {
                faults.push(format!("{}:{}: {mark}", path.display(), n + 1));
            }
        }
    }
    assert_none(faults, "no absolute path of a developer's machine:");
}

/// Whether a line has the mark at the start of a path, not within one or within a URL.
fn names_path(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~/}$".contains(c))
    })
}
