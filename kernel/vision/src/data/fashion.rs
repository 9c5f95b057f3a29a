//! The committed subset of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), embedded in the library.

use super::{DataError, Dataset, Idx, Splits};

/// The ten classes, in the order of their labels.
pub const FASHION_CLASSES: [&str; 10] = [
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Images of each class that are kept from training for validation.
const VALIDATION_PER_CLASS: usize = 60;

/// The embedded subset of Fashion-MNIST: 5,400 images to learn from, 600 to look at after each epoch,
/// 1,000 to test with. Each part holds all classes equally often. Nothing is read from disk.
///
/// # Errors
/// Only if the embedded bytes were damaged when the library was built.
pub fn fashion_mnist() -> Result<Splits, DataError> {
    let train = load(
        ["fashion/train-images-idx3-ubyte.gz", "fashion/train-labels-idx1-ubyte.gz"],
        include_bytes!("../../data/fashion/train-images-idx3-ubyte.gz"),
        include_bytes!("../../data/fashion/train-labels-idx1-ubyte.gz"),
    )?;
    let test = load(
        ["fashion/t10k-images-idx3-ubyte.gz", "fashion/t10k-labels-idx1-ubyte.gz"],
        include_bytes!("../../data/fashion/t10k-images-idx3-ubyte.gz"),
        include_bytes!("../../data/fashion/t10k-labels-idx1-ubyte.gz"),
    )?;
    let (train, validation) = train.split_last(VALIDATION_PER_CLASS);
    Ok(Splits { train, validation, test })
}

fn load(names: [&str; 2], images: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
    Dataset::new(Idx::parse(names[0], images)?, Idx::parse(names[1], labels)?, &FASHION_CLASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subset_is_balanced() {
        let data = fashion_mnist().unwrap();
        for (part, per_class) in [(&data.train, 540), (&data.validation, 60), (&data.test, 100)] {
            let counts: Vec<usize> = (0..10u8)
                .map(|class| part.labels().iter().filter(|&&label| label == class).count())
                .collect();
            assert_eq!(counts, [per_class; 10]);
            assert_eq!(part.image_shape(), [1, 28, 28]);
        }
    }
}
