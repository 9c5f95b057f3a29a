//! What is said while something takes its time; on standard error, so that output stays clean.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use momentum_kernel::helpers::HelperProgress;
use momentum_kernel::runner::RunEvent;

/// One line that tells how far the helpers are.
#[derive(Default)]
pub(crate) struct HelperLine {
    shown: bool,
    last: usize,
}

impl HelperLine {
    /// Rewrites the line in a terminal; elsewhere, prints one line in twenty.
    pub(crate) fn show(&mut self, progress: &HelperProgress, elapsed: Duration) {
        if !self.shown {
            eprintln!("Compiling the notebook helpers (once; a few minutes on two cores)");
            self.shown = true;
        }
        match progress {
            HelperProgress::Waiting => eprintln!("  another process is compiling them: waiting"),
            HelperProgress::Compiling { done, of, name } => {
                let line = format!("  {done:>3} of about {of} crates, {}  {name}", clock(elapsed));
                if std::io::stderr().is_terminal() {
                    eprint!("\r{line:<70}");
                    let _ = std::io::stderr().flush();
                } else if *done >= self.last + 20 {
                    self.last = *done;
                    eprintln!("{line}");
                }
            }
        }
    }

    /// Leaves the line behind.
    pub(crate) fn end(&self) {
        if self.shown && std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

/// One line a cell, with its name and its time.
pub(crate) fn cell_line(event: RunEvent<'_>) {
    match event {
        RunEvent::Cell { number, of, cell } => {
            eprint!("  [{number:>2}/{of}] {:<32}", cell.label());
            let _ = std::io::stderr().flush();
        }
        RunEvent::Ended { duration, failed } => {
            let mark = if failed { "  raised an error" } else { "" };
            eprintln!("{:>8.2} s{mark}", duration.as_secs_f32());
        }
        _ => {}
    }
}

/// Minutes and seconds.
pub(crate) fn clock(elapsed: Duration) -> String {
    format!("{}:{:02}", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
}
