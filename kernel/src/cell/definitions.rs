//! The types that the cells so far have defined, and which of them a new cell changes.

use std::collections::{BTreeMap, BTreeSet};

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{NodeOrToken, SyntaxNode};

use super::{parse, statements};

/// Types, traits and modules by name: all in a definition that decides how a value lies in memory.
#[derive(Debug, Default)]
pub(crate) struct Definitions(BTreeMap<String, String>);

impl Definitions {
    /// Takes note of a cell that has run.
    pub(crate) fn learn(&mut self, source: &str) {
        self.0.extend(definitions(source));
    }

    /// The names whose types are others once the cell has run: those that it defines differently,
    /// and those made of them.
    pub(crate) fn changed_by(&self, source: &str) -> BTreeSet<String> {
        let new = definitions(source);
        let differs =
            |(name, text): &(&String, &String)| self.0.get(*name).is_some_and(|old| old != *text);
        let mut changed: BTreeSet<String> =
            new.iter().filter(differs).map(|(name, _)| name.clone()).collect();
        if changed.is_empty() {
            return changed;
        }
        loop {
            let uses = |(name, text): &(&String, &String)| {
                !changed.contains(*name) && text.split(' ').any(|word| changed.contains(word))
            };
            let more: Vec<_> = self.0.iter().filter(uses).map(|(name, _)| name.clone()).collect();
            if more.is_empty() {
                return changed;
            }
            changed.extend(more);
        }
    }
}

fn definitions(source: &str) -> BTreeMap<String, String> {
    let (tree, errors) = parse(source);
    if !errors.is_empty() {
        return BTreeMap::new();
    }
    let items = statements(&tree).filter_map(|statement| match statement {
        ast::Stmt::Item(item) => Some(item),
        _ => None,
    });
    let definition = |item: ast::Item| {
        let name = match &item {
            ast::Item::Struct(item) => item.name(),
            ast::Item::Enum(item) => item.name(),
            ast::Item::Union(item) => item.name(),
            ast::Item::Trait(item) => item.name(),
            ast::Item::Module(item) => item.name(),
            _ => None,
        };
        Some((name?.text().to_string(), skeleton(item.syntax())))
    };
    items.filter_map(definition).collect()
}

/// The words of a definition without comments and attributes, save how it lies in memory.
fn skeleton(node: &SyntaxNode) -> String {
    let mut words = String::new();
    gather(node, &mut words);
    words
}

fn gather(node: &SyntaxNode, words: &mut String) {
    for part in node.children_with_tokens() {
        match part {
            NodeOrToken::Token(token) if token.kind().is_trivia() => {}
            NodeOrToken::Token(token) => {
                words.push_str(token.text());
                words.push(' ');
            }
            NodeOrToken::Node(node) => {
                let decides =
                    !ast::Attr::can_cast(node.kind()) || node.text().to_string().contains("repr");
                // What functions do decides nothing.
                if decides && !ast::BlockExpr::can_cast(node.kind()) {
                    gather(&node, words);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_change_and_those_made_of_them() {
        let mut known = Definitions::default();
        known.learn("struct P { x: i32 }\nstruct Q(Vec<P>); enum R { A(Q) } struct S;");
        let check = |source: &str, expected: &[&str]| {
            let found: Vec<_> = known.changed_by(source).into_iter().collect();
            assert_eq!(found, expected, "{source}");
        };
        check("struct P { x: i32 }", &[]);
        check("/// Now with words.\n#[derive(Debug)]\nstruct P {\n    x: i32\n}", &[]);
        check("struct P { x: String }", &["P", "Q", "R"]);
        check("#[repr(C)] struct S;", &["S"]);
        check("struct T; fn f() -> i32 { 1 }", &[]);
        check("struct P { x", &[]);
    }
}
