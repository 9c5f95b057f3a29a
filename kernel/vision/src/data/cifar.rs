//! The binary format of CIFAR-10 (Krizhevsky 2009): records of one label and 3,072 values, red, green
//! and blue after each other.

use super::{DataError, Dataset};
use std::path::Path;

/// The ten classes, in the order of their labels.
pub const CIFAR_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SHAPE: [usize; 3] = [3, 32, 32];
const IMAGE_LEN: usize = 3 * 32 * 32;
const RECORD_LEN: usize = 1 + IMAGE_LEN;

/// Images of CIFAR-10, file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cifar {
    /// `[n, 3, 32, 32]`.
    pixels: Vec<u8>,
    /// `[n]`.
    labels: Vec<u8>,
}

impl Cifar {
    /// Adds the images of a file such as `data_batch_1.bin`.
    ///
    /// # Errors
    /// [`DataError::Read`] when it cannot be read, else as [`Cifar::push`].
    pub fn read(&mut self, path: &Path) -> Result<(), DataError> {
        let bytes = std::fs::read(path)
            .map_err(|source| DataError::Read { path: path.to_owned(), source })?;
        self.push(&path.display().to_string(), &bytes)
    }

    /// Adds the images of a file's bytes. `file` names them in errors. Nothing is added on an error.
    ///
    /// # Errors
    /// [`DataError::Format`] with file and byte offset.
    ///
    /// ```
    /// use momentum_vision::data::Cifar;
    /// let mut images = Cifar::default();
    /// images.push("one.bin", &[[6u8].as_slice(), &[0; 3072]].concat())?;
    /// assert_eq!(images.into_dataset()?.image(0).class_name, "frog");
    /// let error = Cifar::default().push("cut.bin", &[6, 0, 0]).unwrap_err();
    /// assert_eq!(error.to_string(), "cut.bin, byte 3: the file ends within image 0 (3 of 3073 bytes)");
    /// # Ok::<(), momentum_vision::data::DataError>(())
    /// ```
    pub fn push(&mut self, file: &str, bytes: &[u8]) -> Result<(), DataError> {
        let fail = |offset, problem| DataError::Format { file: file.into(), offset, problem };
        let (records, rest) = bytes.as_chunks::<RECORD_LEN>();
        if bytes.is_empty() {
            return Err(fail(0, "the file is empty".into()));
        }
        if !rest.is_empty() {
            let (n, len) = (records.len(), rest.len());
            let problem = format!("the file ends within image {n} ({len} of {RECORD_LEN} bytes)");
            return Err(fail(bytes.len(), problem));
        }
        let n_classes = CIFAR_CLASSES.len();
        let known = |label: u8| usize::from(label) < n_classes;
        if let Some(i) = records.iter().position(|record| !known(record[0])) {
            let problem = format!("image {i} has label {}, but labels go to 9", records[i][0]);
            return Err(fail(i * RECORD_LEN, problem));
        }
        self.pixels.reserve(records.len() * IMAGE_LEN);
        for [label, pixels @ ..] in records {
            self.labels.push(*label);
            self.pixels.extend_from_slice(pixels);
        }
        Ok(())
    }

    /// All images that were added.
    ///
    /// # Errors
    /// [`DataError::Mismatch`] if there are more than 2^32.
    pub fn into_dataset(self) -> Result<Dataset, DataError> {
        let classes = CIFAR_CLASSES.map(str::to_owned).to_vec();
        Dataset::from_pixels(SHAPE, self.pixels, self.labels, classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(label: u8, first: u8) -> Vec<u8> {
        let mut record = vec![0; RECORD_LEN];
        (record[0], record[1]) = (label, first);
        record
    }

    #[test]
    fn files_are_put_together() {
        let mut cifar = Cifar::default();
        cifar.push("a", &[record(9, 1), record(0, 2)].concat()).unwrap();
        cifar.push("b", &record(3, 3)).unwrap();
        let data = cifar.into_dataset().unwrap();
        assert_eq!((data.labels(), data.image_shape()), (&[9, 0, 3][..], [3, 32, 32]));
        assert_eq!(data.image(1).pixels[..2], [2, 0]);
    }

    #[test]
    fn errors_name_file_and_offset() {
        let check = |bytes: &[u8], expected: &str| {
            let mut cifar = Cifar::default();
            assert_eq!(cifar.push("c.bin", bytes).unwrap_err().to_string(), expected);
            assert_eq!(cifar, Cifar::default());
        };
        check(&[], "c.bin, byte 0: the file is empty");
        check(
            &[record(1, 0), record(10, 0)].concat(),
            "c.bin, byte 3073: image 1 has label 10, but labels go to 9",
        );
        check(
            &[&record(1, 0)[..], &[7; 70]].concat(),
            "c.bin, byte 3143: the file ends within image 1 (70 of 3073 bytes)",
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(
            labels in prop::collection::vec(any::<u8>(), 0..4), cut in 0usize..RECORD_LEN,
        ) {
            let mut bytes: Vec<u8> = labels.iter().flat_map(|&label| record(label, label)).collect();
            bytes.truncate(bytes.len().saturating_sub(cut));
            let mut cifar = Cifar::default();
            if cifar.push("mutated", &bytes).is_ok() {
                prop_assert_eq!(cifar.into_dataset().unwrap().len() * RECORD_LEN, bytes.len());
            }
        }
    }
}
