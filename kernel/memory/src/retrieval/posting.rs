//! Postings as bytes: for each document with a term, the step from the document before, how often
//! the term stands there, and the document's length.

/// One document with a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Posting {
    /// The document's number in its segment.
    pub(crate) document: u32,
    /// How often the term stands there, at most 255.
    pub(crate) count: u8,
    /// The document's length, as [`coarse`] gives it.
    pub(crate) length: u8,
}

/// A length in one byte: exact up to 127, then in steps of 16.
pub(crate) fn coarse(length: u32) -> u8 {
    match u8::try_from(length) {
        Ok(exact) if exact < 128 => exact,
        _ => u8::try_from(128 + (length - 128) / 16).unwrap_or(u8::MAX),
    }
}

/// The length that a byte stands for.
pub(crate) fn length_of(coarse: u8) -> f32 {
    let coarse = f32::from(coarse);
    if coarse < 128.0 { coarse } else { 128.0 + (coarse - 128.0) * 16.0 }
}

/// The postings of a term, in the order of their documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Postings {
    /// The number of postings.
    pub(crate) n: u32,
    /// The last document; meaningless when there is none.
    pub(crate) last: u32,
    /// The postings.
    pub(crate) bytes: Vec<u8>,
}

impl Postings {
    /// Adds a posting behind the others. The first one's step counts from 0.
    pub(crate) fn push(&mut self, posting: Posting) {
        let step = posting.document - if self.n == 0 { 0 } else { self.last };
        write_number(&mut self.bytes, step);
        self.bytes.extend([posting.count, posting.length]);
        self.last = posting.document;
        self.n += 1;
    }
}

/// Reads postings. Bytes that are cut short end it.
pub(crate) fn read(bytes: &[u8]) -> impl Iterator<Item = Posting> {
    let (mut at, mut document) = (0, 0_u32);
    std::iter::from_fn(move || {
        document = document.wrapping_add(read_number(bytes, &mut at)?);
        let (count, length) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        at += 2;
        Some(Posting { document, count, length })
    })
}

/// Writes a number, seven bits a byte, the lowest first; the high bit says that more follow.
pub(crate) fn write_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads what [`write_number`] wrote, and moves on; [`None`] at the end.
pub(crate) fn read_number(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn postings_survive(steps in prop::collection::vec((1..100_000_u32, 1..255_u8, 0..255_u8), 0..50)) {
            let mut postings = Postings::default();
            let mut document = 0;
            let mut all = Vec::new();
            for (step, count, length) in steps {
                document += step;
                all.push(Posting { document, count, length });
                postings.push(Posting { document, count, length });
            }
            prop_assert_eq!(read(&postings.bytes).collect::<Vec<_>>(), all);
        }

        #[test]
        fn no_bytes_make_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).count() <= bytes.len());
        }
    }

    #[test]
    fn lengths_are_kept_nearly() {
        for (length, expected) in
            [(0, 0.0), (127, 127.0), (128, 128.0), (150, 144.0), (9_999, 2_160.0)]
        {
            assert_eq!(length_of(coarse(length)), expected);
        }
    }
}
