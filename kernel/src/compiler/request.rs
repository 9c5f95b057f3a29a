//! What is said between the server and who stands in for cargo.
//!
//! Nothing but the standard library is used here: the messenger (`companions/messenger.rs`) is
//! compiled of this file as well.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The socket, in the session's folder.
pub(super) const SOCKET: &str = "compiler.sock";

/// Names the folder of the session to the stand-in.
pub(super) const SESSION: &str = "MOMENTUM_SESSION";
/// The name, beside that of cargo, under which the messenger finds the kernel's own program.
pub(super) const KERNEL: &str = "kernel";

/// What a session's manifest asks for, once that is ready to be linked to (see `crates`); in the
/// session's folder.
pub(super) const READY: &str = "crates.ready";

/// What the stand-in wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) purpose: Asked,
    /// The folder of evcxr's crate.
    pub(super) crate_folder: PathBuf,
    /// Where evcxr wants to be told the path of the library.
    pub(super) library_path: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A library.
    Build,
    /// What is wrong with a text, and the types in it.
    Check,
    /// A text that cargo can compile.
    Text,
}

/// What the stand-in passes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Request {
    /// Three fields, each ended by a zero, which no path contains.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let purpose: &[u8] = match self.purpose {
            Asked::Build => b"build",
            Asked::Check => b"check",
            Asked::Text => b"text",
        };
        let library = self.library_path.as_deref().unwrap_or(Path::new(""));
        let paths = [self.crate_folder.as_path(), library].map(|path| path.as_os_str().as_bytes());
        to.write_all(&[purpose, paths[0], paths[1], b""].join(&0))
    }

    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Request> {
        let mut field = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            from.read_until(0, &mut bytes)?;
            if bytes.pop() == Some(0) {
                Ok(bytes)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        };
        let purpose = match field()?.as_slice() {
            b"build" => Asked::Build,
            b"check" => Asked::Check,
            b"text" => Asked::Text,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        let mut path = || field().map(|bytes| PathBuf::from(OsString::from_vec(bytes)));
        let (crate_folder, library) = (path()?, path()?);
        let library_path = Some(library).filter(|path| !path.as_os_str().is_empty());
        Ok(Request { purpose, crate_folder, library_path })
    }
}

impl Reply {
    pub(super) fn failure(message: String) -> Reply {
        Reply { success: false, stdout: String::new(), stderr: message }
    }

    /// Whether it went well, the length of the first text, both texts.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut bytes = vec![u8::from(self.success)];
        bytes.extend((self.stdout.len() as u64).to_le_bytes());
        bytes.extend(self.stdout.as_bytes());
        bytes.extend(self.stderr.as_bytes());
        to.write_all(&bytes)
    }

    /// Reads until the other side has ended.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (&success, rest) = bytes.split_first().ok_or_else(cut)?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(io::Error::other)?;
        let (stdout, stderr) = rest.split_at_checked(length).ok_or_else(cut)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Reply { success: success == 1, stdout: text(stdout), stderr: text(stderr) })
    }
}

/// The folder of the session to which the stand-in belongs that was called by this path. By its full
/// path, it is the session in whose folder it lies.
pub(super) fn session(called: &Path) -> Option<PathBuf> {
    let of_path = called.parent().and_then(Path::parent).filter(|_| called.is_absolute());
    of_path.map(PathBuf::from).or_else(|| std::env::var_os(SESSION).map(Into::into))
}

/// What cargo is to do: its first argument that is no option.
pub(super) fn word(arguments: &[OsString]) -> Option<&str> {
    arguments.iter().find_map(|argument| argument.to_str().filter(|word| !word.starts_with('-')))
}

/// What the manifest that evcxr wrote asks for.
pub(super) fn dependencies(manifest: &str) -> &str {
    manifest.split_once("[dependencies]").map_or("", |(_, dependencies)| dependencies.trim())
}

/// Whether the server can compile a cell with this manifest: it asks for no crate, or for those that
/// are ready.
pub(super) fn is_servers(manifest: &str, session: &Path) -> bool {
    let asked = dependencies(manifest);
    asked.is_empty() || std::fs::read_to_string(session.join(READY)).is_ok_and(|is| is == asked)
}

/// The stand-in's part: asks the server of its session, and passes on what that says.
pub(super) fn ask(session: &Path, purpose: Asked) -> ExitCode {
    let ask = || -> io::Result<Reply> {
        let mut connection = UnixStream::connect(session.join(SOCKET))?;
        let request = Request {
            purpose,
            crate_folder: std::env::current_dir()?,
            library_path: std::env::var_os("EVCXR_EXECUTION_SO_PATH").map(PathBuf::from),
        };
        request.write(&mut connection)?;
        Reply::read(&mut BufReader::new(connection))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_arrives_as_it_was_and_what_is_cut_off_is_refused() {
        let request = Request {
            purpose: Asked::Check,
            crate_folder: "/a folder\nof two lines".into(),
            library_path: None,
        };
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        assert_eq!(Request::read(&mut bytes.as_slice()).unwrap(), request);
        for end in 0..bytes.len() {
            assert!(Request::read(&mut &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_replied_arrives_as_it_was_and_what_is_cut_off_is_refused() {
        let reply = Reply { success: true, stdout: "a\nb".into(), stderr: "ü".into() };
        let mut bytes = Vec::new();
        reply.write(&mut bytes).unwrap();
        assert_eq!(Reply::read(&mut bytes.as_slice()).unwrap(), reply);
        for end in 0..bytes.len() - "ü".len() {
            assert!(Reply::read(&mut &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_full_path_tells_the_session_and_the_first_word_what_is_asked() {
        assert_eq!(session(Path::new("/a/session/bin/cargo")), Some("/a/session".into()));
        let arguments = ["--quiet", "build", "check"].map(OsString::from);
        assert_eq!(word(&arguments), Some("build"));
        assert_eq!(word(&arguments[..1]), None);
    }

    #[test]
    fn the_manifest_tells_dependencies() {
        let manifest = "[profile.dev]\nopt-level = 2\n\n[dependencies]\n\n";
        assert_eq!(dependencies(manifest), "");
        let manifest = format!("{manifest}rand = \"0.9\"\n");
        assert_eq!(dependencies(&manifest), "rand = \"0.9\"");
        assert!(!is_servers(&manifest, Path::new("/nowhere")));
    }
}
