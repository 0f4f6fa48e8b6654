//! Images in tar archives, read where they are: shards as WebDataset writes them, and ImageNet's one archive a class.
//!
//! An archive is read through once, for the places of its members; a listing of the places is kept, as that of a large folder
//! is. An image is then read from its place, so the order of training is as free as with files, and nothing is unpacked.
//!
//! A. Aizman, G. Maltby and T. Breuel, *High Performance I/O For Large Scale Deep Learning*, 2019, arXiv:2001.01858.

mod archive;
mod cache;
mod classes;
mod images;
mod open_files;
mod shards;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::images::TarImages;
use self::shards::{Parts, Shard};
use super::{ImageSample, ImageSplits};
use crate::class_folders::{self, HeldOut, Known};
use crate::error::DataError;
use crate::splits::Shared;

/// The images in the `.tar` files below `root`, decoded when asked for and converted to RGB.
///
/// A sample is a `<key>.jpg`, `.jpeg`, `.png` or `.webp` and a `<key>.cls` with the number of its class, or a `<key>.json`
/// whose `label` is the number or the name; a key ends at the first dot. Archives without any label are classes of their own,
/// called as the archive. Archives of one split are in `root/train`, `val` (or `valid`) and `test`, or all in `root`, where
/// each of their names has one of the words `train`, `val`, `valid`, `validation` and `test` as a part, or none has. What is
/// missing is held out as by [`image_folder`](crate::image_folder::splits).
///
/// Classes are those of the lines of `root/classes.txt`, if there is one. Otherwise numbers are their names, up to the largest
/// of the training set, and names are in byte order. Samples are in the order of the archives' names and then as stored.
///
/// # Errors
///
/// If there is no archive; one is cut off or none; a sample has no label, two, or that of no class; a key or name comes twice
/// in an archive; or a share is outside `[0, 1)`. An image that cannot be decoded is an error of `get`.
pub fn splits(
    root: &Path,
    valid_fraction: f64,
    test_fraction: f64,
    seed: u64,
) -> Result<ImageSplits, DataError> {
    let held_out = HeldOut::new(valid_fraction, test_fraction, seed)?;
    if !root.is_dir() {
        return Err(DataError::Missing {
            path: root.to_owned(),
            expected: "a folder with .tar archives".to_owned(),
        });
    }
    let listed = listed_classes(root)?;
    let parts = Parts::find(root)?;
    let open = |shards: Vec<Shard>, place: PathBuf, known: Option<Known<'_>>| {
        let images = TarImages::new(root, &place, shards, known)?;
        Ok::<Shared<ImageSample>, DataError>(Arc::new(images))
    };
    let known = listed.as_deref().map(|names| Known {
        names,
        of: "`classes.txt`",
    });
    let (place, shards) = parts.train;
    let train = open(shards, place, known)?;
    let known = known.unwrap_or(Known::training(train.classes()));
    let other = |part: Option<(PathBuf, Vec<Shard>)>| {
        let open = |(place, shards)| open(shards, place, Some(known));
        part.map(open).transpose()
    };
    let (valid, test) = (other(parts.valid)?, other(parts.test)?);
    class_folders::arranged(train, valid, test, "tar_shards", held_out)
}

/// The lines of `classes.txt`, if there is one.
fn listed_classes(root: &Path) -> Result<Option<Vec<String>>, DataError> {
    let path = root.join("classes.txt");
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|error| DataError::unreadable(&path, error))?;
    let mut names: Vec<String> = Vec::new();
    for (line, name) in (1..).zip(text.lines().map(str::trim)) {
        let before = names.iter().position(|known| known == name);
        let problem = match before {
            _ if name.is_empty() => format!("line {line} is empty, expected the name of a class"),
            Some(before) => format!("line {line}: `{name}` is in line {} too", before + 1),
            None => {
                names.push(name.to_owned());
                continue;
            }
        };
        return Err(DataError::layout(&path, problem));
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests;
