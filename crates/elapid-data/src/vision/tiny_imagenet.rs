//! Tiny-ImageNet as it is published: 200 classes of ImageNet in images of 64×64 pixels.
//!
//! Y. Le and X. Yang, *Tiny ImageNet Visual Recognition Challenge*, Stanford CS 231N, 2015.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ImageSplits;
use super::folder_images::FolderImages;
use crate::card::card;
use crate::class_folders::{Known, Labels};
use crate::error::DataError;
use crate::listing::{ClassFolder, Folder, IMAGES, ListedFile, Listing, modified};

/// The folder that the published archive has everything in.
const INNER: &str = "tiny-imagenet-200";

/// Tiny-ImageNet below `root`, or below `root/tiny-imagenet-200`, decoded when asked for and converted to RGB.
///
/// Labels are the lines of `wnids.txt`; classes have the first of their names in `words.txt`, followed by the wnid where two
/// would be the same, and are called by the wnid where that file has no name for them. Training images are those of
/// `train/<wnid>`, of which `valid_fraction` is held out. The test set is `val`: the images of `val/images` with the classes
/// of `val/val_annotations.txt`, or folders `val/<wnid>` where somebody has sorted them. The published `test` has no labels
/// and is not read.
///
/// # Errors
///
/// If a file is missing, a class of `wnids.txt` has no images or those of another have, or a line of a table cannot be
/// understood, which is then named. An image that cannot be decoded is an error of `get`.
pub fn splits(root: &Path, valid_fraction: f64, seed: u64) -> Result<ImageSplits, DataError> {
    let root = &match root.join(INNER) {
        inner if inner.is_dir() => inner,
        _ => root.to_owned(),
    };
    let table = root.join("wnids.txt");
    let wnids = wnids(&table)?;
    let names = names(root, &wnids)?;
    let train = root.join("train");
    if !train.is_dir() {
        return Err(missing(train, "a folder with one sub-folder a class"));
    }
    for (at, wnid) in wnids.iter().enumerate() {
        let folder = train.join(wnid);
        if !folder.is_dir() {
            let line = at + 1;
            let expected =
                format!("the images of a class, because `wnids.txt` line {line} names it");
            return Err(missing(folder, &expected));
        }
    }
    let known = Known {
        names: &wnids,
        of: "`wnids.txt`",
    };
    let train = FolderImages::scan(root, &train, Some(known))?.renamed(names.clone());
    let test = test(root, known)?.renamed(names);
    let (train, test) = (Arc::new(train), Arc::new(test));
    ImageSplits::held_out(train, test, card("tiny_imagenet")?, valid_fraction, seed)
}

fn missing(path: PathBuf, expected: &str) -> DataError {
    let expected = expected.to_owned();
    DataError::Missing { path, expected }
}

/// A text file that must be there.
fn read(path: &Path, expected: &str) -> Result<String, DataError> {
    if !path.is_file() {
        return Err(missing(path.to_owned(), expected));
    }
    fs::read_to_string(path).map_err(|error| DataError::unreadable(path, error))
}

/// The classes in the order of their labels.
fn wnids(table: &Path) -> Result<Vec<String>, DataError> {
    let text = read(table, "the list of classes, one a line")?;
    let mut wnids = Vec::new();
    for (at, wnid) in text.lines().map(str::trim).enumerate() {
        let line = at + 1;
        let problem = match wnids.iter().position(|known| known == wnid) {
            _ if wnid.is_empty() => format!("line {line} is empty, expected a class"),
            Some(before) => format!("line {line}: class `{wnid}` is in line {} too", before + 1),
            None => {
                wnids.push(wnid.to_owned());
                continue;
            }
        };
        return Err(DataError::layout(table, problem));
    }
    match wnids.len() {
        0 | 1 => {
            let problem = format!("{} classes, expected at least 2", wnids.len());
            Err(DataError::layout(table, problem))
        }
        _ => Ok(wnids),
    }
}

/// What people call the classes.
fn names(root: &Path, wnids: &[String]) -> Result<Vec<String>, DataError> {
    let table = root.join("words.txt");
    let text = match table.is_file() {
        true => read(&table, "")?,
        false => String::new(),
    };
    let mut words = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        if let Some((wnid, all)) = line.split_once('\t') {
            let first = all.split(',').next().unwrap_or(all).trim();
            words.insert(wnid.trim(), first);
        } else if !line.trim().is_empty() {
            let problem = format!(
                "line {}: expected a class and its names, separated by a tab, got `{line}`",
                at + 1
            );
            return Err(DataError::layout(&table, problem));
        }
    }
    let names = wnids.iter().map(String::as_str);
    let names: Vec<&str> = names
        .map(|wnid| words.get(wnid).copied().unwrap_or(wnid))
        .collect();
    let mut bearers: HashMap<&str, usize> = HashMap::new();
    for name in &names {
        *bearers.entry(name).or_default() += 1;
    }
    let unique = |(name, wnid): (&&str, &String)| match bearers[name] {
        1 => (*name).to_owned(),
        _ => format!("{name} ({wnid})"),
    };
    Ok(names.iter().zip(wnids).map(unique).collect())
}

/// The images of `val`.
fn test(root: &Path, known: Known<'_>) -> Result<FolderImages, DataError> {
    let folder = root.join("val");
    let (images, table) = (folder.join("images"), folder.join("val_annotations.txt"));
    if !folder.is_dir() {
        return Err(missing(folder, "the folder of the validation images"));
    }
    if !table.is_file() && !images.is_dir() {
        return FolderImages::scan(root, &folder, Some(known));
    }
    let expected = "the classes of `val/images`, a line an image";
    let text = read(&table, expected)?;
    if !images.is_dir() {
        return Err(missing(
            images,
            "the images that `val_annotations.txt` names",
        ));
    }
    let sizes = sizes(&folder)?;
    let labelled = annotations(&text, &table, known, &sizes)?;
    if let Some(name) = sizes
        .keys()
        .find(|name| !labelled.contains_key(name.as_str()))
    {
        let others = sizes.len() - labelled.len() - 1;
        let problem = format!("`{name}` and {others} others have no line in `val_annotations.txt`");
        return Err(DataError::layout(&images, problem));
    }
    let listing = listing(&folder, &labelled, &sizes, known.names.len());
    let labels = Labels {
        classes: known.names.to_vec(),
        labels: (0..known.names.len()).collect(),
    };
    Ok(FolderImages::listed(root, &folder, listing, labels))
}

/// Names and sizes of the files in the folder `images`.
fn sizes(folder: &Path) -> Result<BTreeMap<String, u64>, DataError> {
    let listing = Listing::read(folder, IMAGES)?;
    let own = (0..listing.files.len()).filter_map(|index| {
        let path = listing.path(index);
        let name = path.strip_prefix("images").ok()?.to_str()?.to_owned();
        Some((name, listing.files[index].bytes))
    });
    Ok(own.collect())
}

/// Label of each image that the table names.
fn annotations<'a>(
    text: &'a str,
    table: &Path,
    known: Known<'_>,
    sizes: &BTreeMap<String, u64>,
) -> Result<BTreeMap<&'a str, usize>, DataError> {
    let labels: HashMap<&str, usize> = known.names.iter().map(String::as_str).zip(0..).collect();
    let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (line, row) in (1..).zip(text.lines()) {
        let wrong = |problem: String| DataError::layout(table, format!("line {line}: {problem}"));
        let mut fields = row.split('\t').map(str::trim);
        let (Some(file), Some(wnid)) = (fields.next(), fields.next()) else {
            return Err(wrong(format!(
                "expected a file, its class and its box, separated by tabs, got `{row}`"
            )));
        };
        let Some(label) = labels.get(wnid) else {
            let (count, of) = (known.names.len(), known.of);
            return Err(wrong(format!(
                "class `{wnid}` is not among the {count} of {of}"
            )));
        };
        if !sizes.contains_key(file) {
            let expected = format!("an image, because `val_annotations.txt` line {line} names it");
            let path = table.with_file_name("images").join(file);
            return Err(missing(path, &expected));
        }
        if let Some((before, _)) = found.insert(file, (line, *label)) {
            return Err(wrong(format!(
                "`{file}` has a class in line {before} already"
            )));
        }
    }
    let labelled = found.into_iter().map(|(file, (_, label))| (file, label));
    Ok(labelled.collect())
}

/// The annotated files as if each class had a folder of its own.
fn listing(
    folder: &Path,
    labelled: &BTreeMap<&str, usize>,
    sizes: &BTreeMap<String, u64>,
    classes: usize,
) -> Listing {
    let mut files = vec![Vec::new(); classes];
    for (name, label) in labelled {
        files[*label].push(ListedFile {
            folder: 0,
            name: name.into(),
            bytes: sizes[*name],
        });
    }
    let ends = files.iter().scan(0, |end, files| {
        *end += files.len();
        Some(*end)
    });
    let class = |end| ClassFolder {
        name: String::new(),
        end,
    };
    Listing {
        classes: ends.map(class).collect(),
        folders: vec![Folder {
            path: "images".into(),
            modified: modified(&folder.join("images")),
        }],
        files: files.concat(),
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;
    use crate::vision::ImageDataset;

    const WNIDS: [&str; 3] = ["n03", "n01", "n02"];

    fn text(root: &Path, name: &str, text: &str) {
        fs::write(root.join(name), text).unwrap();
    }

    fn image(path: &Path, level: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(4, 4, Rgb([level; 3]))
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }

    /// Three classes of four images, two of which have the same name, and five for the test.
    fn set() -> TempDir {
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        text(root, "wnids.txt", &WNIDS.join("\n"));
        text(
            root,
            "words.txt",
            "n01\tcrane, wading bird\nn02\tcrane\nn03\tgoldfish, Carassius auratus\nn99\tsomething\n",
        );
        for wnid in WNIDS {
            for at in 0..4 {
                let name = format!("train/{wnid}/images/{wnid}_{at}.JPEG");
                image(&root.join(name), at);
            }
            text(root, &format!("train/{wnid}/{wnid}_boxes.txt"), "");
        }
        let mut table = String::new();
        for (at, wnid) in ["n02", "n03", "n01", "n03", "n02"].iter().enumerate() {
            image(&root.join(format!("val/images/val_{at}.JPEG")), at as u8);
            table += &format!("val_{at}.JPEG\t{wnid}\t0\t32\t44\t62\n");
        }
        text(root, "val/val_annotations.txt", &table);
        folder
    }

    fn message(root: &Path) -> String {
        splits(root, 0.0, 0).unwrap_err().to_string()
    }

    fn contents(images: &ImageDataset) -> Vec<(usize, u8)> {
        (0..images.len())
            .map(|index| {
                let sample = images.get(index).unwrap();
                assert_eq!(images.label(index), Some(sample.label));
                (sample.label, sample.image.data()[0])
            })
            .collect()
    }

    #[test]
    fn labels_are_the_lines_of_wnids() {
        let root = set();
        let read = splits(root.path(), 0.25, 0).unwrap();
        let names = ["goldfish", "crane (n01)", "crane (n02)"];
        assert_eq!(read.train.classes(), names);
        assert_eq!(read.test.classes(), names);
        assert_eq!((read.train.len(), read.valid.unwrap().len()), (9, 3));
        assert_eq!(
            contents(&*read.test),
            [(0, 1), (0, 3), (1, 2), (2, 0), (2, 4)]
        );
        assert!(read.test.describe(0).ends_with("val/images/val_1.JPEG`"));
        let whole = splits(root.path(), 0.0, 0).unwrap().train;
        // Folders are in the order of their names, which is not that of the labels.
        let labels: Vec<_> = contents(&*whole).iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, [1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn the_folder_of_the_archive_is_found_and_words_may_be_missing() {
        let (outer, root) = (TempDir::new().unwrap(), set());
        fs::remove_file(root.path().join("words.txt")).unwrap();
        fs::rename(root.keep(), outer.path().join(INNER)).unwrap();
        let read = splits(outer.path(), 0.0, 0).unwrap();
        assert_eq!(read.train.classes(), WNIDS);
    }

    #[test]
    fn sorted_validation_images_are_the_same_set() {
        let root = set();
        let annotated = contents(&*splits(root.path(), 0.0, 0).unwrap().test);
        let val = root.path().join("val");
        for (at, wnid) in ["n02", "n03", "n01", "n03", "n02"].iter().enumerate() {
            let name = format!("val_{at}.JPEG");
            fs::create_dir_all(val.join(wnid)).unwrap();
            fs::rename(val.join("images").join(&name), val.join(wnid).join(&name)).unwrap();
        }
        fs::remove_dir(val.join("images")).unwrap();
        fs::remove_file(val.join("val_annotations.txt")).unwrap();
        let mut sorted = contents(&*splits(root.path(), 0.0, 0).unwrap().test);
        sorted.sort_unstable();
        assert_eq!(sorted, annotated);
    }

    #[test]
    fn grey_images_become_rgb() {
        let root = set();
        let grey = DynamicImage::ImageLuma8(GrayImage::from_pixel(4, 4, Luma([9])));
        let path = root.path().join("val/images/val_1.JPEG");
        grey.save_with_format(path, image::ImageFormat::Jpeg)
            .unwrap();
        let sample = splits(root.path(), 0.0, 0).unwrap().test.get(0).unwrap();
        assert_eq!((sample.image.channels(), sample.image.data()[2]), (3, 9));
    }

    #[test]
    fn the_fingerprint_follows_the_annotations() {
        let root = set();
        let print = || splits(root.path(), 0.0, 0).unwrap().test.fingerprint();
        let before = print();
        let table = root.path().join("val/val_annotations.txt");
        let changed = fs::read_to_string(&table).unwrap();
        let changed = changed.replacen("val_2.JPEG\tn01", "val_2.JPEG\tn02", 1);
        fs::write(&table, changed).unwrap();
        assert_ne!(print(), before);
    }

    #[test]
    fn mistakes_are_named_with_file_and_line() {
        let root = set();
        let root = root.path();
        let table = "val/val_annotations.txt";
        let good = fs::read_to_string(root.join(table)).unwrap();
        let with = |row: &str| {
            text(root, table, &format!("{good}{row}\n"));
            message(root)
        };
        let said = with("val_9.JPEG\tn01\t0\t0\t1\t1");
        assert!(
            said.ends_with(
                "images/val_9.JPEG` does not exist; expected an image, because \
                 `val_annotations.txt` line 6 names it"
            ),
            "{said}"
        );
        let said = with("val_0.JPEG\tn01\t0\t0\t1\t1");
        assert!(
            said.ends_with("line 6: `val_0.JPEG` has a class in line 1 already"),
            "{said}"
        );
        let said = with("val_0.JPEG\tn77\t0\t0\t1\t1");
        assert!(
            said.ends_with("line 6: class `n77` is not among the 3 of `wnids.txt`"),
            "{said}"
        );
        let said = with("val_0.JPEG n01");
        assert!(
            said.contains("val_annotations.txt`: line 6: expected a file, its class"),
            "{said}"
        );
        text(root, table, good.trim_start_matches(|c| c != '\n').trim());
        let said = message(root);
        assert!(
            said.contains("images`: `val_0.JPEG` and 0 others have no line in"),
            "{said}"
        );
        fs::remove_file(root.join(table)).unwrap();
        assert!(
            message(root).contains("val_annotations.txt` does not exist; expected the classes")
        );
        text(root, table, &good);

        text(root, "words.txt", "n01 crane\n");
        assert!(message(root).contains("words.txt`: line 1: expected a class and its names"));
        fs::remove_file(root.join("words.txt")).unwrap();
        text(root, "wnids.txt", "n01\nn02\nn01\n");
        assert!(message(root).ends_with("wnids.txt`: line 3: class `n01` is in line 1 too"));
        text(root, "wnids.txt", "n01\nn02\n");
        assert!(message(root).ends_with("class `n03` is not among the 2 of `wnids.txt`"));
        text(root, "wnids.txt", "n01\nn02\nn03\nn04\n");
        let said = message(root);
        assert!(
            said.ends_with("expected the images of a class, because `wnids.txt` line 4 names it"),
            "{said}"
        );
        fs::remove_file(root.join("wnids.txt")).unwrap();
        assert!(message(root).contains("wnids.txt` does not exist; expected the list of classes"));
    }
}
