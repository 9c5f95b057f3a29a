//! Parts of a data set, and their order.

use super::{DataError, Dataset};
use crate::random::Random;
use std::sync::Arc;

/// The random stream of splits and shuffles.
const STREAM: u64 = 3;

impl Dataset {
    /// Takes the last `per_class` images of each class away into a second data set. Both keep their
    /// order.
    pub fn split_last(self, per_class: usize) -> (Dataset, Dataset) {
        let mut left = vec![per_class; self.classes().len()];
        let mut taken = vec![false; self.len()];
        for i in (0..self.len()).rev() {
            let left = &mut left[usize::from(self.label(i))];
            taken[i] = *left > 0;
            *left = left.saturating_sub(1);
        }
        self.parted(&taken)
    }

    /// Takes a share of each class, rounded to whole images and drawn by the seed, away into a second
    /// data set. Both keep their order.
    ///
    /// # Errors
    /// [`DataError::Mismatch`] unless the share is between 0 and 1.
    ///
    /// ```
    /// let data = momentum_vision::data::fashion_mnist()?.test;
    /// let (train, validation) = data.split(0.2, 7)?;
    /// assert_eq!((train.len(), validation.len()), (800, 200));
    /// # Ok::<(), momentum_vision::data::DataError>(())
    /// ```
    pub fn split(self, share: f64, seed: u64) -> Result<(Dataset, Dataset), DataError> {
        if !(0.0..=1.0).contains(&share) {
            let problem = format!("a share is a number from 0 to 1, such as 0.2, not {share}");
            return Err(DataError::Mismatch(problem));
        }
        let mut random = Random::stream(seed, STREAM);
        let mut taken = vec![false; self.len()];
        for class in 0..self.classes().len() {
            let is_of_class = |&i: &usize| usize::from(self.label(i)) == class;
            let mut of_class: Vec<usize> = (0..self.len()).filter(is_of_class).collect();
            random.shuffle(&mut of_class);
            let n = (of_class.len() as f64 * share).round() as usize;
            of_class[..n].iter().for_each(|&i| taken[i] = true);
        }
        Ok(self.parted(&taken))
    }

    /// The images in an order drawn by the seed.
    pub fn shuffled(&self, seed: u64) -> Dataset {
        let mut order: Vec<usize> = (0..self.len()).collect();
        Random::stream(seed, STREAM).shuffle(&mut order);
        self.select(&order)
    }

    /// The first `n` images, or all if there are fewer.
    pub fn first(&self, n: usize) -> Dataset {
        let order: Vec<usize> = (0..self.len().min(n)).collect();
        self.select(&order)
    }

    /// The images of these places, in their order.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn select(&self, order: &[usize]) -> Dataset {
        Dataset {
            shape: self.shape,
            pixels: Arc::clone(&self.pixels),
            places: order.iter().map(|&i| self.places[i]).collect(),
            labels: order.iter().map(|&i| self.labels[i]).collect(),
            classes: Arc::clone(&self.classes),
        }
    }

    fn parted(&self, taken: &[bool]) -> (Dataset, Dataset) {
        let (second, first): (Vec<_>, Vec<_>) = (0..self.len()).partition(|&i| taken[i]);
        (self.select(&first), self.select(&second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Image `i` is the pixel `i`, of class `i % 2`.
    fn numbers(n: u8) -> Dataset {
        let labels = (0..n).map(|i| i % 2).collect();
        let classes = vec!["even".to_owned(), "odd".to_owned()];
        Dataset::from_pixels([1, 1, 1], (0..n).collect(), labels, classes).unwrap()
    }

    fn pixels(data: &Dataset) -> String {
        let all: Vec<String> = (0..data.len()).map(|i| data.pixels_of(i)[0].to_string()).collect();
        all.join(" ")
    }

    #[test]
    fn the_last_of_each_class_are_split_off_in_order() {
        let (first, last) = numbers(8).split_last(2);
        assert_eq!((pixels(&first), pixels(&last)), ("0 1 2 3".into(), "4 5 6 7".into()));
    }

    #[test]
    fn a_random_split_is_balanced_pinned_and_keeps_the_order() {
        let (first, second) = numbers(12).split(1.0 / 3.0, 4).unwrap();
        insta::assert_snapshot!(format!("{} | {}", pixels(&first), pixels(&second)), @"0 2 3 5 7 8 9 10 | 1 4 6 11");
        assert_eq!(numbers(12).split(1.0 / 3.0, 4).unwrap().1, second);
        assert_ne!(numbers(12).split(1.0 / 3.0, 5).unwrap().1, second);
        let error = numbers(2).split(1.5, 0).unwrap_err();
        insta::assert_snapshot!(error, @"a share is a number from 0 to 1, such as 0.2, not 1.5");
    }

    #[test]
    fn a_shuffle_is_pinned_and_loses_nothing() {
        let shuffled = numbers(10).shuffled(1);
        insta::assert_snapshot!(pixels(&shuffled), @"8 3 9 2 7 6 4 0 5 1");
        let mut labels = shuffled.labels().to_vec();
        labels.sort_unstable();
        assert_eq!(labels, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
        assert!((0..10).all(|i| shuffled.label(i) == shuffled.pixels_of(i)[0] % 2));
    }
}
