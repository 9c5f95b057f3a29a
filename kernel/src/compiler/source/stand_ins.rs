//! Names that stand for types which nobody has written down.
//!
//! evcxr wants to know the type of each variable before it compiles the cell that defines it, but
//! needs it only in later cells. So it is told a name that stands for the type. In the cell that
//! defines the variable, what the author wrote takes the place of what evcxr was told, and the
//! compiler, while it compiles, lists the type (`momentum_cells::variables::Kept`). In later cells
//! the type takes the place of the name. So a cell is compiled once.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::types::{self, Found};

/// How all such names begin and end. They are types that are known as far as rust-analyzer sees, which
/// evcxr asks about every cell: of a bare word that nobody defines it would wonder again at every
/// variable of the session.
const PREFIX: &str = "[(); 0x_6d_";
const SUFFIX: &str = "]";
const PUT: &str = "evcxr_variable_store.put_variable::<";

/// What is known of the names of a session.
#[derive(Debug, Default)]
pub(in super::super) struct StandIns {
    known: HashMap<String, String>,
    /// Those of the cell that comes.
    new: Vec<String>,
    /// What evcxr has in place of what the author wrote.
    replaced: Vec<(String, String)>,
}

/// A change within a line: at this character there were so many characters for evcxr, and so many
/// are there for the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shift {
    line: usize,
    at: usize,
    told: usize,
    written: usize,
}

/// evcxr's text with the author's words in it.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct Restored {
    pub(in super::super) text: String,
    shifts: Vec<Shift>,
}

/// One of the names in a cell, given the hash of it and all before it.
pub(in super::super) fn stand_in(chain: &str, number: usize) -> String {
    format!("{PREFIX}{}_{number}{SUFFIX}", chain.get(..12).unwrap_or(chain))
}

/// The types of a cell's variables, by number, for the folder of compiled cells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct CellTypes(pub(in super::super) Vec<Option<String>>);

impl CellTypes {
    /// Whether all are there. Those that lack are of variables that are never reached, unless the
    /// compiler's optimiser has touched the code.
    pub(in super::super) fn is_whole(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }
}

impl StandIns {
    /// Prepares for a cell: its new names, and the pairs of what evcxr is told and what stands
    /// there.
    pub(in super::super) fn expect(&mut self, new: Vec<String>, replaced: Vec<(String, String)>) {
        self.new = new;
        self.replaced = replaced;
    }

    /// Whether the cell that comes has such names.
    pub(in super::super) fn has_new(&self) -> bool {
        !self.new.is_empty()
    }

    /// Whether the text has a name of this cell, whose type is not known.
    pub(in super::super) fn is_new_in(&self, text: &str) -> bool {
        self.new.iter().any(|name| text.contains(name.as_str()))
    }

    /// evcxr's text as the compiler shall see it.
    pub(in super::super) fn restore(&self, text: &str) -> Restored {
        let mut restored = Restored { text: text.to_owned(), shifts: Vec::new() };
        for (told, written) in &self.replaced {
            let Some(at) = restored.text.find(told) else { continue };
            let before = &restored.text[..at];
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            restored.shifts.push(Shift {
                line: before.matches('\n').count() + 1,
                at: before[line_start..].chars().count(),
                told: told.chars().count(),
                written: written.chars().count(),
            });
            restored.text.replace_range(at..at + told.len(), written);
        }
        if !self.new.is_empty() {
            let lines = restored.text.split('\n').map(|line| self.keeping(line));
            restored.text = lines.collect::<Vec<_>>().join("\n");
        }
        // Around patterns.
        for name in self.new.iter().rev() {
            restored.text = restored.text.replace(name.as_str(), "_");
        }
        restored.text = self.spelt_out(&restored.text, "()");
        restored
    }

    /// A line that puts a new variable into the store, such that its type is listed.
    fn keeping(&self, line: &str) -> String {
        let change = || {
            let (name, rest) = line.strip_prefix(PUT)?.split_once(">(")?;
            let number = self.new.iter().position(|new| new == name)?;
            Some(format!("evcxr_variable_store.keep::<{number}, _>({rest}"))
        };
        change().unwrap_or_else(|| line.to_owned())
    }

    /// A text with types in place of the names that stand for them; `unknown` for those that
    /// nobody knows: of variables that were never kept.
    pub(in super::super) fn spelt_out(&self, text: &str, unknown: &str) -> String {
        self.replaced(text, &|known| known.unwrap_or(unknown).to_owned())
    }

    /// The same in HTML.
    pub(in super::super) fn spelt_out_in_html(&self, text: &str) -> String {
        let escape =
            |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.replaced(text, &|known| escape(known.unwrap_or("_")))
    }

    fn replaced(&self, text: &str, written: &dyn Fn(Option<&str>) -> String) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(PREFIX) {
            result.push_str(&rest[..at]);
            let tail = &rest[at..];
            let end = tail.find(SUFFIX).map_or(tail.len(), |end| end + SUFFIX.len());
            result.push_str(&written(self.known.get(&tail[..end]).map(String::as_str)));
            rest = &tail[end..];
        }
        result + rest
    }

    /// Learns the types of the cell's variables from the compiler's listing; gives them, or
    /// nothing if there is one that a later cell could not write down as it is.
    pub(in super::super) fn read(&self, listing: &str) -> Option<(CellTypes, Vec<String>)> {
        let (mut found, mut foreign) = (vec![None; self.new.len()], Vec::new());
        for (number, type_name) in types::kept(listing) {
            let Some(place) = found.get_mut(number) else { continue };
            match types::nameable(type_name) {
                Found::Plain(name) => *place = Some(name),
                Found::Foreign(name) => {
                    foreign.push(name.clone());
                    *place = Some(name);
                }
                Found::Nameless => return None,
            }
        }
        Some((CellTypes(found), foreign))
    }

    /// Knows the types of the cell's variables from now on.
    pub(in super::super) fn learn(&mut self, types: &CellTypes) {
        for (name, found) in self.new.iter().zip(&types.0) {
            if let Some(found) = found {
                self.known.insert(name.clone(), found.clone());
            }
        }
    }
}

impl Restored {
    /// The compiler's messages with columns as evcxr counts them.
    pub(in super::super) fn told(&self, messages: &[u8]) -> Vec<u8> {
        if self.shifts.is_empty() {
            return messages.to_owned();
        }
        let text = String::from_utf8_lossy(messages);
        let lines = text.lines().map(|line| {
            let Ok(mut message) = serde_json::from_str::<Value>(line) else {
                return line.to_owned();
            };
            for span in message["spans"].as_array_mut().into_iter().flatten() {
                self.shift(span);
            }
            message.to_string()
        });
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    }

    fn shift(&self, span: &mut Value) {
        for (line, column) in [("line_start", "column_start"), ("line_end", "column_end")] {
            let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
            if let (Some(line), Some(at)) = (number(&span[line]), number(&span[column])) {
                span[column] = self.column(line, at).into();
            }
        }
        if span["expansion"]["span"].is_object() {
            self.shift(&mut span["expansion"]["span"]);
        }
    }

    /// The column in evcxr's line for one in the compiler's; both count from 1.
    fn column(&self, line: usize, column: usize) -> usize {
        let passed = |shift: &&Shift| shift.line == line && column > shift.at + shift.written;
        let passed: Vec<_> = self.shifts.iter().filter(passed).collect();
        let (told, written) = passed
            .iter()
            .fold((0, 0), |(told, written), shift| (told + shift.told, written + shift.written));
        column + told - written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> StandIns {
        let mut names = StandIns::default();
        names.known.insert("[(); 0x_6d_a_0]".into(), "Vec<u8>".into());
        let replaced = [(": [(); 0x_6d_b_0] ", " ")];
        let own = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        names.expect(
            vec!["[(); 0x_6d_b_0]".into(), "[(); 0x_6d_b_1]".into()],
            replaced.map(own).into(),
        );
        names
    }

    #[test]
    fn the_authors_words_come_back_and_columns_are_evcxrs() {
        let text = "take::<[(); 0x_6d_a_0]>(v)\nlet b: [(); 0x_6d_b_0] = é; x\n\
            evcxr_variable_store.put_variable::<[(); 0x_6d_b_0]>(stringify!(b), b);\n\
            let c: [(); 0x_6d_b_1];\ntake::<[(); 0x_6d_lost_1]>(w)";
        let restored = names().restore(text);
        assert_eq!(
            restored.text,
            "take::<Vec<u8>>(v)\nlet b = é; x\n\
             evcxr_variable_store.keep::<0, _>(stringify!(b), b);\nlet c: _;\ntake::<()>(w)"
        );
        let line = r#"{"spans":[{"line_start":2,"column_start":5,"line_end":2,"column_end":9}]}"#;
        let told = String::from_utf8(restored.told(line.as_bytes())).unwrap();
        let at = |end| format!(r#""column_start":5,"line_end":2,"column_end":{end}"#);
        assert!(told.contains(&at(9 + ": [(); 0x_6d_b_0] ".len() - 1)), "{told}");
    }

    #[test]
    fn types_are_learned_from_the_listing() {
        let mut names = names();
        let listing = "    let _25: momentum_cells::variables::Kept<0, std::vec::Vec<&str>>;\n";
        let (types, foreign) = names.read(listing).unwrap();
        assert_eq!(types, CellTypes(vec![Some("std::vec::Vec<&'static str>".into()), None]));
        assert!(foreign.is_empty());
        names.learn(&types);
        assert_eq!(
            names.spelt_out("([(); 0x_6d_b_0], [(); 0x_6d_b_1])", "_"),
            "(std::vec::Vec<&'static str>, _)"
        );
        let html = names.spelt_out_in_html("<td>[(); 0x_6d_b_0]</td>");
        assert_eq!(html, "<td>std::vec::Vec&lt;&amp;'static str&gt;</td>");
        let closure = "let _1: momentum_cells::variables::Kept<1, {closure@src/lib.rs:1:1: 1:2}>;";
        assert!(names.read(closure).is_none());
    }
}
