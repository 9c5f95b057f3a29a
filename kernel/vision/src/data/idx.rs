//! The IDX format of MNIST: two zero bytes, a type, the number of axes, their lengths as big-endian
//! 32-bit numbers, then the values. Described at the end of LeCun's MNIST page.

use super::DataError;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The first two bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The only type of value that is read: unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;
/// More than this is refused before anything is allocated.
const MAX_BYTES: usize = 1 << 30;

/// Why bytes are not read: they are broken, or the system could not read them.
enum Broken {
    Format(DataError),
    Disk(std::io::Error),
}

/// An array of bytes with a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    shape: Vec<usize>,
    values: Vec<u8>,
}

impl Idx {
    /// Pairs values with a shape. `None` when their number is not the product of the axes.
    pub fn from_values(shape: Vec<usize>, values: Vec<u8>) -> Option<Self> {
        let len = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis))?;
        (len == values.len()).then_some(Idx { shape, values })
    }

    /// Reads a file, gzip-compressed or not.
    ///
    /// # Errors
    /// [`DataError::Read`] when it cannot be opened or read, else as [`Idx::parse`].
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = path.display().to_string();
        let unreadable = |source| DataError::Read { path: path.to_owned(), source };
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        let is_packed = reader.fill_buf().map_err(unreadable)?.starts_with(&GZIP);
        let parsed = match is_packed {
            true => Self::from_reader(&file, GzDecoder::new(reader)),
            false => Self::from_reader(&file, reader),
        };
        parsed.map_err(|broken| match broken {
            Broken::Format(error) => error,
            Broken::Disk(source) => unreadable(source),
        })
    }

    /// Reads bytes, gzip-compressed or not. `file` names them in errors.
    ///
    /// # Errors
    /// [`DataError::Format`] with file and byte offset; where the gzip data itself is broken, the offset
    /// is the number of bytes that could be unpacked before.
    ///
    /// ```
    /// use momentum_vision::data::Idx;
    /// let labels = Idx::parse("labels", &[0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 2])?;
    /// assert_eq!((labels.shape(), labels.values()), (&[3][..], &[9, 0, 2][..]));
    /// let error = Idx::parse("labels", &[0, 0, 8, 1, 0, 0, 0, 3, 9]).unwrap_err();
    /// assert_eq!(error.to_string(), "labels, byte 9: the file ends, 2 of 3 values are missing");
    /// # Ok::<(), momentum_vision::data::DataError>(())
    /// ```
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let parsed = if bytes.starts_with(&GZIP) {
            Self::from_reader(file, GzDecoder::new(bytes))
        } else {
            Self::from_reader(file, bytes)
        };
        parsed.map_err(|broken| match broken {
            Broken::Format(error) => error,
            Broken::Disk(source) => DataError::Read { path: file.into(), source },
        })
    }

    fn from_reader(file: &str, mut reader: impl Read) -> Result<Self, Broken> {
        let fail = |offset, problem: String| {
            Broken::Format(DataError::Format { file: file.into(), offset, problem })
        };
        let mut read = |offset: usize, len: usize| {
            // A header may lie about the length; a whole MNIST fits without growing.
            let mut bytes = Vec::with_capacity(len.min(1 << 26));
            let got = reader.by_ref().take(len as u64).read_to_end(&mut bytes);
            match got {
                Ok(_) => Ok(bytes),
                Err(source) if source.raw_os_error().is_some() => Err(Broken::Disk(source)),
                Err(source) => {
                    let problem = format!("the compressed data is broken: {source}");
                    Err(fail(offset + bytes.len(), problem))
                }
            }
        };
        let magic = read(0, 4)?;
        let &[zero, also_zero, kind, n_axes] = magic.as_slice() else {
            return Err(fail(magic.len(), "the file ends within its first four bytes".into()));
        };
        if (zero, also_zero) != (0, 0) {
            let got =
                format!("an IDX file starts with two zero bytes, got {zero:#04x} {also_zero:#04x}");
            return Err(fail(0, got));
        }
        if kind != UNSIGNED_BYTE {
            let problem = format!("expected type 0x08 (unsigned bytes), got {kind:#04x}");
            return Err(fail(2, problem));
        }
        if n_axes == 0 {
            return Err(fail(3, "expected at least one axis, got none".into()));
        }
        let header_len = 4 + 4 * usize::from(n_axes);
        let axes = read(4, header_len - 4)?;
        if axes.len() + 4 < header_len {
            let problem = format!("the file ends within the lengths of its {n_axes} axes");
            return Err(fail(4 + axes.len(), problem));
        }
        let shape: Vec<usize> =
            axes.as_chunks::<4>().0.iter().map(|&axis| u32::from_be_bytes(axis) as usize).collect();
        let len = shape
            .iter()
            .try_fold(1usize, |product, &axis| product.checked_mul(axis))
            .filter(|&len| len <= MAX_BYTES)
            .ok_or_else(|| fail(4, format!("{shape:?} is more than {MAX_BYTES} values")))?;
        let values = read(header_len, len)?;
        if values.len() < len {
            let missing = len - values.len();
            let problem = format!("the file ends, {missing} of {len} values are missing");
            return Err(fail(header_len + values.len(), problem));
        }
        if !read(header_len + len, 1)?.is_empty() {
            let problem = format!("expected the end after {len} values, but the file goes on");
            return Err(fail(header_len + len, problem));
        }
        Ok(Idx { shape, values })
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, last axis fastest.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The values, last axis fastest.
    pub fn into_values(self) -> Vec<u8> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const GOOD: [u8; 16] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(bytes: &[u8], expected: &str) {
        let error = Idx::parse("digits.idx", bytes).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn plain_and_compressed_files_are_the_same() {
        let plain = Idx::parse("plain", &GOOD).unwrap();
        assert_eq!(plain, Idx::from_values(vec![2, 2], vec![1, 2, 3, 4]).unwrap());
        assert_eq!(plain, Idx::parse("compressed", &gzip(&GOOD)).unwrap());
    }

    #[test]
    fn errors_name_file_and_offset() {
        check(b"", "digits.idx, byte 0: the file ends within its first four bytes");
        check(
            b"\x89PNG",
            "digits.idx, byte 0: an IDX file starts with two zero bytes, got 0x89 0x50",
        );
        check(&[0, 0, 13, 1], "digits.idx, byte 2: expected type 0x08 (unsigned bytes), got 0x0d");
        check(&GOOD[..10], "digits.idx, byte 10: the file ends within the lengths of its 2 axes");
        check(&GOOD[..14], "digits.idx, byte 14: the file ends, 2 of 4 values are missing");
        check(
            &[&GOOD[..], &[9]].concat(),
            "digits.idx, byte 16: expected the end after 4 values, but the file goes on",
        );
        check(
            &[0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255],
            "digits.idx, byte 4: [4294967295, 4294967295] is more than 1073741824 values",
        );
        check(
            &gzip(&GOOD)[..20],
            "digits.idx, byte 13: the compressed data is broken: incomplete deflate stream",
        );
    }

    #[test]
    fn broken_gzip_is_refused_with_file_and_offset() {
        let refused = |bytes: &[u8], offset: usize| {
            let error = Idx::parse("digits.gz", bytes).unwrap_err().to_string();
            let expected = format!("digits.gz, byte {offset}: the compressed data is broken: ");
            assert!(error.starts_with(&expected), "{error}");
        };
        let whole = gzip(&GOOD);
        refused(&whole[..6], 0);
        // Another method of compression than the one that there is.
        let mut packed = whole.clone();
        packed[2] = 7;
        refused(&packed, 0);
        // The checksum, behind all values.
        let mut packed = whole.clone();
        let at = packed.len() - 8;
        packed[at] ^= 1;
        refused(&packed, GOOD.len());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digits.gz");
        std::fs::write(&path, &packed).unwrap();
        let error = Idx::read(&path).unwrap_err().to_string();
        let expected = format!("{}, byte 16: the compressed data is broken: ", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }

    proptest! {
        #[test]
        fn mutated_bytes_never_panic(
            at in 0usize..16, byte in any::<u8>(), cut in 0usize..=16, compressed in any::<bool>(),
        ) {
            let mut bytes = GOOD;
            bytes[at] = byte;
            let bytes = if compressed { gzip(&bytes[..cut]) } else { bytes[..cut].to_vec() };
            if let Ok(idx) = Idx::parse("mutated", &bytes) {
                prop_assert_eq!(idx.shape().iter().product::<usize>(), idx.values().len());
            }
        }

        #[test]
        fn mutated_gzip_never_panics(at in 0usize..36, byte in any::<u8>()) {
            let mut bytes = gzip(&GOOD);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Idx::parse("mutated", &bytes);
        }
    }
}
