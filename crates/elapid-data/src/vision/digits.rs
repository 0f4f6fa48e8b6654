//! The 1,797 handwritten digits of 8×8 pixels that come with the program.
//!
//! E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
//! Repository, 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::ImageSplits;
use super::memory::{MemoryImages, Shape};
use crate::card::card;
use crate::error::DataError;

const CSV: &str = include_str!("../../../../datasets/digits/digits.csv");
const SHAPE: Shape = Shape {
    width: 8,
    height: 8,
    channels: 1,
};
const ROWS: usize = 1797;

/// The last 360 rows are the test set: they were written by other people than the rest, but for the first 108 of them, whose
/// writer has 22 rows before.
const TRAIN_ROWS: usize = 1437;

/// Counts of ink in a cell of the original bitmap go up to this.
const FULL: u32 = 16;

/// The digits, with a share of the training rows held out for validation.
///
/// The first 1,437 rows are for training, the last 360 the test set. Counts of ink 0 to 16 become
/// pixels `count * 255 / 16`, rounded to the nearest (16 is 255, 8 is 128).
///
/// # Errors
///
/// If `valid_fraction` is not in `[0, 1)`.
pub fn splits(valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    let card = card("digits")?;
    let (labels, pixels) = parse(CSV)?;
    let part = |rows: Range<usize>| {
        let mut images = MemoryImages::new(SHAPE, card.classes.clone());
        let bytes = rows.start * SHAPE.bytes()..rows.end * SHAPE.bytes();
        images.append("`digits.csv`", rows.start, &labels[rows], &pixels[bytes])?;
        Ok::<_, DataError>(Arc::new(images))
    };
    let (train, test) = (part(0..TRAIN_ROWS)?, part(TRAIN_ROWS..ROWS)?);
    ImageSplits::held_out(train, test, card, valid_fraction, seed)
}

/// Writes the digits as PNG files, `train/<class>/<number>.png` and `test/<class>/<number>.png` below `out`: a folder of images
/// of one's own, to try things out with. Numbers are those of the rows in their part. Gives the number of images in each part.
///
/// # Errors
///
/// [`DataError::Layout`] if `out` is there and not empty; [`DataError::Unwritable`] if a file cannot be written.
pub fn write(out: &Path) -> Result<[usize; 2], DataError> {
    let is_taken = |entries: std::fs::ReadDir| entries.into_iter().next().is_some();
    if std::fs::read_dir(out).is_ok_and(is_taken) {
        let problem = "is not empty; name a folder that is not there yet";
        return Err(DataError::layout(out, problem));
    }
    let splits = splits(0.0, 0)?;
    let parts = [("train", &splits.train), ("test", &splits.test)];
    for (name, images) in parts {
        for (label, class) in images.classes().iter().enumerate() {
            let folder = out.join(name).join(class);
            std::fs::create_dir_all(&folder)
                .map_err(|error| DataError::unwritable(&folder, error))?;
            for row in 0..images.len() {
                let sample = images.get(row);
                let sample = sample
                    .map_err(|error| DataError::from_dataset(&error, || images.describe(row)))?;
                if sample.label == label {
                    let path = folder.join(format!("{row:04}.png"));
                    image::DynamicImage::from(sample.image)
                        .save(&path)
                        .map_err(|error| DataError::unwritable(&path, error))?;
                }
            }
        }
    }
    Ok(parts.map(|(_, images)| images.len()))
}

/// Labels and 0..255 pixels of all rows below the header.
fn parse(csv: &str) -> Result<(Vec<u8>, Vec<u8>), DataError> {
    let (mut labels, mut pixels) = (Vec::with_capacity(ROWS), Vec::new());
    for (row, line) in csv.lines().skip(1).enumerate() {
        let (label, counts) = parse_row(line)
            .ok_or_else(|| malformed(format!("row {row} is not a label and 64 counts 0 to 16")))?;
        labels.push(label);
        pixels.extend(counts.into_iter().map(brightness));
    }
    if labels.len() != ROWS {
        return Err(malformed(format!("{} rows, expected {ROWS}", labels.len())));
    }
    Ok((labels, pixels))
}

fn parse_row(line: &str) -> Option<(u8, Vec<u32>)> {
    let (label, counts) = line.split_once(',')?;
    let counts: Vec<u32> = counts
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let is_legal = counts.len() == SHAPE.bytes() && counts.iter().all(|&count| count <= FULL);
    is_legal.then_some((label.parse().ok()?, counts))
}

fn brightness(count: u32) -> u8 {
    ((count * 255 + FULL / 2) / FULL) as u8
}

fn malformed(problem: String) -> DataError {
    DataError::layout(Path::new("digits.csv"), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::ImageDataset;

    fn counts_per_class(dataset: &ImageDataset) -> Vec<usize> {
        let mut counts = vec![0; dataset.classes().len()];
        for index in 0..dataset.len() {
            counts[dataset.get(index).unwrap().label] += 1;
        }
        counts
    }

    #[test]
    fn written_images_read_back_as_a_folder_of_images() {
        let root = tempfile::TempDir::new().unwrap();
        assert_eq!(write(root.path()).unwrap(), [1437, 360]);
        let folder = crate::image_folder::splits(root.path(), 0.0, 0.0, 0).unwrap();
        let embedded = splits(0.0, 0).unwrap();
        assert_eq!(folder.train.classes(), embedded.train.classes());
        assert_eq!(
            counts_per_class(folder.test.as_ref()),
            counts_per_class(embedded.test.as_ref())
        );
        let error = write(root.path()).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
    }

    #[test]
    fn the_split_has_the_known_counts_per_class() {
        let splits = splits(0.0, 0).unwrap();
        assert!(splits.valid.is_none());
        assert_eq!((splits.train.len(), splits.test.len()), (1437, 360));
        let train = [143, 146, 142, 146, 144, 145, 144, 143, 141, 143];
        let test = [35, 36, 35, 37, 37, 37, 37, 36, 33, 37];
        assert_eq!(counts_per_class(&*splits.train), train);
        assert_eq!(counts_per_class(&*splits.test), test);
    }

    #[test]
    fn the_rows_are_where_the_file_has_them() {
        let splits = splits(0.0, 0).unwrap();
        let first = splits.train.get(0).unwrap();
        assert_eq!(first.label, 0);
        // Counts 0, 0, 5, 13, 9, 1, 0, 0.
        assert_eq!(first.image.data()[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
        let last = splits.test.get(359).unwrap();
        assert_eq!(last.label, 8);
        // Counts 0, 1, 8, 12, 14, 12, 1, 0.
        assert_eq!(last.image.data()[56..], [0, 16, 128, 191, 223, 191, 16, 0]);
        assert_eq!(splits.train.describe(3), "`digits.csv` record 3");
        assert_eq!(splits.test.describe(0), "`digits.csv` record 1437");
    }

    #[test]
    fn a_validation_part_is_taken_from_the_training_rows() {
        let divided = splits(0.1, 7).unwrap();
        let valid = divided.valid.clone().unwrap();
        assert_eq!(
            (divided.train.len(), valid.len(), divided.test.len()),
            (1293, 144, 360)
        );
        let fingerprint = |seed| splits(0.1, seed).unwrap().valid.unwrap().fingerprint();
        assert_eq!(fingerprint(7), valid.fingerprint());
        assert_ne!(fingerprint(8), valid.fingerprint());
        assert!(splits(1.0, 7).is_err());
    }

    #[test]
    fn the_card_has_the_computed_mean_and_deviation() {
        let splits = splits(0.0, 0).unwrap();
        let images = (0..splits.train.len()).map(|index| splits.train.get(index).unwrap().image);
        let pixels: Vec<f64> = images
            .flat_map(|image| image.data().to_vec())
            .map(|p| f64::from(p) / 255.0)
            .collect();
        let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
        let variance = pixels.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
        assert_eq!(splits.card.normalisation.mean, [mean as f32]);
        assert_eq!(splits.card.normalisation.std, [variance.sqrt() as f32]);
    }

    #[test]
    fn damaged_rows_are_named() {
        let error = parse("header\n5,17\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "`digits.csv`: row 0 is not a label and 64 counts 0 to 16"
        );
        let error = parse("header\n").unwrap_err().to_string();
        assert_eq!(error, "`digits.csv`: 0 rows, expected 1797");
    }
}
