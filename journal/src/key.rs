//! Keys: what something is made from, as a short hash. The same key means the same content.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::notebook::chain::hex;

/// The first half of a SHA-256 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Key([u8; 16]);

impl Key {
    /// The key of a file's content.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::digest(bytes).into())
    }

    /// The same of what a reader gives, which need not fit into memory.
    pub(crate) fn of_reader(mut reader: impl std::io::Read) -> std::io::Result<Self> {
        let mut hasher = Sha256::new();
        std::io::copy(&mut reader, &mut hasher)?;
        Ok(Self::from_hash(hasher.finalize().into()))
    }

    /// As 32 lower-case hex digits.
    pub(crate) fn hex(self) -> String {
        hex(&self.0)
    }

    /// Reads what [`Key::hex`] wrote.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let value = |digit: u8| char::from(digit).to_digit(16);
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).ok()?;
        }
        Some(Self(bytes))
    }

    /// As bytes, for files of fixed form.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// Takes what [`Key::bytes`] gave.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn from_hash(hash: [u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(half)
    }
}

/// Makes a key from several parts; each part's length counts, so that parts cannot run together.
#[derive(Debug, Clone)]
pub(crate) struct KeyParts(Sha256);

impl KeyParts {
    /// Parts of a thing of one kind.
    pub(crate) fn new(kind: &str) -> Self {
        Self(Sha256::new()).text(kind)
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.push(text);
        self
    }

    pub(crate) fn key(mut self, key: Key) -> Self {
        self.push_key(key);
        self
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    pub(crate) fn push_key(&mut self, key: Key) {
        self.0.update(key.0);
    }

    pub(crate) fn push_number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    pub(crate) fn finish(self) -> Key {
        Key::from_hash(self.0.finalize().into())
    }
}

/// The renderer: its sources as they were compiled.
pub(crate) fn renderer() -> KeyParts {
    KeyParts::new(env!("MOMENTUM_JOURNAL_RENDERER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: [&str; 2]| KeyParts::new("k").text(parts[0]).text(parts[1]).finish();
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_eq!(Key::from_hex(&of(["a", "b"]).hex()), Some(of(["a", "b"])));
        assert_eq!(Key::from_hex("zz"), None);
    }
}
