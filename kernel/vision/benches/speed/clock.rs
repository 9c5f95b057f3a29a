//! What time and memory a measurement takes; also in the binaries of the Rust peers.

use std::time::Instant;

/// What seconds are counted by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// Time that passes.
    Wall(Instant),
    /// Processor time of all threads of the process, as Linux counts it, in hundredths of a second.
    Cpu,
}

impl Clock {
    /// Seconds since some moment.
    pub(crate) fn seconds(self) -> f64 {
        if let Clock::Wall(start) = self {
            return start.elapsed().as_secs_f64();
        }
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in brackets may hold spaces; user and system time are fields 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
        ticks.sum::<f64>() / 100.0
    }
}

/// Peak resident memory in kB, as Linux tells it; 0 elsewhere.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
