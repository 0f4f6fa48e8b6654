//! Lines of text, compressed or not.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::DataError;

/// Opens a file; one that ends in `.gz` is decompressed.
pub(super) fn open(path: &Path, expected: &str) -> Result<Box<dyn BufRead>, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let file = File::open(path).map_err(|error| DataError::unreadable(path, error))?;
    let plain = BufReader::with_capacity(1 << 16, file);
    Ok(match path.extension().is_some_and(|end| end == "gz") {
        true => Box::new(BufReader::with_capacity(
            1 << 16,
            MultiGzDecoder::new(plain),
        )),
        false => Box::new(plain),
    })
}

/// The file, or the same with `.gz` behind its name; `None` if neither is there.
pub(super) fn either(path: &Path) -> Option<PathBuf> {
    let mut packed = path.as_os_str().to_owned();
    packed.push(".gz");
    [path.to_owned(), packed.into()]
        .into_iter()
        .find(|path| path.is_file())
}

/// Calls `take` with the number, from 1, and the cells of every line that is not empty.
pub(super) fn cells(
    path: &Path,
    expected: &str,
    mut take: impl FnMut(usize, &mut dyn Iterator<Item = &str>) -> Result<(), String>,
) -> Result<(), DataError> {
    let mut reader = open(path, expected)?;
    let (mut line, mut number) = (String::new(), 0);
    loop {
        line.clear();
        let read = reader.read_line(&mut line);
        if read.map_err(|error| DataError::unreadable(path, error))? == 0 {
            return Ok(());
        }
        number += 1;
        let text = line.trim();
        if !text.is_empty() {
            let mut cells = text.split(',').map(str::trim);
            take(number, &mut cells)
                .map_err(|problem| DataError::layout(path, format!("line {number}: {problem}")))?;
        }
    }
}
