//! The idx format of MNIST: big-endian 32-bit numbers, then unsigned bytes.
//!
//! The format is described on the page of the data set, <http://yann.lecun.com/exdb/mnist/>. The
//! magic number is the element type (8 for unsigned bytes) times 256 plus the number of axes.

use std::path::Path;

use super::files::Contents;
use crate::error::DataError;

const LABELS_MAGIC: u32 = 2049;
const IMAGES_MAGIC: u32 = 2051;

/// The payload of an images file.
#[derive(Debug)]
pub(crate) struct Images<'a> {
    pub(crate) count: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `[count, height, width]`
    pub(crate) pixels: &'a [u8],
}

/// Reads a file of images.
///
/// # Errors
///
/// If the header is not that of images, or the size differs from what it announces.
pub(crate) fn images(file: &Contents) -> Result<Images<'_>, DataError> {
    let ([count, height, width], pixels) = parse(file, IMAGES_MAGIC)?;
    if height == 0 || width == 0 {
        let problem = format!("images of {height}×{width} pixels, expected at least 1×1");
        return Err(DataError::layout(&file.path, problem));
    }
    Ok(Images {
        count,
        height,
        width,
        pixels,
    })
}

/// Reads a file of labels.
///
/// # Errors
///
/// If the header is not that of labels, or the size differs from what it announces.
pub(crate) fn labels(file: &Contents) -> Result<&[u8], DataError> {
    let ([_], labels) = parse(file, LABELS_MAGIC)?;
    Ok(labels)
}

/// The sizes of the `AXES` axes, and the payload.
fn parse<const AXES: usize>(
    file: &Contents,
    magic: u32,
) -> Result<([usize; AXES], &[u8]), DataError> {
    let Contents { path, bytes } = file;
    let header = 4 * (AXES + 1);
    let Some((header, payload)) = bytes.split_at_checked(header) else {
        let problem = format!(
            "{} bytes, expected a header of {header}; truncated",
            bytes.len()
        );
        return Err(DataError::layout(path, problem));
    };
    let (words, _) = header.as_chunks::<4>();
    check_magic(path, magic, u32::from_be_bytes(words[0]))?;
    let sizes: [u32; AXES] = std::array::from_fn(|axis| u32::from_be_bytes(words[axis + 1]));
    let announced: u128 = sizes.iter().map(|&size| u128::from(size)).product();
    if payload.len() as u128 != announced {
        let sizes = sizes.map(|size| size.to_string()).join("×");
        let problem = format!(
            "the header announces {sizes} = {announced} bytes, found {}; download it again",
            payload.len()
        );
        return Err(DataError::layout(path, problem));
    }
    Ok((sizes.map(|size| size as usize), payload))
}

fn check_magic(path: &Path, expected: u32, found: u32) -> Result<(), DataError> {
    let kind = |magic| match magic {
        LABELS_MAGIC => "labels",
        IMAGES_MAGIC => "images",
        _ => "no file of MNIST",
    };
    if found == expected {
        return Ok(());
    }
    let problem = format!(
        "expected magic number {expected} ({}), got {found} ({})",
        kind(expected),
        kind(found)
    );
    Err(DataError::layout(path, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(words: &[u32], payload: &[u8]) -> Contents {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(payload);
        Contents {
            path: "f".into(),
            bytes,
        }
    }

    #[test]
    fn images_and_labels_are_read() {
        let pixels: Vec<u8> = (0..12).collect();
        let contents = file(&[2051, 2, 3, 2], &pixels);
        let read = images(&contents).unwrap();
        assert_eq!(
            (read.count, read.height, read.width, read.pixels),
            (2, 3, 2, &pixels[..])
        );
        assert_eq!(labels(&file(&[2049, 2], &[4, 5])).unwrap(), [4, 5]);
    }

    #[test]
    fn wrong_files_are_told_apart() {
        let error = labels(&file(&[2051, 0, 0, 0], &[]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`f`: expected magic number 2049 (labels), got 2051 (images)"
        );
        let error = images(&file(&[7, 0, 0, 0], &[])).unwrap_err().to_string();
        assert!(
            error.ends_with("(images), got 7 (no file of MNIST)"),
            "{error}"
        );
        let error = images(&file(&[2051, 0, 0, 5], &[]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("images of 0×5 pixels"), "{error}");
    }

    #[test]
    fn a_size_other_than_announced_is_refused() {
        let error = images(&file(&[2051, 2, 2, 2], &[0; 7]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`f`: the header announces 2×2×2 = 8 bytes, found 7; download it again"
        );
        assert!(images(&file(&[2051, 2, 2, 2], &[0; 9])).is_err());
        assert!(images(&file(&[2051, u32::MAX, u32::MAX, u32::MAX], &[])).is_err());
        let error = labels(&file(&[2049], &[])).unwrap_err().to_string();
        assert_eq!(error, "`f`: 4 bytes, expected a header of 8; truncated");
    }
}
