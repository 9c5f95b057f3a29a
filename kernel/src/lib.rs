//! The Momentum kernel: Rust cells in, outputs out.

pub mod output;
