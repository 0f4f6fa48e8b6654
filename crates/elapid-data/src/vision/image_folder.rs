//! A folder of images with one sub-folder a class, as ImageNet is usually stored.

use std::path::Path;
use std::sync::Arc;

use super::ImageSplits;
use super::folder_images::FolderImages;
use crate::class_folders::{self, HeldOut};
use crate::error::DataError;

/// The images below `root`, decoded when asked for and converted to RGB.
///
/// The files are `.png`, `.jpg`, `.jpeg` and `.webp` in any case; others and hidden ones are skipped. A
/// class may have sub-folders of its own. Labels are positions of the class names in byte order.
/// Two layouts are read:
///
/// - `root/train/<class>/…` beside `root/val` (or `root/valid`) and `root/test`. Their classes must
///   be among those of `train`. Without `val`, `valid_fraction` of `train` is held out; without
///   `test`, `val` is the test set, as is the custom for ImageNet, and `valid_fraction` of `train`
///   is held out.
/// - `root/<class>/…`, which is also how a lone `root/train` is treated: `test_fraction` of each
///   class, at least one image, is the test set; `valid_fraction` of the rest is held out.
///
/// What is drawn is a function of `seed` and the sorted list of files.
///
/// # Errors
///
/// If there is no such folder, fewer than two classes, a class without images or (where it must be
/// divided) with one, a class that `train` lacks, or a fraction outside `[0, 1)`. An image that
/// cannot be decoded is an error of `get`.
pub fn splits(
    root: &Path,
    valid_fraction: f64,
    test_fraction: f64,
    seed: u64,
) -> Result<ImageSplits, DataError> {
    let held_out = HeldOut::new(valid_fraction, test_fraction, seed)?;
    class_folders::splits(root, "image_folder", held_out, |folder, known| {
        Ok(Arc::new(FolderImages::scan(root, folder, known)?))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;
    use crate::vision::ImageDataset;

    /// Writes a 4×3 image of one colour, in the format of the name's ending.
    fn write(root: &Path, name: &str, colour: [u8; 3]) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(4, 3, Rgb(colour)).save(path).unwrap();
    }

    fn write_all(root: &Path, names: &[&str]) {
        for (at, name) in names.iter().enumerate() {
            write(root, name, [at as u8, 100, 200]);
        }
    }

    fn message(root: &Path) -> String {
        splits(root, 0.0, 0.5, 0).unwrap_err().to_string()
    }

    fn labels(dataset: &ImageDataset) -> Vec<usize> {
        (0..dataset.len())
            .map(|index| dataset.get(index).unwrap().label)
            .collect()
    }

    #[test]
    fn a_divided_folder_is_read_as_it_is() {
        let root = TempDir::new().unwrap();
        let train = [
            "train/b/1.png",
            "train/B/2.PNG",
            "train/a/deep/3.jpg",
            "train/a/4.JPEG",
        ];
        write_all(root.path(), &train);
        write_all(
            root.path(),
            &["valid/a/1.png", "test/b/1.png", "test/B/2.png"],
        );
        fs::write(root.path().join("train/a/notes.txt"), "no image").unwrap();
        fs::write(root.path().join("train/a/.hidden.png"), "no image").unwrap();
        fs::create_dir(root.path().join("train/.cache")).unwrap();

        let splits = splits(root.path(), 0.5, 0.5, 0).unwrap();
        assert_eq!(splits.train.classes(), ["B", "a", "b"]);
        assert_eq!(labels(&*splits.train), [0, 1, 1, 2]);
        assert_eq!(labels(&**splits.valid.as_ref().unwrap()), [1]);
        assert_eq!(labels(&*splits.test), [0, 2]);
        let sample = splits.train.get(3).unwrap();
        assert_eq!((sample.image.width(), sample.image.height()), (4, 3));
        assert_eq!(sample.image.data()[..3], [0, 100, 200]);
        assert!(splits.train.describe(3).ends_with("train/b/1.png`"));
    }

    #[test]
    fn without_a_test_folder_val_is_the_test_set() {
        let root = TempDir::new().unwrap();
        write_all(
            root.path(),
            &["train/a/1.png", "train/a/2.png", "train/b/3.png"],
        );
        write_all(root.path(), &["train/b/4.png", "val/a/1.png"]);
        let divided = splits(root.path(), 0.25, 0.5, 0).unwrap();
        assert_eq!((divided.train.len(), divided.test.len()), (3, 1));
        assert_eq!(divided.valid.unwrap().len(), 1);
        assert!(splits(root.path(), 0.0, 0.5, 0).unwrap().valid.is_none());
    }

    #[test]
    fn an_undivided_folder_is_divided_class_by_class() {
        let root = TempDir::new().unwrap();
        for at in 0..10 {
            write(root.path(), &format!("a/{at}.png"), [at; 3]);
        }
        for at in 0..5 {
            write(root.path(), &format!("b/{at}.png"), [at; 3]);
        }
        let divided = splits(root.path(), 0.25, 0.2, 1).unwrap();
        assert_eq!(labels(&*divided.test), [0, 0, 1]);
        assert_eq!(
            (divided.train.len(), divided.valid.as_ref().unwrap().len()),
            (9, 3)
        );
        let again = splits(root.path(), 0.25, 0.2, 1).unwrap();
        assert_eq!(divided.test.fingerprint(), again.test.fingerprint());
        let other = splits(root.path(), 0.25, 0.2, 2).unwrap();
        assert_ne!(divided.test.fingerprint(), other.test.fingerprint());
        let error = splits(root.path(), 0.0, 0.0, 1).unwrap_err().to_string();
        assert!(
            error.starts_with("test_fraction is 0, expected above 0"),
            "{error}"
        );
    }

    #[test]
    fn grey_images_become_rgb() {
        let root = TempDir::new().unwrap();
        write_all(
            root.path(),
            &["train/a/1.png", "train/b/1.png", "test/b/1.png"],
        );
        let grey = GrayImage::from_pixel(2, 2, Luma([7]));
        DynamicImage::ImageLuma8(grey)
            .save(root.path().join("train/a/1.png"))
            .unwrap();
        let image = splits(root.path(), 0.0, 0.0, 0)
            .unwrap()
            .train
            .get(0)
            .unwrap()
            .image;
        assert_eq!((image.channels(), image.data()), (3, &[7; 12][..]));
    }

    #[test]
    fn mistakes_of_layout_are_named() {
        let root = TempDir::new().unwrap();
        assert!(
            message(&root.path().join("no"))
                .ends_with("no` does not exist; expected a folder with one sub-folder a class")
        );
        assert!(
            message(root.path()).ends_with(
                "no class folders; put the images of each class in a folder of its name"
            )
        );
        write(root.path(), "a/1.png", [0; 3]);
        assert!(message(root.path()).contains("only one class folder, `a`, expected at least 2"));
        fs::create_dir(root.path().join("b")).unwrap();
        assert!(
            message(root.path()).contains("b`: no .png, .jpg, .jpeg or .webp file in this class")
        );
        write(root.path(), "b/1.png", [0; 3]);
        assert!(message(root.path()).contains("in class `a`: expected at least 2, got 1"));
    }

    #[test]
    fn splits_must_agree_with_the_training_classes() {
        let root = TempDir::new().unwrap();
        write_all(root.path(), &["test/a/1.png", "test/c/1.png"]);
        assert!(message(root.path()).contains("train` does not exist; expected a `train` folder"));
        write_all(root.path(), &["train/a/1.png", "train/b/1.png"]);
        assert!(message(root.path()).contains("class `c` is not among the 2 of the training set"));
    }

    #[test]
    fn an_unreadable_image_is_named_with_the_reason() {
        let root = TempDir::new().unwrap();
        write_all(
            root.path(),
            &["train/a/1.png", "train/b/2.png", "test/b/3.png"],
        );
        let whole = fs::read(root.path().join("train/a/1.png")).unwrap();
        fs::write(root.path().join("train/a/1.png"), &whole[..whole.len() / 2]).unwrap();
        fs::write(root.path().join("train/b/2.png"), "text").unwrap();
        let photo = root.path().join("train/b/3.jpg");
        RgbImage::new(40, 40).save(&photo).unwrap();
        let whole = fs::read(&photo).unwrap();
        // What follows the end of the picture does not matter.
        fs::write(
            root.path().join("train/b/4.jpg"),
            [&whole[..], &[0; 9]].concat(),
        )
        .unwrap();
        fs::write(&photo, &whole[..whole.len() - 8]).unwrap();
        let train = splits(root.path(), 0.0, 0.0, 0).unwrap().train;
        let cut = train.get(2).unwrap_err().to_string();
        assert!(
            cut.contains("b/3.jpg` cannot be loaded: the file is cut off"),
            "{cut}"
        );
        assert!(train.get(3).is_ok());
        let truncated = train.get(0).unwrap_err().to_string();
        assert!(
            truncated.contains("a/1.png` cannot be loaded: "),
            "{truncated}"
        );
        let no_image = train.get(1).unwrap_err().to_string();
        assert!(
            no_image.contains("b/2.png` cannot be loaded: "),
            "{no_image}"
        );
    }

    #[test]
    fn the_fingerprint_follows_names_and_sizes_but_not_the_place() {
        let print = |names: &[&str]| {
            let root = TempDir::new().unwrap();
            write_all(root.path(), names);
            splits(root.path(), 0.0, 0.0, 0)
                .unwrap()
                .train
                .fingerprint()
        };
        let names = ["train/a/1.png", "train/b/2.png", "test/b/3.png"];
        assert_eq!(print(&names), print(&names));
        assert_ne!(
            print(&names),
            print(&["train/a/9.png", "train/b/2.png", "test/b/3.png"])
        );
    }
}
