//! The six commands of Anthropic's memory tool.

use std::fmt::Write;
use std::str;

use super::path::MemoryPath;
use super::{Change, Files, MemoryFolder, MemoryFolderError};

/// The most characters of a file that one view shows.
const LONGEST_VIEW: usize = 16_000;

/// What stands in a file.
pub(super) fn text_of<'a>(
    files: &'a Files,
    path: &MemoryPath,
) -> Result<&'a str, MemoryFolderError> {
    let bytes = files.get(path).ok_or_else(|| no_file(path))?;
    str::from_utf8(bytes).map_err(|_| MemoryFolderError::NotText { path: path.to_string() })
}

fn no_file(path: &MemoryPath) -> MemoryFolderError {
    MemoryFolderError::NoFile { path: path.to_string() }
}

impl MemoryFolder {
    /// Shows a file with its lines numbered, or only the lines `range` (from 1, both included), or
    /// lists the files of a folder; an empty path is the whole memory folder.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such file or line.
    pub fn view(&self, path: &str, range: Option<(u64, u64)>) -> Result<String, MemoryFolderError> {
        let path = MemoryPath::parse_or_root(path)?;
        self.read(|tree, files| match path {
            Some(path) if files.contains_key(&path) => {
                numbered(&path, text_of(files, &path)?, range)
            }
            Some(path) => {
                tree.refuse_links(&path)?;
                let inside: Vec<_> =
                    files.iter().filter(|(file, _)| file.is_within(&path)).collect();
                if inside.is_empty() { Err(no_file(&path)) } else { Ok(listing(&inside)) }
            }
            None => Ok(listing(&files.iter().collect::<Vec<_>>())),
        })
    }

    /// Writes a new file.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is a file already, or the path is refused.
    pub fn create(&self, path: &str, text: &str) -> Result<Change, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.change("create", |tree, files| {
            tree.refuse_links(&path)?;
            if files.keys().any(|known| known.is_within(&path)) {
                return Err(MemoryFolderError::Exists { path: path.to_string() });
            }
            files.insert(path, text.as_bytes().to_vec());
            Ok(())
        })
    }

    /// Replaces a text that stands in a file exactly once.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when it does not, or there is no such file.
    pub fn str_replace(
        &self,
        path: &str,
        old: &str,
        new: &str,
    ) -> Result<Change, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.change("str_replace", |_, files| {
            let text = text_of(files, &path)?;
            let found: Vec<_> = text.match_indices(old).map(|(at, _)| at).collect();
            let (name, old) = (path.to_string(), old.to_owned());
            let replaced = match found.as_slice() {
                _ if old.is_empty() => {
                    return Err(MemoryFolderError::OldTextMissing { path: name, old });
                }
                [] => return Err(MemoryFolderError::OldTextMissing { path: name, old }),
                [_] => text.replacen(&old, new, 1),
                many => {
                    let line = |at: &usize| (text[..*at].matches('\n').count() + 1).to_string();
                    let lines = many.iter().take(10).map(line).collect::<Vec<_>>().join(", ");
                    return Err(MemoryFolderError::OldTextAmbiguous { path: name, old, lines });
                }
            };
            files.insert(path, replaced.into_bytes());
            Ok(())
        })
    }

    /// Puts text behind a line; behind line 0 is before the first. A line end is added where one
    /// is missing.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is no such file or line.
    pub fn insert(&self, path: &str, line: u64, text: &str) -> Result<Change, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.change("insert", |_, files| {
            let mut lines: Vec<String> =
                text_of(files, &path)?.split_inclusive('\n').map(str::to_owned).collect();
            let n_lines = lines.len();
            let at = usize::try_from(line).ok().filter(|at| *at <= n_lines);
            let Some(at) = at else {
                let path = path.to_string();
                return Err(MemoryFolderError::NoLine { path, line, n_lines });
            };
            let mut text = text.to_owned();
            if at < n_lines && !text.ends_with('\n') {
                text.push('\n');
            }
            if let Some(before) = at.checked_sub(1).and_then(|before| lines.get_mut(before))
                && !before.ends_with('\n')
            {
                before.push('\n');
            }
            lines.insert(at, text);
            files.insert(path, lines.concat().into_bytes());
            Ok(())
        })
    }

    /// Deletes a file, or a folder with all its files. The history keeps them.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is nothing of this path.
    pub fn delete(&self, path: &str) -> Result<Change, MemoryFolderError> {
        let path = MemoryPath::parse(path)?;
        self.change("delete", |tree, files| {
            tree.refuse_links(&path)?;
            let n_before = files.len();
            files.retain(|file, _| !file.is_within(&path));
            if files.len() == n_before { Err(no_file(&path)) } else { Ok(()) }
        })
    }

    /// Gives a file, or a folder with all its files, another path.
    ///
    /// # Errors
    /// [`MemoryFolderError`] when there is nothing of the old path, or something of the new.
    pub fn rename(&self, old: &str, new: &str) -> Result<Change, MemoryFolderError> {
        let (old, new) = (MemoryPath::parse(old)?, MemoryPath::parse(new)?);
        self.change("rename", |tree, files| {
            tree.refuse_links(&old)?;
            tree.refuse_links(&new)?;
            let (moved, mut kept): (Files, Files) =
                std::mem::take(files).into_iter().partition(|(file, _)| file.is_within(&old));
            if moved.is_empty() {
                return Err(no_file(&old));
            }
            if new.is_within(&old) || kept.keys().any(|file| file.is_within(&new)) {
                return Err(MemoryFolderError::Exists { path: new.to_string() });
            }
            kept.extend(moved.into_iter().map(|(file, bytes)| (file.moved(&old, &new), bytes)));
            *files = kept;
            Ok(())
        })
    }
}

/// The files with their lengths in bytes, in order.
fn listing(files: &[(&MemoryPath, &Vec<u8>)]) -> String {
    let mut text = match files.len() {
        0 => return "There are no files yet.".to_owned(),
        1 => "1 file (bytes, path):".to_owned(),
        n => format!("{n} files (bytes, path):"),
    };
    for (path, bytes) in files {
        let _ = write!(text, "\n{:>8}  {path}", bytes.len());
    }
    text
}

/// The lines of a file with their numbers, as many as fit.
fn numbered(
    path: &MemoryPath,
    text: &str,
    range: Option<(u64, u64)>,
) -> Result<String, MemoryFolderError> {
    let lines: Vec<_> = text.lines().collect();
    let n_lines = lines.len();
    let (from, to) = range.unwrap_or((1, u64::MAX));
    let first = usize::try_from(from).ok().filter(|from| *from >= 1);
    let first = first.filter(|from| *from <= n_lines.max(1) && to >= *from as u64);
    let Some(first) = first else {
        return Err(MemoryFolderError::NoLine { path: path.to_string(), line: from, n_lines });
    };
    let last = usize::try_from(to).unwrap_or(usize::MAX).min(n_lines);
    let (mut shown, mut until) = (String::new(), first - 1);
    for (i, line) in lines.iter().enumerate().take(last).skip(first - 1) {
        let line = format!("{:>6}\t{line}\n", i + 1);
        if !shown.is_empty() && shown.len() + line.len() > LONGEST_VIEW {
            break;
        }
        // One line alone may be longer than any view.
        shown.extend(line.chars().take(LONGEST_VIEW));
        until = i + 1;
    }
    if shown.is_empty() {
        return Ok(format!("`{path}` is empty."));
    }
    if until < last {
        let _ = write!(
            shown,
            "(lines {first} to {until} of {n_lines}; go on with view_range [{}, {n_lines}])",
            until + 1
        );
    }
    Ok(shown.trim_end_matches('\n').to_owned())
}
