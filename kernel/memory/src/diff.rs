//! Memory before and after, line by line.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use similar::{ChangeTag, TextDiff};

use crate::html;

/// What a line of memory went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is not there after.
    Removed,
    /// It is there before and after.
    Kept,
}

/// The difference between two states of memory: keys in order, a line each (several for a value
/// of several lines).
///
/// ```
/// use std::collections::HashMap;
/// use momentum_memory::prelude::*;
///
/// let before = HashMap::from([("home".to_string(), "Paris".to_string())]);
/// let after = HashMap::from([("home".to_string(), "Lyon".to_string())]);
/// let diff = MemoryDiff::between(&before, &after);
/// assert_eq!(diff.to_string(), "- home: Paris\n+ home: Lyon");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryDiff {
    lines: Vec<(Change, String)>,
}

impl MemoryDiff {
    /// The difference between two maps.
    pub fn between(before: &HashMap<String, String>, after: &HashMap<String, String>) -> Self {
        let sorted = |map: &HashMap<String, String>| -> BTreeMap<String, String> {
            map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        Self::between_sorted(&sorted(before), &sorted(after))
    }

    /// The difference between two maps that are in order already.
    pub fn between_sorted(
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Self {
        let (before, after) = (written(before), written(after));
        let lines = TextDiff::from_lines(&before, &after)
            .iter_all_changes()
            .map(|change| {
                let tag = match change.tag() {
                    ChangeTag::Insert => Change::Added,
                    ChangeTag::Delete => Change::Removed,
                    ChangeTag::Equal => Change::Kept,
                };
                (tag, change.value().trim_end_matches('\n').to_owned())
            })
            .collect();
        MemoryDiff { lines }
    }

    /// The lines, in order, and what each went through.
    pub fn lines(&self) -> &[(Change, String)] {
        &self.lines
    }

    /// Whether nothing changed.
    pub fn is_unchanged(&self) -> bool {
        self.lines.iter().all(|(change, _)| *change == Change::Kept)
    }

    /// The difference as HTML: insertions and deletions are marked by a sign, by an element and
    /// by a tint, so that none depends on colour alone.
    pub fn to_html(&self) -> String {
        let mut out = "<pre class=\"momentum-diff\" role=\"figure\" \
                       aria-label=\"Memory before and after\" style=\"line-height:1.5\">"
            .to_owned();
        for (change, line) in &self.lines {
            let line = html::escape(line);
            out += &match change {
                Change::Added => format!("<ins style=\"{}\">+ {line}</ins>\n", html::ADDED),
                Change::Removed => format!("<del style=\"{}\">- {line}</del>\n", html::REMOVED),
                Change::Kept => format!("  {line}\n"),
            };
        }
        if self.lines.is_empty() {
            out += "(memory is empty)\n";
        }
        out + "</pre>"
    }
}

fn written(memory: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in memory {
        let lines: Vec<_> = value.lines().collect();
        match lines.as_slice() {
            [] => text += &format!("{key}: (empty)\n"),
            [line] => text += &format!("{key}: {line}\n"),
            lines => {
                text += &format!("{key}:\n");
                lines.iter().for_each(|line| text += &format!("    {line}\n"));
            }
        }
    }
    text
}

impl fmt::Display for MemoryDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return f.write_str("(memory is empty)");
        }
        for (i, (change, line)) in self.lines.iter().enumerate() {
            let sign = match change {
                Change::Added => '+',
                Change::Removed => '-',
                Change::Kept => ' ',
            };
            let end = if i + 1 < self.lines.len() { "\n" } else { "" };
            write!(f, "{sign} {line}{end}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn lines_are_compared() {
        let before = map(&[("human", "name: Sara\nhome: Paris"), ("persona", "Kind.")]);
        let after = map(&[("human", "name: Sara\nhome: Lyon"), ("persona", "Kind.")]);
        assert_snapshot!(MemoryDiff::between_sorted(&before, &after), @r"
          human:
              name: Sara
        -     home: Paris
        +     home: Lyon
          persona: Kind.
        ");
        assert_snapshot!(MemoryDiff::default(), @"(memory is empty)");
    }

    #[test]
    fn html_is_escaped() {
        let diff = MemoryDiff::between_sorted(&map(&[]), &map(&[("<b>", "</pre><script>")]));
        let html = diff.to_html();
        assert!(html.contains("+ &lt;b&gt;: &lt;/pre&gt;&lt;script&gt;</ins>"), "{html}");
    }
}
