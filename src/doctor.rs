//! `momentum doctor`: is everything there that cells need?

use anstream::println;
use miette::{IntoDiagnostic, Result};
use momentum_kernel::checkup::{Health, checks};
use momentum_kernel::toolchain::Toolchain;

use crate::helpers::sources;

/// Look at compiler, linker, folders, helpers and Jupyter, and say what to do about what is wrong.
///
/// Changes nothing and compiles nothing. Ends with 1 if cells cannot run.
///
/// Example: momentum doctor
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Gives whether cells can run.
pub(crate) fn execute(_: &Arguments) -> Result<bool> {
    let program = std::env::current_exe().into_diagnostic()?;
    let checks = checks(&Toolchain::find(), sources().ok().as_ref(), &program);
    for check in &checks {
        let (mark, colour) = match check.health {
            Health::Good => ("ok  ", "32"),
            Health::Note => ("note", "33"),
            Health::Bad => ("bad ", "31"),
        };
        println!("\u{1b}[{colour}m{mark}\u{1b}[0m {:17} {}", check.name, check.found);
        if let Some(advice) = &check.advice {
            println!("     {:17} \u{2192} {advice}", "");
        }
    }
    Ok(checks.iter().all(|check| check.health != Health::Bad))
}
