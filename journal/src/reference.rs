//! What an entry points to: its links and pictures, for checks that need no page.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::entry::Entry;
use crate::link::Target;
use crate::markdown;
use crate::problem::Problem;
use crate::root::folder_of;

/// A link or a picture in an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// The entry's file, relative to the series' root.
    pub entry: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1 in characters.
    pub column: usize,
    /// The same place in bytes of [`Entry::text`].
    pub span: Range<usize>,
    /// Whether it is shown (`![..](..)`), not only linked to.
    pub is_image: bool,
    /// The text between the brackets, without marks: a picture's alternative text.
    pub text: String,
    /// The target as it is written.
    pub written: String,
    /// Whether it is a `[[name]]`, which means the one file of that name wherever it lies.
    pub by_name: bool,
    /// What the target means.
    pub target: ReferenceTarget,
}

/// What the target of a [`Reference`] means. Files are relative to the series' root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceTarget {
    /// A notebook, and a cell of it.
    Notebook {
        /// Its file.
        file: String,
        /// What comes after `#`.
        label: Option<String>,
    },
    /// Another file: an entry, a picture.
    File {
        /// The file.
        file: String,
        /// What comes after `#`.
        fragment: Option<String>,
    },
    /// A place on the same page; empty for its top.
    Anchor(String),
    /// An address with a scheme, or one that starts with `/`.
    Web(String),
    /// A path that leads out of the series.
    Outside,
}

impl ReferenceTarget {
    /// What a target means that is written in a file of `folder`.
    pub(crate) fn of(folder: &str, written: &str) -> Self {
        match Target::parse(folder, written) {
            Target::Notebook { file, label, .. } => Self::Notebook { file, label },
            Target::File { file, fragment } => Self::File { file, fragment },
            Target::Here => Self::Anchor(written.trim().trim_start_matches('#').to_owned()),
            Target::Elsewhere => Self::Web(written.to_owned()),
            Target::Outside => Self::Outside,
        }
    }
}

impl Entry {
    /// The links and pictures of the entry, in the order of their places.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let folder = folder_of(&self.file);
        let found = markdown::links(self.body()).into_iter().map(|link| {
            let span = self.body_start + link.span.start..self.body_start + link.span.end;
            let place = Problem::at(&self.file, &self.text, span.clone(), "");
            let target = ReferenceTarget::of(folder, &link.target);
            Reference {
                entry: self.file.clone(),
                line: place.line,
                column: place.column,
                span,
                is_image: link.is_image,
                text: link.text,
                written: link.target,
                by_name: link.by_name,
                target,
            }
        });
        found.collect()
    }

    /// The anchors of the entry's headings and of its raw HTML: what `#...` can name on its page.
    #[must_use]
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut ids: HashSet<String> =
            markdown::RESERVED_IDS.iter().map(|id| (*id).to_owned()).collect();
        let headings = markdown::heading_ids(self.body(), &mut ids);
        headings.into_iter().chain(markdown::raw::raw_ids(self.body())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_know_their_places_and_meanings() {
        let text = "---\nday: 1\ntitle: T\ndate: 2026-11-22\n---\nÄ [a *b*](day-02.md#x) and\n\
                    ![alt](../n.ipynb#c)\n\n[top](#t) <https://example.org> ![](../../../x.png)\n";
        let (entry, _) = Entry::parse("log/entries/day-01.md", text.into());
        let said: Vec<String> = entry
            .references()
            .iter()
            .map(|one| format!("{}:{} {} {:?}", one.line, one.column, one.text, one.target))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        6:3 a b File { file: "log/entries/day-02.md", fragment: Some("x") }
        7:1 alt Notebook { file: "log/n.ipynb", label: Some("c") }
        9:1 top Anchor("t")
        9:11 https://example.org Web("https://example.org")
        9:33  Outside
        "#);
    }

    #[test]
    fn anchors_are_those_of_the_page() {
        let text = "---\nday: 1\ntitle: T\ndate: 2026-11-22\n---\n# A `b`\n\n## A b\n\n## C {#d}\n\n### toc\n";
        let (entry, _) = Entry::parse("entries/day-01.md", text.into());
        let anchors: Vec<String> = entry.anchors().into_iter().collect();
        assert_eq!(anchors, ["a-b", "a-b-1", "d", "toc-1"]);
    }
}
