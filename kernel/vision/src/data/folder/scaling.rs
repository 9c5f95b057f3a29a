//! A picture in another size.

use super::picture::Picture;

/// The weights with which one value of a side is made from those of another.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Picture {
    /// Scaled with a triangle filter, which is bilinear where the picture grows and averages where it
    /// shrinks (so that nothing flickers), along each side after the other.
    pub(super) fn scaled(self, size: [usize; 2]) -> Picture {
        if self.size == size {
            return self;
        }
        let ([from_height, from_width], [height, width]) = (self.size, size);
        let (rows, columns) = (taps(from_height, height), taps(from_width, width));
        let mut pixels = Vec::with_capacity(3 * height * width);
        let mut narrowed = vec![0.0f32; from_height * width];
        for plane in self.pixels.chunks_exact(from_height * from_width) {
            for (row, from) in narrowed.chunks_exact_mut(width).zip(plane.chunks_exact(from_width))
            {
                for (value, taps) in row.iter_mut().zip(&columns) {
                    let from = from[taps.first..].iter().zip(&taps.weights);
                    *value = from.map(|(pixel, weight)| f32::from(*pixel) * weight).sum();
                }
            }
            for taps in &rows {
                for x in 0..width {
                    let at = |i: usize| narrowed[(taps.first + i) * width + x];
                    let sum: f32 = taps.weights.iter().enumerate().map(|(i, w)| at(i) * w).sum();
                    pixels.push(sum.round().clamp(0.0, 255.0) as u8);
                }
            }
        }
        Picture { size, pixels }
    }
}

/// For each of `to` values along a side, which of the `from` values it is made of.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f32 / to as f32;
    let reach = scale.max(1.0);
    let one = |i: usize| {
        let middle = (i as f32 + 0.5) * scale - 0.5;
        let first = (middle - reach).ceil().max(0.0) as usize;
        let last = ((middle + reach).floor() as usize).min(from - 1);
        let weight = |at: usize| (1.0 - (at as f32 - middle).abs() / reach).max(0.0);
        let mut weights: Vec<f32> = (first..=last).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Taps { first, weights }
    };
    (0..to).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(size: [usize; 2], pixels: &[u8], to: [usize; 2], expected: &[u8]) {
        let picture = Picture { size, pixels: pixels.to_vec() };
        assert_eq!(picture.scaled(to).pixels, expected);
    }

    #[test]
    fn growing_is_bilinear_and_shrinking_averages() {
        check([1, 2], &[0, 100], [1, 4], &[0, 25, 75, 100]);
        check([2, 1], &[0, 100], [4, 1], &[0, 25, 75, 100]);
        check([1, 4], &[0, 0, 200, 200], [1, 2], &[29, 171]);
        check([2, 2], &[0, 100, 100, 200], [1, 1], &[100]);
        check([2, 2], &[1, 2, 3, 4], [2, 2], &[1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn one_colour_stays_what_it_is(
            from in (1usize..40, 1usize..40), to in (1usize..40, 1usize..40), pixel in any::<u8>(),
        ) {
            let size = [from.0, from.1];
            let picture = Picture { size, pixels: vec![pixel; 3 * from.0 * from.1] };
            let scaled = picture.scaled([to.0, to.1]);
            prop_assert_eq!(scaled.pixels, vec![pixel; 3 * to.0 * to.1]);
        }
    }
}
