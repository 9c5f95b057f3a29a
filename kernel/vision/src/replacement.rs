//! Files that are replaced whole or not at all.

use std::io::{self, Write};
use std::path::Path;

/// Replaces the file at `path`: a temporary file beside it, then a rename. Whoever reads meanwhile,
/// or after a crash, finds the old file or the new one.
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
    Ok(())
}
