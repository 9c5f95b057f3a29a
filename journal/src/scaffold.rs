//! New series and new days, from templates.
//!
//! Nothing is ever overwritten: where one of the files is there already, none is written.

mod template;

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::config::SeriesConfig;
use crate::entry::Entry;
use crate::notebook::read::read_notebook;
use crate::problem::{JournalError, Problem};
use crate::root::folder_of;
use crate::series::Series;
use crate::written::new_file;
pub use template::TemplateError;
use template::{Field, Fields};

/// The templates that come with the program.
const CONFIG: &str = include_str!("../templates/momentum.yaml");
const ENTRY: &str = include_str!("../templates/entry.md");
const NOTEBOOK: &str = include_str!("../templates/notebook.ipynb");
/// What a series leaves out of version control.
const IGNORED: &str = "_site/\n_post/\n.momentum/\n.ipynb_checkpoints/\n";
/// The most bytes of a template.
const MAX_TEMPLATE: u64 = 4 * 1024 * 1024;

/// What a new series is called, and when its first day is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitConfig {
    /// The series' title.
    pub title: String,
    /// Who writes it; may be empty.
    pub author: String,
    /// The date of the first entry.
    pub date: NaiveDate,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// A file is there already.
    #[error("{} is there already, and nothing is overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The folder is a series, or lies in one.
    #[error("{} is a series already ({config}): `momentum new \"Title\"` makes its next day", root.display())]
    Series {
        /// Its root.
        root: PathBuf,
        /// Its configuration.
        config: String,
    },
    /// The title is empty.
    #[error("a title is needed, such as `What I learned`")]
    NoTitle,
    /// The series' folder is something else.
    #[error("{} is a file, and a series needs a folder; choose another name", path.display())]
    NoFolder {
        /// What is there.
        path: PathBuf,
    },
    /// A folder of the series is a symbolic link to elsewhere.
    #[error("{} would be written outside {}: its folder is a symbolic link that leads out of the series", path.display(), root.display())]
    Outside {
        /// The file.
        path: PathBuf,
        /// The series' root.
        root: PathBuf,
    },
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file could not be read or written, or what a template makes is no entry or notebook.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scaffold {
    /// The number of the new day.
    pub day: u32,
    /// The new entry.
    pub entry: PathBuf,
    /// Its notebook.
    pub notebook: PathBuf,
    /// All files, in the order in which they were written.
    pub files: Vec<PathBuf>,
}

/// Makes a series of one day in a folder, which is made too: configuration, first entry, its
/// notebook, and a `.gitignore` where there is none.
///
/// # Errors
/// [`ScaffoldError`]: one of the files is there already, or the folder cannot be written.
pub fn init(folder: &Path, config: &InitConfig) -> Result<Scaffold, ScaffoldError> {
    if config.title.trim().is_empty() {
        return Err(ScaffoldError::NoTitle);
    }
    if folder.exists() && !folder.is_dir() {
        return Err(ScaffoldError::NoFolder { path: folder.to_owned() });
    }
    if let Some(place) = SeriesConfig::place(folder) {
        return Err(ScaffoldError::Series { root: folder.to_owned(), config: place.into() });
    }
    let series = Fields(vec![
        ("title", Field::Text(config.title.trim().to_owned())),
        ("author", Field::Text(config.author.trim().to_owned())),
    ]);
    let mut plan = vec![(folder.join("momentum.yaml"), series.fill_yaml("momentum.yaml", CONFIG)?)];
    let day = Day { number: 1, title: "First steps", date: config.date, series: &config.title };
    let (entry, notebook) =
        ("entries/day-01.md".to_owned(), "notebooks/day-01-first-steps.ipynb".to_owned());
    let fields = day.fields(&entry, &notebook);
    plan.push((folder.join(&notebook), fields.fill_notebook("notebook.ipynb", NOTEBOOK)?));
    plan.push((folder.join(&entry), fields.fill_entry("entry.md", ENTRY)?));
    if !folder.join(".gitignore").exists() {
        plan.push((folder.join(".gitignore"), IGNORED.to_owned()));
    }
    let files = write(folder, plan)?;
    Ok(Scaffold { day: 1, entry: folder.join(entry), notebook: folder.join(notebook), files })
}

impl Series {
    /// Makes the next day: an entry and its notebook, from the templates `entry.md` and
    /// `notebook.ipynb` in the folder `templates` beside the configuration, else from those that
    /// come with the program.
    ///
    /// # Errors
    /// [`ScaffoldError`]: a template is wrong, a file is there already or cannot be written.
    pub fn new_day(&self, title: &str, date: NaiveDate) -> Result<Scaffold, ScaffoldError> {
        let title = title.trim();
        if title.is_empty() {
            return Err(ScaffoldError::NoTitle);
        }
        let number = self.entries.iter().map(|entry| entry.front.day).max().unwrap_or(0) + 1;
        let stem = format!("day-{number:02}");
        let slug = slug(title);
        let dash = if slug.is_empty() { "" } else { "-" };
        let within = |folder: &str, name: String| {
            if folder.is_empty() { name } else { format!("{folder}/{name}") }
        };
        let entry = within(&self.config.entries, format!("{stem}.md"));
        let notebook = within(&self.config.notebooks, format!("{stem}{dash}{slug}.ipynb"));
        let day = Day { number, title, date, series: &self.config.title };
        let fields = day.fields(&entry, &notebook);
        let (name, template) = self.template("entry.md", ENTRY)?;
        let entry_text = fields.fill_entry(&name, &template)?;
        let (name_of_notebook, template) = self.template("notebook.ipynb", NOTEBOOK)?;
        let notebook_text = fields.fill_notebook(&name_of_notebook, &template)?;
        // What a template of one's own makes must be what the build can read.
        let (_, problems) = Entry::parse(&name, entry_text.as_str().into());
        if let Some(problem) = problems.into_iter().next() {
            return Err(JournalError::from(problem).into());
        }
        read_notebook(&name_of_notebook, notebook_text.as_bytes())
            .map_err(|problem| JournalError::from(*problem))?;
        let plan =
            vec![(self.root.join(&notebook), notebook_text), (self.root.join(&entry), entry_text)];
        let files = write(self.root.path(), plan)?;
        let (entry, notebook) = (self.root.join(&entry), self.root.join(&notebook));
        Ok(Scaffold { day: number, entry, notebook, files })
    }

    /// A template of the series' own, else the given one; with the name to call it by.
    fn template(&self, name: &str, default: &str) -> Result<(String, String), JournalError> {
        let folder = folder_of(&self.config.file);
        let slash = if folder.is_empty() { "" } else { "/" };
        let file = format!("{folder}{slash}templates/{name}");
        if !self.root.has_file(&file) {
            return Ok((name.to_owned(), default.to_owned()));
        }
        let bytes = self
            .root
            .read(&file, MAX_TEMPLATE)
            .map_err(|error| Problem::of_file(&file, error.to_string()))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok((file, text)),
            Err(_) => Err(Problem::of_file(&file, "the file is not UTF-8 text").into()),
        }
    }
}

/// A day to be made.
struct Day<'a> {
    number: u32,
    title: &'a str,
    date: NaiveDate,
    series: &'a str,
}

impl Day<'_> {
    fn fields(&self, entry: &str, notebook: &str) -> Fields {
        Fields(vec![
            ("day", Field::Bare(self.number.to_string())),
            ("title", Field::Text(self.title.to_owned())),
            ("date", Field::Bare(self.date.to_string())),
            ("series", Field::Text(self.series.trim().to_owned())),
            ("notebook", Field::Text(relative(folder_of(entry), notebook))),
        ])
    }
}

/// Whether a path lies in `root` when symbolic links are followed as far as there is something.
fn is_inside(root: &Path, path: &Path) -> bool {
    let there = |path: &Path| {
        let mut known = path.ancestors().filter(|one| one.symlink_metadata().is_ok());
        known.next().map(Path::to_owned)
    };
    // A series that is made has no folder yet, and then none of its folders leads out of it.
    if root.symlink_metadata().is_err() {
        return true;
    }
    let Some(last) = there(path) else { return true };
    matches!((root.canonicalize(), last.canonicalize()), (Ok(root), Ok(last)) if last.starts_with(&root))
}

/// Writes all files or none, below `root`.
fn write(root: &Path, plan: Vec<(PathBuf, String)>) -> Result<Vec<PathBuf>, ScaffoldError> {
    if let Some((path, _)) = plan.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(ScaffoldError::Exists { path: path.clone() });
    }
    if let Some((path, _)) = plan.iter().find(|(path, _)| !is_inside(root, path)) {
        return Err(ScaffoldError::Outside { path: path.clone(), root: root.to_owned() });
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for (path, text) in plan {
        let written = match path.parent() {
            Some(folder) => {
                std::fs::create_dir_all(folder).map_err(JournalError::io("write", folder))
            }
            None => Ok(()),
        }
        .and_then(|()| new_file(&path, text.as_bytes()));
        if let Err(error) = written {
            // Ours, a moment ago: taken back, so that the next try finds nothing in its way.
            for file in &files {
                let _ = std::fs::remove_file(file);
            }
            return Err(match error {
                JournalError::Io { source, .. }
                    if source.kind() == std::io::ErrorKind::AlreadyExists =>
                {
                    ScaffoldError::Exists { path }
                }
                error => error.into(),
            });
        }
        files.push(path);
    }
    Ok(files)
}

/// The way from a folder to a file, both relative to the root.
fn relative(folder: &str, file: &str) -> String {
    let from: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = file.split('/').collect();
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(from.len() - same);
    format!("{up}{}", to[same..].join("/"))
}

/// A title as a part of a file name: ASCII letters, digits and dashes.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(48);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests;
