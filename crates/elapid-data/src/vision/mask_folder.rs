//! Folders of images beside folders of masks, as ADE20K is published.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use image::DynamicImage;

use super::decoding::decode_image;
use super::{IGNORE, Mask, MaskSample, MaskSplits, PixelImage};
use crate::SampleSet;
use crate::card::{Card, card};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// What the levels of a mask mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// The level of pixels that do not count.
    pub ignore: u16,
    /// Level 0 does not count either, and level 1 is the first class.
    pub reduce_zero_label: bool,
}

/// ADE20K (scene parsing, 150 classes) below `root`, the folder `ADEChallengeData2016`.
///
/// # Errors
///
/// As [`splits`].
pub fn ade20k(root: &Path, valid_fraction: f64, seed: u64) -> Result<MaskSplits, DataError> {
    let levels = Levels {
        ignore: 255,
        reduce_zero_label: true,
    };
    open(root, card("ade20k")?, levels, valid_fraction, seed)
}

/// Images below `root/images/{training,validation}` and their masks below `root/annotations/{training,validation}`, read
/// when asked for.
///
/// Images are `.jpg`, `.jpeg` and `.png`; the mask of `x.jpg` is `x.png`, whose grey levels, of 8 or 16 bits, are numbers
/// of classes. `root/classes.txt` has the name of a class a line, in the order of their numbers. The validation images
/// are the test set; `valid_fraction` of the training images is held out, as a function of `seed`.
///
/// # Errors
///
/// If a folder or `classes.txt` is missing, there are fewer than two classes, no image, or an image without a mask. A
/// mask of another size than its image, or with a level that is no class, is an error of `get`.
pub fn splits(
    root: &Path,
    levels: Levels,
    valid_fraction: f64,
    seed: u64,
) -> Result<MaskSplits, DataError> {
    let card = Card {
        classes: classes(root)?,
        ..card("mask_folder")?
    };
    open(root, card, levels, valid_fraction, seed)
}

fn open(
    root: &Path,
    card: Card,
    levels: Levels,
    valid_fraction: f64,
    seed: u64,
) -> Result<MaskSplits, DataError> {
    let part = |name| Pairs::scan(root, name, levels, &card.classes).map(Arc::new);
    let (train, test) = (part("training")?, part("validation")?);
    MaskSplits::held_out(train, test, card, valid_fraction, seed)
}

fn classes(root: &Path) -> Result<Vec<String>, DataError> {
    let path = root.join("classes.txt");
    if !path.is_file() {
        let expected = "the name of a class a line, in the order of their numbers".to_owned();
        return Err(DataError::Missing { path, expected });
    }
    let text = fs::read_to_string(&path).map_err(|error| DataError::unreadable(&path, error))?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    match names.len() {
        0 | 1 => {
            let problem = format!("{} classes, expected at least 2, one a line", names.len());
            Err(DataError::layout(&path, problem))
        }
        len if distinct.len() < len => Err(DataError::layout(
            &path,
            "the same name stands in two lines",
        )),
        _ => Ok(names),
    }
}

/// Image files of one split with their masks, in the order of their names.
struct Pairs {
    images: PathBuf,
    masks: PathBuf,
    /// Name of the image, size of the image and of the mask in bytes.
    files: Vec<(String, [u64; 2])>,
    levels: Levels,
    classes: Vec<String>,
}

impl Pairs {
    fn scan(
        root: &Path,
        split: &str,
        levels: Levels,
        classes: &[String],
    ) -> Result<Self, DataError> {
        let images = root.join("images").join(split);
        let masks = root.join("annotations").join(split);
        for (folder, content) in [(&images, "the images"), (&masks, "their masks")] {
            if !folder.is_dir() {
                return Err(DataError::Missing {
                    path: folder.clone(),
                    expected: format!("a folder with {content} of this split"),
                });
            }
        }
        let known = files(&masks, &["png"])?;
        let mut found = Vec::new();
        for (name, bytes) in files(&images, &["jpg", "jpeg", "png"])? {
            let mask = mask_name(&name);
            let at = known.binary_search_by(|(known, _)| known.as_str().cmp(&mask));
            let Ok(at) = at else {
                let problem = format!(
                    "no mask for this image; expected `{}`",
                    masks.join(&mask).display()
                );
                return Err(DataError::layout(&images.join(name), problem));
            };
            found.push((name, [bytes, known[at].1]));
        }
        if found.is_empty() {
            let problem = "no .jpg, .jpeg or .png file in this folder";
            return Err(DataError::layout(&images, problem));
        }
        Ok(Self {
            images,
            masks,
            files: found,
            levels,
            classes: classes.to_vec(),
        })
    }

    fn paths(&self, index: usize) -> (PathBuf, PathBuf) {
        let name = &self.files[index].0;
        (self.images.join(name), self.masks.join(mask_name(name)))
    }

    fn load(&self, index: usize) -> Result<MaskSample, DataError> {
        let (image_path, mask_path) = self.paths(index);
        let image = PixelImage::from(DynamicImage::ImageRgb8(read(&image_path)?.into_rgb8()));
        let bad = |reason| DataError::Sample {
            sample: format!("`{}`", mask_path.display()),
            reason,
        };
        let mask = read(&mask_path)?;
        let (width, height) = (mask.width() as usize, mask.height() as usize);
        if (width, height) != (image.width(), image.height()) {
            return Err(bad(format!(
                "the mask has {width}×{height} pixels, but `{}` has {}×{}",
                image_path.display(),
                image.width(),
                image.height()
            )));
        }
        let levels = levels_of(mask).map_err(&bad)?;
        let class = |(at, level): (usize, u16)| {
            self.class(level).ok_or_else(|| {
                let (x, y) = (at % width, at / width);
                bad(self.no_class(level, x, y))
            })
        };
        let ids = levels.into_iter().enumerate().map(class);
        let ids = ids.collect::<Result<Vec<u16>, _>>()?;
        Ok(MaskSample {
            image,
            mask: Mask::new(width, height, ids),
        })
    }

    /// The class of a level, if it has one.
    fn class(&self, level: u16) -> Option<u16> {
        let first = u16::from(self.levels.reduce_zero_label);
        match level {
            _ if level == self.levels.ignore || level < first => Some(IGNORE),
            _ => Some(level - first).filter(|&class| usize::from(class) < self.classes.len()),
        }
    }

    fn no_class(&self, level: u16, x: usize, y: usize) -> String {
        let Levels {
            ignore,
            reduce_zero_label,
        } = self.levels;
        let last = self.classes.len() - usize::from(!reduce_zero_label);
        format!(
            "level {level} in column {x} of row {y} is no class; there are {} classes, so levels are 0 to {last}, or {ignore} where nothing counts",
            self.classes.len()
        )
    }
}

/// The grey levels of a mask.
fn levels_of(mask: DynamicImage) -> Result<Vec<u16>, String> {
    match mask {
        DynamicImage::ImageLuma8(levels) => {
            Ok(levels.into_raw().into_iter().map(u16::from).collect())
        }
        DynamicImage::ImageLuma16(levels) => Ok(levels.into_raw()),
        other => Err(format!(
            "the mask is a picture in colours ({:?}), expected a PNG of 8 or 16-bit grey levels that are the numbers of the classes",
            other.color()
        )),
    }
}

fn read(path: &Path) -> Result<DynamicImage, DataError> {
    let bytes = fs::read(path).map_err(|error| DataError::unreadable(path, error))?;
    decode_image(&bytes).map_err(|reason| DataError::Sample {
        sample: format!("`{}`", path.display()),
        reason,
    })
}

fn mask_name(image: &str) -> String {
    let stem = image.rsplit_once('.').map_or(image, |(stem, _)| stem);
    format!("{stem}.png")
}

/// Names and sizes of the files of a folder with one of the endings, hidden ones left out, in byte order.
fn files(folder: &Path, endings: &[&str]) -> Result<Vec<(String, u64)>, DataError> {
    let unreadable = |error| DataError::unreadable(folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let ending = name
            .rsplit_once('.')
            .map(|(_, ending)| ending.to_lowercase());
        let is_wanted = ending.is_some_and(|ending| endings.contains(&ending.as_str()));
        if is_wanted && !name.starts_with('.') {
            let bytes = fs::metadata(entry.path()).map_err(unreadable)?.len();
            found.push((name, bytes));
        }
    }
    found.sort();
    Ok(found)
}

impl Dataset<MaskSample> for Pairs {
    fn get(&self, index: usize) -> Result<MaskSample, DatasetError> {
        self.load(index).map_err(DatasetError::new)
    }

    fn len(&self) -> usize {
        self.files.len()
    }
}

impl SampleSet<MaskSample> for Pairs {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("`{}`", self.paths(index).0.display())
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new();
        for class in &self.classes {
            print = print.bytes(class.as_bytes());
        }
        print = print
            .number(u64::from(self.levels.ignore))
            .number(u64::from(self.levels.reduce_zero_label));
        for (name, [image, mask]) in &self.files {
            print = print.bytes(name.as_bytes()).number(*image).number(*mask);
        }
        print.finish()
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;

    const LEVELS: Levels = Levels {
        ignore: 255,
        reduce_zero_label: false,
    };

    fn image(root: &Path, name: &str) {
        let path = root.join("images").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(3, 2, Rgb([9, 8, 7]))
            .save(path)
            .unwrap();
    }

    fn mask(root: &Path, name: &str, width: u32, levels: &[u8]) {
        let path = root.join("annotations").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let height = levels.len() as u32 / width;
        let mask = GrayImage::from_raw(width, height, levels.to_vec()).unwrap();
        mask.save(path).unwrap();
    }

    /// Two training images and a validation image with three classes.
    fn pairs() -> TempDir {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("classes.txt"), "wall\nsky\n\ntree\n").unwrap();
        for name in ["training/b", "training/a", "validation/c"] {
            image(root.path(), &format!("{name}.jpg"));
            let levels = [0, 1, 2, 255, 1, 0];
            mask(root.path(), &format!("{name}.png"), 3, &levels);
        }
        root
    }

    fn open(root: &Path) -> Result<MaskSplits, DataError> {
        splits(root, LEVELS, 0.0, 0)
    }

    /// What is wrong with the first training image.
    fn reason(root: &Path) -> String {
        let train = open(root).unwrap().train;
        train.get(0).unwrap_err().to_string()
    }

    #[test]
    fn pairs_are_read_in_the_order_of_their_names() {
        let root = pairs();
        let splits = open(root.path()).unwrap();
        assert_eq!(splits.train.classes(), ["wall", "sky", "tree"]);
        assert_eq!((splits.train.len(), splits.test.len()), (2, 1));
        assert!(splits.train.describe(0).ends_with("images/training/a.jpg`"));
        let sample = splits.train.get(0).unwrap();
        assert_eq!(sample.mask.ids(), [0, 1, 2, IGNORE, 1, 0]);
        assert_eq!((sample.image.width(), sample.image.channels()), (3, 3));
    }

    #[test]
    fn the_first_level_may_stand_for_nothing() {
        let root = pairs();
        mask(root.path(), "training/a.png", 3, &[0, 1, 2, 3, 255, 1]);
        let levels = Levels {
            reduce_zero_label: true,
            ..LEVELS
        };
        let train = splits(root.path(), levels, 0.0, 0).unwrap().train;
        let sample = train.get(0).unwrap();
        assert_eq!(sample.mask.ids(), [IGNORE, 0, 1, 2, IGNORE, 0]);
        mask(root.path(), "training/a.png", 3, &[0, 1, 4, 3, 255, 1]);
        let error = train.get(0).unwrap_err().to_string();
        assert!(error.contains("levels are 0 to 3, or 255 where"), "{error}");
    }

    #[test]
    fn masks_of_16_bits_have_more_classes() {
        let root = pairs();
        let path = root.path().join("annotations/training/a.png");
        let levels = vec![0_u16, 1, 2, 255, 300, 0];
        let mask: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_raw(3, 2, levels).unwrap();
        mask.save(path).unwrap();
        assert!(reason(root.path()).contains("level 300 in column 1 of row 1"));
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let root = pairs();
        mask(root.path(), "training/a.png", 2, &[0, 1, 2, 1]);
        let error = reason(root.path());
        assert!(
            error.contains("annotations/training/a.png` cannot be loaded: the mask has 2×2 pixels")
                && error.contains("a.jpg` has 3×2"),
            "{error}"
        );
        mask(root.path(), "training/a.png", 3, &[0, 1, 2, 0, 3, 0]);
        let error = reason(root.path());
        assert!(
            error.contains("level 3 in column 1 of row 1 is no class; there are 3 classes, so levels are 0 to 2, or 255"),
            "{error}"
        );
        let path = root.path().join("annotations/training/a.png");
        RgbImage::new(3, 2).save(&path).unwrap();
        assert!(reason(root.path()).contains("picture in colours"));
        fs::remove_file(path).unwrap();
        let error = open(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("images/training/a.jpg`: no mask for this image; expected `")
                && error.ends_with("annotations/training/a.png`"),
            "{error}"
        );
    }

    #[test]
    fn missing_parts_are_named() {
        let root = pairs();
        let message = || open(root.path()).unwrap_err().to_string();
        fs::remove_dir_all(root.path().join("images/validation")).unwrap();
        assert!(message().contains("images/validation` does not exist"));
        fs::create_dir_all(root.path().join("images/validation")).unwrap();
        assert!(message().contains("no .jpg, .jpeg or .png file"));
        fs::write(root.path().join("classes.txt"), "a\na\n").unwrap();
        assert!(message().contains("the same name stands in two lines"));
        fs::write(root.path().join("classes.txt"), "a\n").unwrap();
        assert!(message().contains("1 classes, expected at least 2"));
        fs::remove_file(root.path().join("classes.txt")).unwrap();
        assert!(message().contains("classes.txt` does not exist; expected the name"));
    }
}
