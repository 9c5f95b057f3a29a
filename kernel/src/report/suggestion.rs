//! What the compiler adds to an error: its notes, its helps, and its suggestions applied as text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// The file that the compiler reads; its lines are those of the cells, and generated ones.
const SOURCE: &str = "src/lib.rs";
/// Crates under the helpers, whose types the compiler lists beside the standard library's.
const FOREIGN: [&str; 5] = ["num_complex::", "dfdx::", "half::", "gemm", "zerocopy::"];
/// How many alternatives of one suggestion are shown.
const ALTERNATIVES: usize = 4;
/// What marks code and messages that are not the reader's.
const INTERNAL: [&str; 4] = ["evcxr", "momentum_cells::last", "run_user_code", "MomentumProbe"];
/// Begins a list of types.
const OTHERS: &str = "the following other types implement trait";
/// Messages that say nothing to the reader of a notebook.
const NOISE: [&str; 6] = [
    "this error originates in the",
    "the full name for the type has been written to",
    "the full type name has been written to",
    "consider using `--verbose`",
    "for more information about this error",
    "to your `Cargo.toml`",
];

/// The part of the compiler's JSON that matters here.
#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(default)]
    message: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    spans: Vec<Span>,
    #[serde(default)]
    children: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    line_end: usize,
    column_start: usize,
    column_end: usize,
    #[serde(default)]
    text: Vec<Line>,
    suggested_replacement: Option<String>,
    suggestion_applicability: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    text: String,
}

/// The notes and helps of an error on a cell, in the compiler's order: the kind and the text.
pub(crate) fn notes(json: &Value, source: &str) -> Vec<(&'static str, String)> {
    let error = Message::deserialize(json).unwrap_or_default();
    let mut seen = BTreeSet::new();
    // Of an error in generated code, evcxr keeps the help alone if that is about the cell.
    let itself = (error.level == "help").then_some(&error);
    let notes = error.children.iter().chain(itself).filter_map(|child| {
        let kind = match child.level.as_str() {
            "help" => "help",
            "note" => "note",
            _ => return None,
        };
        let hidden = NOISE.iter().chain(&INTERNAL).any(|part| child.message.contains(part))
            // Its list is in places that the reader does not see.
            || (child.message.starts_with(OTHERS) && !child.message.contains('\n'));
        (!hidden).then(|| (kind, readable(&child.message) + &applied(child, source)))
    });
    notes.filter(|(_, text)| seen.insert(text.clone())).collect()
}

/// The text at which an error points, for one that evcxr gives no place: a line of generated code
/// that repeats one of the cell's.
pub(crate) fn place(json: &Value, source: &str) -> Option<((usize, usize), (usize, usize))> {
    let primary = json["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let text = &primary["text"][0];
    let column = |name: &str| usize::try_from(text[name].as_u64()?.checked_sub(1)?).ok();
    let (start, end) = (column("highlight_start")?, column("highlight_end")?);
    let line = text["text"].as_str()?;
    let marked: String = line.chars().take(end).skip(start).collect();
    if marked.trim().is_empty() {
        return None;
    }
    let (number, found) = source.lines().enumerate().find(|(_, line)| line.contains(&marked))?;
    let before = found[..found.find(&marked)?].chars().count();
    Some(((number + 1, before + 1), (number + 1, before + 1 + marked.chars().count())))
}

/// A message without the names that the kernel gives to what it generates, and without what the
/// helpers' own libraries add to lists of types.
pub(super) fn readable(message: &str) -> String {
    let message = message.replace("ctx::", "").replace("momentum_cells::", "");
    let foreign = |line: &&str| {
        let item = line.trim_start();
        item.starts_with('`') && FOREIGN.iter().any(|name| item.contains(name))
    };
    let lines: Vec<_> = message.lines().filter(|line| !foreign(line)).collect();
    short(&lines.join("\n"))
}

/// A text in which the standard library's types and traits go by their last names. The compiler
/// itself shortens a name only if no crate has another thing of that name, and the helpers bring
/// many crates.
pub(super) fn short(text: &str) -> String {
    const ROOTS: [&str; 3] = ["std::", "core::", "alloc::"];
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let begins = !result.ends_with(|c: char| part(c) || c == ':');
        if begins && ROOTS.iter().any(|root| rest.starts_with(root)) {
            let end = rest.find(|c: char| !part(c) && c != ':').unwrap_or(rest.len());
            let name = rest[..end].rsplit("::").find(|name| !name.is_empty()).unwrap_or_default();
            let path = &rest[..end];
            // Paths of functions and modules stay.
            let named = name.starts_with(char::is_uppercase) && !path.ends_with(':');
            result.push_str(if named { name } else { path });
            rest = &rest[end..];
        } else {
            result.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    result
}

/// The lines as they would be with the suggestion; nothing if there is none for the reader's code.
fn applied(help: &Message, source: &str) -> String {
    let edits: Vec<&Span> = help
        .spans
        .iter()
        .filter(|span| span.suggested_replacement.is_some() && span.file_name.ends_with(SOURCE))
        .collect();
    // In generated code, only whole new lines are of use to the reader.
    let of_cell = |span: &&Span| {
        let line = span.text.first().map_or("", |line| line.text.trim());
        let new_line = span.suggested_replacement.as_deref().is_some_and(|r| r.ends_with('\n'));
        new_line || (!line.is_empty() && source.contains(line))
    };
    if !edits.iter().all(of_cell) {
        return String::new();
    }
    let single = |span: &&&Span| span.line_start == span.line_end && span.text.len() <= 1;
    if edits.is_empty() || edits.iter().filter(single).count() < edits.len() {
        return String::new();
    }
    let holes = |span: &&Span| span.suggestion_applicability.as_deref() == Some("HasPlaceholders");
    let word = if edits.iter().any(holes) { "for example" } else { "try" };
    let place = |span: &Span| (span.line_start, span.column_start, span.column_end);
    let places: BTreeSet<_> = edits.iter().map(|span| place(span)).collect();
    let lines: Vec<String> = if places.len() < edits.len() {
        // Several replacements of one place: alternatives.
        edits.iter().take(ALTERNATIVES).filter_map(|edit| line_with(&[edit])).collect()
    } else {
        let mut by_line = BTreeMap::<usize, Vec<&Span>>::new();
        for edit in edits {
            by_line.entry(edit.line_start).or_default().push(edit);
        }
        by_line.values().filter_map(|edits| line_with(edits)).collect()
    };
    let internal = |line: &String| INTERNAL.iter().any(|part| line.contains(part));
    let lines = lines.into_iter().filter(|line| !internal(line));
    lines.map(|line| format!("\n{word}: {line}")).collect()
}

/// One line with all its edits made.
fn line_with(edits: &[&Span]) -> Option<String> {
    let replacement = |edit: &Span| edit.suggested_replacement.clone().unwrap_or_default();
    // A whole new line, such as a `use`: shown alone.
    if let [edit] = edits
        && edit.column_start == edit.column_end
        && replacement(edit).ends_with('\n')
    {
        return Some(replacement(edit).trim().to_owned());
    }
    let text = &edits.first()?.text.first()?.text;
    let mut line: Vec<char> = text.chars().collect();
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.column_start));
    for edit in edits {
        let at = |column: usize| column.saturating_sub(1).min(line.len());
        let (start, end) = (at(edit.column_start), at(edit.column_end));
        line.splice(start..end.max(start), replacement(edit).chars());
    }
    Some(line.into_iter().collect::<String>().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(text: &str, columns: (usize, usize), replacement: &str) -> Value {
        json!({
            "file_name": "src/lib.rs", "line_start": 7, "line_end": 7,
            "column_start": columns.0, "column_end": columns.1, "text": [{"text": text}],
            "suggested_replacement": replacement, "suggestion_applicability": "MaybeIncorrect",
        })
    }

    const CELL: &str = "    let é = f(a, b);\nfn f() {";

    fn check(children: Value, expected: &[(&str, &str)]) {
        let found = notes(&json!({"message": "m", "level": "error", "children": children}), CELL);
        let found: Vec<_> = found.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_suggestion_is_made_in_the_line() {
        let text = "    let é = f(a, b);";
        let spans = json!([span(text, (15, 15), "&"), span(text, (18, 19), "&mut b")]);
        check(
            json!([{"message": "borrow them", "level": "help", "spans": spans}]),
            &[("help", "borrow them\ntry: let é = f(&a, &mut b);")],
        );
    }

    #[test]
    fn alternatives_and_new_lines_stand_alone() {
        let spans = json!([
            span("fn f() {", (1, 1), "use a::T;\n"),
            span("fn f() {", (1, 1), "use b::T;\n")
        ]);
        check(
            json!([{"message": "import one", "level": "help", "spans": spans}]),
            &[("help", "import one\ntry: use a::T;\ntry: use b::T;")],
        );
    }

    #[test]
    fn what_is_not_the_readers_is_left_out() {
        check(
            json!([
                {"message": "required by `evcxr_variable_store`", "level": "note"},
                {"message": "this error originates in the macro `x`", "level": "note"},
                {"message": "the trait `ctx::Shape` is not there", "level": "note"},
                {"message": "the trait `ctx::Shape` is not there", "level": "note"},
            ]),
            &[("note", "the trait `Shape` is not there")],
        );
        let spans = json!([span(")));", (1, 1), "()")]);
        check(
            json!([{"message": "call it", "level": "help", "spans": spans}]),
            &[("help", "call it")],
        );
        assert!(notes(&Value::Null, CELL).is_empty());
        let text = "these:\n  `u8` implements `Add`\n  `u8` implements `Add<num_complex::C>`";
        assert_eq!(readable(text), "these:\n  `u8` implements `Add`");
        assert_eq!(
            short("`std::vec::Vec<std::string::String>` and `std::mem::drop`, `my::std::Vec`"),
            "`Vec<String>` and `std::mem::drop`, `my::std::Vec`"
        );
    }

    #[test]
    fn a_place_is_found_by_its_text() {
        let text = json!({"text": "use rand::Rng;", "highlight_start": 5, "highlight_end": 9});
        let json = json!({"spans": [{"is_primary": true, "text": [text]}]});
        assert_eq!(place(&json, "let é = 1;\n use rand::Rng;"), Some(((2, 6), (2, 10))));
        assert_eq!(place(&json, "1 + 1"), None);
    }
}
