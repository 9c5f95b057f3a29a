// The stand-in for cargo, as far as a cell without crates of its own is to be built.
//
// evcxr starts it for each cell. The kernel's own program would do the same (`stand_in.rs`), but is
// so large that the system takes longer to start it than to link a small cell. All other errands
// are left to that. Compiled by itself, behind `mod request` (see `companions.rs`).

use request::{Asked, ask, has_no_dependencies};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let of_session = called.parent().and_then(Path::parent).filter(|_| called.is_absolute());
    let session = of_session
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("MOMENTUM_SESSION").map(PathBuf::from))
        .unwrap_or_default();
    let word = std::env::args_os().skip(1).find(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let manifest = std::fs::read_to_string("Cargo.toml");
    if word.is_some_and(|word| word == "build")
        && manifest.is_ok_and(|manifest| has_no_dependencies(&manifest))
    {
        return ask(&session, Asked::Build);
    }
    let kernel = session.join("bin/kernel");
    let error = Command::new(&kernel).arg0(&called).args(std::env::args_os().skip(1)).exec();
    eprintln!("error: cannot run {}: {error}", kernel.display());
    ExitCode::from(101)
}
