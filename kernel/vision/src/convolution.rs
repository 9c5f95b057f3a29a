//! Two-dimensional convolution on slices: unfold the patches, then one matrix product per image.
//!
//! As everywhere in deep learning this is cross-correlation: the kernel is not flipped. Images are
//! `[batch, channels, height, width]`, weights `[output channels, input channels / groups, side,
//! side]`. Unfolding patches to columns (im2col) is due to Chellapilla, Puri and Simard, "High
//! Performance Convolutional Neural Networks for Document Processing", 2006.

use crate::gemm::{self, Matrix};
use crate::threads;
use rayon::prelude::*;
use std::cell::RefCell;

/// Images whose weight gradients are summed into one buffer before the buffers are added up. It is
/// fixed, so that the order of summation does not depend on the number of threads.
const IMAGES_PER_SUM: usize = 8;

thread_local! {
    static COLUMNS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    config: Conv2dConfig,
    height: usize,
    width: usize,
    output_height: usize,
    output_width: usize,
}

impl Convolution {
    /// `None` when the kernel does not fit into the image.
    pub(crate) fn new(config: Conv2dConfig, height: usize, width: usize) -> Option<Self> {
        let (output_height, output_width) = (config.output_len(height)?, config.output_len(width)?);
        Some(Convolution { config, height, width, output_height, output_width })
    }

    pub(crate) fn output_size(&self) -> (usize, usize) {
        (self.output_height, self.output_width)
    }

    fn image_len(&self) -> usize {
        self.config.input_channels * self.height * self.width
    }

    fn positions(&self) -> usize {
        self.output_height * self.output_width
    }

    /// Whether the unfolded image is the image itself.
    fn is_pointwise(&self) -> bool {
        self.config.side == 1 && self.config.stride == 1 && self.config.padding == 0
    }

    /// `y[batch, output channels, height, width]` of `x`, with the bias added.
    pub(crate) fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let batch = x.len() / self.image_len();
        let output_len = self.config.output_channels * self.positions();
        let mut y = vec![0.0; batch * output_len];
        let one = |(y, x): (&mut [f32], &[f32])| {
            for (map, &bias) in y.chunks_exact_mut(self.positions()).zip(bias) {
                map.fill(bias);
            }
            self.with_columns(x, |columns| {
                self.each_group(|group| {
                    let weight = self.group_weight(weight, group);
                    let columns = self.group_columns(columns, group);
                    gemm::multiply_add(weight, columns, &mut y[self.group_maps(group)]);
                });
            });
        };
        threads::install(|| {
            y.par_chunks_mut(output_len).zip(x.par_chunks(self.image_len())).for_each(one);
        });
        y
    }

    /// Adds the gradients of weight, bias and, where asked for, input.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        weight: &[f32],
        dy: &[f32],
        d_weight: &mut [f32],
        d_bias: &mut [f32],
        dx: Option<&mut [f32]>,
    ) {
        let output_len = self.config.output_channels * self.positions();
        let (images, outputs) = (IMAGES_PER_SUM * self.image_len(), IMAGES_PER_SUM * output_len);
        let (weights, maps) = (d_weight.len(), d_bias.len());
        let sum = |(x, dy): (&[f32], &[f32])| {
            let mut sum = (vec![0.0; weights], vec![0.0; maps]);
            for (x, dy) in x.chunks_exact(self.image_len()).zip(dy.chunks_exact(output_len)) {
                self.add_weight_gradient(x, dy, &mut sum.0);
                for (sum, map) in sum.1.iter_mut().zip(dy.chunks_exact(self.positions())) {
                    *sum += sum_in_lanes(map);
                }
            }
            sum
        };
        let sums: Vec<(Vec<f32>, Vec<f32>)> = threads::install(|| {
            x.par_chunks(images).zip(dy.par_chunks(outputs)).map(sum).collect()
        });
        for (weight_sum, bias_sum) in &sums {
            add(d_weight, weight_sum);
            add(d_bias, bias_sum);
        }
        if let Some(dx) = dx {
            threads::install(|| {
                dx.par_chunks_mut(self.image_len())
                    .zip(dy.par_chunks(output_len))
                    .for_each(|(dx, dy)| self.add_input_gradient(weight, dy, dx));
            });
        }
    }

    fn add_weight_gradient(&self, x: &[f32], dy: &[f32], d_weight: &mut [f32]) {
        let maps = self.config.output_channels / self.config.groups;
        self.with_columns(x, |columns| {
            self.each_group(|group| {
                let dy = Matrix::row_major(&dy[self.group_maps(group)], maps, self.positions());
                let columns = self.group_columns(columns, group).transposed();
                let len = maps * self.config.taps();
                gemm::multiply_add(dy, columns, &mut d_weight[group * len..(group + 1) * len]);
            });
        });
    }

    fn add_input_gradient(&self, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
        let maps = self.config.output_channels / self.config.groups;
        COLUMNS.with_borrow_mut(|columns| {
            columns.clear();
            columns.resize(self.config.groups * self.config.taps() * self.positions(), 0.0);
            self.each_group(|group| {
                let dy = Matrix::row_major(&dy[self.group_maps(group)], maps, self.positions());
                let weight = self.group_weight(weight, group).transposed();
                let len = self.config.taps() * self.positions();
                gemm::multiply_add(weight, dy, &mut columns[group * len..(group + 1) * len]);
            });
            self.fold(columns, dx);
        });
    }

    fn each_group(&self, f: impl FnMut(usize)) {
        (0..self.config.groups).for_each(f);
    }

    fn group_weight<'a>(&self, weight: &'a [f32], group: usize) -> Matrix<'a> {
        let (rows, taps) = (self.config.output_channels / self.config.groups, self.config.taps());
        Matrix::row_major(&weight[group * rows * taps..(group + 1) * rows * taps], rows, taps)
    }

    fn group_columns<'a>(&self, columns: &'a [f32], group: usize) -> Matrix<'a> {
        let (taps, positions) = (self.config.taps(), self.positions());
        let len = taps * positions;
        Matrix::row_major(&columns[group * len..(group + 1) * len], taps, positions)
    }

    fn group_maps(&self, group: usize) -> std::ops::Range<usize> {
        let len = self.config.output_channels / self.config.groups * self.positions();
        group * len..(group + 1) * len
    }

    /// Calls `f` with the unfolded image: one row for each channel and tap, one column for each
    /// output position.
    fn with_columns(&self, x: &[f32], f: impl FnOnce(&[f32])) {
        if self.is_pointwise() {
            return f(x);
        }
        COLUMNS.with_borrow_mut(|columns| {
            let taps = self.config.input_channels * self.config.side * self.config.side;
            columns.resize(taps * self.positions(), 0.0);
            self.each_tap(|row, map, dy, dx| {
                let out = &mut columns[row * self.positions()..(row + 1) * self.positions()];
                self.unfold_tap(&x[map..map + self.height * self.width], dy, dx, out);
            });
            f(columns);
        });
    }

    /// Calls `f(row, start of the channel, vertical offset, horizontal offset)` for each tap.
    fn each_tap(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let Conv2dConfig { side, dilation, .. } = self.config;
        for channel in 0..self.config.input_channels {
            for ky in 0..side {
                for kx in 0..side {
                    let row = (channel * side + ky) * side + kx;
                    f(row, channel * self.height * self.width, ky * dilation, kx * dilation);
                }
            }
        }
    }

    /// Outputs along one axis whose tap at `offset` lies within the image.
    fn inside(&self, offset: usize, input_len: usize, output_len: usize) -> (usize, usize) {
        let Conv2dConfig { stride, padding, .. } = self.config;
        let from = padding.saturating_sub(offset).div_ceil(stride);
        let to = (input_len + padding).saturating_sub(offset).div_ceil(stride);
        (from.min(output_len), to.min(output_len))
    }

    fn unfold_tap(&self, x: &[f32], dy: usize, dx: usize, out: &mut [f32]) {
        let Conv2dConfig { stride, padding, .. } = self.config;
        let (top, bottom) = self.inside(dy, self.height, self.output_height);
        let (left, right) = self.inside(dx, self.width, self.output_width);
        for (oy, out) in out.chunks_exact_mut(self.output_width).enumerate() {
            if oy < top || oy >= bottom || left >= right {
                out.fill(0.0);
                continue;
            }
            let start = (oy * stride + dy - padding) * self.width + left * stride + dx - padding;
            out[..left].fill(0.0);
            out[right..].fill(0.0);
            if stride == 1 {
                out[left..right].copy_from_slice(&x[start..start + right - left]);
            } else {
                let source = x[start..].iter().step_by(stride);
                out[left..right].iter_mut().zip(source).for_each(|(out, x)| *out = *x);
            }
        }
    }

    /// The transpose of unfolding: adds each column's values back to the pixels they came from.
    fn fold(&self, columns: &[f32], x: &mut [f32]) {
        if self.is_pointwise() {
            return add(x, columns);
        }
        let Conv2dConfig { stride, padding, .. } = self.config;
        self.each_tap(|row, map, dy, dx| {
            let column = &columns[row * self.positions()..(row + 1) * self.positions()];
            let (top, bottom) = self.inside(dy, self.height, self.output_height);
            let (left, right) = self.inside(dx, self.width, self.output_width);
            for oy in top..bottom {
                if left >= right {
                    continue;
                }
                let start = map
                    + (oy * stride + dy - padding) * self.width
                    + (left * stride + dx - padding);
                let values = &column[oy * self.output_width..][left..right];
                if stride == 1 {
                    add(&mut x[start..start + values.len()], values);
                } else {
                    let pixels = x[start..].iter_mut().step_by(stride);
                    pixels.zip(values).for_each(|(x, value)| *x += value);
                }
            }
        });
    }
}

/// `to += from`, element by element.
pub(crate) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// A sum in a fixed order: eight running sums, added up at the end.
pub(crate) fn sum_in_lanes(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        add(&mut lanes, chunk);
    }
    add(&mut lanes, rest);
    lanes.iter().sum()
}
