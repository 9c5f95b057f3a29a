//! The types of a cell's variables, as the compiler names them.

use serde::{Deserialize, Serialize};

/// The type of one variable, as Rust code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableType {
    /// The variable.
    pub name: String,
    /// Its type.
    pub type_name: String,
}

/// Whether a type can be written down in another cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It can, as this.
    Plain(String),
    /// It can, as this, if its path is public.
    Foreign(String),
    /// It cannot, or not as it is: a closure, a function.
    Nameless,
}

/// What the compiler says of a local whose type is `momentum_cells::variables::Kept`.
const KEPT: &str = "variables::Kept<";

/// The types in the compiler's listing of a cell: numbers of variables, and types as printed.
pub(super) fn kept(listing: &str) -> impl Iterator<Item = (usize, &str)> {
    listing.lines().filter_map(|line| {
        let (number, of) = line
            .trim_start()
            .strip_prefix("let ")?
            .split_once(KEPT)?
            .1
            .strip_suffix(">;")?
            .split_once(", ")?;
        Some((number.parse().ok()?, of))
    })
}

/// What a printed type is in another cell.
pub(super) fn nameable(printed: &str) -> Found {
    if printed.contains(['{', '}']) || printed.contains("impl ") {
        return Found::Nameless;
    }
    let name = written(printed);
    let part = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
    let public = |path: &str| {
        !path.contains("::") || path.starts_with("std::") || path.starts_with("core::")
    };
    if name.split(part).all(public) { Found::Plain(name) } else { Found::Foreign(name) }
}

/// A type as the compiler prints it as one would write it.
pub(super) fn written(printed: &str) -> String {
    let mut text = printed.replace("{integer}", "i32").replace("{float}", "f64");
    // A function item `fn(i32) -> i32 {double}` is kept as a pointer to it.
    if text.contains("fn(")
        && text.ends_with('}')
        && let Some(end) = text.rfind(" {")
    {
        text.truncate(end);
    }
    // Only references to what lives for ever can be kept.
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('&') {
        let (before, after) = rest.split_at(at + 1);
        result.push_str(before);
        // References in the signature of a function live as long as the caller says.
        let bound = ["fn(", "Fn(", "FnMut(", "FnOnce("].iter().any(|head| result.contains(head));
        if !after.starts_with('\'') && !bound {
            result.push_str("'static ");
        }
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, expected: &str) {
        assert_eq!(written(printed), expected);
    }

    #[test]
    fn printed_types_become_written_ones() {
        check("std::vec::Vec<{integer}>", "std::vec::Vec<i32>");
        check("Foo<{float}>", "Foo<f64>");
        check("&str", "&'static str");
        check("fn(i32) -> i32 {double}", "fn(i32) -> i32");
        check("[[u8; 3]; 4]", "[[u8; 3]; 4]");
        check(
            "std::boxed::Box<dyn for<'a> std::ops::Fn(&'a i32) -> &i32>",
            "std::boxed::Box<dyn for<'a> std::ops::Fn(&'a i32) -> &i32>",
        );
    }

    #[test]
    fn what_can_be_written_in_another_cell() {
        let plain = |text: &str| assert_eq!(nameable(text), Found::Plain(text.to_owned()));
        plain("std::vec::Vec<Point>");
        plain("(i32, char, ())");
        let foreign = "std::vec::Vec<momentum_cells::Bundle>";
        assert_eq!(nameable(foreign), Found::Foreign(foreign.into()));
        assert_eq!(nameable("fn(i32) -> i32 {double}"), Found::Nameless);
        assert_eq!(nameable("{closure@src/lib.rs:1:1: 1:5}"), Found::Nameless);
    }

    #[test]
    fn the_listing_is_read() {
        let listing = "fn f() -> () {\n    let mut _1: std::vec::Vec<i32>;\n    let _2: momentum_cells::variables::Kept<0, (u8, std::string::String)>;\n        let _9: momentum_cells::variables::Kept<11, Point<f64>>;\n}";
        let found: Vec<_> = kept(listing).collect();
        assert_eq!(found, [(0, "(u8, std::string::String)"), (11, "Point<f64>")]);
    }
}
