//! Labelled images: the data set, its batches, splits and shifts.
//!
//! ```
//! let data = momentum_vision::data::fashion_mnist()?;
//! assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (5400, 600, 1000));
//! assert_eq!(data.train.class_name(data.train.label(0)), "Ankle boot");
//! # Ok::<(), momentum_vision::data::DataError>(())
//! ```

mod fashion;
mod idx;

pub use fashion::{FASHION_CLASSES, fashion_mnist};
pub use idx::Idx;

use std::path::PathBuf;

/// Why data could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The bytes are no IDX file, or a broken one.
    #[error("{file}, byte {offset}: {problem}")]
    Idx {
        /// The file, or a name for bytes that have none.
        file: String,
        /// Offset into the (decompressed) bytes.
        offset: usize,
        /// What was expected, what was found.
        problem: String,
    },
    /// The file could not be read or decompressed.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Images and labels do not fit each other.
    #[error("{0}")]
    Mismatch(String),
}

/// One image with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Grey values row after row, 0 is black.
    pub pixels: Vec<u8>,
    /// The class index.
    pub label: u8,
    /// The class's name.
    pub class_name: String,
}

/// Grey images of one size with class labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    height: usize,
    width: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

/// The three parts of a data set. Only the test part says how good a network is: the validation
/// part is looked at during training.
#[derive(Clone, Debug)]
pub struct Splits {
    /// What the network learns from.
    pub train: Dataset,
    /// What is looked at after each epoch.
    pub validation: Dataset,
    /// What is looked at once, at the end.
    pub test: Dataset,
}

impl Dataset {
    /// Pairs images, `[n, height, width]`, with labels, `[n]`.
    ///
    /// # Errors
    /// [`DataError::Mismatch`] when shapes or labels do not fit.
    pub fn new(images: Idx, labels: Idx, classes: &[&str]) -> Result<Self, DataError> {
        let (&[n, height, width], &[n_labels]) = (images.shape(), labels.shape()) else {
            return Err(DataError::Mismatch(format!(
                "expected images [n, height, width] and labels [n], got {:?} and {:?}",
                images.shape(),
                labels.shape()
            )));
        };
        if n != n_labels || height * width == 0 {
            let problem = format!("{n} images of {height} x {width} pixels with {n_labels} labels");
            return Err(DataError::Mismatch(problem));
        }
        let (pixels, labels) = (images.into_values(), labels.into_values());
        if let Some(at) = labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            return Err(DataError::Mismatch(format!(
                "image {at} has label {}, but there are {} classes",
                labels[at],
                classes.len()
            )));
        }
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        Ok(Dataset { height, width, pixels, labels, classes })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `[channels, height, width]` of one image; grey images have one channel.
    pub fn image_shape(&self) -> [usize; 3] {
        [1, self.height, self.width]
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The name of a class, or `"?"`.
    pub fn class_name(&self, label: u8) -> &str {
        self.classes.get(usize::from(label)).map_or("?", String::as_str)
    }

    /// The class index of the `i`-th image.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }

    /// The class indices of all images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The `i`-th image.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn image(&self, i: usize) -> Image {
        Image {
            height: self.height,
            width: self.width,
            pixels: self.pixels_of(i).to_vec(),
            label: self.labels[i],
            class_name: self.class_name(self.labels[i]).to_owned(),
        }
    }

    /// The first image of a class.
    pub fn first_of(&self, class: &str) -> Option<Image> {
        let label = self.classes.iter().position(|name| name == class)?;
        let i = self.labels.iter().position(|&l| usize::from(l) == label)?;
        Some(self.image(i))
    }

    /// The images of the given places, `[n, 1, height, width]`, with values from 0 to 1, and their
    /// labels.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn batch(&self, places: &[usize]) -> (Vec<f32>, Vec<u8>) {
        let mut values = Vec::with_capacity(places.len() * self.image_len());
        for &i in places {
            values.extend(self.pixels_of(i).iter().map(|&pixel| scaled(pixel)));
        }
        (values, places.iter().map(|&i| self.labels[i]).collect())
    }

    /// Takes the last `per_class` images of each class away into a second data set. Both keep their
    /// order.
    pub fn split_last(self, per_class: usize) -> (Dataset, Dataset) {
        let mut left = vec![per_class; self.classes.len()];
        let mut taken = vec![false; self.len()];
        for i in (0..self.len()).rev() {
            let left = &mut left[usize::from(self.labels[i])];
            taken[i] = *left > 0;
            *left = left.saturating_sub(1);
        }
        (self.select(|i| !taken[i]), self.select(|i| taken[i]))
    }

    /// The first `n` images.
    pub fn first(&self, n: usize) -> Dataset {
        self.select(|i| i < n)
    }

    /// Every image moved `right` and `down` by so many pixels (negative: left and up). What leaves
    /// the picture is lost; black comes in.
    pub fn shifted(&self, right: isize, down: isize) -> Dataset {
        let mut pixels = vec![0; self.pixels.len()];
        let images = pixels.chunks_exact_mut(self.image_len());
        for (to, from) in images.zip(self.pixels.chunks_exact(self.image_len())) {
            for (y, row) in to.chunks_exact_mut(self.width).enumerate() {
                for (x, pixel) in row.iter_mut().enumerate() {
                    let source = (
                        y.checked_sub_signed(down).filter(|&y| y < self.height),
                        x.checked_sub_signed(right).filter(|&x| x < self.width),
                    );
                    if let (Some(y), Some(x)) = source {
                        *pixel = from[y * self.width + x];
                    }
                }
            }
        }
        Dataset { pixels, ..self.clone() }
    }

    fn image_len(&self) -> usize {
        self.height * self.width
    }

    fn pixels_of(&self, i: usize) -> &[u8] {
        &self.pixels[i * self.image_len()..(i + 1) * self.image_len()]
    }

    fn select(&self, keep: impl Fn(usize) -> bool) -> Dataset {
        let places: Vec<usize> = (0..self.len()).filter(|&i| keep(i)).collect();
        Dataset {
            height: self.height,
            width: self.width,
            pixels: places.iter().flat_map(|&i| self.pixels_of(i)).copied().collect(),
            labels: places.iter().map(|&i| self.labels[i]).collect(),
            classes: self.classes.clone(),
        }
    }
}

impl Image {
    /// Values from 0 to 1, row after row.
    pub fn values(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| scaled(pixel)).collect()
    }
}

fn scaled(pixel: u8) -> f32 {
    f32::from(pixel) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        let images = Idx::from_values(vec![4, 2, 2], (1..=16).collect()).unwrap();
        let labels = Idx::from_values(vec![4], vec![0, 1, 0, 1]).unwrap();
        Dataset::new(images, labels, &["left", "right"]).unwrap()
    }

    #[test]
    fn a_shift_moves_every_image_and_fills_with_black() {
        assert_eq!(tiny().shifted(1, 0).image(0).pixels, [0, 1, 0, 3]);
        assert_eq!(tiny().shifted(0, -1).image(1).pixels, [7, 8, 0, 0]);
        assert_eq!(tiny().shifted(9, 9).image(3).pixels, [0; 4]);
        assert_eq!(tiny().shifted(0, 0), tiny());
    }

    #[test]
    fn a_split_is_balanced_and_keeps_the_order() {
        let (first, last) = tiny().split_last(1);
        assert_eq!((first.labels(), last.labels()), (&[0u8, 1][..], &[0u8, 1][..]));
        assert_eq!(last.image(0).pixels, [9, 10, 11, 12]);
    }

    #[test]
    fn labels_without_a_class_are_refused() {
        let images = Idx::from_values(vec![1, 1, 1], vec![0]).unwrap();
        let labels = Idx::from_values(vec![1], vec![7]).unwrap();
        let error = Dataset::new(images, labels, &["only"]).unwrap_err();
        insta::assert_snapshot!(error, @"image 0 has label 7, but there are 1 classes");
    }
}
