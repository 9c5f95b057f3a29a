//! Labelled images: data sets from files, folders and a generator; splits, shuffles, augmentation,
//! and batches that another thread prepares.
//!
//! ```
//! let data = momentum_vision::data::fashion_mnist()?;
//! assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (5400, 600, 1000));
//! assert_eq!(data.train.class_name(data.train.label(0)), "Ankle boot");
//! # Ok::<(), momentum_vision::data::DataError>(())
//! ```
//!
//! The embedded [`fashion_mnist`] needs no file. [`Collection`] reads the whole of Fashion-MNIST,
//! MNIST and CIFAR-10 from a folder, or downloads them once; [`image_folder`] reads pictures sorted
//! into one folder for each class; [`ShapesConfig`] draws circles, squares, triangles and crosses.

mod augmentation;
mod batches;
mod cifar;
mod collection;
mod download;
mod error;
mod fashion;
mod folder;
mod idx;
mod shapes;
mod split;

pub use augmentation::Augmentation;
pub use batches::{Batch, BatchPlan};
pub use cifar::{CIFAR_CLASSES, Cifar};
pub use collection::{Collection, data_folder};
pub use download::{Download, DownloadError, Transfer};
pub use error::DataError;
pub use fashion::{FASHION_CLASSES, fashion_mnist};
pub use folder::{FolderConfig, image_folder};
pub use idx::Idx;
pub use shapes::{SHAPE_CLASSES, ShapesConfig};

use std::sync::Arc;

/// One image with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Brightness, 0 is black: `[channels, height, width]`, row after row.
    pub pixels: Vec<u8>,
    /// The class index.
    pub label: u8,
    /// The class's name.
    pub class_name: String,
}

/// Images of one size with class labels.
///
/// Pixels are shared: a clone, a split or a shuffle copies places and labels only.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `[channels, height, width]`.
    shape: [usize; 3],
    /// All images of the file, one after the other.
    pixels: Arc<Vec<u8>>,
    /// Which images of `pixels` are in this part, in order.
    places: Vec<u32>,
    /// `[places]`.
    labels: Vec<u8>,
    classes: Arc<Vec<String>>,
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
    /// Pairs grey images, `[n, height, width]`, with labels, `[n]`.
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
        if n != n_labels {
            let problem = format!("{n} images of {height} x {width} pixels with {n_labels} labels");
            return Err(DataError::Mismatch(problem));
        }
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        let shape = [1, height, width];
        Self::from_pixels(shape, images.into_values(), labels.into_values(), classes)
    }

    /// Pairs pixels, `[n, channels, height, width]`, with labels, `[n]`.
    ///
    /// # Errors
    /// [`DataError::Mismatch`] when their numbers do not fit, or a label has no class.
    ///
    /// ```
    /// use momentum_vision::data::Dataset;
    /// let classes = vec!["dark".to_owned(), "light".to_owned()];
    /// let data = Dataset::from_pixels([1, 1, 2], vec![0, 9, 250, 255], vec![0, 1], classes)?;
    /// assert_eq!(data.image(1).pixels, [250, 255]);
    /// # Ok::<(), momentum_vision::data::DataError>(())
    /// ```
    pub fn from_pixels(
        shape: [usize; 3],
        pixels: Vec<u8>,
        labels: Vec<u8>,
        classes: Vec<String>,
    ) -> Result<Self, DataError> {
        let [channels, height, width] = shape;
        let n = labels.len();
        let image_len = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let whole = image_len.and_then(|len| len.checked_mul(n)) == Some(pixels.len());
        if image_len.unwrap_or(0) == 0 || !whole || u32::try_from(n).is_err() {
            return Err(DataError::Mismatch(format!(
                "{} values are not {n} images of {channels} x {height} x {width}",
                pixels.len()
            )));
        }
        if let Some(at) = labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            return Err(DataError::Mismatch(format!(
                "image {at} has label {}, but there are {} classes",
                labels[at],
                classes.len()
            )));
        }
        let (pixels, classes) = (Arc::new(pixels), Arc::new(classes));
        Ok(Dataset { shape, pixels, places: (0..n as u32).collect(), labels, classes })
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
        self.shape
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
        let [channels, height, width] = self.shape;
        Image {
            channels,
            height,
            width,
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

    /// The images of the given places, `[n, channels, height, width]`, with values from 0 to 1, and
    /// their labels.
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

    /// Every image moved `right` and `down` by so many pixels (negative: left and up). What leaves
    /// the picture is lost; black comes in.
    pub fn shifted(&self, right: isize, down: isize) -> Dataset {
        let [_, height, width] = self.shape;
        self.redrawn(|from, to, _| {
            for (from, to) in
                from.chunks_exact(height * width).zip(to.chunks_exact_mut(height * width))
            {
                augmentation::shift(from, to, [height, width], right, down);
            }
        })
    }

    /// A data set of the same labels whose images `draw` makes: it gets the pixels that are, black
    /// pixels to draw on, and the image's place.
    fn redrawn(&self, mut draw: impl FnMut(&[u8], &mut [u8], usize)) -> Dataset {
        let mut pixels = vec![0; self.len() * self.image_len()];
        for (i, to) in pixels.chunks_exact_mut(self.image_len()).enumerate() {
            draw(self.pixels_of(i), to, i);
        }
        let places = (0..self.len() as u32).collect();
        Dataset { pixels: Arc::new(pixels), places, ..self.clone() }
    }

    /// Number of values of one image.
    fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// `[channels, height, width]`.
    pub(crate) fn pixels_of(&self, i: usize) -> &[u8] {
        let at = self.places[i] as usize * self.image_len();
        &self.pixels[at..at + self.image_len()]
    }
}

/// Equal when they hold the same images with the same labels in the same order.
impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.labels == other.labels
            && self.classes == other.classes
            && (0..self.len()).all(|i| self.pixels_of(i) == other.pixels_of(i))
    }
}

impl Eq for Dataset {}

impl Image {
    /// Values from 0 to 1, `[channels, height, width]`.
    pub fn values(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| scaled(pixel)).collect()
    }

    /// Red, green and blue of each pixel, row after row. Grey has three equal ones.
    pub fn colours(&self) -> Vec<[u8; 3]> {
        let area = self.height * self.width;
        let channel = |c: usize, i: usize| match self.channels {
            3 => self.pixels[c * area + i],
            _ => self.pixels[i],
        };
        (0..area).map(|i| std::array::from_fn(|c| channel(c, i))).collect()
    }
}

/// A pixel as a number from 0 to 1.
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
    fn parts_share_their_pixels_and_shift_their_own_images() {
        let (first, last) = tiny().split_last(1);
        assert!(Arc::ptr_eq(&first.pixels, &last.pixels));
        assert_eq!(last.shifted(0, 1).image(0).pixels, [0, 0, 9, 10]);
    }

    #[test]
    fn colours_are_shifted_channel_by_channel() {
        let pixels = (1..=12).collect();
        let data = Dataset::from_pixels([3, 2, 2], pixels, vec![0], vec!["c".into()]).unwrap();
        assert_eq!(data.shifted(1, 0).image(0).pixels, [0, 1, 0, 3, 0, 5, 0, 7, 0, 9, 0, 11]);
        assert_eq!(data.image(0).colours(), [[1, 5, 9], [2, 6, 10], [3, 7, 11], [4, 8, 12]]);
        assert_eq!(tiny().image(0).colours()[1], [2, 2, 2]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let images = Idx::from_values(vec![1, 1, 1], vec![0]).unwrap();
        let labels = Idx::from_values(vec![1], vec![7]).unwrap();
        let error = Dataset::new(images.clone(), labels, &["only"]).unwrap_err();
        insta::assert_snapshot!(error, @"image 0 has label 7, but there are 1 classes");
        let labels = Idx::from_values(vec![2], vec![0, 0]).unwrap();
        let error = Dataset::new(images, labels, &["only"]).unwrap_err();
        insta::assert_snapshot!(error, @"1 images of 1 x 1 pixels with 2 labels");
        let error = Dataset::from_pixels([1, 2, 2], vec![0; 7], vec![0, 0], vec!["a".into()]);
        insta::assert_snapshot!(error.unwrap_err(), @"7 values are not 2 images of 1 x 2 x 2");
    }
}
