//! A data set that is drawn, not collected: circles, squares, triangles and crosses of any place,
//! size, turn and brightness. Its truth is known, it needs no file, and it is as large as asked.

use super::{DataError, Dataset, Splits};
use crate::random::Random;

/// The four classes, in the order of their labels.
pub const SHAPE_CLASSES: [&str; 4] = ["circle", "square", "triangle", "cross"];

/// The random stream of the shapes.
const STREAM: u64 = 4;
/// Samples along each side of a pixel, so that edges are smooth.
const SAMPLES: usize = 3;

/// Which shapes are drawn.
///
/// ```
/// use momentum_vision::data::ShapesConfig;
///
/// let data = ShapesConfig { per_class: 50, ..ShapesConfig::default() }.splits()?;
/// assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (200, 40, 40));
/// assert_eq!(data.train.class_name(data.train.label(2)), "triangle");
/// # Ok::<(), momentum_vision::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapesConfig {
    /// Images of each class to learn from; validation and test get a fifth of that each.
    pub per_class: usize,
    /// Rows and columns of an image, in pixels.
    pub side: usize,
    /// Greatest brightness of the background's noise, from 0 to 1.
    pub noise: f32,
    /// Whether shapes come in colours, on a background in a colour; else in grey.
    pub colour: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for ShapesConfig {
    /// 500 grey images a class of 28 x 28 pixels, noise 0.2, [`seed()`](crate::random::seed()).
    fn default() -> Self {
        let seed = crate::random::seed();
        ShapesConfig { per_class: 500, side: 28, noise: 0.2, colour: false, seed }
    }
}

impl ShapesConfig {
    /// Draws the three parts. Classes take turns, so every beginning is balanced.
    ///
    /// # Errors
    /// [`DataError::Mismatch`] for a side below 8 pixels or above 1,024, noise that is no share, or
    /// no image at all.
    pub fn splits(&self) -> Result<Splits, DataError> {
        let problem = if !(8..=1024).contains(&self.side) {
            format!("side is {}: shapes need 8 to 1024 pixels", self.side)
        } else if !(0.0..=1.0).contains(&self.noise) {
            format!("noise is {}: give a share from 0 to 1", self.noise)
        } else if !(1..=1_000_000).contains(&self.per_class) {
            format!("per_class is {}: give 1 to 1000000 images", self.per_class)
        } else {
            let mut random = Random::stream(self.seed, STREAM);
            let fifth = self.per_class.div_ceil(5);
            return Ok(Splits {
                train: self.part(self.per_class, &mut random)?,
                validation: self.part(fifth, &mut random)?,
                test: self.part(fifth, &mut random)?,
            });
        };
        Err(DataError::Mismatch(problem))
    }

    fn part(&self, per_class: usize, random: &mut Random) -> Result<Dataset, DataError> {
        let n_classes = SHAPE_CLASSES.len();
        let channels = if self.colour { 3 } else { 1 };
        let shape = [channels, self.side, self.side];
        let mut labels = Vec::with_capacity(per_class * n_classes);
        let mut pixels =
            Vec::with_capacity(per_class * n_classes * shape.iter().product::<usize>());
        for i in 0..per_class * n_classes {
            let class = i % n_classes;
            labels.push(class as u8);
            self.draw(class, channels, random, &mut pixels);
        }
        Dataset::from_pixels(shape, pixels, labels, SHAPE_CLASSES.map(str::to_owned).to_vec())
    }

    fn draw(&self, class: usize, channels: usize, random: &mut Random, pixels: &mut Vec<u8>) {
        let side = self.side as f32;
        let radius = random.uniform(0.2, 0.4) * side;
        let middle = [(); 2].map(|()| random.uniform(radius, side - radius));
        let (sin, cos) = libm::sincosf(random.uniform(0.0, std::f32::consts::TAU));
        let step = 1.0 / SAMPLES as f32;
        // How much of each pixel the shape covers.
        let mut cover = Vec::with_capacity(self.side * self.side);
        for y in 0..self.side {
            for x in 0..self.side {
                let mut inside = 0;
                for sample in 0..SAMPLES * SAMPLES {
                    let along = |i: usize, from: usize| from as f32 + (i as f32 + 0.5) * step;
                    let dy = along(sample / SAMPLES, y) - middle[0];
                    let dx = along(sample % SAMPLES, x) - middle[1];
                    let point = [(cos * dx - sin * dy) / radius, (sin * dx + cos * dy) / radius];
                    inside += usize::from(contains(class, point));
                }
                cover.push(inside as f32 / (SAMPLES * SAMPLES) as f32);
            }
        }
        for _ in 0..channels {
            let light = random.uniform(0.6, 1.0);
            let dark = if self.colour { random.uniform(0.0, 0.3) } else { 0.0 };
            pixels.extend(cover.iter().map(|cover| {
                let background = (dark + random.uniform(0.0, 1.0) * self.noise).min(1.0);
                ((background + (light - background) * cover) * 255.0).round() as u8
            }));
        }
    }
}

/// Whether a shape that reaches from -1 to 1 contains a point.
fn contains(class: usize, [x, y]: [f32; 2]) -> bool {
    /// Half the side of a square within the unit circle.
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    /// Half the height of the equilateral triangle within the unit circle, over its half base.
    const SLOPE: f32 = 1.732_050_8;
    match class {
        0 => x * x + y * y <= 0.8,
        1 => x.abs() <= HALF && y.abs() <= HALF,
        2 => y <= 0.5 && SLOPE * x.abs() <= y + 1.0,
        _ => x.abs().min(y.abs()) <= 0.25 && x.abs().max(y.abs()) <= 0.95,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ShapesConfig {
        ShapesConfig { per_class: 10, noise: 0.0, seed: 3, ..ShapesConfig::default() }
    }

    #[test]
    fn parts_are_balanced_differ_and_are_pinned() {
        let data = config().splits().unwrap();
        assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (40, 8, 8));
        assert_eq!(data.train.labels()[..5], [0, 1, 2, 3, 0]);
        assert_ne!(data.validation, data.test);
        let all = (0..40).map(|i| data.train.image(i).pixels);
        insta::assert_snapshot!(crate::training::tests::hex_digest(all), @"80435184d9511da588ab177b1ec6de5384c83ae28570bdc5162f36e27aa928bf");
    }

    #[test]
    fn shapes_lie_within_the_picture_and_colours_differ() {
        let data = ShapesConfig { colour: true, side: 16, ..config() }.splits().unwrap().train;
        assert_eq!(data.image_shape(), [3, 16, 16]);
        assert!((0..40).all(|i| data.image(i).colours().iter().any(|[r, g, _]| r != g)));
        let grey = config().splits().unwrap().train;
        for i in 0..40 {
            let image = grey.image(i);
            let lit = image.pixels.iter().filter(|&&pixel| pixel > 100).count();
            assert!((30..450).contains(&lit), "{} has {lit} pixels", image.class_name);
            let row = |y: usize| &image.pixels[y * 28..(y + 1) * 28];
            // A triangle's tip may touch the edge.
            for edge in [row(0), row(27)] {
                assert!(edge.iter().filter(|&&pixel| pixel > 100).count() <= 2, "image {i}");
            }
        }
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        let error = ShapesConfig { side: 4, ..config() }.splits().unwrap_err();
        insta::assert_snapshot!(error, @"side is 4: shapes need 8 to 1024 pixels");
        assert!(ShapesConfig { noise: f32::NAN, ..config() }.splits().is_err());
        assert!(ShapesConfig { per_class: 0, ..config() }.splits().is_err());
    }
}
