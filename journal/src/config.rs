//! The series' one configuration file, `momentum.yaml`.

use std::path::Path;
use std::sync::Arc;

use crate::front_matter::Fields;
use crate::key::Key;
use crate::problem::{JournalError, Problem, Problems};
use crate::root::{Root, RootError, resolve};

/// The places where the configuration is looked for, in this order.
const PLACES: [&str; 2] = ["momentum.yaml", "journal/momentum.yaml"];

/// What `momentum.yaml` says. All folders are relative to the series' root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesConfig {
    /// The file it was read from, relative to the root.
    pub file: String,
    /// The series' title.
    pub title: String,
    /// Who writes it.
    pub author: String,
    /// One or two sentences for the top of the index.
    pub description: String,
    /// The language of the pages, such as `en`.
    pub language: String,
    /// Where the site will be published, such as `https://example.org`; only the feed needs it.
    pub base_url: String,
    /// The folder below [`SeriesConfig::base_url`], such as `/log`; empty or starting with `/`.
    pub base_path: String,
    /// The folder of the entries.
    pub entries: String,
    /// The folder of the notebooks.
    pub notebooks: String,
    /// The folder that the site is written to.
    pub out: String,
    /// Where readers comment on entries, if anywhere.
    pub comments: Option<Comments>,
    /// Where pages show which exercises the learner has passed.
    pub progress: ShownProgress,
    /// Notebooks whose HTML is shown as it is, scripts included: files or folders.
    pub trusted: Vec<String>,
    /// Of the whole file.
    pub(crate) key: Key,
}

/// Where pages show which exercises the learner has passed: `progress` in `momentum.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ShownProgress {
    /// `local`: as long as the configuration names no [`SeriesConfig::base_url`].
    #[default]
    Local,
    /// `published`: also on a site that is published.
    Published,
    /// `none`: nowhere.
    Nowhere,
}

/// Comments by [giscus](https://giscus.app), kept as discussions of a GitHub repository. The one
/// thing that makes pages load something from elsewhere, so it is off unless it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Comments {
    /// `owner/name`.
    pub repo: String,
    /// As giscus.app gives it.
    pub repo_id: String,
    /// The category of the discussions.
    pub category: String,
    /// As giscus.app gives it.
    pub category_id: String,
}

impl SeriesConfig {
    /// Whether the HTML of a notebook is shown as it is.
    #[must_use]
    pub fn trusts(&self, notebook: &str) -> bool {
        self.trusted.iter().any(|trusted| {
            notebook == trusted
                || notebook.strip_prefix(trusted.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether pages show which exercises the learner has passed.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        match self.progress {
            ShownProgress::Local => self.base_url.is_empty(),
            ShownProgress::Published => true,
            ShownProgress::Nowhere => false,
        }
    }

    /// The address of the site's root once it is published, with `/` at its end; empty where
    /// [`SeriesConfig::base_url`] is.
    #[must_use]
    pub fn address(&self) -> String {
        if self.base_url.is_empty() {
            String::new()
        } else {
            format!("{}{}/", self.base_url, self.base_path)
        }
    }

    /// Where the configuration of the series in a folder is, relative to that; nothing where there is
    /// no series.
    #[must_use]
    pub fn place(root: &Path) -> Option<&'static str> {
        PLACES.into_iter().find(|place| root.join(place).exists())
    }

    /// Reads the configuration of the series at `root`.
    pub(crate) fn read(root: &Root) -> Result<Self, JournalError> {
        for file in PLACES {
            let bytes = match root.read(file, crate::front_matter::MAX_YAML as u64) {
                Ok(bytes) => bytes,
                Err(RootError::Missing(_)) => continue,
                Err(error) => return Err(Problem::of_file(file, error.to_string()).into()),
            };
            let Ok(text) = String::from_utf8(bytes) else {
                return Err(Problem::of_file(file, "the file is not UTF-8 text").into());
            };
            return Self::parse(file, &text.into())
                .map_err(|problems| JournalError::Problems(Problems(problems)));
        }
        Err(JournalError::NoConfig { root: root.path().to_owned() })
    }

    fn parse(file: &str, text: &Arc<str>) -> Result<Self, Vec<Problem>> {
        let mut fields = Fields::parse(file, text, 0..text.len()).map_err(|one| vec![one])?;
        let in_journal = file.starts_with("journal/");
        let title = fields.text("title").filter(|title| !title.is_empty());
        if title.is_none() {
            fields.missing("title", "My study log");
        }
        let author = fields.text("author").unwrap_or_default();
        let description = fields.text("description").unwrap_or_default();
        let language = fields.text("language").unwrap_or_else(|| "en".to_owned());
        if !language.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || language.is_empty() {
            fields
                .refuse("language", "`language` should be a language tag such as `en` or `pt-BR`");
        }
        let base_url = fields.text("base_url").unwrap_or_default();
        let base_url = base_url.trim_end_matches('/').to_owned();
        if !base_url.is_empty()
            && !["https://", "http://"].iter().any(|scheme| base_url.starts_with(scheme))
        {
            fields.refuse("base_url", "`base_url` should start with `https://` or `http://`");
        }
        let base_path = fields.text("base_path").unwrap_or_default();
        let base_path = base_path.trim_end_matches('/').to_owned();
        if !base_path.is_empty() && !base_path.starts_with('/') {
            fields.refuse("base_path", "`base_path` should start with `/`");
        }
        let mut folder = |key: &'static str, default: &str| {
            let given = fields.text(key).unwrap_or_else(|| default.to_owned());
            resolve("", &given).unwrap_or_else(|| {
                fields.refuse(
                    key,
                    format!("`{key}` leads out of the series: `{given}`; name a folder within it"),
                );
                String::new()
            })
        };
        let entries = folder("entries", if in_journal { "journal/entries" } else { "entries" });
        let notebooks = folder("notebooks", "notebooks");
        let out = folder("out", "_site");
        let comments = comments(&mut fields);
        let progress = match fields.text("progress").as_deref() {
            None | Some("local") => ShownProgress::Local,
            Some("published") => ShownProgress::Published,
            Some("none") => ShownProgress::Nowhere,
            Some(other) => {
                let expected = "`local`, `published` or `none`";
                fields
                    .refuse("progress", format!("`progress` should be {expected}, not `{other}`"));
                ShownProgress::Nowhere
            }
        };
        let mut trusted = Vec::new();
        for given in fields.texts("trusted") {
            match resolve("", &given).filter(|path| !path.is_empty()) {
                Some(path) => trusted.push(path),
                None => fields.refuse(
                    "trusted",
                    format!(
                        "`trusted` should name notebooks or folders of the series, not `{given}`"
                    ),
                ),
            }
        }
        let problems = fields.finish();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            file: file.to_owned(),
            title: title.unwrap_or_default(),
            author,
            description,
            language,
            base_url,
            base_path,
            entries,
            notebooks,
            out,
            comments,
            progress,
            trusted,
            key: Key::of(text.as_bytes()),
        })
    }
}

/// `comments: none`, or a mapping with what giscus needs.
fn comments(fields: &mut Fields<'_>) -> Option<Comments> {
    let keys = ["provider", "repo", "repo_id", "category", "category_id"];
    let given = fields.text_or_map("comments", &keys);
    if given.is_empty() {
        return None;
    }
    let mut comments = Comments::default();
    for (name, value) in given {
        match name {
            "provider" if value == "none" => return None,
            "provider" if value == "giscus" => {}
            "provider" => {
                let message = format!("`comments` should be `none` or `giscus`, not `{value}`");
                fields.refuse("comments", message);
                return None;
            }
            "repo" => comments.repo = value,
            "repo_id" => comments.repo_id = value,
            "category" => comments.category = value,
            _ => comments.category_id = value,
        }
    }
    let missing: Vec<&str> = [
        ("repo", &comments.repo),
        ("repo_id", &comments.repo_id),
        ("category", &comments.category),
        ("category_id", &comments.category_id),
    ]
    .into_iter()
    .filter(|(_, value)| value.is_empty())
    .map(|(name, _)| name)
    .collect();
    if !missing.is_empty() {
        let missing = missing.join("`, `");
        fields
            .refuse("comments", format!("giscus needs `{missing}` as well; giscus.app tells them"));
    }
    Some(comments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> String {
        Problems(SeriesConfig::parse("momentum.yaml", &text.into()).unwrap_err()).to_string()
    }

    #[test]
    fn a_title_is_enough() {
        let config = SeriesConfig::parse("journal/momentum.yaml", &"title: Log".into()).unwrap();
        assert_eq!(
            (config.entries.as_str(), config.notebooks.as_str(), config.out.as_str()),
            ("journal/entries", "notebooks", "_site")
        );
        let config = SeriesConfig::parse("momentum.yaml", &"title: Log\nout: ./a/../b".into());
        assert_eq!(config.unwrap().out, "b");
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        insta::assert_snapshot!(errors(
            "auther: A\nlanguage: [en]\nbase_url: example.org\nout: ../../etc\nprogress: yes please\n"
        ), @r"
        momentum.yaml:1:1: `title` is missing
          help: add a line such as `title: My study log`
        momentum.yaml:1:1: there is no key `auther`
          help: did you mean `author`?
        momentum.yaml:2:11: `language` should be a text, but it is a list
        momentum.yaml:3:11: `base_url` should start with `https://` or `http://`
        momentum.yaml:4:6: `out` leads out of the series: `../../etc`; name a folder within it
        momentum.yaml:5:11: `progress` should be `local`, `published` or `none`, not `yes please`
        ");
    }

    #[test]
    fn broken_yaml_is_placed() {
        insta::assert_snapshot!(errors("title: Log\nout: [a\nauthor: b\n"), @r"
        momentum.yaml:3:7: this is not YAML: did not find expected ',' or ']'
          help: write `key: value` lines; a text with `: `, `#`, `[` or `{` in it stands between quotes
        ");
    }
}
