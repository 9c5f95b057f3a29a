//! Writing files whole: into a temporary one beside them, which then takes their name.

use std::io::Write;
use std::path::Path;

use crate::problem::JournalError;

/// Writes a file; one of that name is replaced.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let file = partial(path, bytes)?;
    file.persist(path).map(drop).map_err(|failure| JournalError::io("write", path)(failure.error))
}

/// Writes a file that must not be there yet.
pub(crate) fn new_file(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let file = partial(path, bytes)?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|failure| JournalError::io("write", path)(failure.error))
}

fn partial(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, JournalError> {
    let refused = |error| JournalError::io("write", path)(error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".momentum-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(refused)?;
    file.write_all(bytes).map_err(refused)?;
    Ok(file)
}
