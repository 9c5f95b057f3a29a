//! The lessons' files: what the kernel wrote, what the journal needs.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::{assert_none, files, read, with_extension};

/// Each lesson with its parsed file.
fn notebooks() -> Vec<(String, Value)> {
    let files = files();
    let lessons = with_extension(&files, &["ipynb"]).into_iter();
    lessons
        // What lies below it, the sources of exercises, is not what a learner gets.
        .filter(|path| path.parent() == Some(Path::new("notebooks")))
        .map(|path| {
            let name = path.display().to_string();
            let value = serde_json::from_str(&read(path)).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, value)
        })
        .collect()
}

fn cells(notebook: &Value) -> &[Value] {
    notebook["cells"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A cell's source, which nbformat allows as one text or as lines.
fn source(cell: &Value) -> String {
    match &cell["source"] {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        source => source.as_str().unwrap_or_default().to_owned(),
    }
}

fn label(source: &str) -> Option<&str> {
    let options = source.lines().take_while(|line| line.starts_with("//|"));
    options.filter_map(|line| line.strip_prefix("//| label:")).map(str::trim).next()
}

#[test]
fn lessons_say_what_they_are() {
    let lessons = notebooks();
    assert!(!lessons.is_empty(), "there are lessons");
    let mut faults = Vec::new();
    for (name, notebook) in &lessons {
        let metadata = &notebook["metadata"];
        let mut check = |good: bool, what: &str| {
            if !good {
                faults.push(format!("{name}: {what}"));
            }
        };
        check(notebook["nbformat"] == 4 && notebook["nbformat_minor"] == 5, "nbformat is not 4.5");
        check(metadata["kernelspec"]["name"] == "momentum", "kernelspec.name is not momentum");
        check(metadata["language_info"]["name"] == "rust", "language_info.name is not rust");
        check(metadata["momentum"]["format"] == 1, "no record of its run: run momentum run on it");
        check(metadata["momentum"]["status"] == "ok", "its run did not end well");
    }
    assert_none(faults, "a lesson is committed executed:");
}

#[test]
fn cells_are_named_once_and_executed() {
    let mut faults = Vec::new();
    for (name, notebook) in &notebooks() {
        let mut ids = HashSet::new();
        let mut labels = HashSet::new();
        for (n, cell) in cells(notebook).iter().enumerate() {
            let mut fault = |what: &str| faults.push(format!("{name}: cell {}: {what}", n + 1));
            match cell["id"].as_str() {
                Some(id) if ids.insert(id.to_owned()) => {}
                Some(_) => fault("its id is taken"),
                None => fault("has no id"),
            }
            let source = source(cell);
            if let Some(label) = label(&source)
                && !labels.insert(label.to_owned())
            {
                fault("its label is taken");
            }
            if cell["cell_type"] != "code" || source.trim().is_empty() {
                continue;
            }
            if cell["execution_count"].is_null() {
                fault("was not executed");
            }
            let chain = cell["metadata"]["momentum"]["chain"].as_str().unwrap_or_default();
            if chain.len() != 64 || !chain.bytes().all(|b| b.is_ascii_hexdigit()) {
                fault("has no chain of provenance");
            }
        }
    }
    assert_none(faults, "cells can be linked to, and their outputs are real:");
}

#[test]
fn exercises_are_there_and_labelled() {
    let mut faults = Vec::new();
    let files = files();
    // A gallery of pictures is no lesson: it has no source with exercises.
    let sources = files.iter().filter(|path| path.starts_with("notebooks/solutions"));
    let lessons: HashSet<_> = sources.filter_map(|path| path.file_name()).collect();
    assert!(lessons.len() >= 14, "the lessons' sources are found");
    let of_lesson = |name: &str| Path::new(name).file_name().is_some_and(|n| lessons.contains(n));
    for (name, notebook) in notebooks().iter().filter(|(name, _)| of_lesson(name)) {
        let cells = cells(notebook);
        let is_heading = |cell: &Value| {
            cell["cell_type"] == "markdown"
                && source(cell).lines().any(|line| line.starts_with("## Exercises"))
        };
        let Some(start) = cells.iter().position(is_heading) else {
            faults.push(format!("{name}: has no section \"## Exercises\""));
            continue;
        };
        let exercises = cells.iter().enumerate().skip(start);
        let mut n_exercises = 0;
        for (n, cell) in exercises.filter(|(_, cell)| cell["cell_type"] == "code") {
            n_exercises += 1;
            if label(&source(cell)).is_none() {
                faults.push(format!("{name}: cell {}: an exercise without a label", n + 1));
            }
        }
        if n_exercises == 0 {
            faults.push(format!("{name}: no code cell under \"## Exercises\""));
        }
    }
    assert_none(faults, "each lesson ends in exercises that can be linked to:");
}

/// The lines that a source's solutions have and its holes have not.
fn secret_lines(source: &str) -> Vec<String> {
    let (mut secret, mut inside) = (Vec::new(), false);
    for line in source.lines() {
        match line.trim().strip_prefix("//|").map(str::trim) {
            Some("solution") => inside = true,
            Some("hole" | "end") => inside = false,
            _ if inside && line.trim().len() > 8 => secret.push(line.trim().to_owned()),
            _ => {}
        }
    }
    secret
}

#[test]
fn no_solution_leaks_into_what_a_learner_gets() {
    let files = files();
    let sources: Vec<_> = with_extension(&files, &["ipynb"])
        .into_iter()
        .filter(|path| path.starts_with("notebooks/solutions"))
        .collect();
    assert!(!sources.is_empty(), "there are sources of exercises");
    let mut faults = Vec::new();
    for path in sources {
        let notebook: Value = serde_json::from_str(&read(path)).expect("a source is JSON");
        let solutions: Vec<_> = cells(&notebook)
            .iter()
            .map(|cell| secret_lines(&source(cell)))
            .filter(|lines| !lines.is_empty())
            .collect();
        assert!(!solutions.is_empty(), "{}: no solutions", path.display());
        for (name, learners) in &notebooks() {
            for cell in cells(learners) {
                let text = source(cell);
                // A single line, such as `let mut n = 0;`, may well stand in another lesson.
                let leaks = solutions.iter().filter(|lines| lines.iter().all(|l| text.contains(l)));
                faults.extend(leaks.map(|lines| format!("{name}: {}", lines.join(" "))));
            }
        }
    }
    assert_none(faults, "solutions stay in notebooks/solutions:");
}
