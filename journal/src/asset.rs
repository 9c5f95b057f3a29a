//! Pictures of the site, named by what is in them, so that no two overwrite each other.

use std::collections::BTreeMap;

use base64::Engine;
use sha2::{Digest, Sha256};

use crate::clean::svg::clean_svg;
use crate::notebook::chain::hex;

/// The folder of the site that pictures go to.
const FOLDER: &str = "files";

/// The pictures collected for a site: path in the site and bytes.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// A picture that pages can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Its path in the site.
    pub(crate) path: String,
    /// Width and height in pixels, where they are known.
    pub(crate) size: Option<(u32, u32)>,
}

impl Assets {
    /// Takes in a picture as a notebook holds it: SVG as text, others in base64.
    pub(crate) fn add_output(&mut self, mime: &str, data: &str) -> Result<Picture, String> {
        if mime == "image/svg+xml" {
            return self.add_svg(data);
        }
        let compact: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
            .decode(compact.trim_end_matches('='))
            .map_err(|error| format!("the {mime} output is not base64: {error}"))?;
        self.add_bytes(bytes).ok_or_else(|| format!("the {mime} output is not a picture"))
    }

    /// Takes in a picture file.
    pub(crate) fn add_file(&mut self, bytes: Vec<u8>) -> Result<Picture, String> {
        if let Some(picture) = sniff(&bytes).and_then(|_| self.add_bytes(bytes.clone())) {
            return Ok(picture);
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.contains("<svg") => self.add_svg(&text),
            _ => Err("the file is not a PNG, JPEG, GIF, WebP or SVG picture".into()),
        }
    }

    fn add_svg(&mut self, text: &str) -> Result<Picture, String> {
        let svg = clean_svg(text).map_err(|error| format!("the SVG picture is {error}"))?;
        let path = self.insert(svg.xml.into_bytes(), "svg");
        Ok(Picture { path, size: svg.size })
    }

    fn add_bytes(&mut self, bytes: Vec<u8>) -> Option<Picture> {
        let extension = sniff(&bytes)?;
        let size = png_size(&bytes);
        Some(Picture { path: self.insert(bytes, extension), size })
    }

    fn insert(&mut self, bytes: Vec<u8>, extension: &str) -> String {
        let digest = hex(&Sha256::digest(&bytes)[..12]);
        let path = format!("{FOLDER}/{digest}.{extension}");
        self.files.entry(path.clone()).or_insert(bytes);
        path
    }
}

/// The extension for what the bytes are, whatever they are called.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
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

    #[test]
    fn pictures_are_named_by_content_and_kept_once() {
        let mut assets = Assets::default();
        let one = assets.add_output("image/png", PNG).unwrap();
        // Lies about the type do not matter, nor do line ends in base64.
        let two = assets.add_output("image/jpeg", &PNG.replace('N', "N\n")).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.size, Some((1, 1)));
        assert!(one.path.starts_with("files/") && one.path.ends_with(".png"));
        assert_eq!(assets.files.len(), 1);
    }

    #[test]
    fn what_is_not_a_picture_is_refused() {
        let mut assets = Assets::default();
        assert!(assets.add_output("image/png", "PGh0bWw+").is_err());
        assert!(assets.add_output("image/png", "%%").is_err());
        assert!(assets.add_output("image/svg+xml", "<html/>").is_err());
        assert!(assets.add_file(b"<html>".to_vec()).is_err());
        assert!(assets.files.is_empty());
    }
}
