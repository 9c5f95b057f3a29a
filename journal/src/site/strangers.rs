//! Strangers' notebooks, whole and mutated: nothing that is in them stops the program.

use std::path::{Path, PathBuf};

use super::*;
use crate::read_notebook;

const SAMPLE: &str = include_str!("../testdata/sample.ipynb");
const OLD: &str = include_str!("../testdata/old.ipynb");

/// A linear congruential generator, so that a failure can be had again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// A notebook with some of its bytes removed, doubled, swapped or replaced.
fn mutated(text: &str, chance: &mut Chance) -> Vec<u8> {
    const BITS: [&str; 14] = [
        "null",
        "{}",
        "[]",
        "\"",
        "-1",
        "1e999",
        "\\u0000",
        "\\ud800",
        "<script>",
        "![](x)",
        "data:image/png;base64,AAAA",
        "<svg><a></svg>",
        "{\"image/png\": 7}",
        "\u{1b}[31m",
    ];
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + chance.below(4) {
        let at = chance.below(bytes.len());
        let len = chance.below(60).min(bytes.len() - at);
        match chance.below(4) {
            0 => drop(bytes.drain(at..at + len)),
            1 => {
                let part = bytes[at..at + len].to_vec();
                let to = chance.below(bytes.len());
                bytes.splice(to..to, part);
            }
            2 => bytes[at] = chance.below(256) as u8,
            _ => drop(bytes.splice(at..at, BITS[chance.below(BITS.len())].bytes())),
        }
    }
    bytes
}

fn series(folder: &Path) -> Site {
    std::fs::create_dir_all(folder.join("entries")).unwrap();
    std::fs::create_dir_all(folder.join("notebooks")).unwrap();
    std::fs::write(folder.join("momentum.yaml"), "title: Log\n").unwrap();
    let site = BuildConfig { cache: Some(folder.join("cache")), ..BuildConfig::default() };
    Site::open(folder, site).unwrap()
}

/// 300 by default; MOMENTUM_MUTATIONS says another number.
#[test]
fn no_mutated_notebook_stops_the_program() {
    let wanted = std::env::var("MOMENTUM_MUTATIONS").ok().and_then(|n| n.parse().ok());
    let wanted: usize = wanted.unwrap_or(300);
    let mut chance = Chance(2026);
    let folder = tempfile::tempdir().unwrap();
    let mut site = series(folder.path());
    let (mut n_read, mut n) = (0, 0);
    while n < wanted {
        // Several in one site, as they would be found.
        for slot in 0..10 {
            let bytes = mutated([SAMPLE, OLD][chance.below(2)], &mut chance);
            let path = folder.path().join(format!("notebooks/n{slot}.ipynb"));
            if let Ok(notebook) = read_notebook("n.ipynb", &bytes) {
                n_read += 1;
                for cell in &notebook.cells {
                    assert!(cell.source.ends_with(cell.code()));
                    let _ = notebook.cell(&cell.anchor());
                }
                std::fs::write(path, bytes).unwrap();
            } else {
                let _ = std::fs::remove_file(path);
            }
            n += 1;
        }
        // Their pages hold whatever is left, and say so where a picture is none.
        match site.build() {
            Ok(report) => check_pages(&report),
            Err(error) => assert!(!error.problems().is_empty(), "{error}"),
        }
    }
    assert!(n_read > wanted / 10, "only {n_read} of {wanted} could be read");
}

fn check_pages(report: &BuildReport) {
    for page in report.pages.iter().filter(|page| page.starts_with("notebooks/")) {
        let html = std::fs::read_to_string(report.out.join(page)).unwrap();
        let own = html.matches("<script src=\"../theme/site.js\"></script>").count();
        assert_eq!(html.matches("<script").count(), own, "{page}");
    }
}

/// With MOMENTUM_NOTEBOOKS set to a folder, every notebook below it is read and rendered.
#[test]
fn notebooks_of_all_formats_are_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = series(folder.path());
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join("notebooks").join(name), bytes).unwrap();
    };
    put("sample.ipynb", SAMPLE.as_bytes());
    put("old.ipynb", OLD.as_bytes());
    let mut refused = Vec::new();
    let mut n_found = 0;
    let more = std::env::var_os("MOMENTUM_NOTEBOOKS").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = more.into_iter().collect();
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "ipynb") {
                n_found += 1;
                let bytes = std::fs::read(&path).unwrap();
                match read_notebook(&path.to_string_lossy(), &bytes) {
                    Ok(_) => put(&format!("more-{n_found}.ipynb"), &bytes),
                    Err(problem) => refused.push(problem.to_string()),
                }
            }
        }
    }
    let report = site.build().unwrap();
    check_pages(&report);
    println!("{n_found} notebooks found, {} refused:\n{}", refused.len(), refused.join("\n"));
    let old = std::fs::read_to_string(report.out.join("notebooks/old.html")).unwrap();
    assert!(old.contains("<h1>An old notebook</h1>") && old.contains("class=\"error\""));
}
