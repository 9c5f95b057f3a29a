//! Pictures sorted into folders: `ROOT/class/picture.png`.

mod picture;
mod scaling;

use super::{DataError, Dataset};
use crate::threads;
use picture::{MAX_SIDE, Picture};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Labels are bytes.
const MAX_CLASSES: usize = 256;

/// How pictures become images of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderConfig {
    /// `[height, width]` in pixels to which every picture is scaled (triangle filter). Without it, all
    /// pictures must have one size.
    pub size: Option<[usize; 2]>,
    /// One grey channel instead of red, green and blue.
    pub grey: bool,
}

/// Reads a folder that holds one folder of PNG or JPEG pictures for each class. Folders and files are
/// taken in the order of their names, hidden ones are left out. The result is ordered by class: use
/// [`Dataset::shuffled`] or [`Dataset::split`] next.
///
/// # Errors
/// [`DataError::Folder`] when there is no class, no picture in a class, a file that is no picture, or
/// a picture of another size; [`DataError::Picture`] for a broken one; [`DataError::Read`].
///
/// ```no_run
/// use momentum_vision::data::{FolderConfig, image_folder};
///
/// let config = FolderConfig { size: Some([32, 32]), ..FolderConfig::default() };
/// let (train, test) = image_folder("photos", &config)?.split(0.2, 0)?;
/// println!("{} classes: {}", train.classes().len(), train.classes().join(", "));
/// # Ok::<(), momentum_vision::data::DataError>(())
/// ```
pub fn image_folder(root: impl AsRef<Path>, config: &FolderConfig) -> Result<Dataset, DataError> {
    let root = root.as_ref();
    let fail = |path: &Path, problem: String| DataError::Folder { path: path.to_owned(), problem };
    if config.size.is_some_and(|size| size.iter().any(|&n| n == 0 || n > MAX_SIDE)) {
        let problem = format!("size is {:?}: give 1 to {MAX_SIDE} pixels", config.size);
        return Err(DataError::Mismatch(problem));
    }
    let mut classes = Vec::new();
    let mut files = Vec::new();
    for folder in entries(root)?.into_iter().filter(|path| path.is_dir()) {
        let class = classes.len();
        let pictures: Vec<PathBuf> =
            entries(&folder)?.into_iter().filter(|path| path.is_file()).collect();
        if pictures.is_empty() {
            return Err(fail(&folder, "there is no picture in this class's folder".into()));
        }
        if class == MAX_CLASSES {
            return Err(fail(root, format!("more than {MAX_CLASSES} folders of classes")));
        }
        classes.push(name(&folder));
        files.extend(pictures.into_iter().map(|file| (class as u8, file)));
    }
    if classes.is_empty() {
        let problem = "expected one folder for each class, with PNG or JPEG pictures in it";
        return Err(fail(root, problem.into()));
    }
    let read = |(_, path): &(u8, PathBuf)| -> Result<Picture, DataError> {
        let picture = Picture::read(path, config.grey)?;
        Ok(match config.size {
            Some(size) => picture.scaled(size),
            None => picture,
        })
    };
    let pictures: Vec<Result<Picture, DataError>> =
        threads::install(|| files.par_iter().map(read).collect());
    let mut size = None;
    let mut pixels = Vec::new();
    for (picture, (_, path)) in pictures.into_iter().zip(&files) {
        let picture = picture?;
        let [first_height, first_width] = *size.get_or_insert(picture.size);
        let [height, width] = picture.size;
        if (height, width) != (first_height, first_width) {
            return Err(fail(
                path,
                format!(
                    "{height} x {width} pixels, but the pictures before it have {first_height} x \
                     {first_width}: give `size` to scale them all"
                ),
            ));
        }
        pixels.extend_from_slice(&picture.pixels);
    }
    let [height, width] = size.unwrap_or_default();
    let labels = files.iter().map(|&(class, _)| class).collect();
    let channels = if config.grey { 1 } else { 3 };
    Dataset::from_pixels([channels, height, width], pixels, labels, classes)
}

/// What is in a folder and not hidden, ordered by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::picture::tests::{JPEG, png};
    use super::*;
    use std::fs;

    /// Two classes, two pictures each, of 3 x 4 pixels.
    fn folder() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (class, red) in [("cats", 200), ("dogs", 10)] {
            fs::create_dir(root.path().join(class)).unwrap();
            for n in 0..2u8 {
                let path = root.path().join(class).join(format!("{n}.png"));
                fs::write(path, png([3, 4], &[red + n, 2, 3].repeat(12))).unwrap();
            }
        }
        root
    }

    fn check(root: &Path, config: FolderConfig, expected: &str) {
        let error = image_folder(root, &config).unwrap_err();
        let source = std::error::Error::source(&error);
        let text = format!("{error}{}", source.map(|s| format!(" ({s})")).unwrap_or_default());
        let text = text.replace(&root.display().to_string(), "ROOT");
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn classes_are_folders_in_the_order_of_their_names() {
        let root = folder();
        fs::write(root.path().join(".hidden"), "x").unwrap();
        fs::write(root.path().join("README.txt"), "files beside the classes are left out").unwrap();
        let data = image_folder(root.path(), &FolderConfig::default()).unwrap();
        assert_eq!(data.classes(), ["cats", "dogs"]);
        assert_eq!((data.labels(), data.image_shape()), (&[0, 0, 1, 1][..], [3, 3, 4]));
        let image = data.image(1);
        assert_eq!((image.pixels[0], image.pixels[12], image.pixels[24]), (201, 2, 3));
        let grey = FolderConfig { grey: true, size: Some([2, 2]) };
        let data = image_folder(root.path(), &grey).unwrap();
        assert_eq!((data.image_shape(), data.image(2).pixels.len()), ([1, 2, 2], 4));
    }

    #[test]
    fn a_jpeg_is_read_whatever_its_name() {
        let root = folder();
        fs::write(root.path().join("dogs/2.png"), JPEG).unwrap();
        let config = FolderConfig { size: Some([3, 4]), grey: false };
        assert_eq!(image_folder(root.path(), &config).unwrap().len(), 5);
    }

    #[test]
    fn errors_name_the_file_and_say_what_to_do() {
        let root = folder();
        let odd = root.path().join("dogs/big.png");
        let config = FolderConfig::default();
        fs::write(&odd, png([9, 9], &[0; 243])).unwrap();
        check(
            root.path(),
            config,
            "ROOT/dogs/big.png: 9 x 9 pixels, but the pictures before it have 3 x 4: give `size` to scale them all",
        );
        fs::write(&odd, "a text").unwrap();
        check(
            root.path(),
            config,
            "ROOT/dogs/big.png: expected a PNG or JPEG picture; move other files out of the folder",
        );
        let empty = tempfile::tempdir().unwrap();
        check(
            empty.path(),
            config,
            "ROOT: expected one folder for each class, with PNG or JPEG pictures in it",
        );
        fs::create_dir(empty.path().join("birds")).unwrap();
        check(empty.path(), config, "ROOT/birds: there is no picture in this class's folder");
        check(&empty.path().join("none"), config, "could not read ROOT");
        let size = Some([0, 2]);
        check(
            empty.path(),
            FolderConfig { size, grey: false },
            "size is Some([0, 2]): give 1 to 16384 pixels",
        );
    }
}
