//! Any convolution, worked out directly: a matrix product whose left side is read where the image
//! lies ("implicit GEMM"; Chetlur and others, "cuDNN: Efficient Primitives for Deep Learning", 2014).

use super::{Conv2dConfig, Filters, SLACK, Scratch};
use crate::simd::{self, Kernel, LANES, Lanes, Steps, accumulate_steps};

/// Sizes of a convolution and the walks through its image.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    config: Conv2dConfig,
    input: [usize; 2],
    output: [usize; 2],
    /// From the image with its zeros around it to the output.
    forward: Walks,
    /// From the output's gradient, spread out, to the image's gradient.
    backward: Walks,
}

/// A correlation with stride and padding already in the offsets.
#[derive(Clone, Debug)]
struct Walks {
    /// Pixels of the source along one row.
    width: usize,
    height: usize,
    /// Offsets of a kernel's taps: row, column, channel of the group.
    taps: Steps,
    /// Offsets of the output positions.
    places: Steps,
    groups: usize,
    /// Channels of one group that are read.
    inputs: usize,
    /// Channels of one group that are written.
    outputs: usize,
}

impl Direct {
    pub(super) fn new(config: Conv2dConfig, input: [usize; 2], output: [usize; 2]) -> Self {
        let Conv2dConfig { groups, stride, padding, .. } = config;
        let (inputs, outputs) = (config.input_channels / groups, config.output_channels / groups);
        let around = [input[0] + 2 * padding, input[1] + 2 * padding];
        let border = config.extent() - 1;
        let spread = [input[0] + border, input[1] + border];
        Direct {
            config,
            input,
            output,
            forward: Walks::new(&config, around, output, stride, [inputs, outputs]),
            backward: Walks::new(&config, spread, input, 1, [outputs, inputs]),
        }
    }

    /// Filters as panels: `[group, panel, tap, outputs of the panel]`.
    pub(super) fn arrange(&self, weight: &[f32], backward: bool, filters: &mut Filters) {
        let Conv2dConfig { side, groups, .. } = self.config;
        let (inputs, outputs) = (self.forward.inputs, self.forward.outputs);
        let area = side * side;
        let at = |group: usize, output: usize, input: usize, tap: usize| {
            weight[((group * outputs + output) * inputs + input) * area + tap]
        };
        self.forward.panels(&mut filters.forward, groups, |group, tap, input, output| {
            at(group, output, input, tap)
        });
        filters.backward.clear();
        if backward {
            self.backward.panels(&mut filters.backward, groups, |group, tap, output, input| {
                at(group, output, input, area - 1 - tap)
            });
        }
    }

    pub(super) fn forward(
        &self,
        filters: &Filters,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let x = self.pad(x, &mut scratch.padded);
        let walks = &self.forward;
        let (panels, bias) = (&filters.forward[..], Some(&filters.bias[..]));
        simd::run(Correlation { walks, x, panels, bias, y });
    }

    pub(super) fn n_sums(&self) -> usize {
        self.config.groups * self.forward.group_len()
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
        let x = self.pad(x, &mut scratch.padded);
        simd::run(WeightGradient { walks: &self.forward, x, dy, sums });
        if let Some(dx) = dx {
            self.spread(dy, &mut scratch.spread);
            let (walks, x, panels) = (&self.backward, &scratch.spread[..], &filters.backward[..]);
            simd::run(Correlation { walks, x, panels, bias: None, y: dx });
        }
    }

    /// Adds the sums, which lie like the panels, to the weight's gradient.
    pub(super) fn finish(&self, sums: &[f32], d_weight: &mut [f32]) {
        let walks = &self.forward;
        let area = self.config.side * self.config.side;
        let width = walks.panel();
        for (panel, sums) in sums.chunks_exact(width * walks.taps.offsets().len()).enumerate() {
            let (group, first) = (panel / walks.n_panels(), panel % walks.n_panels() * width);
            for (k, sums) in sums.chunks_exact(width).enumerate() {
                let (tap, input) = (k / walks.inputs, k % walks.inputs);
                for (output, sum) in (first..walks.outputs).zip(sums) {
                    let filter = (group * walks.outputs + output) * walks.inputs + input;
                    d_weight[filter * area + tap] += sum;
                }
            }
        }
    }

    /// The image with zeros around it.
    fn pad<'a>(&self, x: &'a [f32], padded: &'a mut Vec<f32>) -> &'a [f32] {
        let padding = self.config.padding;
        if padding == 0 {
            return x;
        }
        let channels = self.config.input_channels;
        let row = self.forward.width * channels;
        padded.clear();
        padded.resize(self.forward.height * row, 0.0);
        let rows = padded.chunks_exact_mut(row).skip(padding);
        for (to, x) in rows.zip(x.chunks_exact(self.input[1] * channels)) {
            to[padding * channels..][..x.len()].copy_from_slice(x);
        }
        padded
    }

    /// The output's gradient with zeros between and around its pixels, so that its correlation with
    /// the turned kernel is the image's gradient.
    fn spread(&self, dy: &[f32], spread: &mut Vec<f32>) {
        let Conv2dConfig { output_channels: channels, stride, padding, .. } = self.config;
        let border = self.config.extent() - 1;
        let Walks { width, height, .. } = self.backward;
        spread.clear();
        spread.resize(height * width * channels, 0.0);
        let place = |at: usize, len: usize| {
            (at * stride + border).checked_sub(padding).filter(|&to| to < len)
        };
        for (y, dy) in dy.chunks_exact(self.output[1] * channels).take(self.output[0]).enumerate() {
            let Some(to_y) = place(y, height) else { continue };
            for (x, dy) in dy.chunks_exact(channels).enumerate() {
                let Some(to_x) = place(x, width) else { continue };
                spread[(to_y * width + to_x) * channels..][..channels].copy_from_slice(dy);
            }
        }
    }
}

impl Walks {
    fn new(
        config: &Conv2dConfig,
        [height, width]: [usize; 2],
        output: [usize; 2],
        stride: usize,
        [inputs, outputs]: [usize; 2],
    ) -> Self {
        let &Conv2dConfig { side, dilation, groups, .. } = config;
        let pixel = groups * inputs;
        let grid = |[rows, columns]: [usize; 2], step: usize| {
            let offset = move |y: usize, x: usize| (y * width + x) * step * pixel;
            (0..rows).flat_map(move |y| (0..columns).map(move |x| offset(y, x)))
        };
        let taps = grid([side, side], dilation).flat_map(|at| at..at + inputs).collect();
        let places = grid(output, stride).collect();
        let (taps, places) = (Steps::new(taps), Steps::new(places));
        Walks { width, height, taps, places, groups, inputs, outputs }
    }

    /// Outputs in one panel.
    fn panel(&self) -> usize {
        if self.outputs <= LANES { LANES } else { 2 * LANES }
    }

    fn n_panels(&self) -> usize {
        self.outputs.div_ceil(self.panel())
    }

    /// Length of one group's panels.
    fn group_len(&self) -> usize {
        self.n_panels() * self.panel() * self.taps.offsets().len()
    }

    /// Fills panels, `[group, panel, tap and input, output]`, with `value(group, tap, input,
    /// output)`.
    fn panels(
        &self,
        panels: &mut Vec<f32>,
        groups: usize,
        value: impl Fn(usize, usize, usize, usize) -> f32,
    ) {
        panels.clear();
        panels.resize(groups * self.group_len(), 0.0);
        let taps = self.taps.offsets().len();
        for (panel, to) in panels.chunks_exact_mut(self.panel() * taps).enumerate() {
            let (group, first) = (panel / self.n_panels(), panel % self.n_panels() * self.panel());
            for (k, to) in to.chunks_exact_mut(self.panel()).enumerate() {
                for (output, to) in (first..self.outputs).zip(to) {
                    *to = value(group, k / self.inputs, k % self.inputs, output);
                }
            }
        }
    }
}

/// `y = bias + x * filters` at every place.
struct Correlation<'a> {
    walks: &'a Walks,
    x: &'a [f32],
    panels: &'a [f32],
    /// Followed by [`SLACK`] numbers.
    bias: Option<&'a [f32]>,
    y: &'a mut [f32],
}

impl Kernel for Correlation<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        match self.walks.panel() {
            LANES => self.tiles::<L, 6, 1>(lanes),
            _ => self.tiles::<L, 6, 2>(lanes),
        }
    }
}

impl Correlation<'_> {
    /// In tiles of `R` places and `C` vectors of outputs.
    #[inline(always)]
    fn tiles<L: Lanes, const R: usize, const C: usize>(self, lanes: L) {
        let Correlation { walks, x, panels, bias, y } = self;
        let places = walks.places.offsets();
        let channels = walks.groups * walks.outputs;
        for (panel, filters) in
            panels.chunks_exact(C * LANES * walks.taps.offsets().len()).enumerate()
        {
            let (group, first) = (panel / walks.n_panels(), panel % walks.n_panels() * C * LANES);
            let width = (walks.outputs - first).min(C * LANES);
            let output = group * walks.outputs + first;
            let mut start = [lanes.splat(0.0); C];
            if let Some(bias) = bias {
                for (c, start) in start.iter_mut().enumerate() {
                    *start = lanes.load_at(bias, output + c * LANES);
                }
            }
            for (tile, places) in places.chunks(R).enumerate() {
                // The last tile works its last place out several times.
                let mut rows = [0; R];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = places[i.min(places.len() - 1)] + group * walks.inputs;
                }
                let mut sums = [start; R];
                accumulate_steps(lanes, x, &rows, &walks.taps, filters, C * LANES, &mut sums);
                for (i, sums) in sums.iter().enumerate().take(places.len()) {
                    let at = (tile * R + i) * channels + output;
                    if width == channels && at + C * LANES <= y.len() {
                        // Lanes beyond the last channel fall on the next place, written after this.
                        for (c, &sum) in sums.iter().enumerate() {
                            lanes.store_at(sum, y, at + c * LANES, LANES);
                        }
                        continue;
                    }
                    for (c, &sum) in sums.iter().enumerate() {
                        if width > c * LANES {
                            let width = (width - c * LANES).min(LANES);
                            lanes.store_at(sum, y, at + c * LANES, width);
                        }
                    }
                }
            }
        }
    }
}

/// `sums += x^T * dy`, summed over every place.
struct WeightGradient<'a> {
    walks: &'a Walks,
    x: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        match self.walks.panel() {
            LANES => self.tiles::<L, 6, 1>(lanes),
            _ => self.tiles::<L, 6, 2>(lanes),
        }
    }
}

impl WeightGradient<'_> {
    /// In tiles of `R` taps and `C` vectors of outputs.
    #[inline(always)]
    fn tiles<L: Lanes, const R: usize, const C: usize>(self, lanes: L) {
        let WeightGradient { walks, x, dy, sums } = self;
        const { assert!(C * LANES <= SLACK) };
        let taps = walks.taps.offsets();
        let channels = walks.groups * walks.outputs;
        for (panel, sums) in sums.chunks_exact_mut(C * LANES * taps.len()).enumerate() {
            let (group, first) = (panel / walks.n_panels(), panel % walks.n_panels() * C * LANES);
            let dy = &dy[group * walks.outputs + first..];
            for (taps, sums) in taps.chunks(R).zip(sums.chunks_mut(R * C * LANES)) {
                // The last tile works its last tap out several times.
                let mut rows = [0; R];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = taps[i.min(taps.len() - 1)] + group * walks.inputs;
                }
                let mut tile = [[lanes.splat(0.0); C]; R];
                for (i, tile) in tile.iter_mut().enumerate().take(taps.len()) {
                    for (c, tile) in tile.iter_mut().enumerate() {
                        *tile = lanes.load_at(sums, (i * C + c) * LANES);
                    }
                }
                accumulate_steps(lanes, x, &rows, &walks.places, dy, channels, &mut tile);
                for (i, tile) in tile.iter().enumerate().take(taps.len()) {
                    for (c, &tile) in tile.iter().enumerate() {
                        lanes.store_at(tile, sums, (i * C + c) * LANES, LANES);
                    }
                }
            }
        }
    }
}
