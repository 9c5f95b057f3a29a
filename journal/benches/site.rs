//! How long the journal takes, with everything on: full build, build after one edit, memory.
//!
//! ```text
//! cargo bench -p momentum-journal --bench site -- [--sizes 100,1000,10000] [--rounds 3]
//!     [--generator gen_entries.py] [--peers] [--peer zola=/path/to/zola]...
//! ```
//!
//! Entries come from a generator of its own, or from a script called as `python3 SCRIPT FLAVOUR N
//! FOLDER` with the flavours `plain`, `zola`, `hugo` and `mdbook`. `--peers` builds the same entries
//! with the programs of these names that are found on PATH, `--peer` with one that is named, in the
//! same rounds as ours. Times are those of whole processes. What is called work is the processor
//! time of all threads.

#[path = "site/generator.rs"]
mod generator;
#[path = "site/peer.rs"]
mod peer;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use momentum_journal::{BuildConfig, Site};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--one-build") {
        return one_build(Path::new(&arguments[at + 1]));
    }
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let sizes: Vec<usize> = value("--sizes")
        .unwrap_or_else(|| "100,1000,10000".into())
        .split(',')
        .map(|size| size.parse().expect("--sizes takes numbers"))
        .collect();
    let rounds: usize =
        value("--rounds").map_or(3, |rounds| rounds.parse().expect("--rounds takes a number"));
    let generator = value("--generator").map(PathBuf::from);
    let mut peers = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        match argument.as_str() {
            "--peers" => peers.extend(peer::found()),
            "--peer" => peers.push(peer::named(&arguments[at + 1])),
            _ => {}
        }
    }
    println!("{}", machine());
    println!("momentum-journal {}", env!("CARGO_PKG_VERSION"));
    for peer in &peers {
        println!("{}: {}", peer.name, peer.version);
    }
    println!(
        "\n| entries | what | time, median | work | peak memory | |\n|---|---|---|---|---|---|"
    );
    let mut full = Vec::new();
    for size in &sizes {
        full.push((*size, measure(*size, rounds, generator.as_deref(), &peers)));
    }
    notebook(rounds);
    if let (Some(first), Some(last)) = (full.first(), full.last())
        && first.0 < last.0
    {
        let exponent = (last.1.as_secs_f64() / first.1.as_secs_f64()).ln()
            / (last.0 as f64 / first.0 as f64).ln();
        println!("\nGrowth from {} to {} entries: exponent {exponent:.2}", first.0, last.0);
    }
}

/// One build in a process of its own, so that its memory is its own.
fn one_build(root: &Path) {
    let report = Site::open(root, BuildConfig::default())
        .and_then(|mut site| site.build())
        .unwrap_or_else(|error| panic!("{error}"));
    println!("{} {} {}", work().as_micros(), report.changed.len(), peak());
}

/// A build as its caller sees it.
struct Built {
    time: Duration,
    work: Duration,
    n_changed: usize,
    megabytes: u64,
}

fn build(root: &Path) -> Built {
    let program = std::env::current_exe().expect("this program's own path");
    let started = Instant::now();
    let output = Command::new(program).arg("--one-build").arg(root).output().expect("it starts");
    let time = started.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<u64> =
        text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    Built {
        time,
        work: Duration::from_micros(numbers[0]),
        n_changed: numbers[1] as usize,
        megabytes: numbers[2] / 1024,
    }
}

/// The processor time of this process so far, all threads together.
fn work() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The most memory this process has had, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Measures one size; gives our time for a full build.
fn measure(size: usize, rounds: usize, generator: Option<&Path>, peers: &[peer::Peer]) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = folder.path().join("momentum");
    std::fs::create_dir_all(&ours).expect("made");
    generator::write(generator, "plain", size, &ours);
    std::fs::write(ours.join("momentum.yaml"), "title: Journal\nbase_url: https://example.org\n")
        .expect("written");
    for peer in peers {
        peer.prepare(generator, size, &folder.path().join(peer.name));
    }
    let mut full = Vec::new();
    let mut others: Vec<Vec<(Duration, u64)>> = vec![Vec::new(); peers.len()];
    for _ in 0..rounds {
        for left in ["_site", "._site.double", ".momentum"] {
            peer::move_aside(&ours, left);
        }
        full.push(build(&ours));
        for (peer, times) in peers.iter().zip(&mut others) {
            times.push(peer.build(&folder.path().join(peer.name)));
        }
    }
    let full = builds(size, "momentum, full build", full);
    for (peer, times) in peers.iter().zip(others) {
        let memory = times.iter().map(|(_, kilobytes)| *kilobytes).max().unwrap_or(0) / 1024;
        let time = median(times.into_iter().map(|(time, _)| time).collect());
        let ratio = format!("{:.1} × ours", time.as_secs_f64() / full.as_secs_f64());
        println!(
            "| {size} | {}, full build | {} | | {memory} MB | {ratio} |",
            peer.what,
            said(time)
        );
    }
    let entry = std::fs::read_dir(ours.join("entries"))
        .expect("entries")
        .flatten()
        .map(|entry| entry.path())
        .max()
        .expect("an entry");
    // Files that were written a moment ago are read again, because their times prove nothing.
    std::thread::sleep(Duration::from_millis(1500));
    build(&ours);
    let mut edits = Vec::new();
    let mut text = std::fs::read_to_string(&entry).expect("text");
    for round in 0..rounds.max(5) {
        text.push_str(&format!("\nAn edit was made here, number {round}.\n"));
        std::fs::write(&entry, &text).expect("written");
        let built = build(&ours);
        assert!((1..20).contains(&built.n_changed), "{} files changed", built.n_changed);
        edits.push(built);
    }
    builds(size, "momentum, one edit, new process", edits);
    let mut site = Site::open(&ours, BuildConfig::default()).expect("opens");
    site.build().expect("builds");
    let (mut edits, mut works) = (Vec::new(), Vec::new());
    for round in 0..rounds.max(5) {
        text.push_str(&format!("\nAnother edit was made here, number {round}.\n"));
        std::fs::write(&entry, &text).expect("written");
        let (started, before) = (Instant::now(), work());
        let report = site.build().expect("builds");
        edits.push(started.elapsed());
        works.push(work() - before);
        assert!((1..20).contains(&report.changed.len()));
    }
    row(size, "momentum, one edit, same process", median(edits), median(works), "");
    full
}

/// The line of several builds; gives their time.
fn builds(size: usize, what: &str, all: Vec<Built>) -> Duration {
    let memory = all.iter().map(|built| built.megabytes).max().unwrap_or(0);
    let work = median(all.iter().map(|built| built.work).collect());
    let time = median(all.into_iter().map(|built| built.time).collect());
    row(size, what, time, work, &format!("{memory} MB"));
    time
}

/// A notebook of fifty cells with ten pictures, rendered alone.
fn notebook(rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    generator::write_notebook(folder.path());
    let (mut times, mut works) = (Vec::new(), Vec::new());
    let mut site = Site::open(folder.path(), BuildConfig::default()).expect("opens");
    site.build().expect("builds");
    for round in 0..rounds.max(5) {
        // The first one was written before.
        generator::touch_notebook(folder.path(), round + 1);
        let (started, before) = (Instant::now(), work());
        let report = site.build().expect("builds");
        times.push(started.elapsed());
        works.push(work() - before);
        assert!(report.changed.len() > 10, "the page, its pictures, its words");
    }
    row(0, "momentum, notebook of 50 cells with 10 pictures", median(times), median(works), "");
}

fn row(size: usize, what: &str, time: Duration, work: Duration, memory: &str) {
    println!("| {size} | {what} | {} | {} | {memory} | |", said(time), said(work));
}

fn said(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 10_000.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Processor, cores and date.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|line| line.trim_start_matches(['\t', ' ', ':']).to_owned())
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let today = Command::new("date").arg("+%F").output();
    let date = today.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    format!("{name}, {cores} cores, load {load}, {}", date.unwrap_or_default())
}
