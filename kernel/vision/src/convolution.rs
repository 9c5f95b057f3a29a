//! Two-dimensional convolution on slices.
//!
//! As everywhere in deep learning this is cross-correlation: the kernel is not flipped. Outside,
//! images are `[batch, channels, height, width]` and weights `[output channels, input channels /
//! groups, side, side]`. Inside, one image at a time, channels come last, `[height, width, channels]`:
//! then a vector holds neighbouring channels, and nothing has to be unfolded.
//!
//! [`direct`] works out any convolution, [`winograd`] the most common one with fewer multiplications.
//! The choice depends on the shape alone, never on the machine.

mod direct;
#[cfg(test)]
mod tests;
mod winograd;

use crate::simd::{self, Kernel, LANES, Lanes};
use crate::threads;
use direct::Direct;
use rayon::prelude::*;
use std::cell::RefCell;
use winograd::Winograd;

/// Images whose weight gradients are summed into one buffer before the buffers are added up. It is
/// fixed, so that the order of summation does not depend on the number of threads.
pub(crate) const IMAGES_PER_SUM: usize = 8;

/// Numbers that a gradient must be followed by, because whole vectors are read.
pub(crate) const SLACK: usize = 16;

/// Side, stride, padding, dilation and groups of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Channels that come in.
    pub input_channels: usize,
    /// Channels that go out: one feature map each.
    pub output_channels: usize,
    /// Side of the square kernel, in pixels.
    pub side: usize,
    /// Step between neighbouring outputs, in pixels.
    pub stride: usize,
    /// Zeros added on each of the four edges, in pixels.
    pub padding: usize,
    /// Distance between neighbouring taps of the kernel, in pixels.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Conv2dConfig {
    /// A dense convolution with stride 1 and no padding.
    pub fn new(input_channels: usize, output_channels: usize, side: usize) -> Self {
        Conv2dConfig {
            input_channels,
            output_channels,
            side,
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
        }
    }

    /// Number of weights: `[output channels, input channels / groups, side, side]`.
    pub fn n_weights(&self) -> usize {
        self.output_channels * self.taps()
    }

    /// Pixels that the dilated kernel covers along one axis.
    pub fn extent(&self) -> usize {
        self.dilation * (self.side - 1) + 1
    }

    /// Output length along one axis, or `None` when the kernel does not fit.
    pub fn output_len(&self, input_len: usize) -> Option<usize> {
        let room = (input_len + 2 * self.padding).checked_sub(self.extent())?;
        Some(room / self.stride + 1)
    }

    /// Whether every number makes sense.
    pub fn is_valid(&self) -> bool {
        self.input_channels > 0
            && self.output_channels > 0
            && self.side > 0
            && self.stride > 0
            && self.dilation > 0
            && self.groups > 0
            && self.input_channels.is_multiple_of(self.groups)
            && self.output_channels.is_multiple_of(self.groups)
    }

    /// Products summed into one output value.
    pub(crate) fn taps(&self) -> usize {
        self.input_channels / self.groups * self.side * self.side
    }
}

/// A convolution of images of one size.
#[derive(Clone, Debug)]
pub(crate) struct Convolution {
    config: Conv2dConfig,
    input: [usize; 2],
    output: [usize; 2],
    algorithm: Algorithm,
}

#[derive(Clone, Debug)]
enum Algorithm {
    Direct(Box<Direct>),
    Winograd(Winograd),
}

/// Weights in the order in which the kernels read them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    forward: Vec<f32>,
    backward: Vec<f32>,
    bias: Vec<f32>,
}

/// Buffers of one thread, kept from image to image.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    padded: Vec<f32>,
    spread: Vec<f32>,
    v: Vec<f32>,
    m: Vec<f32>,
    dv: Vec<f32>,
}

/// Weights and bias of one convolution, as the outside stores them.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Convolution {
    /// `None` when the kernel does not fit into the image.
    pub(crate) fn new(config: Conv2dConfig, height: usize, width: usize) -> Option<Self> {
        let output = [config.output_len(height)?, config.output_len(width)?];
        let input = [height, width];
        let algorithm = match Winograd::new(config, input, output) {
            Some(winograd) => Algorithm::Winograd(winograd),
            None => Algorithm::Direct(Box::new(Direct::new(config, input, output))),
        };
        Some(Convolution { config, input, output, algorithm })
    }

    pub(crate) fn output_size(&self) -> (usize, usize) {
        (self.output[0], self.output[1])
    }

    /// Values of one input image.
    pub(crate) fn input_len(&self) -> usize {
        self.config.input_channels * self.input[0] * self.input[1]
    }

    /// Values of one output image.
    pub(crate) fn output_len(&self) -> usize {
        self.config.output_channels * self.output[0] * self.output[1]
    }

    /// Arranges weights for [`Convolution::forward_image`], and for the input's gradient if asked.
    pub(crate) fn arrange(&self, weights: Weights<'_>, backward: bool, filters: &mut Filters) {
        filters.bias.clear();
        filters.bias.extend_from_slice(weights.bias);
        filters.bias.resize(weights.bias.len() + SLACK, 0.0);
        match &self.algorithm {
            Algorithm::Direct(direct) => direct.arrange(weights.weight, backward, filters),
            Algorithm::Winograd(winograd) => winograd.arrange(weights.weight, backward, filters),
        }
    }

    /// `y[height, width, channels]` of one image `x`, channels last.
    pub(crate) fn forward_image(
        &self,
        filters: &Filters,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        match &self.algorithm {
            Algorithm::Direct(direct) => direct.forward(filters, x, y, scratch),
            Algorithm::Winograd(winograd) => winograd.forward(filters, x, y, scratch),
        }
    }

    /// Length of the sums that [`Convolution::backward_image`] adds to.
    pub(crate) fn n_sums(&self) -> usize {
        let weights = match &self.algorithm {
            Algorithm::Direct(direct) => direct.n_sums(),
            Algorithm::Winograd(winograd) => winograd.n_sums(),
        };
        weights + self.config.output_channels
    }

    /// Adds one image's gradients of weights and bias to `sums`, and writes that of the image.
    /// `dy` is followed by [`SLACK`] numbers of any value.
    pub(crate) fn backward_image(
        &self,
        filters: &Filters,
        x: &[f32],
        dy: &[f32],
        sums: &mut [f32],
        dx: Option<&mut [f32]>,
        scratch: &mut Scratch,
    ) {
        let (weights, bias) = sums.split_at_mut(self.n_sums() - self.config.output_channels);
        simd::run(BiasGradient { dy, positions: self.output[0] * self.output[1], sums: bias });
        match &self.algorithm {
            Algorithm::Direct(direct) => direct.backward(filters, x, dy, weights, dx, scratch),
            Algorithm::Winograd(winograd) => {
                winograd.backward(filters, x, dy, weights, dx, scratch);
            }
        }
    }

    /// Adds what [`Convolution::backward_image`] summed up to the gradients of weight and bias.
    pub(crate) fn finish(&self, sums: &[f32], d_weight: &mut [f32], d_bias: &mut [f32]) {
        let (weights, bias) = sums.split_at(self.n_sums() - self.config.output_channels);
        add(d_bias, bias);
        match &self.algorithm {
            Algorithm::Direct(direct) => direct.finish(weights, d_weight),
            Algorithm::Winograd(winograd) => winograd.finish(weights, d_weight),
        }
    }

    /// `y[batch, output channels, height, width]` of `x`, with the bias added.
    pub(crate) fn forward(&self, x: &[f32], weights: Weights<'_>) -> Vec<f32> {
        let batch = x.len() / self.input_len();
        let mut filters = Filters::default();
        self.arrange(weights, false, &mut filters);
        let mut y = vec![0.0; batch * self.output_len()];
        threads::install(|| {
            y.par_chunks_mut(self.output_len()).zip(x.par_chunks(self.input_len())).for_each(
                |(y, x)| {
                    BUFFERS.with_borrow_mut(|buffers| {
                        let Buffers { scratch, x: x_last, y: y_last, .. } = buffers;
                        x_last.resize(x.len(), 0.0);
                        channels_last(x, self.config.input_channels, x_last);
                        y_last.resize(self.output_len(), 0.0);
                        self.forward_image(&filters, x_last, y_last, scratch);
                        channels_first(y_last, self.config.output_channels, y, |_, value| value);
                    });
                },
            );
        });
        y
    }

    /// Adds the gradients of weight, bias and, where asked for, input.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        weights: Weights<'_>,
        dy: &[f32],
        d_weight: &mut [f32],
        d_bias: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let mut filters = Filters::default();
        self.arrange(weights, dx.is_some(), &mut filters);
        let (images, outputs) =
            (IMAGES_PER_SUM * self.input_len(), IMAGES_PER_SUM * self.output_len());
        let one = |x: &[f32], dy: &[f32], sums: &mut [f32], dx: Option<&mut [f32]>| {
            BUFFERS.with_borrow_mut(|buffers| {
                let Buffers { scratch, x: x_last, y: dy_last, dx: dx_last } = buffers;
                x_last.resize(x.len(), 0.0);
                channels_last(x, self.config.input_channels, x_last);
                dy_last.resize(dy.len() + SLACK, 0.0);
                channels_last(dy, self.config.output_channels, &mut dy_last[..dy.len()]);
                let Some(dx) = dx else {
                    return self.backward_image(&filters, x_last, dy_last, sums, None, scratch);
                };
                dx_last.resize(dx.len(), 0.0);
                self.backward_image(&filters, x_last, dy_last, sums, Some(dx_last), scratch);
                channels_first(dx_last, self.config.input_channels, dx, |held, new| held + new);
            });
        };
        let chunk = |((x, dy), dx): (Pair<'_>, Option<&mut [f32]>)| {
            let mut sums = vec![0.0; self.n_sums()];
            let images = x.chunks_exact(self.input_len()).zip(dy.chunks_exact(self.output_len()));
            match dx {
                Some(dx) => images
                    .zip(dx.chunks_exact_mut(self.input_len()))
                    .for_each(|((x, dy), dx)| one(x, dy, &mut sums, Some(dx))),
                None => images.for_each(|(x, dy)| one(x, dy, &mut sums, None)),
            }
            sums
        };
        let chunks = x.par_chunks(images).zip(dy.par_chunks(outputs));
        let all: Vec<Vec<f32>> = threads::install(|| match dx {
            Some(dx) => chunks.zip(dx.par_chunks_mut(images).map(Some)).map(chunk).collect(),
            None => chunks.map(|images| chunk((images, None))).collect(),
        });
        let mut sums = vec![0.0; self.n_sums()];
        all.iter().for_each(|part| add(&mut sums, part));
        self.finish(&sums, d_weight, d_bias);
    }
}

/// Images and the gradients of what a convolution made of them.
type Pair<'a> = (&'a [f32], &'a [f32]);

/// `sums += dy`, summed over every position.
struct BiasGradient<'a> {
    /// Followed by [`SLACK`] numbers.
    dy: &'a [f32],
    positions: usize,
    sums: &'a mut [f32],
}

impl Kernel for BiasGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        const { assert!(2 * LANES <= SLACK) };
        let channels = self.sums.len();
        for (i, sums) in self.sums.chunks_mut(2 * LANES).enumerate() {
            let mut lower = lanes.splat(0.0);
            let mut upper = lower;
            for position in 0..self.positions {
                let at = position * channels + i * 2 * LANES;
                lower = lanes.add(lower, lanes.load_at(self.dy, at));
                upper = lanes.add(upper, lanes.load_at(self.dy, at + LANES));
            }
            let mut image = [0.0; 2 * LANES];
            lanes.store_at(lower, &mut image, 0, LANES);
            lanes.store_at(upper, &mut image, LANES, LANES);
            add(sums, &image);
        }
    }
}

/// Pixels whose channels stay in cache while they are read again and again.
const BLOCK: usize = 32;

/// One image with channels last, and the like.
#[derive(Debug, Default)]
struct Buffers {
    scratch: Scratch,
    x: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// `[channels, pixels]` to `[pixels, channels]`.
pub(crate) fn channels_last(x: &[f32], channels: usize, to: &mut [f32]) {
    let pixels = x.len() / channels;
    for (block, to) in to.chunks_mut(BLOCK * channels).enumerate() {
        for (channel, map) in x.chunks_exact(pixels).enumerate() {
            let values = to[channel..].iter_mut().step_by(channels);
            for (to, value) in values.zip(&map[block * BLOCK..]) {
                *to = *value;
            }
        }
    }
}

/// `[pixels, channels]` to `[channels, pixels]`, each value joined with the one that `to` held.
pub(crate) fn channels_first(
    x: &[f32],
    channels: usize,
    to: &mut [f32],
    join: impl Fn(f32, f32) -> f32,
) {
    let pixels = x.len() / channels;
    for (block, x) in x.chunks(BLOCK * channels).enumerate() {
        for (channel, map) in to.chunks_exact_mut(pixels).enumerate() {
            let values = x[channel..].iter().step_by(channels);
            for (to, value) in map[block * BLOCK..].iter_mut().zip(values) {
                *to = join(*to, *value);
            }
        }
    }
}

/// `to += from`, element by element.
pub(crate) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
