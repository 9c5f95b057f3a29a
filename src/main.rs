//! The `momentum` command: one file a subcommand.

mod build;
mod check;
mod completions;
mod copy;
mod doctor;
mod exercise;
mod helpers;
mod init;
mod kernel;
mod manual;
mod new;
mod pdf;
mod post;
mod progress;
mod report;
mod review;
mod run;
mod serve;
mod tour;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A Rust notebook kernel and a study log that shows what the notebooks really printed.
///
/// Ends with 0 if all is well, 1 if something failed or was found, 2 if the command was not
/// understood.
#[derive(Parser)]
#[command(
    name = "momentum",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  momentum tour\n  momentum init my-log\n  momentum doctor"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Tour(tour::Arguments),
    Init(init::Arguments),
    New(new::Arguments),
    Build(build::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Post(post::Arguments),
    Run(run::Arguments),
    Kernel(kernel::Arguments),
    Doctor(doctor::Arguments),
    Exercise(exercise::Arguments),
    Review(review::Arguments),
    Man(manual::Arguments),
    Completions(completions::Arguments),
}

/// The command line as data, for manuals and completions.
fn command() -> clap::Command {
    Arguments::command()
}

fn main() -> ExitCode {
    if let Some(code) = momentum_kernel::hook() {
        return code;
    }
    report::prepare();
    let result = match Arguments::parse().command {
        Command::Tour(arguments) => tour::execute(&arguments),
        Command::Init(arguments) => init::execute(&arguments),
        Command::New(arguments) => new::execute(&arguments),
        Command::Build(arguments) => build::execute(&arguments),
        Command::Serve(arguments) => serve::execute(&arguments),
        Command::Check(arguments) => match check::execute(&arguments) {
            Ok(true) => Ok(()),
            // The findings have been written.
            Ok(false) => return ExitCode::FAILURE,
            Err(failure) => Err(failure),
        },
        Command::Post(arguments) => post::execute(&arguments),
        Command::Run(arguments) => run::execute(&arguments),
        Command::Kernel(arguments) => kernel::execute(&arguments),
        Command::Doctor(arguments) => match doctor::execute(&arguments) {
            Ok(true) => Ok(()),
            // What is bad has been said.
            Ok(false) => return ExitCode::FAILURE,
            Err(failure) => Err(failure),
        },
        Command::Review(arguments) => review::execute(&arguments),
        Command::Man(arguments) => manual::execute(&arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
        Command::Exercise(arguments) => match exercise::execute(&arguments) {
            Ok(true) => Ok(()),
            // What is not passed has been said.
            Ok(false) => return ExitCode::FAILURE,
            Err(failure) => Err(failure),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::print(&failure);
            ExitCode::FAILURE
        }
    }
}
