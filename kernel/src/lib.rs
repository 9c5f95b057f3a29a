//! The Momentum kernel: Rust cells in, outputs out.

pub mod kernelspec;
pub mod output;
pub mod session;
pub mod wire;
