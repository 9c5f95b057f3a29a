//! What an error means in a notebook, where one cell comes after another.

use crate::analyst::Lost;
use crate::cell;

const NO_BORROW: &str = "a variable that later cells can use may not borrow from another one, \
    since either may go first. Keep an owned value (`.clone()`, `.to_owned()`), or put the code \
    that borrows into a block: `{ ... }`";

/// Advice on an error of a cell, from its code and message; `lost` tells of variables that are
/// gone.
pub(super) fn advice(
    code: Option<&str>,
    message: &str,
    source: &str,
    lost: &dyn Fn(&str) -> Option<Lost>,
) -> Option<String> {
    let name = || message.split('`').nth(1);
    match code {
        None => None,
        Some("E0382" | "E0505") => {
            let name = name()?;
            Some(format!(
                "a value has one owner. Once it is moved, neither this cell nor a later one has \
                 `{name}`: lend it with `&{name}`, or hand over a copy with `{name}.clone()`"
            ))
        }
        Some("E0425") if message.starts_with("cannot find value") => {
            let name = name()?;
            Some(match lost(name)? {
                Lost { cell, moved: true } => format!(
                    "cell [{cell}] moved `{name}` away, so it is gone from the notebook. Run the \
                     cell that defines it again, and in cell [{cell}] lend it with `&{name}`, or \
                     hand over a copy with `{name}.clone()`"
                ),
                Lost { cell, moved: false } => format!(
                    "`{name}` was lost in cell [{cell}]. Run the cell that defines it again"
                ),
            })
        }
        Some("E0432" | "E0433")
            if message.contains("crate") || message.starts_with("unresolved") =>
        {
            let path = message.split('`').skip(1).step_by(2).last().filter(|part| is_name(part))?;
            let name = path.split("::").next()?;
            if matches!(name, "std" | "core" | "alloc" | "crate" | "self" | "super") {
                return None;
            }
            Some(format!(
                "if `{name}` is a crate, add it first, in a line on top of a cell: \
                 `:dep {name} = \"*\"` (better with a version)"
            ))
        }
        Some("E0384" | "E0594" | "E0596") => {
            let name = message.split('`').skip(1).step_by(2).find(|part| is_name(part))?;
            if cell::definition(source, name).is_some() {
                return None;
            }
            Some(format!(
                "a variable of an earlier cell is made changeable by a new line: \
                 `let mut {name} = {name};`"
            ))
        }
        Some("E0597" | "E0716" | "E0515" | "E0521") => Some(NO_BORROW.to_owned()),
        Some(_) => None,
    }
}

/// evcxr's own messages, in our words; others as they are.
pub(super) fn reworded(message: &str) -> String {
    // evcxr keeps a help alone where the error itself is in generated code.
    if message.starts_with("consider importing") {
        return "a name in this cell is not known".to_owned();
    }
    let name = message.split('`').nth(1).unwrap_or_default();
    if message.contains("reference with a non-static lifetime") {
        return format!("`{name}` holds a reference: {NO_BORROW}");
    }
    if message.contains("is a closure, which cannot be persisted") {
        return format!(
            "`{name}` is a closure, and a closure's type has no name by which a later cell could \
             know it. Make it a function (`fn {name}(...)`), box it \
             (`let {name}: Box<dyn Fn(i32) -> i32> = Box::new(...)`), or put the code that needs \
             it into a block: `{{ ... }}`"
        );
    }
    if message.contains("which cannot be persisted") {
        let of = message.split('`').nth(3).unwrap_or_default();
        return format!(
            "`{name}` has the type `{of}`, which has no name by which a later cell could know it. \
             Collect it (`.collect::<Vec<_>>()`), box it, or put the code that needs it into a \
             block: `{{ ... }}`"
        );
    }
    if message.starts_with("Couldn't automatically determine type") {
        return format!(
            "the type of `{name}` is not clear: write it down, `let {name}: Type = ...`"
        );
    }
    message.to_owned()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, message: &str, expected: Option<&str>) {
        let lost = |name: &str| match name {
            "moved" => Some(Lost { cell: 3, moved: true }),
            "crashed" => Some(Lost { cell: 4, moved: false }),
            _ => None,
        };
        let found = advice(Some(code), message, "other = 1;", &lost);
        match expected {
            Some(part) => assert!(found.as_deref().is_some_and(|f| f.contains(part)), "{found:?}"),
            None => assert_eq!(found, None),
        }
    }

    #[test]
    fn a_variable_that_is_gone_is_explained() {
        check("E0425", "cannot find value `moved` in this scope", Some("cell [3] moved `moved`"));
        check("E0425", "cannot find value `crashed` in this scope", Some("lost in cell [4]"));
        check("E0425", "cannot find value `typo` in this scope", None);
        check("E0382", "borrow of moved value: `v`", Some("`v.clone()`"));
    }

    #[test]
    fn an_earlier_cells_variable_is_made_changeable() {
        let message = "cannot assign twice to immutable variable `other`";
        check("E0384", message, Some("`let mut other = other;`"));
        assert_eq!(advice(Some("E0384"), message, "let other = 1;\nother = 2;", &|_| None), None);
    }

    #[test]
    fn a_missing_crate_is_to_be_added() {
        check("E0432", "unresolved import `rand`", Some("`:dep rand = \"*\"`"));
        check(
            "E0433",
            "failed to resolve: use of unresolved module or unlinked crate `serde`",
            Some("`:dep serde = \"*\"`"),
        );
        check("E0432", "unresolved import `std::colections`", None);
        check("E0433", "failed to resolve: use of undeclared type `HashMap`", None);
    }

    #[test]
    fn evcxrs_words_become_ours() {
        let message = "The variable `f` is a closure, which cannot be persisted.\nYou can ...";
        assert!(reworded(message).starts_with("`f` is a closure, and"));
        assert_eq!(reworded("anything else"), "anything else");
    }
}
