//! Finding and reading the files of the published binary data sets.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::error::DataError;

/// A file that was found and read, decompressed where its name ends in `.gz`.
pub(crate) struct Contents {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Reads `name` or `name.gz` from the first of `root`'s `folders` that has it.
///
/// # Errors
///
/// If no folder has it, or it cannot be read.
pub(crate) fn read(root: &Path, folders: &[&str], name: &str) -> Result<Contents, DataError> {
    if !root.is_dir() {
        let expected = format!("the folder that holds `{name}`");
        return Err(DataError::Missing {
            path: root.to_owned(),
            expected,
        });
    }
    for folder in folders {
        for ending in ["", ".gz"] {
            let path = root.join(folder).join(format!("{name}{ending}"));
            if path.is_file() {
                let bytes = read_whole(&path).map_err(|e| DataError::unreadable(&path, e))?;
                return Ok(Contents { path, bytes });
            }
        }
    }
    let places: Vec<_> = folders
        .iter()
        .map(|f| format!("`{}`", root.join(f).display()))
        .collect();
    let expected = format!(
        "this file, plain or with the ending .gz, in {}",
        places.join(" or ")
    );
    Err(DataError::Missing {
        path: root.join(name),
        expected,
    })
}

fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}
