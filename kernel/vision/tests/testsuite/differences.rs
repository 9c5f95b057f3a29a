//! Layers against finite differences, and shapes that do not fit.

use dfdx::prelude::*;
use momentum_vision::layer::{
    AvgPool2d, BatchNorm, Conv2d, Conv2dConfig, Dropout, GlobalAvgPool, LayerError, Linear, Maps,
    MaxPool2d, Nonlinearity, Relu, Residual, Vectors,
};
use momentum_vision::loss::cross_entropy;
use momentum_vision::random::Random;

fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.uniform(-1.0, 1.0)).collect()
}

/// Moves each value of `x` a little both ways and compares the loss's slope with the gradient.
fn check_slopes(x: &[f32], gradient: &[f32], step: f32, loss: impl Fn(&[f32]) -> f64) {
    for i in 0..x.len() {
        let mut moved = x.to_vec();
        moved[i] = x[i] + step;
        let above = loss(&moved);
        moved[i] = x[i] - step;
        let slope = (above - loss(&moved)) / f64::from(2.0 * step);
        let difference = (slope - f64::from(gradient[i])).abs();
        assert!(difference < 2e-2, "value {i}: slope {slope}, gradient {}", gradient[i]);
    }
}

/// A weighted sum in double precision, so that the difference of two losses is not lost.
fn weighted(y: &[f32], upstream: &[f32]) -> f64 {
    y.iter().zip(upstream).map(|(y, u)| f64::from(*y) * f64::from(*u)).sum()
}

#[test]
fn convolution_agrees_with_finite_differences() {
    let plain = Conv2dConfig { padding: 1, ..Conv2dConfig::new(2, 4, 3) };
    check_convolution(plain);
    check_convolution(Conv2dConfig { stride: 2, groups: 2, ..plain });
    check_convolution(Conv2dConfig { padding: 2, dilation: 2, ..plain });
    check_convolution(Conv2dConfig { padding: 3, dilation: 2, stride: 2, groups: 2, ..plain });
    check_convolution(Conv2dConfig { dilation: 3, ..Conv2dConfig::new(2, 4, 2) });
}

/// The gradients of the input, the weight and the bias.
fn check_convolution(config: Conv2dConfig) {
    let device = Cpu::default();
    let mut conv = Conv2d::new(config, &mut Random::new(1)).unwrap();
    conv.bias = device.tensor_from_vec(random(4, 9), (4,));
    let (shape, x) = ((2, 2, 5, 4), random(80, 2));
    let input: Maps = device.tensor_from_vec(x.clone(), shape);
    let y = conv.try_forward(input.leaky_trace()).unwrap();
    let (y_shape, upstream) = (*y.shape(), random(y.shape().num_elements(), 3));
    let weights: Maps = device.tensor_from_vec(upstream.clone(), y_shape);
    let gradients = (y * weights).sum::<Rank0, _>().backward();
    let output =
        |conv: &Conv2d, x: Maps| weighted(&conv.try_forward(x).unwrap().as_vec(), &upstream);
    check_slopes(&x, &gradients.get(&input).as_vec(), 0.05, |x| {
        output(&conv, device.tensor_from_vec(x.to_vec(), shape))
    });
    check_slopes(&conv.weight.as_vec(), &gradients.get(&conv.weight).as_vec(), 0.05, |weight| {
        let mut conv = conv.clone();
        conv.weight.copy_from(weight);
        output(&conv, input.clone())
    });
    check_slopes(&conv.bias.as_vec(), &gradients.get(&conv.bias).as_vec(), 0.05, |bias| {
        let mut conv = conv.clone();
        conv.bias.copy_from(bias);
        output(&conv, input.clone())
    });
}

#[test]
fn pooling_agrees_with_finite_differences() {
    let device = Cpu::default();
    // All values differ by more than two steps, so that no maximum changes hands.
    let mut x: Vec<f32> = (0..72).map(|i| i as f32 * 0.1).collect();
    Random::new(4).shuffle(&mut x);
    for (side, stride) in [(2, 2), (3, 2), (3, 3), (2, 1)] {
        let pool = MaxPool2d { side, stride };
        let input: Maps = device.tensor_from_vec(x.clone(), (1, 2, 6, 6));
        let y = pool.try_forward(input.leaky_trace()).unwrap();
        let upstream = random(y.shape().num_elements(), 5);
        let weights: Maps = device.tensor_from_vec(upstream.clone(), *y.shape());
        let gradients = (y * weights).sum::<Rank0, _>().backward();
        check_slopes(&x, &gradients.get(&input).as_vec(), 0.02, |x| {
            let x: Maps = device.tensor_from_vec(x.to_vec(), (1, 2, 6, 6));
            weighted(&pool.try_forward(x).unwrap().as_vec(), &upstream)
        });
    }
}

#[test]
fn linear_relu_and_loss_agree_with_finite_differences() {
    let device = Cpu::default();
    let linear = Linear::new(6, 3, &mut Random::new(6)).unwrap();
    let (x, labels) = (random(24, 7), [2u8, 0, 1, 1]);
    let forward = |x: &[f32]| {
        let input: Vectors = device.tensor_from_vec(x.to_vec(), (4, 6));
        let scores = linear.try_forward(input.leaky_trace()).unwrap();
        (input, cross_entropy(Relu.try_forward(scores).unwrap(), &labels).unwrap())
    };
    let (input, loss) = forward(&x);
    let gradients = loss.backward();
    check_slopes(&x, &gradients.get(&input).as_vec(), 1e-2, |x| f64::from(forward(x).1.array()));
}

#[test]
fn the_parameters_of_a_linear_layer_agree_with_finite_differences() {
    let device = Cpu::default();
    let mut linear = Linear::new(6, 3, &mut Random::new(6)).unwrap();
    linear.bias = device.tensor_from_vec(random(3, 19), (3,));
    let x: Vectors = device.tensor_from_vec(random(24, 7), (4, 6));
    let loss = |linear: &Linear| {
        cross_entropy(linear.try_forward(x.leaky_trace()).unwrap(), &[2u8, 0, 1, 1]).unwrap()
    };
    let gradients = loss(&linear).backward();
    let (weight, bias) = (linear.weight.as_vec(), linear.bias.as_vec());
    check_slopes(&weight, &gradients.get(&linear.weight).as_vec(), 1e-2, |weight| {
        let mut linear = linear.clone();
        linear.weight.copy_from(weight);
        f64::from(loss(&linear).array())
    });
    check_slopes(&bias, &gradients.get(&linear.bias).as_vec(), 1e-2, |bias| {
        let mut linear = linear.clone();
        linear.bias.copy_from(bias);
        f64::from(loss(&linear).array())
    });
}

/// Compares a layer's gradient of its input with the slopes of a weighted sum of its output.
fn check_layer<P: Shape>(
    x: &[f32],
    shape: (usize, usize, usize, usize),
    step: f32,
    traced: impl FnOnce(
        Maps<OwnedTape<f32, Cpu>>,
    ) -> Result<Tensor<P, f32, Cpu, OwnedTape<f32, Cpu>>, LayerError>,
    plain: impl Fn(Maps) -> Result<Tensor<P, f32, Cpu>, LayerError>,
) {
    let device = Cpu::default();
    let input: Maps = device.tensor_from_vec(x.to_vec(), shape);
    let y = traced(input.leaky_trace()).unwrap();
    let (y_shape, upstream) = (*y.shape(), random(y.shape().num_elements(), 13));
    let weights: Tensor<P, f32, Cpu> = device.tensor_from_vec(upstream.clone(), y_shape);
    let gradients = (y * weights).sum::<Rank0, _>().backward();
    check_slopes(x, &gradients.get(&input).as_vec(), step, |x| {
        let x = device.tensor_from_vec(x.to_vec(), shape);
        weighted(&plain(x).unwrap().as_vec(), &upstream)
    });
}

#[test]
fn batch_normalisation_agrees_with_finite_differences() {
    let mut norm = BatchNorm::new(2).unwrap();
    norm.weight.copy_from(&[1.5, -0.5]);
    norm.running_variance.copy_from(&[0.5, 2.0]);
    let (x, shape) = (random(36, 11), (3, 2, 2, 3));
    // While training each step of the differences starts from the same running statistics.
    check_layer(
        &x,
        shape,
        1e-2,
        |x| norm.clone().try_forward_mut(x),
        |x| norm.clone().try_forward_mut(x),
    );
    check_layer(&x, shape, 1e-2, |x| norm.try_forward(x), |x| norm.try_forward(x));
}

#[test]
fn the_parameters_of_batch_normalisation_agree_with_finite_differences() {
    let device = Cpu::default();
    let mut norm = BatchNorm::new(2).unwrap();
    norm.weight.copy_from(&[1.5, -0.5]);
    norm.bias.copy_from(&[0.25, -2.0]);
    norm.running_mean.copy_from(&[0.5, -0.5]);
    norm.running_variance.copy_from(&[0.5, 2.0]);
    let x: Maps = device.tensor_from_vec(random(36, 11), (3, 2, 2, 3));
    let upstream = random(36, 13);
    let weights: Maps = device.tensor_from_vec(upstream.clone(), (3, 2, 2, 3));
    for is_training in [true, false] {
        // A clone for each pass: while training, the running statistics follow.
        let run = |norm: &BatchNorm| match is_training {
            true => norm.clone().try_forward_mut(x.leaky_trace()).unwrap(),
            false => norm.try_forward(x.leaky_trace()).unwrap(),
        };
        let gradients = (run(&norm) * weights.clone()).sum::<Rank0, _>().backward();
        let output = |norm: &BatchNorm| weighted(&run(norm).as_vec(), &upstream);
        check_slopes(&norm.weight.as_vec(), &gradients.get(&norm.weight).as_vec(), 1e-2, |w| {
            let mut norm = norm.clone();
            norm.weight.copy_from(w);
            output(&norm)
        });
        check_slopes(&norm.bias.as_vec(), &gradients.get(&norm.bias).as_vec(), 1e-2, |bias| {
            let mut norm = norm.clone();
            norm.bias.copy_from(bias);
            output(&norm)
        });
    }
}

#[test]
fn average_pooling_agrees_with_finite_differences() {
    let (x, shape) = (random(72, 12), (1, 2, 6, 6));
    for (side, stride) in [(2, 2), (3, 2), (3, 1)] {
        let pool = AvgPool2d { side, stride };
        check_layer(&x, shape, 1e-2, |x| pool.try_forward(x), |x| pool.try_forward(x));
    }
    check_layer(
        &x,
        shape,
        1e-2,
        |x| GlobalAvgPool.try_forward(x),
        |x| GlobalAvgPool.try_forward(x),
    );
}

#[test]
fn activation_functions_agree_with_finite_differences() {
    let (x, shape) = (random(24, 14), (2, 3, 2, 2));
    for f in [Nonlinearity::Gelu, Nonlinearity::Silu, Nonlinearity::Tanh, Nonlinearity::Sigmoid] {
        check_layer(&x, shape, 1e-2, |x| f.try_forward(x), |x| f.try_forward(x));
    }
    // A kink at zero, so no value near it.
    let x: Vec<f32> = x.iter().map(|x| x + 0.1 * x.signum()).collect();
    let leaky = Nonlinearity::LeakyRelu(0.2);
    check_layer(&x, shape, 1e-2, |x| leaky.try_forward(x), |x| leaky.try_forward(x));
}

#[test]
fn dropout_agrees_with_finite_differences() {
    let dropout = Dropout::new(0.4, 0).unwrap();
    let run = |x: Maps| dropout.drop_values(x, &mut Random::new(3));
    let (x, shape) = (random(24, 15), (2, 3, 2, 2));
    check_layer(&x, shape, 1e-2, |x| dropout.drop_values(x, &mut Random::new(3)), run);
}

#[test]
fn residuals_agree_with_finite_differences() {
    let config = Conv2dConfig { padding: 1, ..Conv2dConfig::new(2, 2, 3) };
    let conv = Conv2d::new(config, &mut Random::new(16)).unwrap();
    let (x, shape) = (random(36, 17), (1, 2, 3, 6));
    let around = Residual::around((conv.clone(), Nonlinearity::Tanh));
    check_layer(&x, shape, 1e-2, |x| around.try_forward(x), |x| around.try_forward(x));
    let pointwise = Conv2d::new(Conv2dConfig::new(2, 2, 1), &mut Random::new(18)).unwrap();
    let two_ways = Residual { body: conv, shortcut: pointwise };
    check_layer(&x, shape, 1e-2, |x| two_ways.try_forward(x), |x| two_ways.try_forward(x));
}

#[test]
fn a_permuted_input_is_made_contiguous_first() {
    let device = Cpu::default();
    let conv = Conv2d::new(Conv2dConfig::new(1, 2, 3), &mut Random::new(8)).unwrap();
    let x: Tensor<Rank4<1, 1, 4, 5>, f32, Cpu> = device.sample_normal();
    let turned = x.clone().permute::<Rank4<1, 1, 5, 4>, Axes4<0, 1, 3, 2>>();
    let copied: Maps = device.tensor_from_vec(turned.as_vec(), (1, 1, 5, 4));
    let turned: Maps = turned.realize();
    assert_eq!(conv.forward(turned).as_vec(), conv.forward(copied).as_vec());
}

#[test]
fn a_wrong_shape_is_an_error_and_not_a_panic() {
    let conv = Conv2d::new(Conv2dConfig::new(3, 2, 5), &mut Random::new(8)).unwrap();
    let small: Maps = Cpu::default().tensor_from_vec(vec![0.0; 48], (1, 3, 4, 4));
    insta::assert_snapshot!(conv.try_forward(small).unwrap_err(), @"convolution with a kernel of side 5: expected 3 channels of at least 5 x 5 pixels, got 3 channels of 4 x 4 pixels");
    let linear = Linear::new(4, 2, &mut Random::new(8)).unwrap();
    let wide: Vectors = Cpu::default().tensor_from_vec(vec![0.0; 5], (1, 5));
    insta::assert_snapshot!(linear.try_forward(wide).unwrap_err(), @"linear layer with 2 outputs: expected vectors of 4 values, got vectors of 5 values");
}
