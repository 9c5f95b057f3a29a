//! Networks whose shapes the compiler checks: dfdx's own style, on a stable compiler.
//!
//! A network is a type: a tuple of layers (of up to six; tuples can hold tuples). dfdx builds it,
//! runs it and trains it with its own optimisers; a shape that does not fit is no error of the run
//! but of the compilation.
//!
//! ```
//! use dfdx::optim::Adam;
//! use dfdx::prelude::{Backward, Const, Cpu, DeviceBuildExt, ModuleMut, Optimizer, Tensor};
//! use dfdx::prelude::{AsArray, TensorFromVec, Trace};
//! use momentum_vision::loss::cross_entropy;
//! use momentum_vision::typed::{Conv, Flatten, Linear, MaxPool, Relu, scores};
//!
//! type Net = (
//!     (Conv<1, 4, 3>, Relu, MaxPool<2>), // 1 x 10 x 10 becomes 4 x 8 x 8, then 4 x 4 x 4
//!     (Flatten<64>, Linear<64, 3>),      // and 64 features, then 3 scores
//! );
//!
//! let device = Cpu::seed_from_u64(0);
//! let mut net = device.build_module::<Net, f32>();
//! let mut adam = Adam::new(&net, Default::default());
//! let pixels: Vec<f32> = (0..200).map(|i| (i % 7) as f32 / 7.0).collect();
//! let images: Tensor<(usize, Const<1>, Const<10>, Const<10>), f32, Cpu> =
//!     device.tensor_from_vec(pixels, (2, Const, Const, Const));
//! let mut loss_of_step = || -> Result<f32, Box<dyn std::error::Error>> {
//!     let loss = cross_entropy(scores(net.try_forward_mut(images.leaky_trace())?)?, &[0, 2])?;
//!     let value = loss.array();
//!     adam.update(&mut net, &loss.backward()).map_err(|error| format!("{error:?}"))?;
//!     Ok(value)
//! };
//! let first = loss_of_step()?;
//! assert!((0..20).map(|_| loss_of_step()).last().unwrap()? < first);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What the compiler says
//!
//! A layer that does not fit the one before it:
//!
//! ```compile_fail,E0277
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor};
//! use momentum_vision::typed::{Conv, MaxPool, Relu};
//! // The first convolution gives 8 maps; the second wants 16.
//! fn run(net: &(Conv<1, 8, 3>, Relu, Conv<16, 8, 3>),
//!        x: Tensor<(usize, Const<1>, Const<28>, Const<28>), f32, Cpu>) {
//!     net.forward(x);
//! }
//! ```
//!
//! A window that does not fit into its map:
//!
//! ```compile_fail,E0277
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor};
//! use momentum_vision::typed::{Conv, MaxPool};
//! // 4 x 4 pixels become 2 x 2, into which no 3 x 3 kernel fits.
//! fn run(net: &(MaxPool<2>, Conv<1, 8, 3>),
//!        x: Tensor<(usize, Const<1>, Const<4>, Const<4>), f32, Cpu>) {
//!     net.forward(x);
//! }
//! ```
//!
//! A wrong number of features behind the maps:
//!
//! ```compile_fail,E0080
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor};
//! use momentum_vision::typed::Flatten;
//! // 8 x 13 x 13 are 1352.
//! fn run(x: Tensor<(usize, Const<8>, Const<13>, Const<13>), f32, Cpu>) {
//!     Flatten::<1350>.forward(x);
//! }
//! # run(dfdx::prelude::ZerosTensor::zeros_like(&Cpu::default(), &(1, Const, Const, Const)));
//! ```
//!
//! ## Limits
//!
//! A stable compiler cannot compute with the numbers in types, so the sides of windows come from a
//! table: maps of up to 64 pixels a side, kernels and pooling windows of 1, 2, 3, 4, 5 and 7 with
//! the usual strides and paddings ([`Window`]). The builder ([`Cnn`](crate::network::Cnn)) has no
//! such limits, and compiles in an instant; every figure takes its networks.

mod layer;
mod lesson;
mod normalisation;
mod window;

pub use crate::layer::{Identity, Relu, Residual};
pub use layer::{AvgPool, Conv, Dropout, Flatten, GlobalAvgPool, Linear, MaxPool, scores};
pub use normalisation::BatchNorm;
pub use window::Window;
