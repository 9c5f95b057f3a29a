//! Other programs that build the same entries.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::generator;

/// A program that is there.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// A path, or a name to be found on PATH.
    program: PathBuf,
    /// What it is asked to do.
    pub(crate) what: &'static str,
    pub(crate) version: String,
}

const KNOWN: [(&str, &str, &str); 3] = [
    ("zola", "Zola with highlighting and search", "--version"),
    ("hugo", "Hugo with highlighting", "version"),
    ("mdbook", "mdBook as it is by default", "--version"),
];

/// The peers on PATH.
pub(crate) fn found() -> Vec<Peer> {
    KNOWN.iter().filter_map(|(name, ..)| at(name, Path::new(name))).collect()
}

/// The peer that `named` means: `zola=/opt/zola/bin/zola`.
pub(crate) fn named(named: &str) -> Peer {
    let (name, program) = named.split_once('=').expect("--peer takes NAME=PROGRAM");
    // It runs in the folder of its entries.
    let program = std::path::absolute(program).expect("a path");
    at(name, &program)
        .unwrap_or_else(|| panic!("{} does not start, or is no peer", program.display()))
}

fn at(name: &str, program: &Path) -> Option<Peer> {
    let (name, what, ask) = KNOWN.iter().find(|(known, ..)| *known == name)?;
    let output = Command::new(program).arg(ask).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().last().unwrap_or_default().to_owned();
    Some(Peer { name, program: program.to_owned(), what, version })
}

impl Peer {
    pub(crate) fn prepare(&self, script: Option<&Path>, size: usize, folder: &Path) {
        generator::write(script, self.name, size, folder);
        if self.name == "zola" {
            let path = folder.join("config.toml");
            let text = std::fs::read_to_string(&path).expect("a configuration");
            let text = text.replace("build_search_index = false", "build_search_index = true");
            // Class names instead of colours, as ours.
            let text = text.replace(
                "[markdown]\n",
                "[markdown]\n[markdown.highlighting]\ntheme = \"github-light\"\n",
            );
            std::fs::write(path, text).expect("written");
        }
    }

    /// Builds; gives the time and the most memory, in kilobytes.
    pub(crate) fn build(&self, folder: &Path) -> (Duration, u64) {
        for left in ["public", "book"] {
            move_aside(folder, left);
        }
        let arguments: &[&str] = match self.name {
            "hugo" => &["--quiet"],
            _ => &["build"],
        };
        let log: PathBuf = folder.join("bench.log");
        let log = std::fs::File::create(log).expect("a log");
        let started = Instant::now();
        let mut child = Command::new(&self.program)
            .args(arguments)
            .current_dir(folder)
            .stdout(log.try_clone().expect("a log"))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("it starts");
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        loop {
            if let Ok(text) = std::fs::read_to_string(&status) {
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kilobytes =
                    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
                most = most.max(kilobytes.unwrap_or(0));
            }
            if let Some(status) = child.try_wait().expect("it ends") {
                let time = started.elapsed();
                assert!(
                    status.success(),
                    "{} failed; see bench.log in {}",
                    self.name,
                    folder.display()
                );
                return (time, most);
            }
            std::thread::sleep(Duration::from_millis(4));
        }
    }
}

/// Puts what an earlier round left where it is in nobody's way. It is not removed: for minutes after
/// that, ext4 searches long for the number of each new file, and the more the more were removed.
pub(crate) fn move_aside(folder: &Path, left: &str) {
    let aside = folder.with_extension("aside");
    std::fs::create_dir_all(&aside).expect("made");
    let n = std::fs::read_dir(&aside).expect("listed").count();
    // The first round finds nothing.
    let _ = std::fs::rename(folder.join(left), aside.join(n.to_string()));
}
