//! Changes of training images that leave their class as it is.
//!
//! Each image's changes are drawn from the seed, the epoch and the image's place alone, so the same
//! images come out in whatever order, and on whatever thread, they are made.

use super::{Dataset, scaled};
use crate::random::Random;

/// How images are changed before a network learns from them. The default changes nothing.
///
/// ```
/// use momentum_vision::data::{Augmentation, fashion_mnist};
///
/// let data = fashion_mnist()?.train.first(8);
/// let config = Augmentation { shift: 2, flip: true, ..Augmentation::default() };
/// let first_epoch = data.augmented(&config, 7, 1);
/// assert_eq!(first_epoch, data.augmented(&config, 7, 1));
/// assert_ne!(first_epoch, data.augmented(&config, 7, 2));
/// # Ok::<(), momentum_vision::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Moved right or left, and up or down, by so many pixels at most; black comes in.
    pub shift: usize,
    /// Left and right swapped, every other time. Not for digits or letters.
    pub flip: bool,
    /// Turned about the middle by so many degrees at most, either way, between pixels by bilinear
    /// interpolation.
    pub rotation: f32,
    /// Standard deviation of Gaussian noise added to each value; values go from 0 to 1.
    pub noise: f32,
}

/// Sets the streams of images apart from all others of the same seed.
const STREAMS: u64 = 1 << 63;

impl Augmentation {
    /// What is wrong with the numbers, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        let wrong = |x: f32| !x.is_finite() || x < 0.0;
        if wrong(self.rotation) {
            Some(format!("rotation is {}: give degrees from 0 on, such as 10", self.rotation))
        } else if wrong(self.noise) {
            Some(format!("noise is {}: give a number from 0 on, such as 0.05", self.noise))
        } else {
            None
        }
    }

    /// Changes one image in place; values from 0 to 1, `[channels, height, width]`.
    pub(super) fn apply(
        &self,
        values: &mut [f32],
        [_, height, width]: [usize; 3],
        seed: u64,
        epoch: usize,
        place: usize,
    ) {
        let stream = STREAMS | (epoch as u64 & 0x7fff_ffff) << 32 | (place as u64 & 0xffff_ffff);
        let mut random = Random::stream(seed, stream);
        let span =
            u32::try_from(self.shift.saturating_mul(2).saturating_add(1)).unwrap_or(u32::MAX);
        let mut step = || random.below(span) as isize - self.shift as isize;
        let (right, down) = (step(), step());
        let flip = self.flip && random.below(2) == 1;
        let degrees = random.uniform(-1.0, 1.0) * self.rotation;
        let moved = (right, down) != (0, 0);
        for map in values.chunks_exact_mut(height * width) {
            if flip {
                map.chunks_exact_mut(width).for_each(<[f32]>::reverse);
            }
            if degrees != 0.0 {
                let from = map.to_vec();
                rotate(&from, map, [height, width], degrees);
            }
            if moved {
                let from = map.to_vec();
                map.fill(0.0);
                shift(&from, map, [height, width], right, down);
            }
        }
        if self.noise > 0.0 {
            for pair in values.chunks_mut(2) {
                let noise = gaussians(&mut random);
                for (value, noise) in pair.iter_mut().zip(noise) {
                    *value = (*value + noise * self.noise).clamp(0.0, 1.0);
                }
            }
        }
    }
}

impl Dataset {
    /// The images as an epoch (counted from 1) of a training with this seed sees them, rounded to
    /// whole pixels: to look at.
    pub fn augmented(&self, config: &Augmentation, seed: u64, epoch: usize) -> Dataset {
        self.redrawn(|from, to, place| {
            let mut values: Vec<f32> = from.iter().map(|&pixel| scaled(pixel)).collect();
            config.apply(&mut values, self.image_shape(), seed, epoch, place);
            for (to, value) in to.iter_mut().zip(values) {
                *to = (value * 255.0).round() as u8;
            }
        })
    }
}

/// Copies an image, moved; `to` stays as it is where nothing comes in.
pub(super) fn shift<P: Copy>(
    from: &[P],
    to: &mut [P],
    [height, width]: [usize; 2],
    right: isize,
    down: isize,
) {
    // A distance beyond the picture leaves nothing, and fits into the picture's own numbers.
    let columns = width.saturating_sub(right.unsigned_abs());
    let rows = height.saturating_sub(down.unsigned_abs());
    let start = |distance: isize| (distance.max(0) as usize, (-distance).max(0) as usize);
    if rows == 0 || columns == 0 {
        return;
    }
    let ((to_x, from_x), (to_y, from_y)) = (start(right), start(down));
    for y in 0..rows {
        let (to_at, from_at) = ((to_y + y) * width + to_x, (from_y + y) * width + from_x);
        to[to_at..to_at + columns].copy_from_slice(&from[from_at..from_at + columns]);
    }
}

/// Turns an image clockwise about its middle.
fn rotate(from: &[f32], to: &mut [f32], [height, width]: [usize; 2], degrees: f32) {
    let (sin, cos) = libm::sincosf(degrees.to_radians());
    let middle = |side: usize| (side as f32 - 1.0) / 2.0;
    let (middle_y, middle_x) = (middle(height), middle(width));
    let at = |y: f32, x: f32| {
        let inside = y >= 0.0 && x >= 0.0 && y < height as f32 && x < width as f32;
        if inside { from[y as usize * width + x as usize] } else { 0.0 }
    };
    for (y, row) in to.chunks_exact_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let (dy, dx) = (y as f32 - middle_y, x as f32 - middle_x);
            let (source_y, source_x) =
                (middle_y + cos * dy - sin * dx, middle_x + sin * dy + cos * dx);
            let (top, left) = (source_y.floor(), source_x.floor());
            let (down, right) = (source_y - top, source_x - left);
            let upper = at(top, left) * (1.0 - right) + at(top, left + 1.0) * right;
            let lower = at(top + 1.0, left) * (1.0 - right) + at(top + 1.0, left + 1.0) * right;
            *value = upper * (1.0 - down) + lower * down;
        }
    }
}

/// Two independent numbers with mean 0 and standard deviation 1 (Box and Muller 1958).
fn gaussians(random: &mut Random) -> [f32; 2] {
    let radius = (-2.0 * libm::logf(1.0 - random.uniform(0.0, 1.0))).sqrt();
    let (sin, cos) = libm::sincosf(random.uniform(0.0, std::f32::consts::TAU));
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Augmentation = Augmentation { shift: 0, flip: false, rotation: 0.0, noise: 0.0 };

    fn image(pixels: &[u8], height: usize, width: usize) -> Dataset {
        let pixels = pixels.repeat(32);
        Dataset::from_pixels([1, height, width], pixels, vec![0; 32], vec!["c".into()]).unwrap()
    }

    #[test]
    fn nothing_is_changed_unless_asked() {
        let data = image(&[1, 2, 3, 4, 5, 6], 2, 3);
        assert_eq!(data.augmented(&NONE, 3, 1), data);
    }

    #[test]
    fn images_flip_every_other_time_and_shift_all_ways() {
        let data = image(&[0, 7, 9], 1, 3);
        let flipped = data.augmented(&Augmentation { flip: true, ..NONE }, 0, 1);
        let n = (0..32).filter(|&i| flipped.pixels_of(i) == [9, 7, 0]).count();
        assert!((8..=24).contains(&n), "{n} of 32 flipped");
        assert!((0..32).all(|i| {
            [[9, 7, 0], [0, 7, 9]].contains(&flipped.image(i).pixels[..].try_into().unwrap())
        }));
        let dot = image(&[0, 0, 0, 0, 9, 0, 0, 0, 0], 3, 3);
        let moved = dot.augmented(&Augmentation { shift: 1, ..NONE }, 0, 1);
        let places: std::collections::BTreeSet<_> =
            (0..32).map(|i| moved.pixels_of(i).iter().position(|&p| p == 9)).collect();
        assert!(places.len() >= 8 && !places.contains(&None), "{places:?}");
    }

    #[test]
    fn a_quarter_turn_is_exact_and_clockwise() {
        let mut turned = [0.0; 9];
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        rotate(&from, &mut turned, [3, 3], 90.0);
        let rounded = turned.map(|value| (value * 1e4_f32).round() / 1e4);
        assert_eq!(rounded, [7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]);
    }

    #[test]
    fn noise_has_its_mean_and_deviation() {
        let mut random = Random::new(1);
        let values: Vec<f32> = (0..4000).flat_map(|_| gaussians(&mut random)).collect();
        let mean = values.iter().sum::<f32>() / 8000.0;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / 8000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        let noisy = image(&[128; 64], 8, 8).augmented(&Augmentation { noise: 0.1, ..NONE }, 5, 2);
        assert_ne!(noisy.image(0).pixels, noisy.image(1).pixels);
    }

    #[test]
    fn bits_are_pinned() {
        let data = crate::data::fashion_mnist().unwrap().train.first(4);
        let all = Augmentation { shift: 2, flip: true, rotation: 15.0, noise: 0.1 };
        let hash = crate::training::tests::hex_digest(
            (0..4).map(|i| data.augmented(&all, 9, 3).image(i).pixels),
        );
        insta::assert_snapshot!(hash, @"1eeeac2c935313ddee5f96add396513125219f7a387b202c582cfa2247612511");
    }
}
