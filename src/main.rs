//! The `momentum` command.
fn main() {}
