//! Image files on disk, decoded one at a time when asked for.

use std::ops::Range;
use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError};
use image::{DynamicImage, ImageReader, ImageResult};

use super::folder_scan::{ImageFile, class_folders, images_below};
use super::{ImageDataset, ImageSample, PixelImage};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// The images of one split, sorted by class and then by path.
pub(crate) struct FolderImages {
    /// The folder that fingerprints name files relative to.
    root: PathBuf,
    classes: Vec<String>,
    files: Vec<(ImageFile, usize)>,
}

impl FolderImages {
    /// Lists `folder`, which decides what the classes are.
    pub(crate) fn scan(root: &Path, folder: &Path) -> Result<Self, DataError> {
        let names: Vec<String> = class_folders(folder)?
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        match names.as_slice() {
            [] => Err(DataError::layout(
                folder,
                "no class folders; put the images of each class in a folder of its name",
            )),
            [only] => Err(DataError::layout(
                folder,
                format!("only one class folder, `{only}`, expected at least 2"),
            )),
            _ => Self::scan_with(root, folder, &names),
        }
    }

    /// Lists `folder`, whose class folders must be among `classes`.
    pub(crate) fn scan_with(
        root: &Path,
        folder: &Path,
        classes: &[String],
    ) -> Result<Self, DataError> {
        let mut files = Vec::new();
        for (name, path) in class_folders(folder)? {
            let label = classes
                .iter()
                .position(|class| *class == name)
                .ok_or_else(|| {
                    let known = classes.len();
                    let problem =
                        format!("class `{name}` is not among the {known} of the training set");
                    DataError::layout(folder, problem)
                })?;
            let images = images_below(&path)?;
            if images.is_empty() {
                let problem = "no .png, .jpg or .jpeg file in this class; add some, or remove it";
                return Err(DataError::layout(&path, problem));
            }
            files.extend(images.into_iter().map(|file| (file, label)));
        }
        if files.is_empty() {
            return Err(DataError::layout(
                folder,
                "no class folders, expected those of `train`",
            ));
        }
        Ok(Self {
            root: root.to_owned(),
            classes: classes.to_vec(),
            files,
        })
    }

    /// Indices of the samples of one class, which are neighbours.
    pub(crate) fn members(&self, label: usize) -> Range<usize> {
        let start = self.files.partition_point(|(_, other)| *other < label);
        start..self.files.partition_point(|(_, other)| *other <= label)
    }
}

/// The format is told from the content, because mislabelled endings are common in the wild.
fn decode(path: &Path) -> ImageResult<DynamicImage> {
    ImageReader::open(path)?.with_guessed_format()?.decode()
}

impl Dataset<ImageSample> for FolderImages {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        let (file, label) = &self.files[index];
        let image = decode(&file.path).map_err(|error| {
            let (sample, reason) = (self.describe(index), error.to_string());
            DatasetError::new(DataError::Sample { sample, reason })
        })?;
        let rgb = DynamicImage::ImageRgb8(image.into_rgb8());
        Ok(ImageSample {
            image: PixelImage::from(rgb),
            label: *label,
        })
    }

    fn len(&self) -> usize {
        self.files.len()
    }
}

impl ImageDataset for FolderImages {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("`{}`", self.files[index].0.path.display())
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new();
        for (file, _) in &self.files {
            let relative = file.path.strip_prefix(&self.root).unwrap_or(&file.path);
            print = print
                .bytes(relative.as_os_str().as_encoded_bytes())
                .number(file.bytes);
        }
        print.finish()
    }
}
