//! A Jupyter kernel for Rust on evcxr.
