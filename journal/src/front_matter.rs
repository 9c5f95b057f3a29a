//! YAML with typed fields and positions: the front matter of entries, and the configuration.
//!
//! The one file that names `serde_yaml`. That crate is no longer maintained, so its input is kept
//! short ([`MAX_YAML`]) and what it returns is checked here field by field.

use std::ops::Range;
use std::sync::Arc;

use serde_yaml::{Mapping, Value};

use crate::problem::Problem;
use crate::suggest::did_you_mean;

/// The most bytes of YAML that are parsed.
pub(crate) const MAX_YAML: usize = 64 * 1024;

/// Finds the front matter of `text`: the bytes between the two `---` lines, and where the body
/// starts. `None` where the first line is not `---`, or no line closes it.
pub(crate) fn split(text: &str) -> Option<(Range<usize>, usize)> {
    let bom = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut lines = text[bom..].split_inclusive('\n');
    let first = lines.next()?;
    if first.trim_end() != "---" {
        return None;
    }
    let start = bom + first.len();
    let mut at = start;
    for line in lines {
        if matches!(line.trim_end(), "---" | "...") {
            return Some((start..at, at + line.len()));
        }
        at += line.len();
    }
    None
}

/// The fields of one YAML mapping, taken out one by one; what is left over at the end is unknown.
pub(crate) struct Fields<'a> {
    file: &'a str,
    text: &'a Arc<str>,
    range: Range<usize>,
    map: Mapping,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Parses the YAML at `range` of `text`.
    pub(crate) fn parse(
        file: &'a str,
        text: &'a Arc<str>,
        range: Range<usize>,
    ) -> Result<Self, Problem> {
        let yaml = &text[range.clone()];
        if yaml.len() > MAX_YAML {
            let message = format!("the YAML is longer than {MAX_YAML} bytes");
            return Err(Problem::at(file, text, range.start..range.start, message));
        }
        let value: Value = serde_yaml::from_str(yaml).map_err(|error| {
            let at = error.location().map_or(range.start, |location| {
                range.start + offset_of(yaml, location.line(), location.column())
            });
            // The location is said by the problem itself, once.
            let full = error.to_string();
            let message = full.split(" at line ").next().unwrap_or(&full);
            Problem::at(file, text, at..at, format!("this is not YAML: {message}"))
                .with_help("write `key: value` lines; a text with `: `, `#`, `[` or `{` in it stands between quotes")
        })?;
        let map = match value {
            Value::Mapping(map) => map,
            Value::Null => Mapping::new(),
            other => {
                let message = format!("expected `key: value` lines, found {}", kind(&other));
                return Err(Problem::at(file, text, range.start..range.start, message));
            }
        };
        Ok(Self { file, text, range, map, known: Vec::new(), problems: Vec::new() })
    }

    /// The value of `key`, if it is there and not null.
    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.shift_remove(key).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, key: &str, expected: &str, found: &Value) {
        let message = format!("`{key}` should be {expected}, but it is {}", kind(found));
        self.refuse(key, message);
    }

    /// Notes a problem with the value of `key`.
    pub(crate) fn refuse(&mut self, key: &str, message: impl Into<String>) {
        let span = self.value_span(key);
        self.problems.push(Problem::at(self.file, self.text, span, message));
    }

    /// Notes that `key` is needed, with an example of it.
    pub(crate) fn missing(&mut self, key: &str, example: &str) {
        let at = self.range.start;
        let problem = Problem::at(self.file, self.text, at..at, format!("`{key}` is missing"));
        self.problems.push(problem.with_help(format!("add a line such as `{key}: {example}`")));
    }

    /// A text; numbers and booleans are not taken for text.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text.trim().to_owned()),
            other => {
                self.wrong(key, "a text", &other);
                None
            }
        }
    }

    /// A whole number from 0 to `u32::MAX`.
    pub(crate) fn whole_number(&mut self, key: &'static str) -> Option<u32> {
        let value = self.take(key)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.wrong(key, "a whole number", &value);
        }
        number
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let value = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Sequence(items)) => items,
            Some(other) => {
                self.wrong(key, "a list of texts, such as `[one, two]`", &other);
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for item in value {
            match item {
                Value::String(text) => texts.push(text.trim().to_owned()),
                other => self.wrong(key, "a list of texts", &other),
            }
        }
        texts
    }

    /// A text, or a mapping of `keys` to texts and numbers. A lone text stands under `keys[0]`.
    pub(crate) fn text_or_map(
        &mut self,
        key: &'static str,
        keys: &[&'static str],
    ) -> Vec<(&'static str, String)> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let map = match value {
            Value::String(text) => return vec![(keys[0], text)],
            Value::Mapping(map) => map,
            other => {
                self.wrong(key, "a text or a mapping", &other);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for (inner, value) in map {
            let name = inner.as_str().unwrap_or_default();
            let Some(known) = keys.iter().find(|known| **known == name) else {
                let help = did_you_mean(name, keys.iter().copied());
                self.refuse(key, format!("`{key}` has no field `{name}`"));
                if let (Some(problem), Some(help)) = (self.problems.last_mut(), help) {
                    problem.help = Some(help);
                }
                continue;
            };
            match value {
                Value::String(text) => found.push((*known, text)),
                Value::Number(number) => found.push((*known, number.to_string())),
                other => self.wrong(key, &format!("a mapping with a text as `{name}`"), &other),
            }
        }
        found.sort_by_key(|(name, _)| keys.iter().position(|known| known == name));
        found
    }

    /// The span of the value of a top-level key, for problems found later.
    pub(crate) fn value_span(&self, key: &str) -> Range<usize> {
        let span = self.key_span(key);
        let line_end =
            self.text[span.end..self.range.end].find('\n').map_or(self.range.end, |n| span.end + n);
        let rest = &self.text[span.end..line_end];
        let Some(colon) = rest.find(':') else { return span };
        let value = &rest[colon + 1..];
        let start = span.end + colon + 1 + (value.len() - value.trim_start().len());
        let end = line_end - (value.len() - value.trim_end().len());
        if start < end { start..end } else { span }
    }

    /// Where a top-level key is written; the start of the YAML where it is not on a line of its own.
    fn key_span(&self, key: &str) -> Range<usize> {
        let mut at = self.range.start;
        for line in self.text[self.range.clone()].split_inclusive('\n') {
            let name = line.trim_start_matches(['"', '\'']);
            if let Some(rest) = name.strip_prefix(key)
                && rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':')
            {
                let start = at + (line.len() - name.len());
                return start..start + key.len();
            }
            at += line.len();
        }
        self.range.start..self.range.start
    }

    /// How many problems have been noted so far.
    pub(crate) fn n_problems(&self) -> usize {
        self.problems.len()
    }

    /// Every problem found, those of unknown keys included.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        let rest: Vec<Value> = self.map.keys().cloned().collect();
        for key in rest {
            let name = key.as_str().map_or_else(|| kind(&key).to_owned(), str::to_owned);
            let span = self.key_span(&name);
            let mut problem =
                Problem::at(self.file, self.text, span, format!("there is no key `{name}`"));
            problem.help = did_you_mean(&name, self.known.iter().copied());
            self.problems.push(problem);
        }
        self.problems.sort_by_key(|problem| problem.span.start);
        self.problems
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a yes or no",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

/// The byte offset of a line and column, both counted from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start..];
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_matter_is_between_two_lines_of_dashes() {
        let text = "---\nday: 1\n---\nbody";
        let (yaml, body) = split(text).unwrap();
        assert_eq!((&text[yaml], &text[body..]), ("day: 1\n", "body"));
        assert_eq!(split("---\r\nday: 1\r\n---\r\nbody").unwrap().1, 18);
        assert_eq!(split("day: 1\n---\n"), None);
        assert_eq!(split("---\nday: 1\n"), None);
        assert_eq!(split(""), None);
    }

    #[test]
    fn a_repeated_alias_does_not_grow_without_bound() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let list = vec![format!("*a{}", n - 1); 10].join(", ");
            yaml.push_str(&format!("a{n}: &a{n} [{list}]\n"));
        }
        let text: Arc<str> = yaml.into();
        assert!(Fields::parse("bomb.md", &text, 0..text.len()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(yaml in "[a-z:\\-\\[\\]{}&*!|>'\" \n#é0-9]{0,120}") {
            let text: Arc<str> = yaml.into();
            if let Ok(mut fields) = Fields::parse("x.md", &text, 0..text.len()) {
                fields.text("a");
                fields.whole_number("b");
                fields.texts("c");
                fields.text_or_map("d", &["name", "x"]);
                fields.missing("e", "1");
                fields.finish();
            }
        }
    }
}
