//! The session as one source file: earlier cells' items, the variables, and the cell in question.

use std::collections::BTreeMap;

use crate::cell::{self, Item};

/// What the cells so far have left.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    items: Vec<Item>,
    variables: BTreeMap<String, String>,
    /// The cell in which each name was last defined.
    origins: BTreeMap<String, u32>,
    /// The variables that there are no more.
    lost: BTreeMap<String, Lost>,
}

/// How a variable was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// In which cell.
    pub(crate) cell: u32,
    /// Whether that cell used it, and so moved it; else its process ended, or all were cleared.
    pub(crate) moved: bool,
}

/// A name of the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) signature: &'a str,
}

impl Scene {
    /// Takes note of a cell that has run, and of the variables that there are now.
    pub(crate) fn learn(&mut self, number: u32, source: &str, variables: BTreeMap<String, String>) {
        for item in cell::items(source) {
            self.items.retain(|known| !known.is_replaced_by(&item));
            if let Some(name) = &item.name {
                self.origins.insert(name.clone(), number);
            }
            self.items.push(item);
        }
        for (name, of) in &variables {
            if self.variables.get(name) != Some(of) || cell::definition(source, name).is_some() {
                self.origins.insert(name.clone(), number);
            }
        }
        let gone: Vec<_> =
            self.variables.keys().filter(|name| !variables.contains_key(*name)).cloned().collect();
        for name in gone {
            let moved = cell::mentions(source, &name);
            self.lost.insert(name, Lost { cell: number, moved });
        }
        self.lost.retain(|name, _| !variables.contains_key(name));
        self.variables = variables;
    }

    /// The source file in which a cell's code stands, and where in it that begins.
    pub(super) fn file(&self, helpers: Option<&str>, code: &str) -> (String, usize) {
        let mut text = String::from("#![allow(unused)]\n");
        if let Some(name) = helpers {
            text.push_str(&format!("use {name}::prelude::*;\n"));
        }
        for item in &self.items {
            text.push_str(&item.text);
            text.push('\n');
        }
        let variables: Vec<_> =
            self.variables.iter().map(|(name, of)| format!("{name}: {of}")).collect();
        text.push_str(&format!("async fn cell({}) {{\n", variables.join(", ")));
        let start = text.len();
        text.push_str(code);
        text.push_str("\n}\n");
        (text, start)
    }

    /// The names that the session knows without any analysis.
    pub(super) fn names(&self) -> impl Iterator<Item = Name<'_>> {
        let variables =
            self.variables.iter().map(|(name, of)| Name { name, kind: "instance", signature: of });
        let items = self.items.iter().filter_map(|item| {
            let signature = item.text.lines().next().unwrap_or_default().trim_end_matches(" {");
            Some(Name { name: item.name.as_deref()?, kind: item.kind, signature })
        });
        variables.chain(items)
    }

    /// How a variable that is no more was lost.
    pub(crate) fn lost(&self, name: &str) -> Option<Lost> {
        self.lost.get(name).copied()
    }

    /// The cell that defined a name.
    pub(super) fn origin(&self, name: &str) -> Option<u32> {
        self.origins.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect()
    }

    #[test]
    fn a_session_is_one_file() {
        let mut scene = Scene::default();
        scene.learn(
            1,
            "use std::fmt;\nfn f() -> i32 {\n    1\n}\nlet x: u8 = 1;",
            variables(&[("x", "u8")]),
        );
        scene.learn(
            2,
            "fn f() -> i64 { 2 }\nstruct S;\nimpl S { fn a(&self) {} }",
            variables(&[("x", "u8")]),
        );
        scene.learn(
            3,
            "impl S { fn a(&self) -> u8 { 1 } }\nimpl S { fn b(&self) {} }",
            variables(&[]),
        );
        let (text, start) = scene.file(Some("helpers"), "S.");
        insta::assert_snapshot!(text, @r"
        #![allow(unused)]
        use helpers::prelude::*;
        use std::fmt;
        fn f() -> i64 { 2 }
        struct S;
        impl S { fn a(&self) -> u8 { 1 } }
        impl S { fn b(&self) {} }
        async fn cell() {
        S.
        }
        ");
        assert!(text[start..].starts_with("S.\n"));
        assert_eq!(
            (scene.origin("f"), scene.origin("x"), scene.origin("none")),
            (Some(2), Some(1), None)
        );
        assert_eq!(scene.lost("x"), Some(Lost { cell: 3, moved: false }));
        let names: Vec<_> = scene.names().map(|name| (name.name, name.kind)).collect();
        assert_eq!(names, [("f", "function"), ("S", "class")]);
    }
}
