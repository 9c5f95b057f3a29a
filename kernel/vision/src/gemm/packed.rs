//! A linear layer whose weights are packed once and then answer many batches.

use super::{Matrix, PANEL, pack};
use crate::simd::{self, Kernel, LANES, Lanes, accumulate};

/// Most inputs whose products are added up before the next panel: their weights are 20 kB, which stay
/// in the first cache.
const DEPTH_BLOCK: usize = 320;

/// `y = x · Wᵀ + b`, and a ReLU if asked: the weights as panels, `[panel, input, output of the panel]`.
///
/// Each output starts at its bias and adds the inputs' products in ascending order, one fused
/// multiply-add at a time: the bits of every other way in which this package works it out.
#[derive(Clone, Debug)]
pub(crate) struct PackedLinear {
    inputs: usize,
    outputs: usize,
    relu: bool,
    panels: Vec<f32>,
    /// Filled up to whole panels.
    bias: Vec<f32>,
}

impl PackedLinear {
    /// `weight` is `[outputs, inputs]`, one output for each bias.
    ///
    /// # Panics
    /// If the weights are no such matrix, or there is no input.
    pub(crate) fn new(weight: &[f32], bias: &[f32], inputs: usize, relu: bool) -> Self {
        assert!(inputs > 0, "a layer without inputs");
        let outputs = bias.len();
        let (mut panels, mut bias) = (Vec::new(), bias.to_vec());
        let transposed = Matrix::row_major(weight, outputs, inputs).transposed();
        pack(&mut panels, transposed, 0, inputs, 0, outputs);
        bias.resize(outputs.next_multiple_of(PANEL), 0.0);
        PackedLinear { inputs, outputs, relu, panels, bias }
    }

    /// Values of one image that go in.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values of one image that come out.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes `y`, `[batch, outputs]`, of `x`, `[batch, inputs]`, on the calling thread.
    ///
    /// # Panics
    /// If the two are not of the same number of images.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len() / self.inputs, y.len() / self.outputs, "the number of images");
        simd::run(Forward { layer: self, x, y });
    }
}

struct Forward<'a> {
    layer: &'a PackedLinear,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Forward { layer, x, y } = self;
        let n_images = y.len() / layer.outputs;
        // Blocks of about one length: a short last one would be little work for one more store.
        let depth = layer.inputs.div_ceil(layer.inputs.div_ceil(DEPTH_BLOCK));
        for (i, panel) in layer.panels.chunks_exact(layer.inputs * PANEL).enumerate() {
            // A block of a panel stays in the first cache while all images go through it.
            for (j, weights) in panel.chunks(depth * PANEL).enumerate() {
                let block = Block { layer, x, weights, output: i * PANEL, input: j * depth };
                let mut image = 0;
                while image < n_images {
                    image += match n_images - image {
                        1 | 2 => block.tile::<L, 2>(l, image, n_images, y),
                        3 | 4 => block.tile::<L, 4>(l, image, n_images, y),
                        _ => block.tile::<L, 6>(l, image, n_images, y),
                    };
                }
            }
        }
    }
}

/// Some inputs' weights for one panel of outputs.
struct Block<'a> {
    layer: &'a PackedLinear,
    x: &'a [f32],
    weights: &'a [f32],
    /// The first output.
    output: usize,
    /// The first input.
    input: usize,
}

impl Block<'_> {
    /// Adds the block's products to the outputs of `R` images, and says how many images those are. A
    /// tile beyond the last image works that one out several times.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "so written, the sums stay in registers")]
    fn tile<L: Lanes, const R: usize>(
        &self,
        l: L,
        image: usize,
        n_images: usize,
        y: &mut [f32],
    ) -> usize {
        let &Block { layer, x, weights, output, input } = self;
        let PackedLinear { inputs, outputs, .. } = *layer;
        let width = PANEL.min(outputs - output);
        let n = weights.len() / PANEL;
        let mut rows = [0; R];
        let bias = &layer.bias[output..];
        let mut sums = [[l.load_at(bias, 0), l.load_at(bias, LANES)]; R];
        for i in 0..R {
            let image = (image + i).min(n_images - 1);
            rows[i] = image * inputs + input;
            if input > 0 {
                let held = &y[image * outputs + output..];
                sums[i] = match held.first_chunk::<PANEL>() {
                    Some(held) => [l.load_at(held, 0), l.load_at(held, LANES)],
                    None => {
                        let mut all = [0.0; PANEL];
                        all[..width].copy_from_slice(&held[..width]);
                        [l.load_at(&all, 0), l.load_at(&all, LANES)]
                    }
                };
            }
        }
        accumulate(l, x, &rows, 1, weights, PANEL, n, &mut sums);
        if layer.relu && input + n == inputs {
            for i in 0..R {
                sums[i] = [l.relu(sums[i][0]), l.relu(sums[i][1])];
            }
        }
        for i in 0..R {
            if image + i < n_images {
                let at = (image + i) * outputs + output;
                l.store_at(sums[i][0], y, at, width.min(LANES));
                if width > LANES {
                    l.store_at(sums[i][1], y, at + LANES, width - LANES);
                }
            }
        }
        R
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::simd::{Instructions, choosing};

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..len).map(|_| random.uniform(-1.0, 1.0)).collect()
    }

    /// The definition: one fused multiply-add after the other.
    fn check(batch: usize, inputs: usize, outputs: usize, relu: bool) {
        let (x, weight, bias) =
            (random(batch * inputs, 1), random(outputs * inputs, 2), random(outputs, 3));
        let expected: Vec<f32> = (0..batch * outputs)
            .map(|at| {
                let (image, output) = (at / outputs, at % outputs);
                let pairs = x[image * inputs..][..inputs].iter().zip(&weight[output * inputs..]);
                let sum = pairs.fold(bias[output], |sum, (x, w)| x.mul_add(*w, sum));
                if relu && sum < 0.0 { 0.0 } else { sum }
            })
            .collect();
        let layer = PackedLinear::new(&weight, &bias, inputs, relu);
        for instructions in Instructions::available() {
            // What the answer held before is not read.
            let mut y = vec![f32::NAN; batch * outputs];
            choosing(instructions, || layer.forward(&x, &mut y));
            assert!(
                y.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()),
                "{batch} x {inputs} x {outputs} with {instructions:?}"
            );
        }
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition() {
        for (batch, inputs, outputs) in
            [(1, 1, 1), (2, 300, 10), (3, 320, 16), (5, 7, 17), (6, 641, 24), (13, 321, 40)]
        {
            check(batch, inputs, outputs, false);
            check(batch, inputs, outputs, true);
        }
    }
}
