//! An entry: one day of the series, markdown with front matter.

use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::front_matter::{Fields, split};
use crate::link::Target;
use crate::markdown;
use crate::problem::Problem;
use crate::root::{Root, folder_of, stem_of};

/// The most bytes of an entry.
pub(crate) const MAX_ENTRY: u64 = 4 * 1024 * 1024;

/// An entry as it is written. Its outputs are not linked in yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The file, relative to the series' root.
    pub file: String,
    /// The whole text, front matter included.
    pub text: Arc<str>,
    /// Where the markdown starts in [`Entry::text`].
    pub body_start: usize,
    /// The front matter.
    pub front: FrontMatter,
    /// Where `notebooks:` has its value, for problems with it.
    pub(crate) notebooks_span: Range<usize>,
    /// Where `day:` has its value.
    pub(crate) day_span: Range<usize>,
}

/// The typed front matter of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FrontMatter {
    /// The day's number in the series.
    pub day: u32,
    /// The title, without the day.
    pub title: String,
    /// The series' name; the configuration's title where it is left out.
    pub series: String,
    /// The day it was written.
    pub date: NaiveDate,
    /// Subjects.
    pub tags: Vec<String>,
    /// One or two sentences for lists and feeds.
    pub summary: String,
    /// The notebooks it rests on, relative to the entry's file.
    pub notebooks: Vec<String>,
    /// The course that the entry follows.
    pub course: Option<Source>,
    /// The book that the entry follows.
    pub book: Option<Source>,
    /// What was practised beside them.
    pub practice: Option<Source>,
}

/// A course, a book or a practice: what was studied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The part of it: lesson, chapter, pages, author; in the order of the documentation.
    pub details: Vec<(String, String)>,
    /// Where it is found, an `https:` address.
    pub url: Option<String>,
}

impl Entry {
    /// The entry's file name without `.md`: the name of its page.
    #[must_use]
    pub fn stem(&self) -> &str {
        stem_of(&self.file)
    }

    /// The markdown without the front matter.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.text[self.body_start..]
    }

    /// The notebooks that it names or links to, relative to the root, in that order.
    pub(crate) fn notebooks(&self) -> Vec<String> {
        let folder = folder_of(&self.file);
        let linked = markdown::targets(self.body());
        let mut files = Vec::new();
        for target in self.front.notebooks.iter().chain(&linked) {
            if let Target::Notebook { file, .. } = Target::parse(folder, target)
                && !files.contains(&file)
            {
                files.push(file);
            }
        }
        files
    }

    /// Reads an entry. A broken front matter still gives an entry, so that the links of its body
    /// are checked too and everything is reported at once.
    pub(crate) fn read(root: &Root, file: &str) -> (Option<Self>, Vec<Problem>) {
        match root.read(file, MAX_ENTRY) {
            Ok(bytes) => Self::from_bytes(file, bytes),
            Err(error) => (None, vec![Problem::of_file(file, error.to_string())]),
        }
    }

    /// The same from the bytes of the file.
    pub(crate) fn from_bytes(file: &str, bytes: Vec<u8>) -> (Option<Self>, Vec<Problem>) {
        match String::from_utf8(bytes) {
            Ok(text) => {
                let (entry, problems) = Self::parse(file, text.into());
                (Some(entry), problems)
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let message = format!("the file is not UTF-8 text (byte {at})");
                (None, vec![Problem::of_file(file, message)])
            }
        }
    }

    /// Parses the text of an entry; `file` is named in the problems that are found with its front
    /// matter. There is an entry even then, with what could be read.
    ///
    /// ```
    /// let text = "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\nThe *first* day.\n";
    /// let (entry, problems) = momentum_journal::Entry::parse("entries/day-01.md", text.into());
    /// assert_eq!((entry.front.day, entry.body()), (1, "The *first* day.\n"));
    /// assert!(problems.is_empty());
    /// ```
    pub fn parse(file: &str, text: Arc<str>) -> (Self, Vec<Problem>) {
        let mut entry = Self {
            file: file.to_owned(),
            text: Arc::clone(&text),
            body_start: 0,
            front: FrontMatter::default(),
            notebooks_span: 0..0,
            day_span: 0..0,
        };
        let Some((range, body_start)) = split(&text) else {
            let problem = Problem::at(file, &text, 0..0, "the entry has no front matter")
                .with_help("start the file with `---`, then `day:`, `title:`, `date:`, then `---`");
            return (entry, vec![problem]);
        };
        entry.body_start = body_start;
        let mut fields = match Fields::parse(file, &text, range) {
            Ok(fields) => fields,
            Err(problem) => return (entry, vec![problem]),
        };
        entry.notebooks_span = fields.value_span("notebooks");
        entry.day_span = fields.value_span("day");
        entry.front = front_matter(&mut fields);
        let problems = fields.finish();
        (entry, problems)
    }
}

fn front_matter(fields: &mut Fields<'_>) -> FrontMatter {
    let before = fields.n_problems();
    let day = fields.whole_number("day");
    if day.is_none() && fields.n_problems() == before {
        fields.missing("day", "3");
    }
    let before = fields.n_problems();
    let title = fields.text("title").filter(|title| !title.is_empty());
    if title.is_none() && fields.n_problems() == before {
        fields.missing("title", "What I learned");
    }
    let before = fields.n_problems();
    let date = fields.text("date");
    if date.is_none() && fields.n_problems() == before {
        fields.missing("date", "2026-11-22");
    }
    let date = date.and_then(|text| {
        let date =
            (text.len() == 10).then(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()).flatten();
        if date.is_none() {
            let message = format!("`date` should be a day such as 2026-11-22, but it is `{text}`");
            fields.refuse("date", message);
        }
        date
    });
    FrontMatter {
        day: day.unwrap_or_default(),
        title: title.unwrap_or_default(),
        series: fields.text("series").unwrap_or_default(),
        date: date.unwrap_or_default(),
        tags: fields.texts("tags"),
        summary: fields.text("summary").unwrap_or_default(),
        notebooks: fields.texts("notebooks"),
        course: source(fields, "course"),
        book: source(fields, "book"),
        practice: source(fields, "practice"),
    }
}

fn source(fields: &mut Fields<'_>, key: &'static str) -> Option<Source> {
    let keys = ["name", "by", "lesson", "chapter", "pages", "url"];
    let mut source = Source::default();
    for (name, value) in fields.text_or_map(key, &keys) {
        match name {
            "name" => source.name = value,
            "url" if value.starts_with("https://") || value.starts_with("http://") => {
                source.url = Some(value);
            }
            "url" => fields.refuse(key, format!("`url` should be a web address, not `{value}`")),
            name => source.details.push((name.to_owned(), value)),
        }
    }
    (!source.name.is_empty()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;

    fn problems(text: &str) -> String {
        Problems(Entry::parse("entries/x.md", text.into()).1).to_string()
    }

    #[test]
    fn a_full_front_matter_is_typed() {
        let text = "---\nday: 2\ntitle: Two\nseries: S\ndate: 2026-11-22\ntags: [a, b]\n\
                    summary: Sum.\nnotebooks:\n  - ../n.ipynb\ncourse: C\n\
                    book: {name: B, pages: 3-4, chapter: 5}\npractice: P\n---\nText.\n";
        let (entry, problems) = Entry::parse("entries/day-02.md", text.into());
        assert_eq!(problems, []);
        assert_eq!((entry.stem(), entry.body()), ("day-02", "Text.\n"));
        assert_eq!(entry.front.date.to_string(), "2026-11-22");
        assert_eq!(entry.front.notebooks, ["../n.ipynb"]);
        let book = entry.front.book.unwrap();
        assert_eq!(book.details, [("chapter".into(), "5".into()), ("pages".into(), "3-4".into())]);
        assert_eq!(entry.front.course.unwrap().name, "C");
        assert_eq!(entry.front.practice.unwrap().name, "P");
    }

    #[test]
    fn mistakes_are_named_with_their_places() {
        insta::assert_snapshot!(
            problems("---\nday: two\ntitel: X\ndate: 22.11.2026\ntags: [a, 1]\nbook: {nam: B}\n---\n"),
            @"
            entries/x.md:2:1: `title` is missing
              help: add a line such as `title: What I learned`
            entries/x.md:2:6: `day` should be a whole number, but it is a text
            entries/x.md:3:1: there is no key `titel`
              help: did you mean `title`?
            entries/x.md:4:7: `date` should be a day such as 2026-11-22, but it is `22.11.2026`
            entries/x.md:5:7: `tags` should be a list of texts, but it is a number
            entries/x.md:6:7: `book` has no field `nam`
              help: did you mean `name`?
            "
        );
        insta::assert_snapshot!(problems("no front matter"), @"
        entries/x.md:1:1: the entry has no front matter
          help: start the file with `---`, then `day:`, `title:`, `date:`, then `---`
        ");
        insta::assert_snapshot!(problems("---\nday: [1\n---\n"), @r"
        entries/x.md:3:1: this is not YAML: did not find expected ',' or ']'
          help: write `key: value` lines; a text with `: `, `#`, `[` or `{` in it stands between quotes
        ");
    }

    fn prop_assert_body(entry: &Entry) {
        assert!(entry.text.ends_with(entry.body()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(---\n)?[a-z:\\-\\[\\]{} \n#é0-9!()]{0,80}(---\n)?.{0,40}") {
            let (entry, _) = Entry::parse("entries/x.md", text.into());
            prop_assert_body(&entry);
        }
    }
}
