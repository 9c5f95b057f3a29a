use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn init_at(folder: &Path) -> Scaffold {
    let config = InitConfig {
        title: "My \"log\": one".into(),
        author: String::new(),
        date: date("2026-11-22"),
    };
    init(folder, &config).unwrap()
}

fn names(root: &Path, files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
}

#[test]
fn a_new_series_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("my/log");
    let made = init_at(&root);
    assert_eq!(
        names(&root, &made.files),
        ["momentum.yaml", "notebooks/day-01-first-steps.ipynb", "entries/day-01.md", ".gitignore"]
    );
    let series = Series::open(&root).unwrap();
    assert_eq!(series.problems, []);
    assert_eq!(series.config().title, "My \"log\": one");
    let mut problems = Vec::new();
    let notebooks = crate::linked::read_notebooks(&series, &mut problems).unwrap();
    assert_eq!(problems, []);
    let notebook = notebooks["notebooks/day-01-first-steps.ipynb"].as_ref().unwrap();
    assert_eq!(notebook.title(), "Day 1: First steps");
    for label in ["answer", "squares"] {
        assert!(notebook.cell(label).is_ok(), "{label}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("entries")).unwrap();
    std::fs::write(folder.path().join("entries/day-01.md"), "mine").unwrap();
    let config = InitConfig { title: "T".into(), author: String::new(), date: date("2026-11-22") };
    let error = init(folder.path(), &config).unwrap_err();
    assert!(matches!(error, ScaffoldError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("entries/day-01.md")).unwrap(), "mine");
    assert!(!folder.path().join("momentum.yaml").exists());
    std::fs::remove_dir_all(folder.path().join("entries")).unwrap();
    init_at(folder.path());
    assert!(matches!(init(folder.path(), &config), Err(ScaffoldError::Series { .. })));
}

#[test]
fn the_next_day_follows_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    init_at(folder.path());
    let add = |title: &str| {
        Series::open(folder.path()).unwrap().new_day(title, date("2026-11-23")).unwrap()
    };
    let two = add("Convolutions: \"why\"? Ünïcode & more");
    assert_eq!(two.day, 2);
    let root = folder.path().canonicalize().unwrap();
    assert_eq!(
        names(&root, &two.files),
        ["notebooks/day-02-convolutions-why-n-code-more.ipynb", "entries/day-02.md"]
    );
    assert_eq!(add("日本").notebook.file_name().unwrap(), "day-03.ipynb");
    let series = Series::open(folder.path()).unwrap();
    assert_eq!(series.problems, []);
    assert_eq!(series.entries()[1].front.title, "Convolutions: \"why\"? Ünïcode & more");
    assert_eq!(series.entries()[1].front.date, date("2026-11-23"));
}

#[test]
fn templates_of_ones_own_are_used_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    init_at(folder.path());
    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    let try_with = |entry: &str, notebook: &str| {
        std::fs::write(templates.join("entry.md"), entry).unwrap();
        std::fs::write(templates.join("notebook.ipynb"), notebook).unwrap();
        let series = Series::open(folder.path()).unwrap();
        series.new_day("T", date("2026-11-23")).map_err(|error| error.to_string())
    };
    let notebook = r#"{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "raw", "source": "{{title}} of {{series}}"}]}"#;
    let head = "---\nday: {{day}}\ntitle: \"On {{title}}\"\ndate: {{date}}\n---\n";
    insta::assert_snapshot!(try_with(&format!("{head}\n{{{{ttle}}}}"), notebook).unwrap_err(), @"templates/entry.md:7: the template has no field `ttle`: did you mean `title`?");
    insta::assert_snapshot!(try_with("---\nday: {{day}}\n---\n", notebook).unwrap_err(), @"
    templates/entry.md:2:1: `title` is missing
      help: add a line such as `title: What I learned`
    ");
    insta::assert_snapshot!(try_with(head, "{\n]").unwrap_err(), @"templates/notebook.ipynb:2:1: the template is not JSON, as a notebook is");
    let made = try_with(&format!("{head}{{{{ not a field }}}}"), notebook).unwrap();
    let entry = std::fs::read_to_string(made.entry).unwrap();
    assert!(entry.contains("title: \"On T\"") && entry.contains("{{ not a field }}"), "{entry}");
    let written = std::fs::read_to_string(made.notebook).unwrap();
    assert!(written.contains("T of My \\\"log\\\": one"), "{written}");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_way_out() {
    let outside = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("notebooks")).unwrap();
    let config = InitConfig { title: "T".into(), author: String::new(), date: date("2026-11-22") };
    let error = init(folder.path(), &config).unwrap_err();
    assert!(matches!(error, ScaffoldError::Outside { .. }), "{error}");
    assert!(!folder.path().join("momentum.yaml").exists());
    std::fs::remove_file(folder.path().join("notebooks")).unwrap();
    init(folder.path(), &config).unwrap();
    std::fs::rename(folder.path().join("entries"), folder.path().join("days")).unwrap();
    // Within the series a link is the author's own affair.
    std::os::unix::fs::symlink("days", folder.path().join("entries")).unwrap();
    Series::open(folder.path()).unwrap().new_day("Two", date("2026-11-23")).unwrap();
    std::fs::remove_file(folder.path().join("entries")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("entries")).unwrap();
    let series = Series::open(folder.path()).unwrap();
    let error = series.new_day("Three", date("2026-11-24")).unwrap_err();
    assert!(matches!(error, ScaffoldError::Outside { .. }), "{error}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
