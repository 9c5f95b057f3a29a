//! The analyst's own side: reads questions, answers them one by one.

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use super::question::{Answer, Question};
use super::world::World;
use super::{AnalystConfig, CONFIG};

/// rust-analyzer recurses deeply.
const STACK_BYTES: usize = 64 << 20;

/// Answers until the kernel closes the pipe.
pub(super) fn run() -> ExitCode {
    // No analyst outlives its kernel, even in the middle of an analysis.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let config = std::env::var(CONFIG).unwrap_or_default();
    let Ok(config) = serde_json::from_str::<AnalystConfig>(&config) else {
        return ExitCode::from(99);
    };
    // Analysis is background work: cells come first.
    let _ = rustix::process::nice(5);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve(&config));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn serve(config: &AnalystConfig) {
    let mut world = World::load(config);
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(question) = serde_json::from_str::<Question>(&line) else { continue };
        let number = question.number;
        // Half-typed code sometimes makes rust-analyzer panic: that is one answer less, no more.
        let answer = catch_unwind(AssertUnwindSafe(|| world.answer(&question)));
        let answer = answer.unwrap_or_else(|_| {
            world = World::load(config);
            Answer::default()
        });
        let text = serde_json::to_string(&Answer { number, ..answer }).unwrap_or_default();
        let mut stdout = std::io::stdout().lock();
        if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
            break;
        }
    }
}
