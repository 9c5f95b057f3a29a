//! The public data sets by name: from a folder, or downloaded once.

use super::download::exists;
use super::{Cifar, DataError, Dataset, Download, FASHION_CLASSES, Idx, Splits, Transfer};
use crate::training::Interrupt;
use flate2::read::GzDecoder;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Images of each class that are kept from training for validation.
const VALIDATION_PER_CLASS: usize = 500;
/// The parts of MNIST's files: images and labels, to learn from and to test with.
const IDX_FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];
const CIFAR_ARCHIVE: &str = "cifar-10-binary.tar.gz";
const CIFAR_FOLDER: &str = "cifar-10-batches-bin";
const CIFAR_FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// A file of CIFAR-10 has 10,000 records; a longer one is none.
const MAX_CIFAR_FILE: u64 = 1 << 26;

/// A public data set in its whole size.
///
/// ```no_run
/// use momentum_vision::data::{Collection, data_folder};
///
/// let folder = data_folder().ok_or("no HOME, so name a folder")?;
/// let data = Collection::FashionMnist.download(&folder, &mut |_| ())?;
/// assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (55_000, 5_000, 10_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Collection {
    /// 70,000 grey images of clothes, 28 x 28 (Xiao, Rasul and Vollgraf 2017; MIT licence).
    FashionMnist,
    /// 70,000 grey images of handwritten digits, 28 x 28 (LeCun, Cortes and Burges 1998; CC BY-SA
    /// 3.0).
    Mnist,
    /// 60,000 colour images of animals and vehicles, 32 x 32 (Krizhevsky 2009).
    Cifar10,
}

impl Collection {
    /// Its name, as its authors write it.
    pub fn name(self) -> &'static str {
        match self {
            Collection::FashionMnist => "Fashion-MNIST",
            Collection::Mnist => "MNIST",
            Collection::Cifar10 => "CIFAR-10",
        }
    }

    /// Name of its folder within a folder of data.
    fn folder_name(self) -> &'static str {
        match self {
            Collection::FashionMnist => "fashion-mnist",
            Collection::Mnist => "mnist",
            Collection::Cifar10 => "cifar-10",
        }
    }

    /// Reads it from a folder that holds its files, packed (`.gz`, `.tar.gz`) or not. The last 500
    /// training images of each class become the validation part.
    ///
    /// # Errors
    /// [`DataError::Folder`] names the missing file; [`DataError::Format`] a broken one and the byte.
    pub fn read(self, folder: impl AsRef<Path>) -> Result<Splits, DataError> {
        let folder = folder.as_ref();
        let (train, test) = match self {
            Collection::FashionMnist => idx(folder, &FASHION_CLASSES)?,
            Collection::Mnist => idx(folder, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])?,
            Collection::Cifar10 => cifar(folder)?,
        };
        let (train, validation) = train.split_last(VALIDATION_PER_CLASS);
        Ok(Splits { train, validation, test })
    }

    /// Reads it from its folder within `folder`, after downloading what is not there yet (31, 12 and
    /// 170 MB) from its authors' addresses. `progress` is told how far each file is.
    ///
    /// # Errors
    /// [`DataError::Download`], else as [`Collection::read`].
    pub fn download(
        self,
        folder: impl AsRef<Path>,
        progress: &mut dyn FnMut(&Transfer),
    ) -> Result<Splits, DataError> {
        let folder = folder.as_ref().join(self.folder_name());
        for file in self.downloads(&folder) {
            file.fetch(&Interrupt::of_process(), progress)?;
        }
        self.read(folder)
    }

    /// The files that it is made of, to be put into a folder.
    pub fn downloads(self, folder: &Path) -> Vec<Download> {
        let file = |bases: &[&str], name: &str, len, sha256: &str| Download {
            urls: bases.iter().map(|base| format!("{base}{name}")).collect(),
            path: folder.join(name),
            len,
            sha256: sha256.into(),
            pause: Duration::from_secs(1),
        };
        let idx = |bases: &[&str], sums: [(u64, &str); 4]| {
            let files = IDX_FILES.iter().zip(sums);
            files.map(|(name, (len, sum))| file(bases, &format!("{name}.gz"), len, sum)).collect()
        };
        match self {
            Collection::FashionMnist => idx(
                &[
                    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
                ],
                [
                    (
                        26_421_880,
                        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    ),
                    (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                    (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                    (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
                ],
            ),
            // LeCun's own server refuses programs; these are the copies that PyTorch and TensorFlow
            // keep, of the same checksums.
            Collection::Mnist => idx(
                &[
                    "https://ossci-datasets.s3.amazonaws.com/mnist/",
                    "https://storage.googleapis.com/cvdf-datasets/mnist/",
                ],
                [
                    (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                    (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                    (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                    (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
                ],
            ),
            Collection::Cifar10 => vec![file(
                &["https://www.cs.toronto.edu/~kriz/"],
                CIFAR_ARCHIVE,
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            )],
        }
    }
}

/// Where data is kept that was downloaded: `MOMENTUM_CACHE_DIR/data`, else
/// `XDG_CACHE_HOME/momentum/data`, else `~/.cache/momentum/data`; `None` when none of these is set.
pub fn data_folder() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("MOMENTUM_CACHE_DIR")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("momentum")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/momentum")))?;
    Some(cache.join("data"))
}

/// The training and the test part of four IDX files.
fn idx(folder: &Path, classes: &[&str]) -> Result<(Dataset, Dataset), DataError> {
    let part = |images: &str, labels: &str| {
        let (images_path, labels_path) = (idx_path(folder, images)?, idx_path(folder, labels)?);
        let (images, labels) = (Idx::read(&images_path)?, Idx::read(&labels_path)?);
        let refused = |path: &Path, offset, problem| {
            Err(DataError::Format { file: path.display().to_string(), offset, problem })
        };
        // Bytes 0 to 3 of an IDX file say what it holds, the last of them its number of axes; the
        // axes' lengths follow, of four bytes each.
        let &[n, height, width] = images.shape() else {
            let found = images.shape().len();
            let problem = format!("expected images, which have 3 axes, found {found}");
            return refused(&images_path, 3, problem);
        };
        if [height, width] != [28, 28] {
            let problem = format!("expected images of 28 x 28, got {:?}", [height, width]);
            return refused(&images_path, 8, problem);
        }
        let &[n_labels] = labels.shape() else {
            let found = labels.shape().len();
            let problem = format!("expected labels, which have 1 axis, found {found}");
            return refused(&labels_path, 3, problem);
        };
        if n_labels != n {
            let images = images_path.file_name().unwrap_or_default().display();
            let problem =
                format!("expected {n} labels, as many as {images} has images, found {n_labels}");
            return refused(&labels_path, 4, problem);
        }
        let is_known = |&label: &u8| usize::from(label) < classes.len();
        if let Some(i) = labels.values().iter().position(|label| !is_known(label)) {
            let (last, found) = (classes.len() - 1, labels.values()[i]);
            let problem = format!("expected a label from 0 to {last} for image {i}, found {found}");
            return refused(&labels_path, 8 + i, problem);
        }
        Dataset::new(images, labels, classes)
    };
    let [train_images, train_labels, test_images, test_labels] = IDX_FILES;
    Ok((part(train_images, train_labels)?, part(test_images, test_labels)?))
}

fn idx_path(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let names = [format!("{name}.gz"), name.to_owned(), name.replace("-idx", ".idx")];
    let found = names.iter().map(|name| folder.join(name)).find(|path| exists(path));
    found.ok_or_else(|| missing(folder, &format!("{name}.gz or {name}")))
}

fn missing(folder: &Path, file: &str) -> DataError {
    let problem = format!(
        "there is no {file}; `download` of this collection fetches what is missing, or name the folder \
         that has it"
    );
    DataError::Folder { path: folder.to_owned(), problem }
}

/// The training and the test part of CIFAR-10: from the unpacked files, else from the archive.
fn cifar(folder: &Path) -> Result<(Dataset, Dataset), DataError> {
    let (mut train, mut test) = (Cifar::default(), Cifar::default());
    let [.., test_file] = CIFAR_FILES;
    let unpacked = [folder.to_owned(), folder.join(CIFAR_FOLDER)];
    if let Some(folder) = unpacked.iter().find(|folder| exists(&folder.join(CIFAR_FILES[0]))) {
        for name in CIFAR_FILES {
            let path = folder.join(name);
            if !exists(&path) {
                return Err(missing(folder, name));
            }
            if name == test_file { test.read(&path)? } else { train.read(&path)? }
        }
    } else {
        let path = folder.join(CIFAR_ARCHIVE);
        if !exists(&path) {
            let files = format!("{CIFAR_ARCHIVE}, and no {CIFAR_FOLDER}/{}", CIFAR_FILES[0]);
            return Err(missing(folder, &files));
        }
        let file =
            File::open(&path).map_err(|source| DataError::Read { path: path.clone(), source })?;
        let files = unpack(&path, GzDecoder::new(BufReader::new(file)))?;
        for name in CIFAR_FILES {
            let bytes = files.get(name).ok_or_else(|| missing(&path, name))?;
            let place = format!("{}: {name}", path.display());
            let part = if name == test_file { &mut test } else { &mut train };
            part.push(&place, bytes)?;
        }
    }
    Ok((train.into_dataset()?, test.into_dataset()?))
}

/// The files of CIFAR-10 in a tar archive. A broken one is refused with the number of bytes that could
/// be unpacked before.
fn unpack(path: &Path, archive: impl Read) -> Result<BTreeMap<&'static str, Vec<u8>>, DataError> {
    let n_read = Cell::new(0);
    let broken = |source: std::io::Error| match source.raw_os_error() {
        Some(_) => DataError::Read { path: path.to_owned(), source },
        None => DataError::Format {
            file: path.display().to_string(),
            offset: n_read.get(),
            problem: format!("the archive is broken: {source}"),
        },
    };
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(Counted { reader: archive, n_read: &n_read });
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.file_name().map(|name| name.to_owned());
        let known = CIFAR_FILES.iter().find(|known| name.as_deref() == Some(known.as_ref()));
        if let Some(known) = known {
            if entry.size() > MAX_CIFAR_FILE {
                let problem =
                    format!("{known} in it has {} bytes, 30730000 are right", entry.size());
                return Err(DataError::Folder { path: path.to_owned(), problem });
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(broken)?;
            files.insert(*known, bytes);
        }
    }
    Ok(files)
}

/// A reader that counts what was read from it.
struct Counted<'a, R> {
    reader: R,
    n_read: &'a Cell<usize>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.n_read.set(self.n_read.get() + n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check(collection: Collection, folder: &Path, expected: &str) {
        let error = collection.read(folder).unwrap_err();
        let source = std::error::Error::source(&error);
        let text = format!("{error}{}", source.map(|s| format!(" ({s})")).unwrap_or_default());
        assert_eq!(text.replace(&folder.display().to_string(), "FOLDER"), expected);
    }

    fn idx_file(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let axes = shape.iter().flat_map(|axis| axis.to_be_bytes());
        [0, 0, 8, shape.len() as u8].into_iter().chain(axes).chain(values.iter().copied()).collect()
    }

    #[test]
    fn idx_files_are_read_packed_or_not_under_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        check(
            Collection::Mnist,
            folder.path(),
            "FOLDER: there is no train-images-idx3-ubyte.gz or train-images-idx3-ubyte; `download` of this collection fetches what is missing, or name the folder that has it",
        );
        let images = idx_file(&[2, 28, 28], &[7; 2 * 784]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        packed.write_all(&images).unwrap();
        write("train-images-idx3-ubyte.gz", &packed.finish().unwrap()).unwrap();
        write("train-labels.idx1-ubyte", &idx_file(&[2], &[3, 9])).unwrap();
        write("t10k-images-idx3-ubyte", &images).unwrap();
        write("t10k-labels-idx1-ubyte", &idx_file(&[2], &[0, 1])).unwrap();
        let data = Collection::Mnist.read(folder.path()).unwrap();
        assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (0, 2, 2));
        assert_eq!(data.test.image(1).class_name, "1");
        write("t10k-images-idx3-ubyte", &idx_file(&[2, 8, 8], &[7; 128])).unwrap();
        check(
            Collection::Mnist,
            folder.path(),
            "FOLDER/t10k-images-idx3-ubyte, byte 8: expected images of 28 x 28, got [8, 8]",
        );
    }

    #[test]
    fn images_and_labels_that_do_not_fit_are_refused_with_file_and_offset() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        let (images, labels) = (idx_file(&[2, 28, 28], &[7; 2 * 784]), idx_file(&[2], &[3, 9]));
        for name in [IDX_FILES[0], IDX_FILES[2]] {
            write(name, &images);
        }
        for name in [IDX_FILES[1], IDX_FILES[3]] {
            write(name, &labels);
        }
        Collection::Mnist.read(folder.path()).unwrap();
        let check = |name: &str, bytes: &[u8], expected: &str| {
            let whole = std::fs::read(folder.path().join(name)).unwrap();
            write(name, bytes);
            for collection in [Collection::Mnist, Collection::FashionMnist] {
                check(collection, folder.path(), expected);
            }
            write(name, &whole);
        };
        check(
            IDX_FILES[1],
            &idx_file(&[3], &[3, 9, 1]),
            "FOLDER/train-labels-idx1-ubyte, byte 4: expected 2 labels, as many as train-images-idx3-ubyte has images, found 3",
        );
        check(
            IDX_FILES[2],
            &idx_file(&[1, 28, 28], &[7; 784]),
            "FOLDER/t10k-labels-idx1-ubyte, byte 4: expected 1 labels, as many as t10k-images-idx3-ubyte has images, found 2",
        );
        check(
            IDX_FILES[1],
            &idx_file(&[2], &[3, 10]),
            "FOLDER/train-labels-idx1-ubyte, byte 9: expected a label from 0 to 9 for image 1, found 10",
        );
        check(
            IDX_FILES[3],
            &images,
            "FOLDER/t10k-labels-idx1-ubyte, byte 3: expected labels, which have 1 axis, found 3",
        );
        check(
            IDX_FILES[0],
            &labels,
            "FOLDER/train-images-idx3-ubyte, byte 3: expected images, which have 3 axes, found 1",
        );
        // Not a whole number of images, and one value too many.
        check(
            IDX_FILES[0],
            &images[..16 + 1000],
            "FOLDER/train-images-idx3-ubyte, byte 1016: the file ends, 568 of 1568 values are missing",
        );
        check(
            IDX_FILES[1],
            &[&labels[..], &[0]].concat(),
            "FOLDER/train-labels-idx1-ubyte, byte 10: expected the end after 2 values, but the file goes on",
        );
    }

    #[test]
    fn cifar_is_read_from_its_archive_or_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let record = |label: u8| [&[label][..], &[label * 20; 3072]].concat();
        let archive = folder.path().join(CIFAR_ARCHIVE);
        let pack = |names: &[&str]| {
            let file = File::create(&archive).unwrap();
            let packed = flate2::write::GzEncoder::new(file, Default::default());
            let mut tar = tar::Builder::new(packed);
            for (label, name) in names.iter().enumerate() {
                let mut header = tar::Header::new_gnu();
                header.set_size(3073);
                let path = format!("{CIFAR_FOLDER}/{name}");
                tar.append_data(&mut header, path, &record(label as u8)[..]).unwrap();
            }
            tar.into_inner().unwrap().finish().unwrap();
        };
        pack(&CIFAR_FILES[..4]);
        check(
            Collection::Cifar10,
            folder.path(),
            "FOLDER/cifar-10-binary.tar.gz: there is no data_batch_5.bin; `download` of this collection fetches what is missing, or name the folder that has it",
        );
        pack(&CIFAR_FILES);
        let data = Collection::Cifar10.read(folder.path()).unwrap();
        assert_eq!(data.validation.labels(), [0, 1, 2, 3, 4]);
        assert_eq!(data.test.image(0).class_name, "dog");
        let bytes = std::fs::read(&archive).unwrap();
        std::fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
        let refused = |place: &str| {
            let error = Collection::Cifar10.read(folder.path()).unwrap_err().to_string();
            let expected = format!("{}, byte {place}", archive.display());
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.contains(": the archive is broken: "), "{error}");
        };
        // As far as it could be unpacked: the first file and the next one's header.
        refused("4");
        std::fs::write(&archive, b"no archive").unwrap();
        refused("0: ");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        packed.write_all(&[b'?'; 2000]).unwrap();
        std::fs::write(&archive, packed.finish().unwrap()).unwrap();
        refused("512: ");
        let unpacked = folder.path().join(CIFAR_FOLDER);
        std::fs::create_dir(&unpacked).unwrap();
        for name in CIFAR_FILES {
            std::fs::write(unpacked.join(name), record(2)).unwrap();
        }
        assert_eq!(Collection::Cifar10.read(folder.path()).unwrap().test.labels(), [2]);
        std::fs::write(unpacked.join("data_batch_3.bin"), [1; 3000]).unwrap();
        check(
            Collection::Cifar10,
            folder.path(),
            "FOLDER/cifar-10-batches-bin/data_batch_3.bin, byte 3000: the file ends within image 0 (3000 of 3073 bytes)",
        );
    }

    #[test]
    fn every_download_says_where_what_and_how_large() {
        for collection in [Collection::FashionMnist, Collection::Mnist, Collection::Cifar10] {
            for file in collection.downloads(Path::new("data")) {
                assert_eq!(file.sha256.len(), 64);
                let name = file.path.file_name().unwrap().to_str().unwrap();
                assert!(!file.urls.is_empty() && file.urls.iter().all(|url| url.ends_with(name)));
            }
        }
    }
}
