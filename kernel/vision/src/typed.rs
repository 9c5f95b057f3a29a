//! Networks whose shapes the compiler checks: dfdx's own style, on a stable compiler.
//!
//! A network is a type: a tuple of layers (of up to six; tuples can hold tuples). dfdx builds it,
//! runs it and trains it with its own optimisers; a shape that does not fit is no error of the run
//! but of the compilation.
//!
//! ```
//! use momentum_vision::loss::cross_entropy;
//! use momentum_vision::typed::*; // the layers, and what is needed of dfdx
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
//! A layer that does not fit the one before it. The first convolution gives 8 maps, the second wants
//! 16:
//!
//! ```compile_fail,E0277
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor};
//! # use momentum_vision::typed::{Conv, Relu};
//! fn run(net: &(Conv<1, 8, 3>, Relu, Conv<16, 8, 3>),
//!        x: Tensor<(usize, Const<1>, Const<28>, Const<28>), f32, Cpu>) {
//!     Module::forward(net, x);
//! }
//! ```
//! ```text
//! error[E0277]: this layer takes 16 maps or features, but what comes in has `dfdx::shapes::Const<8>` of them
//!   |
//! 5 |     Module::forward(net, x);
//!   |     ^^^^^^^^^^^^^^^^^^^^^^^ expected 16, got `dfdx::shapes::Const<8>`
//!   = note: change: give the layer as many inputs as the layer before it has outputs
//! ```
//! (Written as `net.forward(x)` it does not compile either, but the compiler says E0599, that the
//! method's bounds are not satisfied, and `Conv<16, 8, 3>: Module<Tensor<(_, Const<8>, _, _), ..>>`
//! stands in its notes.)
//!
//! A window that does not fit into its map. 4 x 4 pixels become 2 x 2, which hold no 3 x 3 kernel:
//!
//! ```compile_fail,E0277
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor};
//! # use momentum_vision::typed::{Conv, MaxPool};
//! fn run(net: &(MaxPool<2>, Conv<1, 8, 3>),
//!        x: Tensor<(usize, Const<1>, Const<4>, Const<4>), f32, Cpu>) {
//!     net.forward(x);
//! }
//! ```
//! ```text
//! error[E0277]: a window of side 3, stride 1 and padding 0 does not fit into a map whose side is `dfdx::shapes::Const<2>`
//!   |
//! 5 |     net.forward(x);
//!   |         ------- ^ does not fit into the maps that come in here
//!   = note: expected: a map of at least 3 pixels with its padding, of at most 64, and a window in momentum_vision's table
//!   = note: change: use a smaller kernel or window, add padding, or pool less before this layer
//! ```
//!
//! A wrong number of features behind the maps. 8 x 13 x 13 are not 1350:
//!
//! ```compile_fail,E0080
//! # use dfdx::prelude::{Const, Cpu, Module, Tensor, ZerosTensor};
//! # use momentum_vision::typed::Flatten;
//! fn run(x: Tensor<(usize, Const<8>, Const<13>, Const<13>), f32, Cpu>) {
//!     Flatten::<1350>.forward(x);
//! }
//! # run(Cpu::default().zeros_like(&(1, Const, Const, Const)));
//! ```
//! ```text
//! error[E0080]: evaluation panicked: Flatten<1350> does not fit: expected the 1352 features of 8 maps of 13 x 13 pixels. Change: write Flatten<1352>
//! ```
//!
//! The same three with the right numbers do compile:
//!
//! ```
//! use dfdx::prelude::{Const, Cpu, Module, Tensor, ZerosTensor, DeviceBuildExt};
//! use momentum_vision::typed::{Conv, Flatten, MaxPool, Relu};
//!
//! type Net = (Conv<1, 8, 3>, Relu, Conv<8, 8, 3>, MaxPool<2>, Flatten<1152>);
//! let device = Cpu::seed_from_u64(0);
//! let x: Tensor<(usize, Const<1>, Const<28>, Const<28>), f32, Cpu> =
//!     device.zeros_like(&(1, Const, Const, Const));
//! let _: Tensor<(usize, Const<1152>), f32, Cpu> =
//!     device.build_module::<Net, f32>().forward(x);
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
#[doc(no_inline)]
pub use dfdx::optim::{Adam, Sgd};
#[doc(no_inline)]
pub use dfdx::prelude::{
    AsArray, Backward, Const, Cpu, DeviceBuildExt, Module, ModuleMut, Optimizer, Tensor,
    TensorFromVec, Trace,
};
pub use layer::{AvgPool, Conv, Dropout, Flatten, GlobalAvgPool, Linear, MaxPool, scores};
pub use normalisation::BatchNorm;
pub use window::{Fits, Window};
