//! CIFAR-10 and CIFAR-100 from their binary versions.
//!
//! A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009,
//! <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::Path;
use std::sync::Arc;

use super::ImageSplits;
use super::files::{Contents, read};
use super::memory::{MemoryImages, Shape};
use crate::card::{Card, card};
use crate::error::DataError;

const SHAPE: Shape = Shape {
    width: 32,
    height: 32,
    channels: 3,
};

/// What differs between the two.
struct Variant {
    card: &'static str,
    folders: [&'static str; 2],
    train: &'static [&'static str],
    test: &'static str,
    /// Bytes before the pixels; the last of them is the label.
    label_bytes: usize,
}

const CIFAR10: Variant = Variant {
    card: "cifar10",
    folders: ["", "cifar-10-batches-bin"],
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    label_bytes: 1,
};

const CIFAR100: Variant = Variant {
    card: "cifar100",
    folders: ["", "cifar-100-binary"],
    train: &["train.bin"],
    test: "test.bin",
    // The coarse label, of 20, comes before the fine one, of 100, which is the one used.
    label_bytes: 2,
};

/// CIFAR-10 read from `path`, with a share of the training images held out for validation.
///
/// Expects `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` in `path` or in
/// `path/cifar-10-batches-bin`.
///
/// # Errors
///
/// If a file is missing, unreadable or no whole number of records, if a label is not below 10 (the
/// record is named), or if `valid_fraction` is not in `[0, 1)`.
pub fn splits10(path: &Path, valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    splits(path, &CIFAR10, valid_fraction, seed)
}

/// CIFAR-100, with its fine labels, read from `path`, with a share of the training images held out
/// for validation.
///
/// Expects `train.bin` and `test.bin` in `path` or in `path/cifar-100-binary`.
///
/// # Errors
///
/// As [`splits10`]; labels must be below 100.
pub fn splits100(path: &Path, valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    splits(path, &CIFAR100, valid_fraction, seed)
}

fn splits(
    root: &Path,
    variant: &Variant,
    valid_fraction: f64,
    seed: u64,
) -> Result<ImageSplits, DataError> {
    let card = card(variant.card)?;
    let train = Arc::new(part(root, variant, variant.train, &card)?);
    let test = Arc::new(part(root, variant, &[variant.test], &card)?);
    ImageSplits::held_out(train, test, card, valid_fraction, seed)
}

fn part(
    root: &Path,
    variant: &Variant,
    names: &[&str],
    card: &Card,
) -> Result<MemoryImages, DataError> {
    let mut images = MemoryImages::new(SHAPE, card.classes.clone());
    for name in names {
        let file = read(root, &variant.folders, name)?;
        let (labels, pixels) = parse(&file, variant.label_bytes)?;
        images.append(format!("`{}`", file.path.display()), 0, &labels, &pixels)?;
    }
    Ok(images)
}

/// Labels, and pixels in the order rows, columns, channels.
fn parse(file: &Contents, label_bytes: usize) -> Result<(Vec<u8>, Vec<u8>), DataError> {
    let record = label_bytes + SHAPE.bytes();
    if file.bytes.is_empty() || !file.bytes.len().is_multiple_of(record) {
        let problem = format!(
            "{} bytes, expected whole records of {record}; truncated, or not the binary version",
            file.bytes.len()
        );
        return Err(DataError::layout(&file.path, problem));
    }
    let mut labels = Vec::with_capacity(file.bytes.len() / record);
    let mut pixels = Vec::with_capacity(labels.capacity() * SHAPE.bytes());
    for record in file.bytes.chunks_exact(record) {
        let (label, planes) = record.split_at(label_bytes);
        labels.push(label[label_bytes - 1]);
        interleave(planes, &mut pixels);
    }
    Ok((labels, pixels))
}

/// Appends three colour planes as pixels.
fn interleave(planes: &[u8], pixels: &mut Vec<u8>) {
    let area = SHAPE.width * SHAPE.height;
    for at in 0..area {
        pixels.extend([planes[at], planes[area + at], planes[2 * area + at]]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::vision::ImageDataset;

    /// A record whose planes are filled with 10, 20 and 30 times the label plus one.
    fn record(label_bytes: &[u8]) -> Vec<u8> {
        let level = label_bytes[label_bytes.len() - 1] % 8 + 1;
        let planes = [10, 20, 30].map(|plane| vec![plane * level; 1024]).concat();
        [label_bytes, &planes].concat()
    }

    fn written10() -> TempDir {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("cifar-10-batches-bin");
        fs::create_dir(&folder).unwrap();
        for batch in 1..=5 {
            let bytes = [record(&[batch]), record(&[batch + 1])].concat();
            fs::write(folder.join(format!("data_batch_{batch}.bin")), bytes).unwrap();
        }
        fs::write(folder.join("test_batch.bin"), record(&[9])).unwrap();
        root
    }

    fn labels(dataset: &ImageDataset) -> Vec<usize> {
        (0..dataset.len())
            .map(|index| dataset.get(index).unwrap().label)
            .collect()
    }

    #[test]
    fn cifar10_is_read_in_the_order_of_its_files() {
        let root = written10();
        let splits = splits10(root.path(), 0.0, 0).unwrap();
        assert_eq!(labels(&*splits.train), [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
        assert_eq!(labels(&*splits.test), [9]);
        assert_eq!(
            splits.train.get(0).unwrap().image.data()[..6],
            [20, 40, 60, 20, 40, 60]
        );
        assert!(
            splits
                .train
                .describe(3)
                .ends_with("data_batch_2.bin` record 1")
        );
        assert_eq!(splits.train.classes()[3], "cat");
    }

    #[test]
    fn planes_become_pixels_in_row_major_order() {
        let planes: Vec<u8> = (0..3 * 1024).map(|at| (at % 251) as u8).collect();
        let mut pixels = Vec::new();
        interleave(&planes, &mut pixels);
        // Row 2, column 5.
        let at = 2 * 32 + 5;
        assert_eq!(
            pixels[3 * at..][..3],
            [planes[at], planes[1024 + at], planes[2048 + at]]
        );
    }

    #[test]
    fn cifar100_uses_the_fine_labels() {
        let root = TempDir::new().unwrap();
        fs::write(
            root.path().join("train.bin"),
            [record(&[19, 99]), record(&[0, 7])].concat(),
        )
        .unwrap();
        fs::write(root.path().join("test.bin"), record(&[3, 42])).unwrap();
        let splits = splits100(root.path(), 0.0, 0).unwrap();
        assert_eq!(labels(&*splits.train), [99, 7]);
        assert_eq!(labels(&*splits.test), [42]);
        assert_eq!(splits.train.classes()[99], "worm");
    }

    #[test]
    fn damaged_files_and_labels_are_named() {
        let root = written10();
        let batch = root.path().join("cifar-10-batches-bin/data_batch_3.bin");
        fs::write(&batch, &record(&[1])[..3000]).unwrap();
        let error = splits10(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(error.contains("data_batch_3.bin`: 3000 bytes, expected whole records of 3073"));

        fs::write(&batch, [record(&[1]), record(&[10])].concat()).unwrap();
        let error = splits10(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("data_batch_3.bin` record 1 has label 10"),
            "{error}"
        );

        fs::remove_file(&batch).unwrap();
        let error = splits10(root.path(), 0.0, 0).unwrap_err().to_string();
        assert!(
            error.contains("data_batch_3.bin` does not exist"),
            "{error}"
        );
    }
}
