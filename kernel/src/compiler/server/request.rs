//! What the stand-in for cargo and the server say to each other.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// The socket, in the session's folder.
pub(super) const SOCKET: &str = "compiler.sock";

/// What the stand-in wants.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) purpose: Asked,
    /// The folder of evcxr's crate.
    pub(super) crate_folder: PathBuf,
    /// Where evcxr wants to be told the path of the library.
    pub(super) library_path: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) enum Asked {
    /// A library.
    Build,
    /// What is wrong with a text, and the types in it.
    Check,
    /// A text that cargo can compile.
    Text,
}

/// What the stand-in passes on.
#[derive(Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Reply {
    pub(super) fn failure(message: String) -> Reply {
        Reply { success: false, stdout: String::new(), stderr: message }
    }
}

/// The stand-in's part: asks the server of its session, and passes on what that says.
pub(in super::super) fn ask(session: &Path, purpose: Asked) -> ExitCode {
    let ask = || -> io::Result<Reply> {
        let mut connection = UnixStream::connect(session.join(SOCKET))?;
        let request = Request {
            purpose,
            crate_folder: std::env::current_dir()?,
            library_path: std::env::var_os("EVCXR_EXECUTION_SO_PATH").map(PathBuf::from),
        };
        connection.write_all((serde_json::to_string(&request)? + "\n").as_bytes())?;
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    match ask() {
        Ok(reply) => {
            print!("{}", reply.stdout);
            eprint!("{}", reply.stderr);
            ExitCode::from(if reply.success { 0 } else { 101 })
        }
        Err(error) => {
            eprintln!("error: the kernel's compiler does not answer: {error}");
            ExitCode::from(101)
        }
    }
}
