//! What crosses packages, in Rust: the shape of the repository.

mod cli;
mod tidy;
