//! Convolution of 3 x 3 kernels with a quarter of the multiplications: F(4 x 4, 3 x 3) of Lavin and
//! Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.
//!
//! A tile of 6 x 6 pixels `d` and a kernel `g` give 4 x 4 outputs
//! `Y = A' [(G g G') ⊙ (B' d B)] A` (a dash marks the transpose). The product in the middle is summed
//! over channels, so for each of the 36 points it is a matrix product over tiles. The gradients are
//! the transposes of the same three maps: what arrives at `Y` goes through `A`, and on through `B` to
//! the image and through `G` to the kernel.

#![allow(
    clippy::needless_range_loop,
    reason = "rows and columns of a tile are turned into each other: the indices say how"
)]

mod transform;

use super::{Conv2dConfig, Filters, Scratch};
use crate::gemm::PANEL;
use crate::simd::{self, Kernel, LANES, Lanes, accumulate};
use transform::{a_plain, a_transposed, b_plain, b_transposed, kernel_points, point_kernel};

/// Points of a transformed tile.
const POINTS: usize = 36;
/// Outputs of a tile along one axis, and pixels between neighbouring tiles.
const STEP: usize = 4;
/// Pixels of a tile along one axis.
const SIDE: usize = 6;
/// Tiles that are transformed before they are multiplied: few, so that they stay in cache.
const FORWARD_TILES: usize = 12;
/// The same on the way back, where the sums of the kernels are read and written as well.
const BACKWARD_TILES: usize = 36;
/// Numbers between two points' matrices, so that they do not fall on the same places of a cache.
const GAP: usize = 16;

/// Sizes of a convolution with kernels of 3 x 3 pixels and stride 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Winograd {
    padding: usize,
    input: [usize; 2],
    output: [usize; 2],
    /// Channels that come in.
    inputs: usize,
    /// Channels that go out.
    outputs: usize,
}

impl Winograd {
    /// `None` for a convolution that this is not made for.
    pub(super) fn new(config: Conv2dConfig, input: [usize; 2], output: [usize; 2]) -> Option<Self> {
        let Conv2dConfig { input_channels: inputs, output_channels: outputs, padding, .. } = config;
        let plain = Conv2dConfig { padding, ..Conv2dConfig::new(inputs, outputs, 3) };
        let whole = inputs.is_multiple_of(PANEL) && outputs.is_multiple_of(PANEL);
        let large = output[0] >= STEP && output[1] >= STEP;
        (config == plain && whole && large).then_some(Winograd {
            padding,
            input,
            output,
            inputs,
            outputs,
        })
    }

    /// Transformed kernels: forward `[point, panel of outputs, input, output]`, backward `[point, panel
    /// of inputs, output, input]`.
    pub(super) fn arrange(&self, weight: &[f32], backward: bool, filters: &mut Filters) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        filters.forward.resize(POINTS * inputs * outputs, 0.0);
        filters.backward.resize(if backward { POINTS * inputs * outputs } else { 0 }, 0.0);
        for (filter, kernel) in weight.chunks_exact(9).enumerate() {
            let (output, input) = (filter / inputs, filter % inputs);
            let to = ((output / PANEL) * inputs + input) * PANEL + output % PANEL;
            let back = ((input / PANEL) * outputs + output) * PANEL + input % PANEL;
            for (point, value) in kernel_points(kernel).into_iter().enumerate() {
                filters.forward[point * inputs * outputs + to] = value;
                if backward {
                    filters.backward[point * inputs * outputs + back] = value;
                }
            }
        }
    }

    pub(super) fn n_sums(&self) -> usize {
        POINTS * self.inputs * self.outputs
    }

    pub(super) fn forward(
        &self,
        filters: &Filters,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Scratch { v, m, .. } = scratch;
        simd::run(Forward { sizes: *self, filters, x, y, v, m });
    }

    pub(super) fn backward(
        &self,
        filters: &Filters,
        x: &[f32],
        dy: &[f32],
        sums: &mut [f32],
        dx: Option<&mut [f32]>,
        scratch: &mut Scratch,
    ) {
        let Scratch { v, m, dv, .. } = scratch;
        simd::run(Backward { sizes: *self, filters, x, dy, sums, dx, v, m, dv });
    }

    /// Takes the sums, `[point, input, output]`, back to the weight's gradient.
    pub(super) fn finish(&self, sums: &[f32], d_weight: &mut [f32]) {
        let area = self.inputs * self.outputs;
        for (filter, d_kernel) in d_weight.chunks_exact_mut(9).enumerate() {
            let (output, input) = (filter / self.inputs, filter % self.inputs);
            let at = input * self.outputs + output;
            let points = std::array::from_fn(|point| sums[point * area + at]);
            d_kernel.iter_mut().zip(point_kernel(points)).for_each(|(d, sum)| *d += sum);
        }
    }

    /// Bands of whole rows of tiles, about `tiles` each: first row, number of rows.
    fn bands(&self, tiles: usize) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.output[0].div_ceil(STEP);
        let band = tiles.div_ceil(self.row_tiles()).min(rows);
        (0..rows).step_by(band).map(move |row| (row, band.min(rows - row)))
    }

    /// Tiles in a row.
    fn row_tiles(&self) -> usize {
        self.output[1].div_ceil(STEP)
    }
}

/// One band of tiles: where it lies, and how far apart its points' matrices are.
#[derive(Clone, Copy)]
struct Band {
    sizes: Winograd,
    first: usize,
    rows: usize,
}

impl Band {
    fn n_tiles(&self) -> usize {
        self.rows * self.sizes.row_tiles()
    }

    /// Numbers from one point's matrix, `[tile, channel]`, to the next.
    fn stride(&self, channels: usize) -> usize {
        self.n_tiles() * channels + GAP
    }

    /// Every tile with the row and the column of its first output. An iterator and no function that
    /// takes a closure: the body of a closure would not be compiled for the kernel's instructions.
    #[inline(always)]
    fn tiles(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (first, columns) = (self.first, self.sizes.row_tiles());
        (0..self.n_tiles())
            .map(move |tile| (tile, (first + tile / columns) * STEP, tile % columns * STEP))
    }

    /// Where the pixels of a tile begin in the image; none outside of it.
    #[inline(always)]
    fn pixels(&self, y: usize, x: usize) -> [[Option<usize>; SIDE]; SIDE] {
        let Winograd { padding, input: [height, width], inputs, .. } = self.sizes;
        let mut pixels = [[None; SIDE]; SIDE];
        for (i, row) in pixels.iter_mut().enumerate() {
            for (j, pixel) in row.iter_mut().enumerate() {
                let y = (y + i).checked_sub(padding).filter(|&y| y < height);
                let x = (x + j).checked_sub(padding).filter(|&x| x < width);
                *pixel = y.zip(x).map(|(y, x)| (y * width + x) * inputs);
            }
        }
        pixels
    }

    /// `v = B' d B` of every tile: `[point][tile, channel]`.
    #[inline(always)]
    fn transform_image<L: Lanes>(&self, l: L, x: &[f32], v: &mut [f32]) {
        let inputs = self.sizes.inputs;
        let stride = self.stride(inputs);
        for (tile, top, left) in self.tiles() {
            let pixels = self.pixels(top, left);
            for channel in (0..inputs).step_by(LANES) {
                let mut half = [[l.splat(0.0); SIDE]; SIDE];
                for j in 0..SIDE {
                    let mut column = [l.splat(0.0); SIDE];
                    for i in 0..SIDE {
                        if let Some(pixel) = pixels[i][j] {
                            column[i] = l.load_at(x, pixel + channel);
                        }
                    }
                    half[j] = b_transposed(l, column);
                }
                for i in 0..SIDE {
                    let mut row = [l.splat(0.0); SIDE];
                    for j in 0..SIDE {
                        row[j] = half[j][i];
                    }
                    let row = b_transposed(l, row);
                    for j in 0..SIDE {
                        let at = (i * SIDE + j) * stride + tile * inputs + channel;
                        l.store_at(row[j], v, at, LANES);
                    }
                }
            }
        }
    }

    /// Adds `B dv B'` of every tile to the pixels they came from.
    #[inline(always)]
    fn add_to_image<L: Lanes>(&self, l: L, dv: &[f32], dx: &mut [f32]) {
        let inputs = self.sizes.inputs;
        let stride = self.stride(inputs);
        for (tile, top, left) in self.tiles() {
            let pixels = self.pixels(top, left);
            for channel in (0..inputs).step_by(LANES) {
                let mut half = [[l.splat(0.0); SIDE]; SIDE];
                for j in 0..SIDE {
                    let mut column = [l.splat(0.0); SIDE];
                    for i in 0..SIDE {
                        let at = (i * SIDE + j) * stride + tile * inputs + channel;
                        column[i] = l.load_at(dv, at);
                    }
                    half[j] = b_plain(l, column);
                }
                for i in 0..SIDE {
                    let mut row = [l.splat(0.0); SIDE];
                    for j in 0..SIDE {
                        row[j] = half[j][i];
                    }
                    let row = b_plain(l, row);
                    for j in 0..SIDE {
                        if let Some(pixel) = pixels[i][j] {
                            let at = pixel + channel;
                            l.store_at(l.add(l.load_at(dx, at), row[j]), dx, at, LANES);
                        }
                    }
                }
            }
        }
    }

    /// Whether an output of a tile exists, and where it begins.
    #[inline(always)]
    fn place(&self, y: usize, x: usize) -> Option<usize> {
        let Winograd { output: [height, width], outputs, .. } = self.sizes;
        (y < height && x < width).then_some((y * width + x) * outputs)
    }

    /// `y = A' m A + bias` of every tile.
    #[inline(always)]
    fn transform_output<L: Lanes>(&self, l: L, m: &[f32], bias: &[f32], y: &mut [f32]) {
        let outputs = self.sizes.outputs;
        let stride = self.stride(outputs);
        for (tile, top, left) in self.tiles() {
            for channel in (0..outputs).step_by(LANES) {
                let mut half = [[l.splat(0.0); STEP]; SIDE];
                for j in 0..SIDE {
                    let mut column = [l.splat(0.0); SIDE];
                    for i in 0..SIDE {
                        let at = (i * SIDE + j) * stride + tile * outputs + channel;
                        column[i] = l.load_at(m, at);
                    }
                    half[j] = a_transposed(l, column);
                }
                let bias = l.load_at(bias, channel);
                for i in 0..STEP {
                    let mut row = [l.splat(0.0); SIDE];
                    for j in 0..SIDE {
                        row[j] = half[j][i];
                    }
                    let row = a_transposed(l, row);
                    for j in 0..STEP {
                        if let Some(place) = self.place(top + i, left + j) {
                            l.store_at(l.add(row[j], bias), y, place + channel, LANES);
                        }
                    }
                }
            }
        }
    }

    /// `dm = A dy A'` of every tile: `[point][tile, channel]`.
    #[inline(always)]
    fn transform_gradient<L: Lanes>(&self, l: L, dy: &[f32], m: &mut [f32]) {
        let outputs = self.sizes.outputs;
        let stride = self.stride(outputs);
        for (tile, top, left) in self.tiles() {
            for channel in (0..outputs).step_by(LANES) {
                let mut half = [[l.splat(0.0); SIDE]; STEP];
                for j in 0..STEP {
                    let mut column = [l.splat(0.0); STEP];
                    for i in 0..STEP {
                        if let Some(place) = self.place(top + i, left + j) {
                            column[i] = l.load_at(dy, place + channel);
                        }
                    }
                    half[j] = a_plain(l, column);
                }
                for i in 0..SIDE {
                    let mut row = [l.splat(0.0); STEP];
                    for j in 0..STEP {
                        row[j] = half[j][i];
                    }
                    let row = a_plain(l, row);
                    for j in 0..SIDE {
                        let at = (i * SIDE + j) * stride + tile * outputs + channel;
                        l.store_at(row[j], m, at, LANES);
                    }
                }
            }
        }
    }
}

/// `c = a * b` for one point: rows of `a` are tiles, `b` lies in panels.
#[inline(always)]
fn multiply<L: Lanes>(l: L, a: &[f32], depth: usize, b: &[f32], c: &mut [f32], columns: usize) {
    const ROWS: usize = 6;
    for (a, c) in a.chunks(ROWS * depth).zip(c.chunks_mut(ROWS * columns)) {
        let count = a.len() / depth;
        let mut rows = [0; ROWS];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = i.min(count - 1) * depth;
        }
        for (panel, b) in b.chunks_exact(depth * PANEL).enumerate() {
            let mut sums = [[l.splat(0.0); 2]; ROWS];
            accumulate(l, a, &rows, 1, b, PANEL, depth, &mut sums);
            for (c, sums) in c.chunks_exact_mut(columns).zip(&sums) {
                l.store_at(sums[0], c, panel * PANEL, LANES);
                l.store_at(sums[1], c, panel * PANEL + LANES, LANES);
            }
        }
    }
}

/// `sums += a' * b` for one point, summed over tiles.
#[inline(always)]
fn add_product<L: Lanes>(
    l: L,
    a: &[f32],
    rows: usize,
    b: &[f32],
    columns: usize,
    sums: &mut [f32],
) {
    const ROWS: usize = 4;
    let n = a.len() / rows;
    for row in (0..rows).step_by(ROWS) {
        let sums = &mut sums[row * columns..(row + ROWS) * columns];
        for column in (0..columns).step_by(PANEL) {
            let mut tile = [[l.splat(0.0); 2]; ROWS];
            for (sums, tile) in sums.chunks_exact(columns).zip(&mut tile) {
                *tile = [l.load_at(sums, column), l.load_at(sums, column + LANES)];
            }
            let (a, b) = (&a[row..], &b[column..]);
            accumulate(l, a, &[0, 1, 2, 3], rows, b, columns, n, &mut tile);
            for (sums, tile) in sums.chunks_exact_mut(columns).zip(&tile) {
                l.store_at(tile[0], sums, column, LANES);
                l.store_at(tile[1], sums, column + LANES, LANES);
            }
        }
    }
}

struct Forward<'a> {
    sizes: Winograd,
    filters: &'a Filters,
    x: &'a [f32],
    y: &'a mut [f32],
    v: &'a mut Vec<f32>,
    m: &'a mut Vec<f32>,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Forward { sizes, filters, x, y, v, m } = self;
        let bias = &filters.bias;
        let Winograd { inputs, outputs, .. } = sizes;
        for (first, rows) in sizes.bands(FORWARD_TILES) {
            let band = Band { sizes, first, rows };
            let (n, v_stride, m_stride) =
                (band.n_tiles(), band.stride(inputs), band.stride(outputs));
            v.resize(POINTS * v_stride, 0.0);
            m.resize(POINTS * m_stride, 0.0);
            band.transform_image(l, x, v);
            let filters = filters.forward.chunks_exact(inputs * outputs);
            let points = v.chunks_exact(v_stride).zip(m.chunks_exact_mut(m_stride));
            for ((v, m), filters) in points.zip(filters) {
                multiply(l, &v[..n * inputs], inputs, filters, &mut m[..n * outputs], outputs);
            }
            band.transform_output(l, m, bias, y);
        }
    }
}

struct Backward<'a> {
    sizes: Winograd,
    filters: &'a Filters,
    x: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
    dx: Option<&'a mut [f32]>,
    v: &'a mut Vec<f32>,
    m: &'a mut Vec<f32>,
    dv: &'a mut Vec<f32>,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Backward { sizes, filters, x, dy, sums, mut dx, v, m, dv } = self;
        let Winograd { inputs, outputs, .. } = sizes;
        if let Some(dx) = &mut dx {
            dx.fill(0.0);
        }
        for (first, rows) in sizes.bands(BACKWARD_TILES) {
            let band = Band { sizes, first, rows };
            let (n, v_stride, m_stride) =
                (band.n_tiles(), band.stride(inputs), band.stride(outputs));
            v.resize(POINTS * v_stride, 0.0);
            m.resize(POINTS * m_stride, 0.0);
            band.transform_image(l, x, v);
            band.transform_gradient(l, dy, m);
            let points = v.chunks_exact(v_stride).zip(m.chunks_exact(m_stride));
            for ((v, m), sums) in points.zip(sums.chunks_exact_mut(inputs * outputs)) {
                add_product(l, &v[..n * inputs], inputs, &m[..n * outputs], outputs, sums);
            }
            let Some(dx) = &mut dx else { continue };
            dv.resize(POINTS * v_stride, 0.0);
            let filters = filters.backward.chunks_exact(inputs * outputs);
            let points = m.chunks_exact(m_stride).zip(dv.chunks_exact_mut(v_stride));
            for ((m, dv), filters) in points.zip(filters) {
                multiply(l, &m[..n * outputs], outputs, filters, &mut dv[..n * inputs], inputs);
            }
            band.add_to_image(l, dv, dx);
        }
    }
}
