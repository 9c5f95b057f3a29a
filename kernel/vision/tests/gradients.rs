//! The maths, checked against someone else's: stored PyTorch results, and finite differences.

use dfdx::prelude::*;
use momentum_vision::layer::{
    Conv2d, Conv2dConfig, Flatten, Linear, Maps, MaxPool2d, Relu, Vectors,
};
use momentum_vision::loss::cross_entropy;
use momentum_vision::random::Random;
use safetensors::SafeTensors;

/// A stored case: tensors by name.
struct Case(SafeTensors<'static>);

impl Case {
    fn get(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let tensor = self.0.tensor(name).unwrap();
        let (values, rest) = tensor.data().as_chunks::<4>();
        assert!(rest.is_empty());
        (values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(), tensor.shape().to_vec())
    }

    fn maps(&self, name: &str) -> Maps {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0], shape[1], shape[2], shape[3]))
    }

    fn vectors(&self, name: &str) -> Vectors {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0], shape[1]))
    }

    fn vector(&self, name: &str) -> Tensor<(usize,), f32, Cpu> {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0],))
    }

    /// Every value within 1e-4 of the stored one, relative to the greatest.
    fn same(&self, name: &str, got: &[f32]) {
        let (expected, _) = self.get(name);
        assert_eq!(expected.len(), got.len(), "{name}");
        let scale = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
        for (i, (x, y)) in expected.iter().zip(got).enumerate() {
            assert!((x - y).abs() <= 1e-4 * scale, "{name}[{i}]: PyTorch {x}, ours {y}");
        }
    }
}

macro_rules! case {
    ($name:literal) => {{
        static BYTES: &[u8] = include_bytes!(concat!("pytorch/", $name, ".safetensors"));
        Case(SafeTensors::deserialize(BYTES).unwrap())
    }};
}

fn check_convolution(case: &Case, stride: usize, padding: usize, dilation: usize, groups: usize) {
    let (x, weight) = (case.maps("x"), case.maps("weight"));
    let &(outputs, _, side, _) = weight.shape();
    let config = Conv2dConfig {
        stride,
        padding,
        dilation,
        groups,
        ..Conv2dConfig::new(x.shape().1, outputs, side)
    };
    let mut conv = Conv2d::new(config, &mut Random::new(0)).unwrap();
    conv.weight = weight;
    conv.bias = case.vector("bias");
    let y = conv.try_forward(x.leaky_trace()).unwrap();
    case.same("y", &y.as_vec());
    let gradients = (y * case.maps("upstream")).sum::<Rank0, _>().backward();
    case.same("d_x", &gradients.get(&x).as_vec());
    case.same("d_weight", &gradients.get(&conv.weight).as_vec());
    case.same("d_bias", &gradients.get(&conv.bias).as_vec());
}

#[test]
fn convolutions_agree_with_pytorch() {
    check_convolution(&case!("conv_plain"), 1, 0, 1, 1);
    check_convolution(&case!("conv_stride_2"), 2, 1, 1, 1);
    check_convolution(&case!("conv_dilated"), 1, 2, 2, 1);
    check_convolution(&case!("conv_groups"), 1, 1, 1, 2);
    check_convolution(&case!("conv_pointwise"), 1, 0, 1, 1);
}

#[test]
fn a_network_agrees_with_pytorch() {
    let case = case!("network");
    let config = Conv2dConfig { padding: 1, ..Conv2dConfig::new(2, 4, 3) };
    let mut conv = Conv2d::new(config, &mut Random::new(0)).unwrap();
    (conv.weight, conv.bias) = (case.maps("0.weight"), case.vector("0.bias"));
    let mut linear = Linear::new(64, 5, &mut Random::new(0)).unwrap();
    (linear.weight, linear.bias) = (case.vectors("4.weight"), case.vector("4.bias"));
    let labels: Vec<u8> = case.get("labels").0.iter().map(|&label| label as u8).collect();

    let maps = Relu.try_forward(conv.try_forward(case.maps("x").leaky_trace()).unwrap()).unwrap();
    let maps = MaxPool2d { side: 2, stride: 2 }.try_forward(maps).unwrap();
    let scores = linear.try_forward(Flatten.try_forward(maps).unwrap()).unwrap();
    case.same("scores", &scores.as_vec());
    let loss = cross_entropy(scores, &labels).unwrap();
    case.same("loss", &loss.as_vec());
    let gradients = loss.backward();
    case.same("d_0.weight", &gradients.get(&conv.weight).as_vec());
    case.same("d_0.bias", &gradients.get(&conv.bias).as_vec());
    case.same("d_4.weight", &gradients.get(&linear.weight).as_vec());
    case.same("d_4.bias", &gradients.get(&linear.bias).as_vec());
}

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
    let config = Conv2dConfig { stride: 2, padding: 1, groups: 2, ..Conv2dConfig::new(2, 4, 3) };
    let device = Cpu::default();
    let mut conv = Conv2d::new(config, &mut Random::new(1)).unwrap();
    conv.bias = device.tensor_from_vec(random(4, 9), (4,));
    let (shape, x) = ((2, 2, 5, 4), random(80, 2));
    let input: Maps = device.tensor_from_vec(x.clone(), shape);
    let y = conv.try_forward(input.leaky_trace()).unwrap();
    let (y_shape, upstream) = (*y.shape(), random(y.shape().num_elements(), 3));
    let weights: Maps = device.tensor_from_vec(upstream.clone(), y_shape);
    let gradients = (y * weights).sum::<Rank0, _>().backward();
    check_slopes(&x, &gradients.get(&input).as_vec(), 0.05, |x| {
        let x: Maps = device.tensor_from_vec(x.to_vec(), shape);
        weighted(&conv.try_forward(x).unwrap().as_vec(), &upstream)
    });
    let weight = conv.weight.as_vec();
    check_slopes(&weight, &gradients.get(&conv.weight).as_vec(), 0.05, |w| {
        let mut conv = conv.clone();
        conv.weight.copy_from(w);
        weighted(&conv.try_forward(input.clone()).unwrap().as_vec(), &upstream)
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
