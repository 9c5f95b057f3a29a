use std::path::Path;

use crate::notebook::RunEnvironment;
use crate::notebook::chain::{chain_next, chain_start};
use crate::{BuildConfig, CheckFormat, ComparisonConfig, Series, Site};

const SOURCES: [&str; 3] =
    ["//| data: a.csv\nread()", "//| label: mean\nmean()", "//| label: noise\nrandom()"];

/// A series whose one entry shows the last two of three cells, as `momentum run` has left them.
fn series() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "momentum.yaml", "title: Log\n");
    let shown = "![a](../notebooks/n.ipynb#mean)\n\n![b](../notebooks/n.ipynb#noise)\n";
    let front = "---\nday: 1\ntitle: One\ndate: 2026-11-22\n---\n";
    write(root.path(), "entries/day-01.md", &format!("{front}{shown}"));
    write(root.path(), "notebooks/a.csv", "abc");
    write(root.path(), "notebooks/n.ipynb", &notebook("abc", "[\"nondeterministic\"]"));
    root
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The notebook, run with `data` in its file; the last cell has the tags.
fn notebook(data: &str, tags: &str) -> String {
    use sha2::{Digest, Sha256};
    let hash = crate::notebook::chain::hex(&Sha256::digest(data));
    let mut chain = chain_start();
    let cells: Vec<serde_json::Value> = SOURCES
        .iter()
        .enumerate()
        .map(|(n, source)| {
            chain = chain_next(&chain, source);
            let mut record = serde_json::json!({"chain": chain});
            if n == 0 {
                record["data"] = serde_json::json!({"a.csv": hash});
            }
            let tags: serde_json::Value =
                serde_json::from_str(if n == 2 { tags } else { "[]" }).unwrap();
            serde_json::json!({
                "cell_type": "code", "id": format!("c{n}"), "source": source, "execution_count": n + 1,
                "metadata": {"momentum": record, "tags": tags},
                "outputs": [{"output_type": "stream", "name": "stdout", "text": format!("{n}\n")}],
            })
        })
        .collect();
    let run = serde_json::json!({"status": "ok", "kernel": "momentum-kernel 0.1.0",
        "compiler": "rustc 1.95.0 (59807616e 2026-04-14)", "helpers": "0.1.0+1f2e"});
    serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {"momentum": run}, "cells": cells})
        .to_string()
}

fn here() -> RunEnvironment {
    RunEnvironment {
        kernel: "momentum-kernel 0.1.0".into(),
        compiler: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
        helpers: "0.1.0+1f2e".into(),
    }
}

/// The states of the two outputs, as the page has them and as `check` says them.
fn said(root: &Path, environment: RunEnvironment) -> (Vec<String>, String) {
    let series = Series::open(root).unwrap().with_environment(environment);
    series.build(&BuildConfig::default()).unwrap();
    let page = std::fs::read_to_string(root.join("_site/entries/day-01.html")).unwrap();
    let marks = page.split("<p class=\"provenance\"><span><i class=\"dot ").skip(1);
    let marks = marks.map(|rest| rest[..rest.find("</span>").unwrap()].replace("\"></i>", ": "));
    let report = series.check().unwrap().to_text(CheckFormat::Text);
    let notebooks = report.lines().filter(|line| line.starts_with("notebooks/"));
    (marks.collect(), notebooks.map(|line| format!("{line}\n")).collect())
}

#[test]
fn what_holds_is_told_from_what_varies() {
    let root = series();
    let (marks, found) = said(root.path(), here());
    assert_eq!(marks, ["fresh: as last run", "varies: differs from run to run"]);
    assert_eq!(found, "");
}

#[test]
fn changed_data_make_stale_what_comes_after() {
    let root = series();
    said(root.path(), here());
    write(root.path(), "notebooks/a.csv", "abcd");
    let (marks, found) = said(root.path(), here());
    assert_eq!(marks, ["stale: stale data", "stale: stale data"]);
    insta::assert_snapshot!(found, @"notebooks/n.ipynb:1:208: stale-output: cell 1 (`c0`) does not hold (stale data): the data file a.csv has changed since this was made; so are 2 more");
    // The same bytes are the same data, whenever they were written.
    write(root.path(), "notebooks/a.csv", "abc");
    assert_eq!(said(root.path(), here()).0[0], "fresh: as last run");
    std::fs::remove_file(root.path().join("notebooks/a.csv")).unwrap();
    insta::assert_snapshot!(said(root.path(), here()).1, @"notebooks/n.ipynb:1:208: stale-output: cell 1 (`c0`) does not hold (stale data): the data file a.csv is not in the series any more; so are 2 more");
}

#[test]
fn another_environment_is_named() {
    let root = series();
    let other = RunEnvironment { compiler: "rustc 1.96.0 (x)".into(), ..here() };
    let (marks, found) = said(root.path(), other.clone());
    assert_eq!(marks, ["stale: stale environment", "stale: stale environment"]);
    // A site that is told of it late says the same as one that was opened with it.
    let site = Site::open(root.path(), BuildConfig::default()).unwrap();
    let report = site.with_environment(other).build().unwrap();
    assert_eq!(report.unproven.len(), 2);
    let site = Site::open(root.path(), BuildConfig::default()).unwrap();
    assert_eq!(site.with_environment(here()).build().unwrap().unproven, []);
    insta::assert_snapshot!(found, @"notebooks/n.ipynb:1:208: stale-environment: cell 1 (`c0`) does not hold (stale environment): this was made by rustc 1.95.0; it would now be made by rustc 1.96.0; so are 2 more");
}

#[test]
fn changed_code_counts_before_all_else() {
    let root = series();
    let edited = notebook("abcd", "[]").replace("mean()", "median()");
    write(root.path(), "notebooks/n.ipynb", &edited);
    let (marks, found) = said(root.path(), here());
    assert_eq!(marks, ["stale: stale code", "stale: stale code"]);
    insta::assert_snapshot!(found, @"
    notebooks/n.ipynb:1:208: stale-output: cell 1 (`c0`) does not hold (stale data): the data file a.csv has changed since this was made
    notebooks/n.ipynb:1:555: stale-output: cell 2 (`mean`) does not hold (stale code): the code of this cell, or of one before it, has changed since this was made; so is one more
    ");
}

#[test]
fn a_second_run_is_kept_and_shown() {
    let root = series();
    let file = root.path().join("notebooks/n.ipynb");
    write(root.path(), "notebooks/n.ipynb", &notebook("abc", "[]"));
    let series = Series::open(root.path()).unwrap();
    let again = notebook("abc", "[]").replace("\"2\\n\"", "\"3\\n\"");
    let copy = tempfile::tempdir().unwrap();
    write(copy.path(), "n.ipynb", &again);
    let found = series
        .compare_run(&file, &copy.path().join("n.ipynb"), &ComparisonConfig::default())
        .unwrap();
    assert_eq!(found.len(), 1);
    let (marks, found) = said(root.path(), here());
    assert_eq!(marks, ["fresh: as last run", "unlike: not reproduced"]);
    insta::assert_snapshot!(found, @"notebooks/n.ipynb:1:818: not-reproduced: cell 3 (`noise`) does not hold (not reproduced): run again as it is, the cell gave another output");
    let page = std::fs::read_to_string(root.path().join("_site/entries/day-01.html")).unwrap();
    assert_eq!(page.matches("reproduced by a second run").count(), 1);
    // Another file was not compared.
    write(root.path(), "notebooks/n.ipynb", &format!("{}\n", notebook("abc", "[]")));
    assert_eq!(said(root.path(), here()).0[1], "fresh: as last run");
}

#[test]
fn machines_are_told_the_state() {
    let root = series();
    write(root.path(), "notebooks/a.csv", "abcd");
    let report = Series::open(root.path()).unwrap().check().unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_text(CheckFormat::Json)).unwrap();
    assert_eq!(json["findings"][0]["state"], "stale-data");
}
