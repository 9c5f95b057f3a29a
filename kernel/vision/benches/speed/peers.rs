//! Whom ours is compared with: where they are, how they are installed, which versions they are.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the peers' sources.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
const PYTHON_PEERS: [&str; 3] = ["pytorch", "pytorch-last", "jax"];
const RUST_PEERS: [&str; 2] = ["burn", "candle"];

/// One library with one way to measure it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What it calls itself.
    version: String,
    /// The program and its first arguments; the task comes next.
    pub(crate) command: Vec<String>,
}

impl Peer {
    /// This library, in a process of its own.
    pub(crate) fn ours() -> Result<Self, Box<dyn Error>> {
        let program = std::env::current_exe()?.display().to_string();
        let version = format!("Momentum {}", env!("CARGO_PKG_VERSION"));
        Ok(Peer { name: "ours", version, command: vec![program, "--measure".into()] })
    }

    pub(crate) fn command(&self) -> Command {
        let mut process = Command::new(&self.command[0]);
        process.args(&self.command[1..]);
        process
    }

    /// Whether this peer is measured at a task: whole trainings are compared with PyTorch alone.
    pub(crate) fn takes(&self, task: &str) -> bool {
        match task.split_once('-') {
            Some(("fit", _)) => ["ours", "pytorch", "pytorch-last"].contains(&self.name),
            Some(("accuracy", _)) => ["ours", "pytorch"].contains(&self.name),
            _ => true,
        }
    }
}

/// The peers in a folder that [`install`] filled, or those of a Python.
pub(crate) fn found(
    place: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Peer>, Box<dyn Error>> {
    let is_folder = place.is_dir();
    let python = if is_folder { python_in(place) } else { place.to_owned() };
    let script = format!("{SOURCES}/peers.py");
    let in_python = |name| vec![python.display().to_string(), script.clone(), String::from(name)];
    let mut commands: Vec<_> = PYTHON_PEERS.map(|name| (name, in_python(name))).into();
    if is_folder {
        let program = |name| vec![program_in(place, name).display().to_string()];
        commands.extend(RUST_PEERS.map(|name| (name, program(name))));
    }
    let mut peers = Vec::new();
    for (name, command) in commands.into_iter().filter(|(name, _)| wanted(name)) {
        // One that is not there is missed here once, and not in every measurement.
        match version(&command) {
            Ok(version) => peers.push(Peer { name, version, command }),
            Err(problem) => eprintln!("{name} is left out: {problem}"),
        }
    }
    match peers.is_empty() {
        true => Err(format!("{}: no peer is there; see --install-peers", place.display()).into()),
        false => Ok(peers),
    }
}

/// Puts into the folder what is not there yet.
pub(crate) fn install(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    if PYTHON_PEERS.into_iter().any(&wanted) {
        let python = python_in(&folder);
        // The last thing that venv writes: where it is missing, so may be the rest.
        if !python.with_file_name("pip").is_file() {
            let base = std::env::var_os("PYTHON").unwrap_or("python3".into());
            done(Command::new(base).args(["-m", "venv"]).arg(folder.join("venv")))?;
        }
        let list = format!("{SOURCES}/requirements.txt");
        done(Command::new(python).args(["-m", "pip", "install", "--quiet", "-r", &list]))?;
    }
    for name in RUST_PEERS.into_iter().filter(|name| wanted(name)) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--release", "--locked", "--features", name]);
        cargo.args(["--bin", &format!("peer-{name}")]);
        cargo.arg("--target-dir").arg(folder.join("rust"));
        done(cargo.current_dir(format!("{SOURCES}/rust_peers")))?;
    }
    Ok(())
}

fn python_in(folder: &Path) -> PathBuf {
    folder.join("venv").join("bin").join("python")
}

fn program_in(folder: &Path, name: &str) -> PathBuf {
    folder.join("rust").join("release").join(format!("peer-{name}"))
}

/// Runs a step of the installation; it says itself what goes wrong.
fn done(process: &mut Command) -> Result<(), Box<dyn Error>> {
    eprintln!("{process:?}");
    let status = process.status().map_err(|error| format!("{process:?}: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{process:?} ended with {status}").into()),
    }
}

/// What a peer calls itself.
fn version(command: &[String]) -> Result<String, String> {
    let output = Command::new(&command[0]).args(&command[1..]).arg("version").output();
    let output = output.map_err(|error| format!("{}: {error}", command[0]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(said.trim().lines().last().unwrap_or("it cannot tell its version").to_owned()),
    }
}

/// All versions, the machine and what else it does, as one paragraph.
pub(crate) fn versions(peers: &[Peer], threads: usize) -> String {
    let mut names: Vec<&str> = peers.iter().map(|peer| peer.version.as_str()).collect();
    names.dedup();
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name"));
    let processor = processor.and_then(|line| line.split_once(": ")).map_or("", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}.\n{threads} threads on {cores} cores ({processor}, {}).\nLoad at the start: {}",
        names.join(", "),
        std::env::consts::ARCH,
        load()
    )
}

/// How many processes wanted to run in the last 1, 5 and 15 minutes, as Linux counts them.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<&str> = text.split_whitespace().take(3).collect();
    if numbers.is_empty() { "unknown".into() } else { numbers.join(" ") }
}
