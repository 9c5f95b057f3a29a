//! Paths that lead nowhere but into the folder.

use std::fmt;
use std::path::{Path, PathBuf};

use super::MemoryFolderError;

/// A relative path of plain names, joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MemoryPath(String);

impl MemoryPath {
    /// Anthropic's tool calls the folder `/memories`, so that prefix may stand before any path.
    pub(super) fn parse(text: &str) -> Result<Self, MemoryFolderError> {
        let refused = |problem| Err(MemoryFolderError::Path { path: text.to_owned(), problem });
        let path = text.trim();
        let path = match path.strip_prefix("/memories") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                rest.strip_prefix('/').unwrap_or(rest)
            }
            _ => path,
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return refused("it names no file");
        }
        if path.starts_with('/') {
            return refused("it is absolute");
        }
        if path.len() > 1024 || path.split('/').count() > 16 {
            return refused("it is too long or too deep");
        }
        for name in path.split('/') {
            if name.is_empty() {
                return refused("it has an empty name in it");
            }
            if name.starts_with('.') {
                return refused("no name may begin with a dot");
            }
            if name.len() > 200 {
                return refused("a name in it is longer than 200 bytes");
            }
            if name.ends_with([' ', '.']) || name.starts_with(' ') {
                return refused("a name in it begins or ends with a space, or ends with a dot");
            }
            // What some system would take for something else than a name.
            if name.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c)) {
                return refused("it holds a character that file names should not have");
            }
        }
        Ok(MemoryPath(path.to_owned()))
    }

    /// The path of the folder itself, or of something in it.
    pub(super) fn parse_or_root(text: &str) -> Result<Option<Self>, MemoryFolderError> {
        match text.trim() {
            "" | "/" | "." | "/memories" | "/memories/" => Ok(None),
            path => Self::parse(path).map(Some),
        }
    }

    /// The same path, or its part below `folder` put below another.
    pub(super) fn moved(&self, folder: &Self, to: &Self) -> Self {
        MemoryPath(format!("{}{}", to.0, &self.0[folder.0.len()..]))
    }

    /// Whether this is the path or lies below it.
    pub(super) fn is_within(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The folders above it, from the outermost.
    pub(super) fn folders(&self) -> impl Iterator<Item = Self> {
        self.0.match_indices('/').map(|(at, _)| MemoryPath(self.0[..at].to_owned()))
    }

    pub(super) fn below(&self, root: &Path) -> PathBuf {
        self.0.split('/').fold(root.to_owned(), |path, name| path.join(name))
    }
}

impl fmt::Display for MemoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
