//! The `momentum` command: one file a subcommand.

mod build;
mod helpers;
mod kernel;
mod progress;
mod report;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A Rust notebook kernel and a study log that shows what the notebooks really printed.
#[derive(Parser)]
#[command(name = "momentum", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Build(build::Arguments),
    Run(run::Arguments),
    Kernel(kernel::Arguments),
}

fn main() -> ExitCode {
    if let Some(code) = momentum_kernel::hook() {
        return code;
    }
    let result = match Arguments::parse().command {
        Command::Build(arguments) => build::execute(&arguments),
        Command::Run(arguments) => run::execute(&arguments),
        Command::Kernel(arguments) => kernel::execute(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::print(&failure);
            ExitCode::FAILURE
        }
    }
}
