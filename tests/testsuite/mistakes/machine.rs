//! What is missing, old, full or shut on the machine.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::place::{Place, typed};
use super::said::Said;
use super::{Mistake, Tried};

/// What a fake compiler says of itself.
const OLD_RUSTC: &str =
    "echo 'rustc 1.70.0 (90c541806 2023-05-31)'; echo 'host: x86_64-unknown-linux-gnu'";

/// A command that finds only the programs of one folder.
fn alone(place: &Place, arguments: &[&str], programs: &Path) -> Command {
    let mut command = place.command(arguments);
    let nothing = place.beside("nothing");
    command.env("PATH", programs).env("RUSTUP_HOME", &nothing).env("CARGO_HOME", &nothing);
    command
}

/// What is said when only the programs of one folder are there.
fn say_alone(place: &Place, arguments: &[&str], programs: &Path) -> Said {
    place.say_by(alone(place, arguments, programs), &typed(arguments))
}

/// What the doctor says of one thing.
fn doctor(place: &Place, mut command: Command, check: &str) -> Said {
    let output = command.output().unwrap();
    place.say_by(command, "momentum doctor").of_check(&output, check)
}

/// The tools of this machine's toolchain, as links in a folder.
fn toolchain(place: &Place) -> Result<std::path::PathBuf, &'static str> {
    let folder = place.beside("programs");
    for tool in ["rustc", "cargo"] {
        let found = Command::new("rustup").args(["which", tool]).output();
        let found = found.map_err(|_| "rustup is not on the path")?;
        let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        symlink(path, folder.join(tool)).unwrap();
    }
    Ok(folder)
}

/// Whether a command can be started and ends well.
fn works(program: &str, arguments: &[&str]) -> bool {
    let quiet = || Stdio::null();
    let mut command = Command::new(program);
    command.args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet());
    command.status().is_ok_and(|status| status.success())
}

/// What is said by a user who may write only where permissions allow it. Root may write anywhere,
/// so that power is taken away.
fn say_bound(place: &Place, arguments: &[&str], variable: &str, folder: &Path) -> Tried {
    const DROP: [&str; 3] = ["--bounding-set", "-dac_override", "--inh-caps=-dac_override"];
    let bound = [&DROP[..], &["true"]].concat();
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o555)).unwrap();
    let is_bound = std::fs::write(folder.join("try"), "").is_err();
    let mut command = if is_bound {
        place.command(arguments)
    } else if works("setpriv", &bound) {
        let mut command = place.through("setpriv", &DROP);
        command.arg(env!("CARGO_BIN_EXE_momentum")).args(arguments);
        command
    } else {
        return Err("permissions do not bind this user, and setpriv cannot change that");
    };
    let _ = std::fs::remove_file(folder.join("try"));
    command.env(variable, folder);
    let said = place.say_by(command, &typed(arguments));
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
    Ok(said)
}

/// What is said when the folder that a variable names has room for 16 KiB only.
fn say_full(place: &Place, arguments: &[&str], folder: &Path) -> Tried {
    if !works("unshare", &["-m", "mount", "-t", "tmpfs", "-o", "size=16k", "none", "/mnt"]) {
        return Err("no small file system can be mounted (`unshare -m` needs root)");
    }
    let script = "mount -t tmpfs -o size=16k none \"$0\" && cd \"$0\" && exec \"$@\"";
    let mut command = place.through("unshare", &["-m", "sh", "-c", script]);
    command.arg(folder).arg(env!("CARGO_BIN_EXE_momentum")).args(arguments);
    Ok(place.say_by(command, &typed(arguments)))
}

pub(super) const MISTAKES: &[Mistake] = &[
    ("no rustc", |place| {
        place.notebook("day-01.ipynb", &["1"]);
        Ok(say_alone(place, &["run", "day-01.ipynb"], &place.beside("programs")))
    }),
    ("no cargo", |place| {
        place.notebook("day-01.ipynb", &["1"]);
        let programs = place.beside("programs");
        place.program(&programs, "rustc", OLD_RUSTC);
        Ok(say_alone(place, &["run", "day-01.ipynb"], &programs))
    }),
    ("a compiler that is too old", |place| {
        place.notebook("day-01.ipynb", &["1"]);
        let programs = place.beside("programs");
        place.program(&programs, "rustc", OLD_RUSTC);
        place.program(&programs, "cargo", "echo 'cargo 1.70.0'");
        Ok(say_alone(place, &["run", "day-01.ipynb"], &programs))
    }),
    ("no linker", |place| {
        let programs = toolchain(place)?;
        Ok(doctor(place, alone(place, &["doctor"], &programs), "linker"))
    }),
    ("no JupyterLab", |place| {
        let programs = toolchain(place)?;
        Ok(doctor(place, alone(place, &["doctor"], &programs), "jupyter"))
    }),
    ("an old JupyterLab", |place| {
        let programs = toolchain(place)?;
        place.program(&programs, "jupyter-lab", "echo 2.3.2");
        Ok(doctor(place, alone(place, &["doctor"], &programs), "jupyter"))
    }),
    ("the kernel was installed by a program that is gone", |place| {
        let spec = place.beside("jupyter/kernels/momentum");
        std::fs::write(spec.join("kernel.json"), "{\"argv\": [\"old/momentum\"]}").unwrap();
        Ok(doctor(place, place.command(&["doctor"]), "kernelspec"))
    }),
    ("no room left on the disk", |place| {
        say_full(place, &["exercise", "start", "day-02-cnn", "--folder", "."], &place.path())
    }),
    ("no room left for the site", |place| {
        place.series(false);
        place.add(&"A long day. ".repeat(3000));
        let out = place.beside("site");
        let series = place.path();
        let arguments = ["build", "--no-run", series.to_str().unwrap(), "--out", "_site"];
        say_full(place, &arguments, &out)
    }),
    ("a home that cannot be written: progress", |place| {
        let home = place.beside("account");
        say_bound(place, &["exercise", "hint", "map-side"], "MOMENTUM_DATA_DIR", &home)
    }),
    ("a home that cannot be written: cells", |place| {
        place.notebook("day-01.ipynb", &["1"]);
        let home = place.beside("account");
        say_bound(place, &["run", "day-01.ipynb"], "MOMENTUM_CACHE_DIR", &home)
    }),
    ("a notebook that cannot be written", |place| {
        place.notebook("day-01/first.ipynb", &["1"]);
        let folder = place.path().join("day-01");
        say_bound(place, &["run", "day-01/first.ipynb"], "UNUSED", &folder)
    }),
    ("no network, and a crate", |place| {
        place.notebook("day-01.ipynb", &[":dep momentum-no-such-crate = \"1\"\n1"]);
        if !works("unshare", &["-n", "true"]) {
            return Err("the network cannot be taken away (`unshare -n` needs root)");
        }
        let mut command = place.through("unshare", &["-n", env!("CARGO_BIN_EXE_momentum")]);
        command.args(["run", "day-01.ipynb"]).env("CARGO_HOME", place.beside("cargo"));
        command.env("CARGO_NET_RETRY", "0");
        Ok(place.say_by(command, "momentum run day-01.ipynb"))
    }),
    ("a port that is taken", |place| {
        place.series(false);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let command = place.command(&["serve", "--no-run", "--port", &port]);
        Ok(place.say_by(command, "momentum serve --port 4000").with(&port, "4000"))
    }),
    ("no typst", |place| {
        place.series(false);
        let mut command = place.command(&["build", "--no-run", "--pdf"]);
        command.env("MOMENTUM_TYPST", "typst-that-is-not-there");
        Ok(place.say_by(command, "momentum build --pdf"))
    }),
    ("a kernel for an environment that is a file", |place| {
        place.write("venv", "");
        Ok(place.say(&["kernel", "install", "--prefix", "venv"]))
    }),
    ("a kernel that was never installed is removed", |place| {
        Ok(place.say(&["kernel", "uninstall"]))
    }),
];
