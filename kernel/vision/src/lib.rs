//! Convolutional networks on dfdx, and pictures of what they see.

pub mod data;
pub mod evaluation;
pub mod gemm;
pub mod layer;
pub mod loss;
pub mod network;
pub mod random;
pub mod table;
pub mod training;

mod convolution;
mod gradient;
mod pooling;
