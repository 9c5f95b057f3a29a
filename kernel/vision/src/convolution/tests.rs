//! Every algorithm against the definition, and every instruction set against the others.

use super::*;
use crate::random::Random;
use crate::simd::{Instructions, choosing};
use proptest::prelude::*;

fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.uniform(-1.0, 1.0)).collect()
}

/// Output, and gradients of weight, bias and image.
#[derive(Clone, Debug, PartialEq)]
struct Results([Vec<f32>; 4]);

/// The definition, in double precision.
fn definition(c: &Convolution, x: &[f32], w: &[f32], b: &[f32], dy: &[f32]) -> Results {
    let Conv2dConfig { side, stride, padding, dilation, groups, .. } = c.config;
    let (inputs, outputs) = (c.config.input_channels / groups, c.config.output_channels / groups);
    let ([height, width], [rows, columns]) = (c.input, c.output);
    let mut y: Vec<f64> = vec![0.0; c.output_len()];
    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; b.len()]);
    let mut dx: Vec<f64> = vec![0.0; x.len()];
    for output in 0..c.config.output_channels {
        for place in 0..rows * columns {
            let at = output * rows * columns + place;
            let slope = f64::from(dy[at]);
            y[at] = f64::from(b[output]);
            db[output] += slope;
            for tap in 0..inputs * side * side {
                let (input, ky, kx) = (tap / (side * side), tap / side % side, tap % side);
                let row = (place / columns * stride + ky * dilation).checked_sub(padding);
                let column = (place % columns * stride + kx * dilation).checked_sub(padding);
                let (Some(row), Some(column)) = (row, column) else { continue };
                if row >= height || column >= width {
                    continue;
                }
                let channel = output / outputs * inputs + input;
                let pixel = (channel * height + row) * width + column;
                let weight = output * inputs * side * side + tap;
                y[at] += f64::from(x[pixel]) * f64::from(w[weight]);
                dw[weight] += f64::from(x[pixel]) * slope;
                dx[pixel] += f64::from(w[weight]) * slope;
            }
        }
    }
    Results([y, dw, db, dx].map(|values| values.iter().map(|&value| value as f32).collect()))
}

fn ours(c: &Convolution, x: &[f32], weight: &[f32], bias: &[f32], dy: &[f32]) -> Results {
    let weights = Weights { weight, bias };
    let mut filters = Filters::default();
    let mut scratch = Scratch::default();
    c.arrange(weights, true, &mut filters);
    let mut x_last = vec![0.0; x.len()];
    channels_last(x, c.config.input_channels, &mut x_last);
    let mut dy_last = vec![f32::NAN; dy.len() + SLACK];
    channels_last(dy, c.config.output_channels, &mut dy_last[..dy.len()]);
    let (mut y_last, mut dx_last) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
    let mut sums = vec![0.0; c.n_sums()];
    c.forward_image(&filters, &x_last, &mut y_last, &mut scratch);
    let dx = Some(&mut dx_last[..]);
    c.backward_image(&filters, &x_last, &dy_last, &mut sums, dx, &mut scratch);
    let mut results = Results([dy.len(), weight.len(), bias.len(), x.len()].map(|n| vec![0.0; n]));
    let [y, d_weight, d_bias, dx] = &mut results.0;
    channels_first(&y_last, c.config.output_channels, y, |_, value| value);
    channels_first(&dx_last, c.config.input_channels, dx, |_, value| value);
    c.finish(&sums, d_weight, d_bias);
    results
}

/// Within the tolerance of the definition, and the same bits with all instructions.
fn check(config: Conv2dConfig, height: usize, width: usize, tolerance: f32) {
    let Some(c) = Convolution::new(config, height, width) else { return };
    let (x, dy) = (random(c.input_len(), 1), random(c.output_len(), 2));
    let (w, b) = (random(config.n_weights(), 3), random(config.output_channels, 4));
    let expected = definition(&c, &x, &w, &b, &dy);
    let first = ours(&c, &x, &w, &b, &dy);
    for (part, (expected, got)) in expected.0.iter().zip(&first.0).enumerate() {
        let scale = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
        for (expected, got) in expected.iter().zip(got) {
            let error = (expected - got).abs() / scale;
            assert!(error <= tolerance, "part {part}: {expected}, {got}; {config:?}");
        }
    }
    for instructions in Instructions::available() {
        let same = choosing(instructions, || ours(&c, &x, &w, &b, &dy));
        assert!(same == first, "{instructions:?}: {config:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_is_what_the_definition_says(
        (inputs, outputs, groups) in (1usize..5, 1usize..20, 1usize..3),
        (side, stride, padding, dilation) in (1usize..5, 1usize..4, 0usize..4, 1usize..3),
        (height, width) in (1usize..10, 1usize..10),
    ) {
        let config = Conv2dConfig {
            stride,
            padding,
            dilation,
            groups,
            ..Conv2dConfig::new(inputs * groups, outputs * groups, side)
        };
        check(config, height, width, 1e-5);
    }

    #[test]
    fn winograd_is_what_the_definition_says(
        (inputs, outputs, padding) in (1usize..3, 1usize..4, 0usize..3),
        (height, width) in (4usize..15, 4usize..15),
    ) {
        let config = Conv2dConfig { padding, ..Conv2dConfig::new(16 * inputs, 16 * outputs, 3) };
        check(config, height, width, 3e-5);
    }
}

#[test]
fn large_plain_kernels_of_3_take_winograd_and_others_do_not() {
    let plain = Conv2dConfig::new(16, 32, 3);
    let is_winograd = |config, side| {
        let c = Convolution::new(config, side, side).unwrap();
        matches!(c.algorithm, Algorithm::Winograd(_))
    };
    assert!(is_winograd(plain, 8));
    assert!(!is_winograd(plain, 4));
    assert!(!is_winograd(Conv2dConfig { stride: 2, ..plain }, 16));
    assert!(!is_winograd(Conv2dConfig { groups: 2, ..plain }, 16));
    assert!(!is_winograd(Conv2dConfig::new(8, 32, 3), 8));
}

#[test]
fn a_batch_gives_the_same_bits_for_any_number_of_threads() {
    let c = Convolution::new(Conv2dConfig::new(3, 5, 3), 6, 7).unwrap();
    let (x, dy) = (random(20 * c.input_len(), 1), random(20 * c.output_len(), 2));
    let (weight, bias) = (random(c.config.n_weights(), 3), random(5, 4));
    let weights = Weights { weight: &weight, bias: &bias };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut dw, mut db) = (vec![0.0; weight.len()], vec![0.0; 5]);
            let mut dx = vec![0.0; x.len()];
            c.backward(&x, weights, &dy, &mut dw, &mut db, Some(&mut dx));
            Results([c.forward(&x, weights), dw, db, dx])
        })
    };
    assert_eq!(run(1), run(3));
}
