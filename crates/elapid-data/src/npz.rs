//! NumPy's archives of arrays, `.npz`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::error::DataError;
use crate::npy::{self, Array};

/// The array `key` of an archive.
pub(crate) fn read_npz(path: &Path, key: &str) -> Result<Array, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: format!("an archive of NumPy with the array `{key}`; see data.path"),
        });
    }
    let unreadable = |error: &dyn std::fmt::Display| DataError::unreadable(path, error);
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut archive = ZipArchive::new(file).map_err(|error| unreadable(&error))?;
    let mut names = Vec::new();
    for at in 0..archive.len() {
        // Raw: this build of the archive reader has no decompressors, and needs none.
        let mut member = archive
            .by_index_raw(at)
            .map_err(|error| unreadable(&error))?;
        let name = member
            .name()
            .map_err(|error| unreadable(&error))?
            .into_owned();
        let name = name.trim_end_matches(".npy").to_owned();
        if name != key {
            names.push(name);
            continue;
        }
        let mut bytes = Vec::new();
        let read = match member.compression() {
            CompressionMethod::Stored => member.read_to_end(&mut bytes),
            _ => DeflateDecoder::new(member).read_to_end(&mut bytes),
        };
        read.map_err(|error| unreadable(&error))?;
        return npy::parse(path, &format!("array `{key}`: "), &bytes);
    }
    let names = names.join(", ");
    Err(DataError::layout(
        path,
        format!("it has no array `{key}`, only {names}"),
    ))
}
