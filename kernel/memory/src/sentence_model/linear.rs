//! Linear layers and layer normalisation, as they stand in a transformer.

/// How many outputs stand side by side in a panel, and how many rows are computed at a time: what
/// the sixteen wide registers of x86-64 hold.
const OUTPUTS: usize = 8;
const ROWS: usize = 4;

/// `y = x Wᵀ + b`.
pub(super) struct Linear {
    n_in: usize,
    n_out: usize,
    /// The weights of eight outputs for the first input, then for the second, and so on; then the
    /// next eight outputs.
    panels: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// From weights `[out, in]`, row by row, and a bias `[out]`.
    pub(super) fn new(weights: &[f32], bias: Vec<f32>) -> Self {
        let n_out = bias.len();
        let n_in = weights.len() / n_out.max(1);
        let mut panels = vec![0.0; n_out.div_ceil(OUTPUTS) * n_in * OUTPUTS];
        for (output, row) in weights.chunks_exact(n_in.max(1)).enumerate() {
            let (panel, lane) = (output / OUTPUTS, output % OUTPUTS);
            for (input, weight) in row.iter().enumerate() {
                panels[(panel * n_in + input) * OUTPUTS + lane] = *weight;
            }
        }
        Linear { n_in, n_out, panels, bias }
    }

    /// `[rows, in]` → `[rows, out]`. Each sum runs over the inputs in order, so its bits depend on
    /// nothing else.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let n_rows = x.len() / self.n_in;
        let mut y = vec![0.0; n_rows * self.n_out];
        for (n, panel) in self.panels.chunks_exact(self.n_in * OUTPUTS).enumerate() {
            let first = n * OUTPUTS;
            let lanes = OUTPUTS.min(self.n_out - first);
            let mut bias = [0.0; OUTPUTS];
            bias[..lanes].copy_from_slice(&self.bias[first..first + lanes]);
            for row in (0..n_rows).step_by(ROWS) {
                // Behind the last row the last one is computed again, and dropped.
                let inputs: [&[f32]; ROWS] = std::array::from_fn(|r| {
                    let row = (row + r).min(n_rows - 1);
                    &x[row * self.n_in..(row + 1) * self.n_in]
                });
                let sums = block(panel, inputs, bias);
                for (r, sums) in sums.iter().enumerate().take(n_rows - row) {
                    let at = (row + r) * self.n_out + first;
                    y[at..at + lanes].copy_from_slice(&sums[..lanes]);
                }
            }
        }
        y
    }
}

/// Four rows by eight outputs.
fn block(panel: &[f32], inputs: [&[f32]; ROWS], bias: [f32; OUTPUTS]) -> [[f32; OUTPUTS]; ROWS] {
    let mut sums = [bias; ROWS];
    let [a, b, c, d] = inputs;
    let inputs = a.iter().zip(b).zip(c).zip(d);
    for (weights, (((a, b), c), d)) in panel.chunks_exact(OUTPUTS).zip(inputs) {
        for (sums, x) in sums.iter_mut().zip([a, b, c, d]) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight;
            }
        }
    }
    sums
}

/// Brings each row to mean 0 and variance 1, then scales and shifts it.
pub(super) struct Norm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Norm {
    pub(super) fn apply(&self, x: &mut [f32]) {
        let n = self.scale.len();
        for row in x.chunks_exact_mut(n) {
            let mean = row.iter().sum::<f32>() / n as f32;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n as f32;
            let factor = 1.0 / (variance + self.epsilon).sqrt();
            for ((x, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *x = (*x - mean) * factor * scale + shift;
            }
        }
    }
}

/// Hendrycks and Gimpel 2016, arXiv 1606.08415: `x Φ(x)`.
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Abramowitz and Stegun, 7.1.26: within 1.5e-7.
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let sum = ((((1.061_405_4 * t - 1.453_152) * t) + 1.421_413_7) * t - 0.284_496_74) * t;
    (1.0 - (sum + 0.254_829_6) * t * (-x * x).exp()).copysign(x)
}

/// Exponentials that sum up to 1.
pub(super) fn softmax(x: &mut [f32]) {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_layer_multiplies() {
        for (n_rows, n_in, n_out) in [(1, 1, 1), (4, 3, 8), (5, 7, 9), (9, 16, 20)] {
            let number = |n: usize| ((n * 37 % 19) as f32 - 9.0) / 8.0;
            let weights: Vec<f32> = (0..n_in * n_out).map(number).collect();
            let bias: Vec<f32> = (0..n_out).map(|n| number(n + 5)).collect();
            let x: Vec<f32> = (0..n_rows * n_in).map(|n| number(n + 11)).collect();
            let y = Linear::new(&weights, bias.clone()).apply(&x);
            assert_eq!(y.len(), n_rows * n_out);
            for (n, y) in y.iter().enumerate() {
                let (row, out) = (n / n_out, n % n_out);
                let products = (0..n_in).map(|i| x[row * n_in + i] * weights[out * n_in + i]);
                // Eighths: all sums are exact.
                assert_eq!(*y, bias[out] + products.sum::<f32>());
            }
        }
    }

    #[test]
    fn gelu_is_near_the_exact_one() {
        // From `torch.nn.functional.gelu`.
        for (x, expected) in [(0.0, 0.0), (1.0, 0.841_345), (-1.0, -0.158_655), (3.0, 2.995_951)] {
            assert!((gelu(x) - expected).abs() < 1e-5, "{x}: {}", gelu(x));
        }
    }
}
