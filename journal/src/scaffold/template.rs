//! Templates: text with `{{field}}` in it.

use serde_json::Value;

use crate::front_matter::split;
use crate::suggest::did_you_mean;

/// Why a template cannot be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// A field that there is not.
    #[error("{file}:{line}: the template has no field `{name}`: {help}")]
    Field {
        /// The template.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The name in the template.
        name: String,
        /// The fields that there are.
        help: String,
    },
    /// The template of a notebook is not JSON.
    #[error("{file}:{}:{}: the template is not JSON, as a notebook is", source.line(), source.column())]
    Json {
        /// The template.
        file: String,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// What a field stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// A number or a date: written as it is.
    Bare(String),
    /// Any text: quoted where the place asks for it.
    Text(String),
}

impl Field {
    fn bare(&self) -> &str {
        match self {
            Field::Bare(text) | Field::Text(text) => text,
        }
    }

    /// As YAML: a text is quoted, unless it stands within quotes already.
    fn yaml(&self, within_quotes: bool) -> String {
        let Field::Text(text) = self else { return self.bare().to_owned() };
        let quoted = Value::from(text.as_str()).to_string();
        if within_quotes { quoted[1..quoted.len() - 1].to_owned() } else { quoted }
    }
}

/// The fields of a template, by name.
#[derive(Debug, Clone)]
pub(super) struct Fields(pub(super) Vec<(&'static str, Field)>);

impl Fields {
    /// Fills YAML.
    pub(super) fn fill_yaml(&self, file: &str, text: &str) -> Result<String, TemplateError> {
        self.fill(file, text, 0, &Field::yaml)
    }

    /// Fills an entry: its front matter as YAML, its body as it is.
    pub(super) fn fill_entry(&self, file: &str, text: &str) -> Result<String, TemplateError> {
        let body = split(text).map_or(0, |(_, body)| body);
        let mut filled = self.fill_yaml(file, &text[..body])?;
        let line = text[..body].matches('\n').count();
        let as_it_is = |field: &Field, _| field.bare().to_owned();
        filled.push_str(&self.fill(file, &text[body..], line, &as_it_is)?);
        Ok(filled)
    }

    /// Fills a notebook: the texts of its JSON.
    pub(super) fn fill_notebook(&self, file: &str, text: &str) -> Result<String, TemplateError> {
        let mut json: Value = serde_json::from_str(text)
            .map_err(|source| TemplateError::Json { file: file.to_owned(), source })?;
        self.fill_json(file, text, &mut json)?;
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        // Writing JSON values into memory cannot fail.
        let _ = serde::Serialize::serialize(&json, &mut serializer);
        bytes.push(b'\n');
        Ok(String::from_utf8(bytes).unwrap_or_default())
    }

    fn fill_json(&self, file: &str, all: &str, json: &mut Value) -> Result<(), TemplateError> {
        match json {
            Value::String(text) if text.contains("{{") => {
                let line =
                    all.find(text.trim_end()).map_or(0, |at| all[..at].matches('\n').count());
                *text = self.fill(file, text, line, &|field, _| field.bare().to_owned())?;
            }
            Value::Array(items) => {
                for item in items {
                    self.fill_json(file, all, item)?;
                }
            }
            Value::Object(map) => {
                for (_, item) in map {
                    self.fill_json(file, all, item)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `line` lines stand before `text` in its file. What is no name between its braces stays.
    fn fill(
        &self,
        file: &str,
        text: &str,
        line: usize,
        write: &dyn Fn(&Field, bool) -> String,
    ) -> Result<String, TemplateError> {
        let mut filled = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let (before, after) = rest.split_at(at);
            filled.push_str(before);
            let name = after[2..].split("}}").next().unwrap_or_default();
            let is_name = after[2..].len() > name.len()
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if !is_name {
                filled.push_str("{{");
                rest = &after[2..];
                continue;
            }
            let done = text.len() - rest.len() + at;
            let line_start = text[..done].rfind('\n').map_or(0, |at| at + 1);
            let within_quotes = text[line_start..done].matches('"').count() % 2 == 1;
            let Some((_, field)) = self.0.iter().find(|(known, _)| *known == name) else {
                let known = self.0.iter().map(|(known, _)| *known);
                return Err(TemplateError::Field {
                    file: file.to_owned(),
                    line: line + text[..done].matches('\n').count() + 1,
                    name: name.to_owned(),
                    help: did_you_mean(name, known).unwrap_or_default(),
                });
            };
            filled.push_str(&write(field, within_quotes));
            rest = &after[name.len() + 4..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}
