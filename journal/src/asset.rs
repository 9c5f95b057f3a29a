//! Pictures of the site, named by what is in them, so that no two overwrite each other.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use sha2::{Digest, Sha256};

use crate::clean::svg::clean_svg;
use crate::key::{Key, KeyParts};
use crate::notebook::chain::hex;
use crate::problem::JournalError;
use crate::record::Need;
use crate::root::{Root, RootError};
use crate::site::folder::SiteFolder;
use crate::site::stamp::Stamps;

/// The folder of the site that pictures go to.
const FOLDER: &str = "files";
/// The most bytes of a picture file.
const MAX_PICTURE: u64 = 32 * 1024 * 1024;

/// A picture that pages can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Its path in the site.
    pub(crate) path: String,
    /// Width and height in pixels, where they are known.
    pub(crate) size: Option<(u32, u32)>,
}

/// All pictures of one build. Each is written when it is first met, and then forgotten.
#[derive(Debug)]
pub(crate) struct Pictures<'a> {
    root: &'a Root,
    stamps: &'a Stamps,
    folder: &'a SiteFolder,
    keys: Mutex<HashMap<String, Option<Key>>>,
    /// Picture files, and what became of them.
    files: Mutex<HashMap<String, Arc<FilePicture>>>,
    written: Mutex<HashSet<String>>,
    /// The first that could not be written: the build fails with it.
    failed: Mutex<Option<JournalError>>,
}

#[derive(Debug)]
struct FilePicture {
    key: Option<Key>,
    picture: Result<Picture, String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl<'a> Pictures<'a> {
    pub(crate) fn new(root: &'a Root, stamps: &'a Stamps, folder: &'a SiteFolder) -> Self {
        Self {
            root,
            stamps,
            folder,
            keys: Mutex::default(),
            files: Mutex::default(),
            written: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// The key of a file's content now; none where there is no such file.
    pub(crate) fn file_key(&self, file: &str) -> Option<Key> {
        if let Some(known) = locked(&self.keys).get(file) {
            return *known;
        }
        // Thousands of entries may show the same picture: it is looked at once.
        let content = self
            .root
            .stamp(file)
            .and_then(|stamp| self.stamps.content(self.root, file, Some(stamp), MAX_PICTURE).ok());
        let key = content.map(|content| content.key);
        locked(&self.keys).insert(file.to_owned(), key);
        key
    }

    /// Whether a picture of an earlier build is still there; if so, the new site has it too.
    pub(crate) fn keep(&self, path: &str) -> bool {
        if locked(&self.written).contains(path) {
            return true;
        }
        let key = picture_key(path);
        // Others wait, so that no two link the same file.
        let mut written = locked(&self.written);
        if written.contains(path) {
            return true;
        }
        let kept = self.folder.keep(path, key).unwrap_or(false);
        if kept {
            written.insert(path.to_owned());
        }
        kept
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        if self.keep(path) || !locked(&self.written).insert(path.to_owned()) {
            return;
        }
        if let Err(error) = self.folder.write(path, picture_key(path), bytes) {
            locked(&self.failed).get_or_insert(error);
        }
    }

    fn file(&self, file: &str) -> Arc<FilePicture> {
        if let Some(known) = locked(&self.files).get(file) {
            return Arc::clone(known);
        }
        let stamp = self.root.stamp(file);
        let mut page = Assets::new(self);
        let read = self.root.read(file, MAX_PICTURE);
        let found = match read {
            Ok(bytes) => {
                let key = Key::of(&bytes);
                self.stamps.met(file, stamp, key);
                FilePicture {
                    key: Some(key),
                    picture: page.add_bytes_of_file(bytes).map_err(|m| format!("`{file}`: {m}")),
                }
            }
            Err(RootError::Missing(_)) => {
                FilePicture { key: None, picture: Err(format!("there is no picture `{file}`")) }
            }
            Err(error) => FilePicture { key: None, picture: Err(error.to_string()) },
        };
        let found = Arc::new(found);
        locked(&self.files).insert(file.to_owned(), Arc::clone(&found));
        found
    }

    /// Ends the build's pictures.
    pub(crate) fn finish(self) -> Result<(), JournalError> {
        match self.failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// A picture's name says what is in it, so its key needs to say no more.
fn picture_key(path: &str) -> Key {
    KeyParts::new("picture").text(path).finish()
}

/// The pictures of one page.
#[derive(Debug)]
pub(crate) struct Assets<'a> {
    pictures: &'a Pictures<'a>,
    /// Their paths in the site.
    pub(crate) paths: BTreeSet<String>,
    /// The files they came from.
    pub(crate) needs: Vec<Need>,
}

impl<'a> Assets<'a> {
    pub(crate) fn new(pictures: &'a Pictures<'a>) -> Self {
        Self { pictures, paths: BTreeSet::new(), needs: Vec::new() }
    }

    /// Takes in a picture as a notebook holds it: SVG as text, others in base64.
    pub(crate) fn add_output(&mut self, mime: &str, data: &str) -> Result<Picture, String> {
        if mime == "image/svg+xml" {
            return self.add_svg(data);
        }
        let compact: Vec<u8> = data.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
        let end = compact.iter().rposition(|c| *c != b'=').map_or(0, |at| at + 1);
        let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
            .decode(&compact[..end])
            .map_err(|error| format!("the {mime} output is not base64: {error}"))?;
        self.add_bytes(&bytes).ok_or_else(|| format!("the {mime} output is not a picture"))
    }

    /// Takes in a picture file of the series.
    pub(crate) fn add_file(&mut self, file: &str) -> Result<Picture, String> {
        let found = self.pictures.file(file);
        let need = Need::File(file.to_owned(), found.key);
        if !self.needs.contains(&need) {
            self.needs.push(need);
        }
        if let Ok(picture) = &found.picture {
            self.paths.insert(picture.path.clone());
        }
        found.picture.clone()
    }

    fn add_bytes_of_file(&mut self, bytes: Vec<u8>) -> Result<Picture, String> {
        if let Some(picture) = self.add_bytes(&bytes) {
            return Ok(picture);
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.contains("<svg") => self.add_svg(&text),
            _ => Err("the file is not a PNG, JPEG, GIF, WebP or SVG picture".into()),
        }
    }

    fn add_svg(&mut self, text: &str) -> Result<Picture, String> {
        let svg = clean_svg(text).map_err(|error| format!("the SVG picture is {error}"))?;
        let path = self.insert(svg.xml.as_bytes(), "svg");
        Ok(Picture { path, size: svg.size })
    }

    fn add_bytes(&mut self, bytes: &[u8]) -> Option<Picture> {
        let extension = sniff(bytes)?;
        let size = png_size(bytes);
        Some(Picture { path: self.insert(bytes, extension), size })
    }

    fn insert(&mut self, bytes: &[u8], extension: &str) -> String {
        let digest = hex(&Sha256::digest(bytes)[..12]);
        let path = format!("{FOLDER}/{digest}.{extension}");
        if self.paths.insert(path.clone()) {
            self.pictures.put(&path, bytes);
        }
        path
    }
}

/// The extension for what the bytes are, whatever they are called.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("jpg")
    } else if bytes.starts_with(b"GIF8") {
        Some("gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("webp")
    } else {
        None
    }
}

/// The size in a PNG's header.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four)).filter(|n| (1..=100_000).contains(n))
    };
    (bytes.get(12..16) == Some(b"IHDR")).then(|| Some((word(16)?, word(20)?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn with_assets(check: impl FnOnce(&mut Assets<'_>), expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.html"), "<html>").unwrap();
        let root = Root::open(folder.path()).unwrap();
        let stamps = Stamps::default();
        let mut site = SiteFolder::new(folder.path().join("site"));
        site.begin().unwrap();
        let pictures = Pictures::new(&root, &stamps, &site);
        check(&mut Assets::new(&pictures));
        pictures.finish().unwrap();
        assert_eq!(site.finish().unwrap(), expected);
    }

    #[test]
    fn pictures_are_named_by_content_and_kept_once() {
        with_assets(
            |assets| {
                let one = assets.add_output("image/png", PNG).unwrap();
                // Lies about the type do not matter, nor do line ends in base64.
                let two = assets.add_output("image/jpeg", &PNG.replace('N', "N\n")).unwrap();
                assert_eq!(one, two);
                assert_eq!(one.size, Some((1, 1)));
            },
            &["files/6b7fa434f92a8b80aab02d9b.png"],
        );
    }

    #[test]
    fn what_is_not_a_picture_is_refused() {
        with_assets(
            |assets| {
                assert!(assets.add_output("image/png", "PGh0bWw+").is_err());
                assert!(assets.add_output("image/png", "%%").is_err());
                assert!(assets.add_output("image/svg+xml", "<html/>").is_err());
                assert!(assets.add_file("page.html").is_err());
                assert!(assets.add_file("none.png").is_err());
            },
            &[],
        );
    }
}
