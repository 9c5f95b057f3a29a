//! What the kernel's worker process calls around the cells of a session.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::PanicHookInfo;

use serde_json::json;

use crate::channel::send;

/// Called once, after the helpers are loaded: panics are reported in band from here on, and an
/// interrupt reaches a training before it ends the process.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the kernel finds this function by its name")]
pub extern "C" fn momentum_start() {
    std::panic::set_hook(Box::new(report));
    crate::interrupt::watch();
}

/// Called after each cell: what it printed must not wait for the next one.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the kernel finds this function by its name")]
pub extern "C" fn momentum_finish() {
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
}

/// Called between two cells when the kernel has passed on a comm's message.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the kernel finds this function by its name")]
pub extern "C" fn momentum_comm() {
    crate::comm::take();
}

fn report(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a value that is not text").to_owned();
    let location = panic.location();
    let thread = std::thread::current();
    send(&json!({"panic": {
        "message": message,
        "file": location.map(|place| place.file()),
        "line": location.map(|place| place.line()),
        "column": location.map(|place| place.column()),
        "thread": thread.name().filter(|name| *name != "main"),
        "frames": user_frames(&Backtrace::force_capture().to_string()),
    }}));
}

/// The functions of the notebook itself that were active, innermost first.
fn user_frames(backtrace: &str) -> Vec<String> {
    backtrace
        .lines()
        .filter_map(|line| line.trim_start().split_once(": "))
        .filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|(_, name)| name.strip_prefix("ctx::"))
        .filter(|name| !name.starts_with("run_user_code") && !name.contains("evcxr_"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_notebooks_own_functions_remain() {
        let backtrace = "   0: std::backtrace::Backtrace::force_capture\n   1: core::panicking::panic\n   2: ctx::average\n             at src/lib.rs:3:5\n   3: ctx::run_user_code_4::{{closure}}\n   4: run_user_code_4\n";
        assert_eq!(user_frames(backtrace), ["average"]);
    }
}
