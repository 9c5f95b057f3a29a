//! Convolutional networks on dfdx, and pictures of what they see.
//!
//! ```
//! use momentum_vision::prelude::*;
//!
//! let data = fashion_mnist()?;
//! let mut cnn = Cnn::on([1, 28, 28]).conv(4, 3).relu().max_pool(4).seed(0).classes(10)?;
//! let config = FitConfig { epochs: 3, seed: 0, ..FitConfig::default() };
//! cnn.fit(&data.train.first(640), &data.validation.first(100), &config)?;
//! assert!(evaluate(&cnn, &data.test.first(200))?.accuracy > 0.2);
//!
//! let picture = layer_maps(&cnn, &data.test.image(0), 1)?;
//! assert!(picture.svg.starts_with("<svg") && picture.alt.contains("4 feature maps"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The way through the crate: [`data`] gives images, [`network`] builds networks from [`layer`]s,
//! [`training`] fits them with the [`loss`], [`evaluation`] measures them, [`comparison`] sets two
//! against each other, [`inspection`] looks into one, [`figure`] draws all that, and [`table`] says
//! it in numbers. Every result is the same for every run, number of
//! threads and x86-64 CPU: [`gemm`] sums in one fixed order, [`random`] is seeded.
//!
//! What it is not: a general deep-learning framework. It holds what a lesson on convolution needs,
//! on the CPU, in `f32`.

pub mod comparison;
pub mod data;
pub mod evaluation;
pub mod figure;
pub mod gemm;
pub mod inspection;
pub mod layer;
pub mod loss;
pub mod network;
pub mod prelude;
pub mod random;
pub mod table;
pub mod training;
pub mod typed;
pub mod weights;

mod convolution;
mod gradient;
mod pooling;
mod replacement;
mod simd;
mod threads;
