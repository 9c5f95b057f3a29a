//! Layers as dfdx modules: convolution, pooling, normalisation, dropout, activation functions,
//! flatten, linear, residual.
//!
//! The published dfdx 0.13 has no convolution or pooling on a stable compiler, so they are added
//! from outside: each layer works on plain slices and records its own backward step on dfdx's tape.
//! The linear layer is ours too, because dfdx's matrix product blocks by the size of the caches, and
//! so its last bits depend on the CPU.
//!
//! ```
//! use dfdx::prelude::{Cpu, Module, Trace, Backward};
//! use momentum_vision::layer::{Conv2d, Conv2dConfig, Maps};
//! use momentum_vision::loss::cross_entropy;
//! use momentum_vision::random::Random;
//! use dfdx::tensor::TensorFromVec;
//!
//! let device = Cpu::default();
//! let conv = Conv2d::new(Conv2dConfig::new(1, 4, 3), &mut Random::new(0)).unwrap();
//! let images: Maps = device.tensor_from_vec(vec![0.5; 2 * 8 * 8], (2, 1, 8, 8));
//! let maps = conv.try_forward(images.leaky_trace()).unwrap();
//! assert_eq!(dfdx::shapes::HasShape::shape(&maps), &(2, 4, 6, 6));
//! ```

mod activation;
mod average;
mod convolution;
mod dropout;
mod elementwise;
mod linear;
mod nonlinearity;
mod normalisation;
mod pooling;
pub(crate) mod residual;

pub use crate::convolution::Conv2dConfig;
pub use activation::{Flatten, Relu};
pub use average::{AvgPool2d, GlobalAvgPool};
pub use convolution::Conv2d;
pub use dropout::Dropout;
pub use linear::Linear;
pub use nonlinearity::Nonlinearity;
pub use normalisation::BatchNorm;
pub use pooling::MaxPool2d;
pub use residual::{Identity, Residual};

use crate::random::Random;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, CpuError, NoneTape, Tensor, TensorFromVec};

/// Images or feature maps, `[batch, channels, height, width]`.
pub type Maps<T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, Cpu, T>;

/// Vectors of features, `[batch, features]`.
pub type Vectors<T = NoneTape> = Tensor<(usize, usize), f32, Cpu, T>;

/// Why a layer could not be made or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The input does not have the shape that the layer was made for.
    #[error("{layer}: expected {expected}, got {got}")]
    Shape {
        /// The layer, in words.
        layer: String,
        /// What it takes.
        expected: String,
        /// What came.
        got: String,
    },
    /// Numbers that no layer can have, such as a stride of 0.
    #[error("{layer}: {problem}")]
    Config {
        /// The layer, in words.
        layer: String,
        /// What is wrong and what to change.
        problem: String,
    },
    /// dfdx could not store a tensor.
    #[error("dfdx could not store a tensor")]
    Device(#[source] CpuError),
}

impl From<CpuError> for LayerError {
    fn from(error: CpuError) -> Self {
        LayerError::Device(error)
    }
}

/// The bound of first weights, drawn uniformly on both sides of zero: it gives them a variance of
/// 1 / fan_in (LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998).
pub(crate) fn bound(fan_in: usize) -> f32 {
    (3.0 / fan_in.max(1) as f32).sqrt()
}

/// First weights.
fn weights<S: Shape>(
    shape: S,
    fan_in: usize,
    random: &mut Random,
) -> Result<Tensor<S, f32, Cpu>, LayerError> {
    let bound = bound(fan_in);
    let values = (0..shape.num_elements()).map(|_| random.uniform(-bound, bound)).collect();
    Ok(Cpu::default().try_tensor_from_vec(values, shape)?)
}

/// Biases start at zero.
fn biases(n: usize) -> Result<Tensor<(usize,), f32, Cpu>, LayerError> {
    Ok(Cpu::default().try_tensor_from_vec(vec![0.0; n], (n,))?)
}
