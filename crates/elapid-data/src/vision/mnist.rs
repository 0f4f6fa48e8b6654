//! MNIST from its four idx files, and other sets of ten classes in the same files.
//!
//! Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-Based Learning Applied to Document
//! Recognition*, Proceedings of the IEEE 86(11), 1998.

use std::path::Path;
use std::sync::Arc;

use super::ImageSplits;
use super::files::{Contents, read};
use super::idx;
use super::memory::{MemoryImages, Shape};
use crate::card::{Card, card};
use crate::error::DataError;

/// Where the files may be below the given folder; the last two are what torchvision makes.
const FOLDERS: [&str; 3] = ["", "MNIST/raw", "FashionMNIST/raw"];

/// MNIST read from `path`, with a share of the training images held out for validation.
///
/// Expects `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte` in `path` or in `path/MNIST/raw`, each plain or as `.gz`.
///
/// # Errors
///
/// If a file is missing, unreadable or not as its header says, if a label is not below 10 (the
/// record is named), or if `valid_fraction` is not in `[0, 1)`.
pub fn splits(path: &Path, valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    read_splits(path, card("mnist")?, valid_fraction, seed)
}

/// Fashion-MNIST, ten kinds of clothing in the files of MNIST: H. Xiao, K. Rasul and R. Vollgraf, *Fashion-MNIST: a Novel Image
/// Dataset for Benchmarking Machine Learning Algorithms*, 2017, arXiv:1708.07747.
///
/// # Errors
///
/// As [`splits`].
pub fn fashion(path: &Path, valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    read_splits(path, card("fashion_mnist")?, valid_fraction, seed)
}

fn read_splits(
    path: &Path,
    card: Card,
    valid_fraction: f64,
    seed: u64,
) -> Result<ImageSplits, DataError> {
    let train = Arc::new(part(path, "train", &card)?);
    let test = Arc::new(part(path, "t10k", &card)?);
    ImageSplits::held_out(train, test, card, valid_fraction, seed)
}

fn part(root: &Path, prefix: &str, card: &Card) -> Result<MemoryImages, DataError> {
    let image_file = read(root, &FOLDERS, &format!("{prefix}-images-idx3-ubyte"))?;
    let label_file = read(root, &FOLDERS, &format!("{prefix}-labels-idx1-ubyte"))?;
    let images = idx::images(&image_file)?;
    let labels = idx::labels(&label_file)?;
    check_counts(&image_file, images.count, &label_file, labels.len())?;
    let shape = Shape {
        width: images.width,
        height: images.height,
        channels: 1,
    };
    let mut memory = MemoryImages::new(shape, card.classes.clone());
    memory.append(
        format!("`{}`", label_file.path.display()),
        0,
        labels,
        images.pixels,
    )?;
    Ok(memory)
}

fn check_counts(
    image_file: &Contents,
    images: usize,
    label_file: &Contents,
    labels: usize,
) -> Result<(), DataError> {
    if images != labels {
        let problem = format!(
            "{images} images, but `{}` has {labels} labels; the two belong to different sets",
            label_file.path.display()
        );
        return Err(DataError::layout(&image_file.path, problem));
    }
    if images == 0 {
        return Err(DataError::layout(
            &image_file.path,
            "no images, expected at least one",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    fn idx_bytes(words: &[u32], payload: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(payload);
        bytes
    }

    /// The four files for `train` and two test images of 2×3 pixels.
    fn files(train: &[u8]) -> [(&'static str, Vec<u8>); 4] {
        let images = |count: usize| {
            let pixels: Vec<u8> = (0..count * 6).map(|pixel| pixel as u8).collect();
            idx_bytes(&[2051, count as u32, 2, 3], &pixels)
        };
        [
            ("train-images-idx3-ubyte", images(train.len())),
            (
                "train-labels-idx1-ubyte",
                idx_bytes(&[2049, train.len() as u32], train),
            ),
            ("t10k-images-idx3-ubyte", images(2)),
            ("t10k-labels-idx1-ubyte", idx_bytes(&[2049, 2], &[9, 0])),
        ]
    }

    fn written(train: &[u8]) -> TempDir {
        let root = TempDir::new().unwrap();
        for (name, bytes) in files(train) {
            fs::write(root.path().join(name), bytes).unwrap();
        }
        root
    }

    #[test]
    fn plain_files_are_read() {
        let root = written(&[1, 2, 3]);
        let splits = splits(root.path(), 0.0, 0).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (3, 2));
        let sample = splits.train.get(1).unwrap();
        assert_eq!(
            (sample.label, sample.image.data()),
            (2, &[6, 7, 8, 9, 10, 11][..])
        );
        assert_eq!((sample.image.width(), sample.image.height()), (3, 2));
        assert_eq!(splits.test.get(0).unwrap().label, 9);
        assert_eq!(splits.train.classes().len(), 10);
        let clothes = fashion(root.path(), 0.0, 0).unwrap();
        assert_eq!(clothes.train.classes()[2], "Pullover");
        assert_eq!(clothes.train.fingerprint(), splits.train.fingerprint());
    }

    #[test]
    fn compressed_files_in_the_torchvision_folder_are_the_same_data() {
        let root = TempDir::new().unwrap();
        let raw = root.path().join("MNIST/raw");
        fs::create_dir_all(&raw).unwrap();
        for (name, bytes) in files(&[1, 2, 3]) {
            let file = File::create(raw.join(format!("{name}.gz"))).unwrap();
            let mut encoder = GzEncoder::new(file, Compression::fast());
            encoder.write_all(&bytes).unwrap();
            encoder.finish().unwrap();
        }
        let compressed = splits(root.path(), 0.0, 0).unwrap().train.fingerprint();
        let plain = splits(written(&[1, 2, 3]).path(), 0.0, 0)
            .unwrap()
            .train
            .fingerprint();
        assert_eq!(compressed, plain);

        fs::write(raw.join("t10k-images-idx3-ubyte.gz"), b"not gzip").unwrap();
        let error = splits(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("cannot read") && error.contains("t10k-images"),
            "{error}"
        );
    }

    #[test]
    fn a_label_out_of_range_names_the_record() {
        let error = splits(written(&[1, 10]).path(), 0.0, 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("train-labels-idx1-ubyte` record 1 has label 10"),
            "{error}"
        );
    }

    #[test]
    fn damaged_and_missing_files_are_named() {
        let root = written(&[1, 2, 3]);
        let images = root.path().join("train-images-idx3-ubyte");
        let whole = fs::read(&images).unwrap();
        fs::write(&images, &whole[..whole.len() - 1]).unwrap();
        let error = splits(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(error.contains("3×2×3 = 18 bytes, found 17"), "{error}");

        fs::write(&images, idx_bytes(&[2051, 1, 2, 3], &[0; 6])).unwrap();
        let error = splits(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("1 images, but") && error.contains("3 labels"),
            "{error}"
        );

        fs::remove_file(&images).unwrap();
        let error = splits(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("train-images-idx3-ubyte` does not exist"),
            "{error}"
        );

        let nowhere = root.path().join("nowhere");
        let error = splits(&nowhere, 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("nowhere` does not exist; expected the folder"),
            "{error}"
        );
    }
}
