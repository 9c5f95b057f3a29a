//! A process that takes the orders of a supervisor and runs no cell (see `engine/ahead`).

use std::io::{BufRead, Write};
use std::process::ExitCode;

use super::supervisor::{DONE, RUN};

/// Says of each cell that it has run, until there are no more orders.
pub(super) fn run() -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        if line.starts_with(RUN)
            && writeln!(stdout, "{DONE}").and_then(|()| stdout.flush()).is_err()
        {
            break;
        }
    }
    ExitCode::SUCCESS
}
