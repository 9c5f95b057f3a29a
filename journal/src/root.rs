//! The series' root folder: the one place from which files are read, and never from outside it.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use crate::key::Key;
use crate::problem::JournalError;
use crate::site::stamp::Stamp;

/// A root folder, canonical, so that symbolic links can be followed and still be told apart.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    path: PathBuf,
}

/// A file that was found in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Relative to the root.
    pub(crate) file: String,
    pub(crate) stamp: Option<Stamp>,
}

/// Why a path of the series was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    #[error("`{0}` is outside the series")]
    Outside(String),
    #[error("`{0}` does not exist")]
    Missing(String),
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge { path: String, limit: u64 },
    #[error("`{path}` cannot be read: {source}")]
    Io { path: String, source: std::io::Error },
}

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let path = path.canonicalize().map_err(JournalError::io("read", path))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The absolute path of `relative`, which must come from [`resolve`] or from a listing.
    pub(crate) fn join(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }

    /// Reads a file of at most `limit` bytes. Symbolic links may not lead out of the root.
    pub(crate) fn read(&self, relative: &str, limit: u64) -> Result<Vec<u8>, RootError> {
        let io = |source| RootError::Io { path: relative.to_owned(), source };
        let path = self.inside(relative)?;
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(io)?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > limit {
            return Err(RootError::TooLarge { path: relative.to_owned(), limit });
        }
        Ok(bytes)
    }

    /// The key of a file's content, which may be of any size.
    pub(crate) fn hash(&self, relative: &str) -> Result<Key, RootError> {
        let io = |source| RootError::Io { path: relative.to_owned(), source };
        Key::of_reader(File::open(self.inside(relative)?).map_err(io)?).map_err(io)
    }

    /// The path of a file that lies in the root when symbolic links are followed.
    fn inside(&self, relative: &str) -> Result<PathBuf, RootError> {
        let missing = || RootError::Missing(relative.to_owned());
        let io = |source| RootError::Io { path: relative.to_owned(), source };
        if relative.contains('\0') {
            return Err(missing());
        }
        let path = match self.join(relative).canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(missing());
            }
            Err(error) => return Err(io(error)),
        };
        if !path.starts_with(&self.path) {
            return Err(RootError::Outside(relative.to_owned()));
        }
        if path.is_file() { Ok(path) } else { Err(missing()) }
    }

    /// Whether a file of that name can be read.
    pub(crate) fn has_file(&self, relative: &str) -> bool {
        self.join(relative)
            .canonicalize()
            .is_ok_and(|path| path.starts_with(&self.path) && path.is_file())
    }

    /// The stamp of a file that lies in the root itself, for one that is not listed.
    pub(crate) fn stamp(&self, relative: &str) -> Option<Stamp> {
        let path = self.join(relative).canonicalize().ok()?;
        let data = path.metadata().ok()?;
        (path.starts_with(&self.path) && data.is_file()).then(|| Stamp::of(&data)).flatten()
    }

    /// The files below `folder` whose names end with `extension`, sorted, with their stamps. Hidden
    /// folders and symbolic links to folders are passed over.
    pub(crate) fn list(
        &self,
        folder: &str,
        extension: &str,
        deep: bool,
    ) -> Result<Vec<Listed>, JournalError> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let path = self.join(&folder);
            if path.canonicalize().is_ok_and(|path| !path.starts_with(&self.path)) {
                continue;
            }
            let entries = match std::fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(JournalError::io("list", path)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(JournalError::io("list", &path))?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.starts_with('.') {
                    continue;
                }
                let relative =
                    if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                let kind = entry.file_type().map_err(JournalError::io("list", entry.path()))?;
                if kind.is_dir() {
                    if deep && found.len() < 100_000 {
                        folders.push(relative);
                    }
                } else if Path::new(&name).extension().is_some_and(|e| e == extension) {
                    found.push((relative, entry, kind));
                }
            }
        }
        // The file system is asked on all cores: there may be thousands.
        let mut listed: Vec<Listed> = found
            .into_par_iter()
            .filter_map(|(file, entry, kind)| {
                if kind.is_file() {
                    let stamp = entry.metadata().ok().and_then(|data| Stamp::of(&data));
                    return Some(Listed { file, stamp });
                }
                self.has_file(&file).then(|| Listed { stamp: self.stamp(&file), file })
            })
            .collect();
        listed.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(listed)
    }
}

/// The path that `target` means when it is written in a file of `folder`, relative to the root,
/// or `None` where it leads out of the root.
pub(crate) fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if target.contains('\0') || Path::new(target).has_root() {
        return None;
    }
    for component in Path::new(target).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// The folder part of a relative path; empty for a file at the root.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

/// The file name without its extension.
pub(crate) fn stem_of(path: &str) -> &str {
    let name = path.rfind('/').map_or(path, |at| &path[at + 1..]);
    name.rfind('.').map_or(name, |at| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, target: &str, expected: Option<&str>) {
        assert_eq!(resolve(folder, target).as_deref(), expected, "{folder} {target}");
    }

    #[test]
    fn targets_resolve_inside_the_root_only() {
        check("journal/entries", "../../notebooks/a.ipynb", Some("notebooks/a.ipynb"));
        check("journal/entries", "./b.md", Some("journal/entries/b.md"));
        check("entries", "../../etc/passwd", None);
        check("entries", "../../series/entries/a", None);
        check("", "..", None);
        check("entries", "/etc/passwd", None);
        check("entries", "a\0b", None);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_may_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::fs::write(inside.path().join("ok.txt"), "fine").unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("way-out")).unwrap();
        std::os::unix::fs::symlink(inside.path().join("ok.txt"), inside.path().join("alias.txt"))
            .unwrap();
        let root = Root::open(inside.path()).unwrap();
        assert!(matches!(root.read("way-out/secret.txt", 100), Err(RootError::Outside(_))));
        assert!(!root.has_file("way-out/secret.txt"));
        assert_eq!(root.read("alias.txt", 100).unwrap(), b"fine");
        assert!(matches!(root.read("ok.txt", 2), Err(RootError::TooLarge { .. })));
        assert!(matches!(root.read("no.txt", 2), Err(RootError::Missing(_))));
        let listed = root.list("", "txt", true).unwrap();
        let files: Vec<&str> = listed.iter().map(|listed| listed.file.as_str()).collect();
        assert_eq!(files, ["alias.txt", "ok.txt"]);
    }
}
