//! Files that are whole or absent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the content of `path` in one rename, after the new content has reached the disk.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let outcome = write_synced(partial.as_ref(), content)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| path.parent().map_or(Ok(()), sync_dir));
    if outcome.is_err() {
        // The first error is the one to report; a leftover that cannot be removed adds nothing.
        let _ = fs::remove_file(&partial);
    }
    outcome
}

/// Writes a file and waits until it has reached the disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Waits until renames and new names in a directory have reached the disk.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and the journal has to do.
    if cfg!(unix) {
        // The parent of a bare file name is the empty path.
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}
