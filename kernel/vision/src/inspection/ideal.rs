//! What a unit would like to see: an image made for it by gradient ascent.

use super::{InspectionError, convolution_layer};
use crate::network::{Network, Size};
use crate::random::Random;

/// How an image is made for a unit (Erhan, Bengio, Courville and Vincent 2009; the regularisation is
/// that of Yosinski et al. 2015, section 3, and the jitter of Olah, Mordvintsev and Schubert 2017,
/// "Feature Visualization").
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdealConfig {
    /// Steps of gradient ascent.
    pub steps: usize,
    /// Length of a step: the root mean square of what changes in the pixels, from 0 to 1.
    pub step: f32,
    /// The share of its distance from middle grey that each pixel loses at every step.
    pub decay: f32,
    /// Every so many steps the image is blurred a little, so that it does not fill up with single
    /// bright pixels; 0 for never.
    pub blur_every: usize,
    /// Seed of the first noise and of the jitter.
    pub seed: u64,
}

impl Default for IdealConfig {
    /// 96 steps of 0.04, 1 % of decay, a blur every 4 steps, [`seed()`](crate::random::seed()).
    fn default() -> Self {
        let seed = crate::random::seed();
        IdealConfig { steps: 96, step: 0.04, decay: 0.01, blur_every: 4, seed }
    }
}

/// For each channel of the `convolution`-th convolution (from 1), the image that its middle unit
/// answers to most, cut to the unit's receptive field, `[channels, side, side]` with values from 0 to
/// 1; and what the unit answers to it, before any ReLU.
///
/// # Errors
/// [`InspectionError::NoConvolution`] when there is none with that number,
/// [`InspectionError::Config`] for settings that make no sense.
pub fn ideal_inputs(
    network: &Network,
    convolution: usize,
    config: &IdealConfig,
) -> Result<Vec<(Vec<f32>, f32)>, InspectionError> {
    let layer = convolution_layer(network, convolution)?;
    let (Some(field), Some(Size::Maps { channels, height, width })) =
        (network.field(layer), network.size_after(layer))
    else {
        return Err(InspectionError::Empty("the layer keeps no maps"));
    };
    let middle = (height / 2) * width + width / 2;
    let units: Vec<usize> =
        (0..channels).map(|channel| channel * height * width + middle).collect();
    let ascent = Ascent { network, layer, jitter: field.step / 2 };
    let images = ascent.climb(&units, config)?;
    let shape = network.input_shape();
    let cut = |(image, answer): (Vec<f32>, f32)| {
        (field.cut(&image, shape, (height / 2, width / 2)), answer)
    };
    Ok(images.into_iter().map(cut).collect())
}

/// For each class, the image that raises its score most, `[channels, height, width]` with values from
/// 0 to 1; and the score.
///
/// # Errors
/// [`InspectionError::Config`] for settings that make no sense.
pub fn class_ideals(
    network: &Network,
    config: &IdealConfig,
) -> Result<Vec<(Vec<f32>, f32)>, InspectionError> {
    let units: Vec<usize> = (0..network.n_classes()).collect();
    let ascent = Ascent { network, layer: network.layer_names().count(), jitter: 2 };
    ascent.climb(&units, config)
}

/// Gradient ascent to units of one layer.
struct Ascent<'a> {
    network: &'a Network,
    layer: usize,
    /// How far the image may be moved, in pixels, before a gradient is asked for.
    jitter: usize,
}

impl Ascent<'_> {
    /// One image for each unit, and the unit's answer to it. All climb side by side.
    fn climb(
        &self,
        units: &[usize],
        config: &IdealConfig,
    ) -> Result<Vec<(Vec<f32>, f32)>, InspectionError> {
        let &IdealConfig { steps, step, decay, blur_every, seed } = config;
        if !(step > 0.0 && step.is_finite() && (0.0..1.0).contains(&decay)) {
            return Err(InspectionError::Config(format!(
                "step is {step} and decay {decay}: give a step above 0, such as 0.04, and a decay \
                 from 0 to less than 1"
            )));
        }
        let [channels, height, width] = self.network.input_shape();
        let image_len = channels * height * width;
        let size = self.network.size_after(self.layer).map_or(0, Size::len);
        let mut random = Random::stream(seed, 3);
        // All start from the same noise, so that they differ by what the units want alone.
        let noise: Vec<f32> = (0..image_len).map(|_| 0.5 + random.uniform(-0.05, 0.05)).collect();
        let mut images = noise.repeat(units.len());
        let mut direction = vec![0.0; units.len() * size];
        for (of, &unit) in units.iter().enumerate() {
            direction[of * size + unit] = 1.0;
        }
        for at in 1..=steps {
            let span = (2 * self.jitter + 1) as u32;
            let mut offset = || random.below(span) as isize - self.jitter as isize;
            let (down, right) = (offset(), offset());
            let moved = rolled(&images, (height, width), down, right);
            let gradient = self.network.image_gradient(moved, self.layer, &direction)?;
            let gradient = rolled(&gradient, (height, width), -down, -right);
            let both = images.chunks_exact_mut(image_len).zip(gradient.chunks_exact(image_len));
            for (image, gradient) in both {
                let square: f64 = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
                // Over the pixels that matter to the unit, not over all of the image.
                let n = gradient.iter().filter(|g| **g != 0.0).count().max(1);
                let length = (square / n as f64).sqrt() as f32;
                let scale = if length > 0.0 { step / length } else { 0.0 };
                for (pixel, gradient) in image.iter_mut().zip(gradient) {
                    *pixel = 0.5 + (*pixel + scale * gradient - 0.5) * (1.0 - decay);
                }
                if blur_every > 0 && at % blur_every == 0 && at < steps {
                    image.chunks_exact_mut(height * width).for_each(|plane| blur(plane, width));
                }
                image.iter_mut().for_each(|pixel| *pixel = pixel.clamp(0.0, 1.0));
            }
        }
        let answers = self.network.answer(images.clone(), self.layer)?.values;
        let answer = |of: usize| answers[of * size + units[of]];
        let images = images.chunks_exact(image_len).enumerate();
        Ok(images.map(|(of, image)| (image.to_vec(), answer(of))).collect())
    }
}

/// Planes of pixels moved; what leaves on one side comes in on the other.
fn rolled(planes: &[f32], size: (usize, usize), down: isize, right: isize) -> Vec<f32> {
    let (height, width) = (size.0 as isize, size.1 as isize);
    let mut to = vec![0.0; planes.len()];
    let len = size.0 * size.1;
    for (to, from) in to.chunks_exact_mut(len).zip(planes.chunks_exact(len)) {
        for (i, value) in to.iter_mut().enumerate() {
            let (y, x) = ((i / size.1) as isize, (i % size.1) as isize);
            let (y, x) = ((y - down).rem_euclid(height), (x - right).rem_euclid(width));
            *value = from[(y * width + x) as usize];
        }
    }
    to
}

/// A light blur, 1-6-1 in both directions; the edge is repeated outwards.
fn blur(plane: &mut [f32], width: usize) {
    let height = plane.len() / width;
    let mut line = vec![0.0; width.max(height)];
    let mut along = |plane: &mut [f32], start: usize, step: usize, n: usize| {
        (0..n).for_each(|i| line[i] = plane[start + i * step]);
        for i in 0..n {
            let (before, after) = (line[i.saturating_sub(1)], line[(i + 1).min(n - 1)]);
            plane[start + i * step] = (before + 6.0 * line[i] + after) / 8.0;
        }
    };
    (0..height).for_each(|y| along(plane, y * width, 1, width));
    (0..width).for_each(|x| along(plane, x, width, height));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Cnn;

    fn network() -> Network {
        let cnn = Cnn::on([1, 28, 28]).conv(3, 5).relu().max_pool(2).conv(4, 3).relu();
        cnn.max_pool(2).seed(4).classes(10).unwrap()
    }

    fn config() -> IdealConfig {
        IdealConfig { steps: 20, seed: 0, ..IdealConfig::default() }
    }

    #[test]
    fn the_answer_rises_and_the_same_seed_gives_the_same_image() {
        let network = network();
        let ideals = ideal_inputs(&network, 2, &config()).unwrap();
        assert_eq!(ideals, ideal_inputs(&network, 2, &config()).unwrap());
        let start = IdealConfig { steps: 0, ..config() };
        let before = ideal_inputs(&network, 2, &start).unwrap();
        for ((image, after), (_, before)) in ideals.iter().zip(&before) {
            assert!(after > before, "{after} {before}");
            assert!(image.len() == 100 && image.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        let classes = class_ideals(&network, &config()).unwrap();
        let before = class_ideals(&network, &start).unwrap();
        assert!(classes.iter().zip(&before).all(|(after, before)| after.1 > before.1));
    }

    #[test]
    fn without_regularisation_a_kernel_wants_its_own_sign() {
        let network = network();
        let free = IdealConfig { steps: 40, step: 0.1, decay: 0.0, blur_every: 0, seed: 0 };
        let ideals = ideal_inputs(&network, 1, &free).unwrap();
        let kernels = network.first_kernels().unwrap();
        let greatest = |kernel: &[f32]| kernel.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        for (channel, (image, _)) in ideals.iter().enumerate() {
            let kernel = kernels.map(channel);
            let clear = kernel.iter().zip(image).filter(|(w, _)| w.abs() > 0.1 * greatest(kernel));
            for (weight, pixel) in clear {
                assert_eq!(*pixel, if *weight > 0.0 { 1.0 } else { 0.0 });
            }
        }
    }

    #[test]
    fn rolling_there_and_back() {
        let plane: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let there = rolled(&plane, (3, 4), 1, -2);
        assert_eq!(there[..4], [10.0, 11.0, 8.0, 9.0]);
        assert_eq!(rolled(&there, (3, 4), -1, 2), plane);
        let mut flat = vec![0.25; 12];
        blur(&mut flat, 4);
        assert_eq!(flat, [0.25; 12]);
    }

    #[test]
    fn steps_that_lead_nowhere_are_refused() {
        let error = class_ideals(&network(), &IdealConfig { step: 0.0, ..config() }).unwrap_err();
        insta::assert_snapshot!(error, @"step is 0 and decay 0.01: give a step above 0, such as 0.04, and a decay from 0 to less than 1");
    }
}
