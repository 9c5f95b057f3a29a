//! What a reader of the notebook is told when a cell fails.

mod advice;
mod ending;
mod suggestion;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::analyst::Lost;
use crate::cell::Typed;
use crate::output::CellError;
use crate::process::Panic;

pub(crate) use ending::{Cause, State, crash, interrupted, timeout};

pub(crate) use suggestion::{notes, place};

/// Cells as they were run, in order.
pub(crate) type History = Vec<Ran>;

/// A cell that was run.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) number: u32,
    /// The text that was compiled; each of its lines holds the author's, and perhaps types.
    pub(crate) compiled: String,
    /// The author's text.
    pub(crate) source: String,
}

/// One message of the compiler about a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diagnostic {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) labels: Vec<Label>,
    /// Notes and helps, in words: the kind (`help`) and the text.
    pub(crate) notes: Vec<(&'static str, String)>,
}

/// A place in the cell; lines and columns count from 1, the end column is exclusive.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
    pub(crate) text: String,
    pub(crate) primary: bool,
}

impl Diagnostic {
    /// Makes an error on a cell with types written into it one on the cell as its author wrote it.
    pub(crate) fn untype(&mut self, typed: &Typed) {
        for label in &mut self.labels {
            label.start.1 = typed.column(label.start.0, label.start.1);
            label.end.1 = typed.column(label.end.0, label.end.1);
        }
        // What pointed at a type that the author did not write points at nothing now.
        self.labels.retain(|label| label.primary || label.start != label.end);
        for (_, text) in &mut self.notes {
            *text = typed.untyped(text);
        }
    }
}

/// The report on a cell that does not compile; `lost` tells of variables that are gone.
pub(crate) fn compile_error(
    number: u32,
    source: &str,
    diagnostics: &[Diagnostic],
    lost: &dyn Fn(&str) -> Option<Lost>,
) -> CellError {
    let origin = format!("cell [{number}]");
    let mut report = Vec::new();
    for diagnostic in diagnostics {
        let message = advice::reworded(&suggestion::readable(&diagnostic.message));
        let mut title = Level::ERROR.primary_title(&message);
        if let Some(code) = &diagnostic.code {
            title = title.id(code);
        }
        let mut group = Group::with_title(title);
        if !diagnostic.labels.is_empty() {
            let labels = diagnostic.labels.iter().map(|label| {
                let kind =
                    if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                let span = kind.span(offset(source, label.start)..offset(source, label.end));
                if label.text.is_empty() {
                    span
                } else {
                    span.label(suggestion::short(&label.text))
                }
            });
            group = group.element(Snippet::source(source).path(&origin).annotations(labels));
        }
        let advice = advice::advice(diagnostic.code.as_deref(), &diagnostic.message, source, lost);
        let advice = advice.into_iter().map(|text| ("notebook", text));
        let notes: Vec<_> = diagnostic.notes.iter().cloned().chain(advice).collect();
        for (kind, text) in &notes {
            if *kind == "notebook" {
                group = group.element(Level::NOTE.with_name("notebook").message(text));
                continue;
            }
            let level = if *kind == "help" { Level::HELP } else { Level::NOTE };
            group = group.element(level.message(text));
        }
        let text = Renderer::styled().render(&[group]);
        if !report.is_empty() {
            report.push(String::new());
        }
        report.extend(text.lines().map(str::to_owned));
    }
    let first = diagnostics.first();
    let line = first.and_then(|d| d.labels.iter().find(|l| l.primary).or(d.labels.first()));
    let value = first.map_or_else(
        || "the cell does not compile".to_owned(),
        |d| advice::reworded(&suggestion::readable(&d.message)),
    );
    let place = line.map(|label| format!("{origin}, line {}: ", label.start.0)).unwrap_or_default();
    CellError { name: "CompileError".into(), value: format!("{place}{value}"), traceback: report }
}

/// The report on a panic; `generated` is the code in which its line counts.
pub(crate) fn panic(panic: &Panic, generated: &str, history: &History, state: &State) -> CellError {
    let place = panic
        .file
        .as_deref()
        .filter(|file| *file == "src/lib.rs")
        .and(panic.line)
        .and_then(|line| locate(generated, line, history));
    let mut report = vec![format!("{RED}panic{RESET}: {}", panic.message)];
    let value = match (&place, &panic.file, panic.line) {
        (Some((number, line)), ..) => {
            report.push(format!("  --> cell [{number}], line {line}"));
            if let Some(text) = history
                .iter()
                .find(|ran| ran.number == *number)
                .and_then(|ran| ran.source.lines().nth(line - 1))
            {
                report.push(format!("   | {}", text.trim_end()));
            }
            format!("cell [{number}], line {line}: {}", panic.message)
        }
        // The path of a library's source differs from machine to machine: its tail does not.
        (None, Some(file), Some(line)) if file != "src/lib.rs" => {
            report.push(format!("  --> {}:{line}", library_path(file)));
            panic.message.clone()
        }
        _ => panic.message.clone(),
    };
    if let Some(thread) = &panic.thread {
        report.push(format!("   = in thread `{thread}`"));
    }
    report.extend(panic.frames.iter().map(|function| format!("   = called in `{function}`")));
    report.push(format!("   = {}", state.after_panic()));
    let lines = report.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
    CellError { name: "Panic".into(), value, traceback: lines }
}

/// A report that consists of a message only.
pub(crate) fn plain(name: &str, message: &str) -> CellError {
    let message = advice::reworded(message.trim_end());
    let value = message.lines().next().unwrap_or_default().to_owned();
    let mut traceback: Vec<String> = message.lines().map(str::to_owned).collect();
    if let Some(first) = traceback.first_mut() {
        *first = format!("{RED}error{RESET}: {first}");
    }
    CellError { name: name.into(), value, traceback }
}

const RED: &str = "\u{1b}[1m\u{1b}[91m";
const RESET: &str = "\u{1b}[0m";

/// The byte at a line and column (of characters), both from 1; the end of the line if it is short.
fn offset(source: &str, (line, column): (usize, usize)) -> usize {
    let start: usize =
        source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let text = source[start..].split('\n').next().unwrap_or_default();
    let column = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    start + column
}

/// Which cell's which line stands at a line of the generated code: the newest that reads the same.
fn locate(generated: &str, line: usize, history: &History) -> Option<(u32, usize)> {
    let lines: Vec<&str> = generated.lines().map(str::trim).collect();
    let text = *lines.get(line.checked_sub(1)?)?;
    // Among equal lines, the n-th of the code is taken to be the n-th of the cell.
    let before = lines[..line - 1].iter().filter(|other| **other == text).count();
    let newest = |fits: fn(&str, &str) -> bool| {
        history.iter().rev().find_map(|Ran { number, compiled: source, .. }| {
            let lines = source.lines().enumerate();
            let found: Vec<usize> =
                lines.filter(|(_, line)| fits(line, text)).map(|(at, _)| at + 1).collect();
            found.get(before).or(found.last()).map(|line| (*number, *line))
        })
    };
    // A last expression stands in the generated code without what is around it.
    (!text.is_empty()).then(|| {
        newest(|line, text| line.trim() == text)
            .or_else(|| newest(|line, text| line.contains(text)))
    })?
}

/// The part of a library's path that is the same on every machine.
fn library_path(path: &str) -> &str {
    for marker in ["/library/", "/registry/src/"] {
        if let Some((_, tail)) = path.split_once(marker) {
            return tail
                .split_once("index.crates.io")
                .and_then(|(_, t)| t.split_once('/'))
                .map_or(tail, |(_, t)| t);
        }
    }
    path.strip_prefix('/').map_or(path, |_| path.rsplit('/').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compile_error_points_into_the_cell() {
        let diagnostic = Diagnostic {
            code: Some("E0308".into()),
            message: "mismatched types".into(),
            labels: vec![Label {
                start: (2, 14),
                end: (2, 17),
                text: "expected `i32`".into(),
                primary: true,
            }],
            notes: vec![("help", "parse it".into())],
        };
        let error = compile_error(3, "// ä\nlet x: i32 = \"a\";", &[diagnostic], &|_| None);
        assert_eq!(error.value, "cell [3], line 2: mismatched types");
        let text: String = anstyle_free(&error.traceback.join("\n"));
        insta::assert_snapshot!(text, @r#"
        error[E0308]: mismatched types
         --> cell [3]:2:14
          |
        2 | let x: i32 = "a";
          |              ^^^ expected `i32`
          |
          = help: parse it
        "#);
    }

    fn anstyle_free(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            if character == '\u{1b}' {
                rest.by_ref().find(|c| c.is_ascii_alphabetic());
            } else {
                plain.push(character);
            }
        }
        plain
    }

    #[test]
    fn a_panic_is_found_in_the_newest_cell_that_has_its_line() {
        let ran = |number, text: &str| {
            let (compiled, source) = (text.to_owned(), text.to_owned());
            Ran { number, compiled, source }
        };
        let history = vec![ran(1, "fn f() {\n    panic!(\"a\");\n}"), ran(2, "f();\nlet x = 1;")];
        let generated = "fn f() {\n    panic!(\"a\");\n}\n#[x]\nf();\nlet x = 1;\n";
        assert_eq!(locate(generated, 2, &history), Some((1, 2)));
        assert_eq!(locate(generated, 5, &history), Some((2, 1)));
        assert_eq!(locate(generated, 4, &history), None);
        // A newer cell has it as a part of a line.
        let history = vec![ran(1, "fn f() {\n    v[5]\n}"), ran(2, "// not v[5] again\nf();")];
        assert_eq!(locate("fn f() {\n    v[5]\n}\n", 2, &history), Some((1, 2)));
    }

    #[test]
    fn paths_of_one_machine_are_not_shown() {
        assert_eq!(library_path("/rustc/5980/library/core/src/option.rs"), "core/src/option.rs");
        assert_eq!(
            library_path("/opt/a/registry/src/index.crates.io-19/b-1.0/src/lib.rs"),
            "b-1.0/src/lib.rs"
        );
    }
}
