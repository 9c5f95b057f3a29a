// The stand-in for cargo, as far as the kernel compiles the cell itself.
//
// evcxr starts it for each cell. The kernel's own program would do the same (`stand_in.rs`), but is
// so large that the system takes longer to start it than to link a small cell. All other errands
// are left to that. Compiled by itself, behind `mod request` (see `companions.rs`).

use request::{Asked, KERNEL, ask, is_servers, session, word};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let session = session(&called).unwrap_or_default();
    let manifest = std::fs::read_to_string("Cargo.toml");
    if word(&arguments) == Some("build")
        && manifest.is_ok_and(|manifest| is_servers(&manifest, &session))
    {
        return ask(&session, Asked::Build);
    }
    let kernel = session.join("bin").join(KERNEL);
    let error = Command::new(&kernel).arg0(&called).args(&arguments).exec();
    eprintln!("error: cannot run {}: {error}", kernel.display());
    ExitCode::from(101)
}
