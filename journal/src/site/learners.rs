//! Tests: what a learner has passed, on the pages of a series.

use std::path::Path;

use crate::{BuildConfig, BuildReport, Site};

const LESSON: &str = r##"{"nbformat": 4, "metadata": {}, "cells": [
    {"cell_type": "markdown", "source": "# A lesson", "metadata": {}},
    {"cell_type": "code", "source": "//| label: sides\n//| exercise: map-side\n1 + 1", "metadata": {}, "outputs": []},
    {"cell_type": "code", "source": "//| exercise: count\n1 + 1", "metadata": {}, "outputs": []}]}"##;

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn series() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "momentum.yaml", "title: Log\n");
    write(root.path(), "notebooks/lesson.ipynb", LESSON);
    write(root.path(), "notebooks/other.ipynb", r#"{"nbformat": 4, "metadata": {}, "cells": []}"#);
    root
}

fn build(root: &Path) -> BuildReport {
    let progress = Some(root.join("progress.json"));
    let config = BuildConfig { progress, ..BuildConfig::default() };
    Site::open(root, config).unwrap().build().unwrap()
}

fn pass(root: &Path, names: &[&str]) {
    let passed = names.iter().map(|name| format!("\"{name}\": {{\"passed\": \"2026-11-27\"}}"));
    let passed = passed.collect::<Vec<_>>().join(",");
    let json = format!("{{\"format\": 1, \"lessons\": {{\"lesson\": {{{passed}}}}}}}");
    write(root, "progress.json", &json);
}

fn has_strip(root: &Path) -> [bool; 2] {
    let pages = ["index.html", "notebooks/lesson.html"];
    pages.map(|page| {
        std::fs::read_to_string(root.join("_site").join(page)).unwrap().contains("class=\"strip\"")
    })
}

#[test]
fn what_was_passed_stands_on_the_lesson_and_on_the_index() {
    let root = series();
    let root = root.path();
    build(root);
    assert_eq!(has_strip(root), [false, false]);
    pass(root, &["count"]);
    assert_eq!(build(root).changed, ["index.html", "notebooks/lesson.html"]);
    let page = std::fs::read_to_string(root.join("_site/notebooks/lesson.html")).unwrap();
    let from = page.find("<nav class=\"strip\"").unwrap();
    let to = from + page[from..].find("</nav>").unwrap();
    insta::assert_snapshot!(&page[from..to], @r##"
    <nav class="strip" aria-label="Exercises">
    <p>1 of 2 exercises passed</p>
    <ul>
    <li><a href="#sides">map-side<span class="unseen">, not passed yet</span></a></li>
    <li class="passed"><a href="#cell-3">count<span class="unseen">, passed</span></a></li>
    </ul>
    "##);
    assert!(!page.contains("2026-11-27"), "the day is the learner's own");
    assert_eq!(build(root).changed, [""; 0]);
    pass(root, &["count", "map-side"]);
    assert_eq!(build(root).changed.len(), 2);
    let index = std::fs::read_to_string(root.join("_site/index.html")).unwrap();
    assert!(index.contains("2 of 2 exercises passed"));
    assert!(!index.contains("0 of"), "a notebook without exercises has no strip");
    write(root, "progress.json", "{");
    build(root);
    assert_eq!(has_strip(root), [false, false]);
}

#[test]
fn a_published_site_tells_nothing_unless_it_is_asked_to() {
    let root = series();
    let root = root.path();
    pass(root, &["count"]);
    let check = |config: &str, expected: bool| {
        write(root, "momentum.yaml", &format!("title: Log\n{config}"));
        build(root);
        assert_eq!(has_strip(root), [expected; 2], "{config}");
    };
    check("", true);
    check("progress: none\n", false);
    check("base_url: https://example.org\n", false);
    check("base_url: https://example.org\nprogress: published\n", true);
    check("base_url: https://example.org\nprogress: local\n", false);
}
