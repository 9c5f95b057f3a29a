//! Files that are replaced whole or not at all.

use std::io::{self, Write};
use std::path::Path;

/// Replaces the file at `path` with `bytes`: a temporary file beside it, then a rename. Whoever
/// reads the file meanwhile sees the old or the new one, and so does whoever comes after a crash.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".momentum-").suffix(".partial");
    #[cfg(unix)]
    {
        // As any new file: what the user's umask leaves of it.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut partial = builder.tempfile_in(folder)?;
    partial.write_all(bytes)?;
    partial.as_file().sync_all()?;
    partial.persist(path)?;
    // The rename itself is on the disk only when the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
