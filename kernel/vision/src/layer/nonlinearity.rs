//! Smooth and leaky activation functions as one dfdx module.

use super::LayerError;
use super::elementwise::{TASK_LEN, recorded};
use crate::gradient::values;
use crate::threads;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::ReshapeTo;
use rayon::prelude::*;

/// An activation function other than [`Relu`](super::Relu), for tensors of any shape, value by value.
/// Exponential, tangent and error function come from the `libm` crate, so that they give the same
/// bits everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// `x` if it is positive, else `x` times this slope (Maas, Hannun and Ng 2013).
    LeakyRelu(f32),
    /// `x Φ(x)` with the normal distribution Φ, exact, not the tanh approximation (Hendrycks and
    /// Gimpel 2016).
    Gelu,
    /// `x σ(x)`, also called swish (Ramachandran, Zoph and Le 2017).
    Silu,
    /// The hyperbolic tangent, as in the LeNet of 1998.
    Tanh,
    /// `σ(x) = 1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Nonlinearity {
    /// Value and slope at `x`.
    fn at(self, x: f32) -> (f32, f32) {
        match self {
            Nonlinearity::LeakyRelu(slope) if x > 0.0 || slope.is_nan() => (x, 1.0),
            Nonlinearity::LeakyRelu(slope) => (x * slope, slope),
            Nonlinearity::Gelu => {
                let below = 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
                // 1 / sqrt(2 π), the normal density at 0.
                let density = 0.398_942_3 * libm::expf(-0.5 * x * x);
                (x * below, below + x * density)
            }
            Nonlinearity::Silu => {
                let sigmoid = sigmoid(x);
                (x * sigmoid, sigmoid * (1.0 + x * (1.0 - sigmoid)))
            }
            Nonlinearity::Tanh => {
                let y = libm::tanhf(x);
                (y, 1.0 - y * y)
            }
            Nonlinearity::Sigmoid => {
                let y = sigmoid(x);
                (y, y * (1.0 - y))
            }
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

impl NonMutableModule for Nonlinearity {}

impl<S: Shape, T: Tape<f32, Cpu>> Module<Tensor<S, f32, Cpu, T>> for Nonlinearity {
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Tensor<S, f32, Cpu, T>) -> Result<Self::Output, LayerError> {
        let (input, tape) = input.try_contiguous()?.split_tape();
        let mut y = values(&input);
        let mut slopes = vec![0.0; y.len()];
        let one = |(y, slopes): (&mut [f32], &mut [f32])| {
            y.iter_mut().zip(slopes).for_each(|(y, slope)| (*y, *slope) = self.at(*y));
        };
        threads::install(|| {
            y.par_chunks_mut(TASK_LEN).zip(slopes.par_chunks_mut(TASK_LEN)).for_each(one);
        });
        recorded(input, tape, y, slopes)
    }
}
