//! Batch normalisation as a dfdx module.

use super::{LayerError, Maps, Vectors, biases};
use crate::gradient::{put, take, values};
use crate::threads;
use dfdx::nn::{Module, ModuleMut};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;
use rayon::prelude::*;

/// Batch normalisation (Ioffe and Szegedy 2015): each channel is shifted and scaled to mean 0 and
/// variance 1, then by a weight and a bias that are learnt. It takes maps, `[batch, channels,
/// height, width]`, and vectors, `[batch, features]`.
///
/// While training ([`ModuleMut`]) mean and variance are those of the batch, and the running ones
/// follow them; afterwards ([`Module`]) the running ones are used, so that an image's scores do not
/// depend on its neighbours. As in PyTorch, the running variance is the unbiased one.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// `[channels]`; starts at one.
    pub weight: Tensor<(usize,), f32, Cpu>,
    /// `[channels]`; starts at zero.
    pub bias: Tensor<(usize,), f32, Cpu>,
    /// `[channels]`; starts at zero. Not learnt by gradients.
    pub running_mean: Tensor<(usize,), f32, Cpu>,
    /// `[channels]`; starts at one. Not learnt by gradients.
    pub running_variance: Tensor<(usize,), f32, Cpu>,
    /// How much of a batch goes into the running mean and variance; 0.1 at first.
    pub momentum: f32,
    /// Added to the variance, so that a constant channel does not divide by zero; 1e-5 at first.
    pub epsilon: f32,
}

/// `[batch, channels, area]` of an input.
type Extent = (usize, usize, usize);

/// What one forward pass leaves for its backward pass.
struct Pass {
    extent: Extent,
    x: Vec<f32>,
    mean: Vec<f32>,
    /// One over the standard deviation.
    inverse: Vec<f32>,
    weight: Vec<f32>,
    /// Whether mean and variance depend on the input.
    of_batch: bool,
}

impl BatchNorm {
    /// A normalisation of so many channels or features.
    ///
    /// # Errors
    /// [`LayerError::Config`] when `channels` is 0.
    pub fn new(channels: usize) -> Result<Self, LayerError> {
        if channels == 0 {
            let problem = "needs at least 1 channel, got 0".into();
            return Err(LayerError::Config { layer: "batch normalisation".into(), problem });
        }
        let ones = || Cpu::default().try_tensor_from_vec(vec![1.0; channels], (channels,));
        Ok(BatchNorm {
            weight: ones()?,
            bias: biases(channels)?,
            running_mean: biases(channels)?,
            running_variance: ones()?,
            momentum: 0.1,
            epsilon: 1e-5,
        })
    }

    /// `[batch, channels, area]`, if the channels are ours.
    fn extent(&self, batch: usize, channels: usize, area: usize) -> Result<Extent, LayerError> {
        let &(expected,) = self.weight.shape();
        if channels == expected {
            return Ok((batch, channels, area));
        }
        Err(LayerError::Shape {
            layer: "batch normalisation".into(),
            expected: format!("{expected} channels"),
            got: format!("{channels} channels"),
        })
    }

    /// With the running mean and variance.
    fn evaluate<S: Shape, T: Tape<f32, Cpu>>(
        &self,
        input: Tensor<S, f32, Cpu, T>,
        extent: Extent,
    ) -> Result<Tensor<S, f32, Cpu, T>, LayerError> {
        let variances = values(&self.running_variance);
        self.normalise(input, extent, values(&self.running_mean), &variances, false)
    }

    /// With the batch's own mean and variance, which the running ones then follow.
    fn train<S: Shape, T: Tape<f32, Cpu>>(
        &mut self,
        input: Tensor<S, f32, Cpu, T>,
        extent: Extent,
    ) -> Result<Tensor<S, f32, Cpu, T>, LayerError> {
        let (batch, _, area) = extent;
        let n = batch * area;
        if n < 2 {
            return Err(LayerError::Shape {
                layer: "batch normalisation while training".into(),
                expected: "at least 2 values of each channel, to have a variance".into(),
                got: "1: a batch of one image".into(),
            });
        }
        let input = input.try_contiguous()?;
        let x = values(&input);
        let moments = for_channels(extent.1, |c| {
            let mean = (channel_sum(extent, c, (&x, &x), |x, _| x) / n as f64) as f32;
            let squares = channel_sum(extent, c, (&x, &x), |x, _| (x - mean) * (x - mean));
            (mean, squares)
        });
        let means: Vec<f32> = moments.iter().map(|(mean, _)| *mean).collect();
        let variances: Vec<f32> = moments.iter().map(|(_, sum)| (sum / n as f64) as f32).collect();
        let unbiased = moments.iter().map(|(_, sum)| (sum / (n - 1) as f64) as f32);
        follow(&mut self.running_mean, means.iter().copied(), self.momentum);
        follow(&mut self.running_variance, unbiased, self.momentum);
        self.normalise(input, extent, means, &variances, true)
    }

    fn normalise<S: Shape, T: Tape<f32, Cpu>>(
        &self,
        input: Tensor<S, f32, Cpu, T>,
        extent: Extent,
        mean: Vec<f32>,
        variance: &[f32],
        of_batch: bool,
    ) -> Result<Tensor<S, f32, Cpu, T>, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let inverse = variance.iter().map(|v| 1.0 / (v + self.epsilon).sqrt()).collect();
        let (x, weight, bias) = (values(&input), values(&self.weight), values(&self.bias));
        let pass = Pass { extent, x, mean, inverse, weight, of_batch };
        let output = Cpu::default().try_tensor_from_vec(pass.forward(&bias), *input.shape())?;
        if T::OWNS_TAPE {
            let (weight_ghost, bias_ghost) = (self.weight.ghost(), self.bias.ghost());
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                let sums = pass.sums(&dy);
                let d_weight = gradients.get_or_alloc_mut(&weight_ghost)?;
                for ((d, sum), inverse) in d_weight.iter_mut().zip(&sums).zip(&pass.inverse) {
                    *d += sum.1 * inverse;
                }
                let d_bias = gradients.get_or_alloc_mut(&bias_ghost)?;
                d_bias.iter_mut().zip(&sums).for_each(|(d, sum)| *d += sum.0);
                pass.add_input_gradient(&dy, &sums, gradients.get_or_alloc_mut(&input_ghost)?);
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}

impl Pass {
    fn forward(&self, bias: &[f32]) -> Vec<f32> {
        let (_, channels, area) = self.extent;
        let mut y = self.x.clone();
        threads::install(|| {
            y.par_chunks_mut((channels * area).max(1)).for_each(|y| {
                for (c, y) in y.chunks_exact_mut(area).enumerate() {
                    let (mean, scale) = (self.mean[c], self.weight[c] * self.inverse[c]);
                    y.iter_mut().for_each(|y| *y = (*y - mean) * scale + bias[c]);
                }
            });
        });
        y
    }

    /// For each channel the sum of `dy`, and of `dy` times the distance to the mean.
    fn sums(&self, dy: &[f32]) -> Vec<(f32, f32)> {
        for_channels(self.extent.1, |c| {
            let mean = self.mean[c];
            let sum = channel_sum(self.extent, c, (dy, dy), |dy, _| dy);
            let tilt = channel_sum(self.extent, c, (dy, &self.x), |dy, x| dy * (x - mean));
            (sum as f32, tilt as f32)
        })
    }

    fn add_input_gradient(&self, dy: &[f32], sums: &[(f32, f32)], dx: &mut [f32]) {
        let (batch, channels, area) = self.extent;
        let (image_len, n) = ((channels * area).max(1), (batch * area) as f32);
        threads::install(|| {
            let images = dy.par_chunks(image_len).zip(self.x.par_chunks(image_len));
            dx.par_chunks_mut(image_len).zip(images).for_each(|(dx, (dy, x))| {
                let maps = dy.chunks_exact(area).zip(x.chunks_exact(area));
                for (c, (dx, (dy, x))) in dx.chunks_exact_mut(area).zip(maps).enumerate() {
                    let (mean, inverse) = (self.mean[c], self.inverse[c]);
                    let scale = self.weight[c] * inverse;
                    let (shift, tilt) = match self.of_batch {
                        true => (sums[c].0 / n, inverse * inverse * sums[c].1 / n),
                        false => (0.0, 0.0),
                    };
                    for (dx, (dy, x)) in dx.iter_mut().zip(dy.iter().zip(x)) {
                        *dx += scale * (dy - shift - (x - mean) * tilt);
                    }
                }
            });
        });
    }
}

/// Calls `f` once for each channel, in parallel.
fn for_channels<R: Send>(channels: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    threads::install(|| (0..channels).into_par_iter().map(f).collect())
}

/// The sum of `f` over the pairs of values that two batches have in one channel. The order is fixed:
/// eight running sums in each map, and maps added up in double precision.
fn channel_sum(
    (batch, channels, area): Extent,
    channel: usize,
    (a, b): (&[f32], &[f32]),
    f: impl Fn(f32, f32) -> f32,
) -> f64 {
    let map = |image: usize| {
        let start = (image * channels + channel) * area;
        let (a, b) = (a[start..start + area].as_chunks(), b[start..start + area].as_chunks());
        let mut lanes = [0.0f32; 8];
        let mut add = |a: &[f32], b: &[f32]| {
            lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += f(*a, *b));
        };
        let whole: (&[[f32; 8]], &[[f32; 8]]) = (a.0, b.0);
        whole.0.iter().zip(whole.1).for_each(|(a, b)| add(a, b));
        add(a.1, b.1);
        f64::from(lanes.iter().sum::<f32>())
    };
    (0..batch).map(map).sum()
}

/// Moves a running value towards those of a batch.
fn follow(
    running: &mut Tensor<(usize,), f32, Cpu>,
    batch: impl Iterator<Item = f32>,
    momentum: f32,
) {
    let mut moved = values(running);
    moved.iter_mut().zip(batch).for_each(|(old, new)| *old += momentum * (new - *old));
    running.copy_from(&moved);
}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for BatchNorm {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let &(batch, channels, height, width) = input.shape();
        let extent = self.extent(batch, channels, height * width)?;
        self.evaluate(input, extent)
    }
}

impl<T: Tape<f32, Cpu>> ModuleMut<Maps<T>> for BatchNorm {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward_mut(&mut self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let &(batch, channels, height, width) = input.shape();
        let extent = self.extent(batch, channels, height * width)?;
        self.train(input, extent)
    }
}

impl<T: Tape<f32, Cpu>> Module<Vectors<T>> for BatchNorm {
    type Output = Vectors<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Vectors<T>) -> Result<Self::Output, LayerError> {
        let &(batch, features) = input.shape();
        let extent = self.extent(batch, features, 1)?;
        self.evaluate(input, extent)
    }
}

impl<T: Tape<f32, Cpu>> ModuleMut<Vectors<T>> for BatchNorm {
    type Output = Vectors<T>;
    type Error = LayerError;

    fn try_forward_mut(&mut self, input: Vectors<T>) -> Result<Self::Output, LayerError> {
        let &(batch, features) = input.shape();
        let extent = self.extent(batch, features, 1)?;
        self.train(input, extent)
    }
}
