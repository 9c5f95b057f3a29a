//! The variables that a cell defines, and writing their types into it.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{TextRange, TextSize};

use super::{BEFORE, parse, statements};
use crate::compiler::VariableType;

/// A `let` whose type the compiler has to tell.
struct Untyped {
    statement: TextRange,
    /// From behind the pattern to before the `=`: nothing, or a type that has a hole.
    annotation: TextRange,
    /// Name, and whether it is mutable, of each variable of the pattern.
    variables: Vec<(String, bool)>,
    /// Whether the pattern is a name and nothing else.
    plain: bool,
}

/// The variables whose types must be asked for; empty for a cell that is not parsed without error.
pub(crate) fn new_variables(source: &str) -> Vec<String> {
    let names = |found: Untyped| found.variables.into_iter().map(|(name, _)| name);
    untyped(source).into_iter().flat_map(names).collect()
}

/// Writes the types into the cell, without changing the number of any line.
pub(crate) fn with_types(source: &str, types: &[VariableType]) -> String {
    let type_of = |name: &str| {
        let found = types.iter().rev().find(|variable| variable.name == name)?;
        // A closure or an opaque type has no name: evcxr explains what to do about it.
        let nameable = !found.type_name.contains(['{', '}']) && !found.type_name.contains("impl ");
        nameable.then_some(found.type_name.as_str())
    };
    let mut result = source.to_owned();
    for found in untyped(source).into_iter().rev() {
        let typed: Option<Vec<_>> = found
            .variables
            .iter()
            .map(|(name, mutable)| type_of(name).map(|type_name| (name, *mutable, type_name)))
            .collect();
        let Some(typed) = typed else { continue };
        if let ([(_, _, type_name)], true) = (typed.as_slice(), found.plain) {
            result.replace_range(
                std::ops::Range::<usize>::from(found.annotation),
                &format!(": {type_name} "),
            );
        } else {
            let declared: String = typed
                .iter()
                .map(|(name, mutable, type_name)| {
                    format!("let {}{name}: {type_name}; ", if *mutable { "mut " } else { "" })
                })
                .collect();
            let tuple: String = typed.iter().map(|(name, ..)| format!("{name}, ")).collect();
            let statement = std::ops::Range::<usize>::from(found.statement);
            result.insert_str(statement.end, &format!(" ({tuple}) }};"));
            result.insert_str(statement.start, &format!("{declared}({tuple}) = {{ "));
        }
    }
    result
}

fn untyped(source: &str) -> Vec<Untyped> {
    let (tree, errors) = parse(source);
    if !errors.is_empty() {
        return Vec::new();
    }
    let shift = TextSize::of(BEFORE);
    let lets = statements(&tree).filter_map(|statement| match statement {
        ast::Stmt::LetStmt(statement) => Some(statement),
        _ => None,
    });
    lets.filter_map(|statement| {
        let (pattern, value) = (statement.pat()?, statement.eq_token()?);
        if let Some(written) = statement.ty()
            && !written.syntax().descendants().any(|node| ast::InferType::can_cast(node.kind()))
            && matches!(pattern, ast::Pat::IdentPat(_))
        {
            return None;
        }
        let names = pattern.syntax().descendants().filter_map(ast::IdentPat::cast);
        let variables: Vec<_> = names
            .filter_map(|name| Some((name.name()?.text().to_string(), name.mut_token().is_some())))
            // A constant or a variant in a pattern looks like a variable, but is not spelt like one.
            .filter(|(name, _)| !name.starts_with(char::is_uppercase))
            .collect();
        let plain = matches!(&pattern, ast::Pat::IdentPat(name) if name.pat().is_none());
        let annotation =
            TextRange::new(pattern.syntax().text_range().end(), value.text_range().start());
        (!variables.is_empty()).then(|| Untyped {
            statement: statement.syntax().text_range() - shift,
            annotation: annotation - shift,
            variables,
            plain,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, types: &[(&str, &str)], expected: &str) {
        let types: Vec<_> = types
            .iter()
            .map(|&(name, type_name)| VariableType {
                name: name.into(),
                type_name: type_name.into(),
            })
            .collect();
        assert_eq!(with_types(source, &types), expected);
    }

    #[test]
    fn plain_variables_get_their_type() {
        check(
            "let v = vec![1];",
            &[("v", "std::vec::Vec<i32>")],
            "let v: std::vec::Vec<i32> = vec![1];",
        );
        check(
            "let mut v: Vec<_> = vec![1];",
            &[("v", "Vec<i32>")],
            "let mut v: Vec<i32> = vec![1];",
        );
        check("let v: u8 = 1;", &[("v", "u8")], "let v: u8 = 1;");
    }

    #[test]
    fn patterns_are_declared_first() {
        check(
            "let (a, mut b) = f();",
            &[("a", "A"), ("b", "B")],
            "let a: A; let mut b: B; (a, b, ) = { let (a, mut b) = f(); (a, b, ) };",
        );
        check(
            "let Some(x) = o else {\n    return };",
            &[("x", "X")],
            "let x: X; (x, ) = { let Some(x) = o else {\n    return }; (x, ) };",
        );
    }

    #[test]
    fn what_has_no_name_stays_as_it_is() {
        check("let f = |x: i32| x;", &[("f", "{closure@src/lib.rs:1:1}")], "let f = |x: i32| x;");
        check("let x = (", &[("x", "i32")], "let x = (");
        assert!(new_variables("{ let inner = 1; }").is_empty());
    }
}
