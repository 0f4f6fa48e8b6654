//! Listing folders in an order that does not depend on the file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::DataError;

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// An image file and its size on disk.
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Names and paths of the sub-folders of `folder`, by the bytes of their names.
pub(crate) fn class_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let paths = visible_entries(folder).map_err(|e| DataError::unreadable(folder, e))?;
    let folders = paths.into_iter().filter(|path| path.is_dir());
    Ok(folders.map(|path| (file_name(&path), path)).collect())
}

/// All images in `folder` and its sub-folders, sorted.
///
/// Links to files are followed. Links to folders are not, because they can lead in circles.
pub(crate) fn images_below(folder: &Path) -> Result<Vec<ImageFile>, DataError> {
    let mut images = Vec::new();
    for path in visible_entries(folder).map_err(|e| DataError::unreadable(folder, e))? {
        if path.is_dir() {
            if !path.is_symlink() {
                images.extend(images_below(&path)?);
            }
        } else if is_image(&path) {
            let metadata = fs::metadata(&path).map_err(|e| DataError::unreadable(&path, e))?;
            images.push(ImageFile {
                path,
                bytes: metadata.len(),
            });
        }
    }
    Ok(images)
}

/// Entries that are not hidden, sorted by the bytes of their names.
fn visible_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort_unstable_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    EXTENSIONS
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
