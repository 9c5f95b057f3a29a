//! The Momentum kernel: Rust cells in, outputs out.
//!
//! A program that uses it calls [`hook`] first thing in its `main`: the processes of a session are
//! this very program, started in other roles.

use std::process::ExitCode;

mod analyst;
pub mod cell;
pub mod checkup;
pub mod comm;
pub mod compiler;
pub mod engine;
pub mod helpers;
pub mod jupyter;
pub mod kernelspec;
pub mod notebook;
pub mod output;
mod process;
pub mod provenance;
mod report;
pub mod runner;
pub mod sandbox;
pub mod session;
pub mod toolchain;
pub mod wire;

/// Plays another role if this process was started for one; call it first thing in `main`, and end
/// with the code that it gives, if it gives one.
pub fn hook() -> Option<ExitCode> {
    engine::run_if_called();
    compiler::run_if_called()
        .or_else(analyst::run_if_called)
        .or_else(sandbox::run_if_called)
        .or_else(process::run_if_called)
}
