//! The series on paper: a document for typst, which makes a PDF of it.
//!
//! This crate writes the document and its pictures. It does not run typst.

mod formula;
mod markup;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::entry::Entry;
use crate::linked::{Linked, Origin, Picture, Showing, Shown};
use crate::problem::{JournalError, Problem, Problems};
use crate::raster::{BOLD, MONO, SANS, is_drawn};
use crate::series::Series;
use markup::{Figures, escaped, literal};

/// How the document looks.
const STYLE: &str = include_str!("../theme/paper.typ");

/// A document for typst.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paper {
    /// The files: `main.typ`, and all that it names, by their paths relative to it. The folder
    /// `fonts` holds those that `--font-path` should name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The seconds since 1970 of the day of the latest entry: the document's date, so that the same
    /// series gives the same bytes (`SOURCE_DATE_EPOCH`).
    pub epoch: i64,
    /// What the fonts in `fonts` cannot show, by entry: other fonts must, or it is missing.
    pub unset: Vec<UnsetText>,
}

/// Characters of an entry that the bundled fonts do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsetText {
    /// The entry's file.
    pub entry: String,
    /// The characters, each once, in order.
    pub characters: BTreeSet<char>,
}

impl Series {
    /// The whole series as a document for typst, with its figures.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let root = tempfile::tempdir()?;
    /// # std::fs::create_dir(root.path().join("entries"))?;
    /// std::fs::write(root.path().join("momentum.yaml"), "title: My log\n")?;
    /// let entry = "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\nCost: *5 $*.\n";
    /// std::fs::write(root.path().join("entries/day-01.md"), entry)?;
    ///
    /// let paper = momentum_journal::Series::open(root.path())?.paper()?;
    /// let main = std::str::from_utf8(&paper.files["main.typ"])?;
    /// assert!(main.contains("Cost\\: #emph[5 \\$]\\."));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// All problems of entries, notebooks and figures at once.
    pub fn paper(&self) -> Result<Paper, JournalError> {
        let linked = Linked::read(self)?;
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        let mut unset = Vec::new();
        let config = self.config();
        let mut main = format!(
            "{STYLE}\n#show: journal.with(title: {}, author: {}, description: {}, language: {})\n",
            literal(&config.title),
            literal(&config.author),
            literal(&config.description),
            literal(config.language.split('-').next().unwrap_or("en")),
        );
        for entry in &self.entries {
            let front = &entry.front;
            let start = main.len();
            main.push_str(&format!(
                "\n#day({}, {}, {}, {})\n\n",
                front.day,
                literal(&front.title),
                literal(&front.date.format("%-d %B %Y").to_string()),
                literal(&front.summary),
            ));
            let mut figures =
                EntryFigures { linked: &linked, entry, files: &mut files, problems: &mut problems };
            main.push_str(&markup::render(entry.body(), &mut figures));
            let characters: BTreeSet<char> =
                main[start..].chars().filter(|c| !is_drawn(*c) && !is_silent(*c)).collect();
            if !characters.is_empty() {
                unset.push(UnsetText { entry: entry.file.clone(), characters });
            }
        }
        if !problems.is_empty() {
            return Err(JournalError::Problems(Problems(problems)));
        }
        files.insert("main.typ".to_owned(), main.into_bytes());
        let fonts = [("DejaVuSans", SANS), ("DejaVuSans-Bold", BOLD), ("DejaVuSansMono", MONO)];
        files.extend(fonts.map(|(name, bytes)| (format!("fonts/{name}.ttf"), bytes.to_vec())));
        let latest = self.entries.iter().map(|entry| entry.front.date).max().unwrap_or_default();
        let epoch = latest.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        Ok(Paper { files, epoch, unset })
    }
}

/// Whether a character is there for what is beside it, and shows nothing itself.
fn is_silent(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}')
}

struct EntryFigures<'a> {
    linked: &'a Linked<'a>,
    entry: &'a Entry,
    files: &'a mut BTreeMap<String, Vec<u8>>,
    problems: &'a mut Vec<Problem>,
}

impl EntryFigures<'_> {
    fn shown(&mut self, target: &str, span: &Range<usize>, block: bool) -> Showing {
        match self.linked.show(self.entry, target, span, block) {
            Ok(showing) => showing,
            Err(problem) => {
                self.problems.push(problem);
                Showing { shown: Vec::new(), origin: None }
            }
        }
    }

    /// A picture as content; it is written beside the document.
    fn picture(&mut self, picture: &Picture, alt: &str) -> String {
        let (bytes, ending) = match picture {
            Picture::Svg(xml) => (xml.clone().into_bytes(), "svg"),
            Picture::Bytes(bytes, ending) => (bytes.clone(), *ending),
        };
        let name = format!("figures/{:04}.{ending}", self.files.len() + 1);
        self.files.insert(name.clone(), bytes);
        format!("image({}, alt: {})", literal(&name), literal(alt))
    }
}

/// Which cell made an output, in words.
fn source(origin: &Origin) -> String {
    format!("Cell {} of {}: {}", origin.label, origin.file, origin.said())
}

impl Figures for EntryFigures<'_> {
    fn figure(&mut self, target: &str, caption: &str, span: Range<usize>) -> String {
        let mut parts = Vec::new();
        let Showing { shown, origin } = self.shown(target, &span, true);
        for shown in shown {
            parts.push(match &shown {
                Shown::Picture(picture) => self.picture(picture, caption),
                Shown::Text(text) | Shown::Value(text) => {
                    format!("printed({})", literal(text))
                }
            });
        }
        if parts.is_empty() {
            return String::new();
        }
        let source = origin.as_ref().map(source).unwrap_or_default();
        let caption = escaped(caption);
        format!("#shown(({},), [{caption}], {})\n\n", parts.join(", "), literal(&source))
    }

    fn value(&mut self, target: &str, span: Range<usize>) -> String {
        let Showing { mut shown, origin } = self.shown(target, &span, false);
        let Some(Shown::Value(text) | Shown::Text(text)) = shown.pop() else {
            return String::new();
        };
        let text = escaped(&text);
        match origin.filter(|origin| !origin.holds()) {
            Some(origin) => format!("#doubtful([{text}], {})", literal(&source(&origin))),
            None => text,
        }
    }

    fn address(&mut self, target: &str) -> Option<String> {
        self.linked.address(self.entry, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_typst_in_which_nothing_is_taken_for_markup() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("entries")).unwrap();
        std::fs::write(root.path().join("momentum.yaml"), "title: \"A \\\"log\\\"\"\n").unwrap();
        let body = "# One\n\n#import \"x\" *a* **b** ~~c~~ `d\"` @e [^n] $x^2$\n\n- a\n- b\n  1. c\n\n\
                    > [!TIP]\n> t\n\n| h | i |\n|---|---|\n| 1 | 2 |\n\n```rust\nlet x = \"\\\\\";\n```\n\n\
                    [l](https://example.org/?a=\"b) <b>html</b>\n\n[^n]: Note.\n";
        let text = format!("---\nday: 1\ntitle: T]\ndate: 2026-11-22\n---\n{body}");
        std::fs::write(root.path().join("entries/day-01.md"), text).unwrap();
        let paper = Series::open(root.path()).unwrap().paper().unwrap();
        let main = String::from_utf8(paper.files["main.typ"].clone()).unwrap();
        insta::assert_snapshot!(main.strip_prefix(STYLE).unwrap(), @r#"
        #show: journal.with(title: "A \"log\"", author: "", description: "", language: "en")

        #day(1, "T]", "22 November 2026", "")


        #heading(level: 2)[One]

        \#import \"x\" #emph[a] #strong[b] #strike[c] #raw("d\"") \@e #footnote[Note\.] $attach(x, t: 2)$

        #list([a], [b#enum(start: 1, [c])])

        #note("Tip")[t

        ]

        #table(columns: 2, table.header([h], [i]), [1], [2])

        #raw("let x = \"\\\\\";", block: true, lang: "rust")

        #link("https://example.org/?a=\"b")[l] html
        "#);
        assert_eq!(paper.epoch, 1_795_305_600);
        assert_eq!(paper.files.len(), 4);
    }

    #[test]
    fn what_no_bundled_font_has_is_told_by_entry() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("entries")).unwrap();
        std::fs::write(root.path().join("momentum.yaml"), "title: Log\n").unwrap();
        for (day, body) in [(1, "Größe → π, ελ, Ж, ✓\u{fe0f}"), (2, "한국 and `学习` and 한")]
        {
            let text = format!("---\nday: {day}\ntitle: T\ndate: 2026-11-2{day}\n---\n{body}\n");
            std::fs::write(root.path().join(format!("entries/{day}.md")), text).unwrap();
        }
        let paper = Series::open(root.path()).unwrap().paper().unwrap();
        let said = paper.unset.iter().map(|unset| (unset.entry.as_str(), &unset.characters));
        assert_eq!(
            said.collect::<Vec<_>>(),
            [("entries/2.md", &BTreeSet::from(['习', '学', '국', '한']))]
        );
    }

    #[test]
    fn a_value_that_does_not_hold_is_marked() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("momentum.yaml", "title: Log\n");
        write("notebooks/sample.ipynb", include_str!("testdata/sample.ipynb"));
        let body = "Loss ![l](../notebooks/sample.ipynb#late), not ![a](../notebooks/sample.ipynb#accuracy).\n\n\
                    ![Old](../notebooks/sample.ipynb#late)\n";
        write("entries/a.md", &format!("---\nday: 1\ntitle: T\ndate: 2026-11-22\n---\n{body}"));
        let paper = Series::open(root.path()).unwrap().paper().unwrap();
        let main = String::from_utf8(paper.files["main.typ"].clone()).unwrap();
        let (_, text) = main.split_once("#day(1,").unwrap();
        insta::assert_snapshot!(text, @r#"
         "T", "22 November 2026", "")

        Loss #doubtful([0\.4], "Cell late of notebooks/sample.ipynb: stale code: the code of this cell, or of one before it, has changed since this was made")\, not 0\.8912\.

        #shown((printed("0.4"),), [Old], "Cell late of notebooks/sample.ipynb: stale code: the code of this cell, or of one before it, has changed since this was made")
        "#);
    }
}
