//! Image files on disk, decoded one at a time when asked for.

use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError};
use image::{DynamicImage, ImageReader};

use super::{ImageSample, PixelImage};
use crate::SampleSet;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::listing::{IMAGES, Listing};
use crate::listing_cache;

/// The images of one split, sorted by class and then by path.
pub(crate) struct FolderImages {
    /// The folder of the class folders.
    folder: PathBuf,
    /// The same relative to the folder that fingerprints name files relative to.
    relative: PathBuf,
    classes: Vec<String>,
    listing: Listing,
    /// Label of each class of the listing, ascending.
    labels: Vec<usize>,
}

impl FolderImages {
    /// Lists `folder`, which decides what the classes are.
    pub(crate) fn scan(root: &Path, folder: &Path) -> Result<Self, DataError> {
        let listing = listing_cache::list(folder, IMAGES)?;
        let names: Vec<String> = listing
            .classes
            .iter()
            .map(|class| class.name.clone())
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
            _ => Self::new(root, folder, listing, &names),
        }
    }

    /// Lists `folder`, whose class folders must be among `classes`.
    pub(crate) fn scan_with(
        root: &Path,
        folder: &Path,
        classes: &[String],
    ) -> Result<Self, DataError> {
        Self::new(root, folder, listing_cache::list(folder, IMAGES)?, classes)
    }

    fn new(
        root: &Path,
        folder: &Path,
        listing: Listing,
        classes: &[String],
    ) -> Result<Self, DataError> {
        let (mut labels, mut start) = (Vec::new(), 0);
        for class in &listing.classes {
            let name = &class.name;
            let Some(label) = classes.iter().position(|known| known == name) else {
                let known = classes.len();
                let problem =
                    format!("class `{name}` is not among the {known} of the training set");
                return Err(DataError::layout(folder, problem));
            };
            if class.end == start {
                let problem = "no .png, .jpg or .jpeg file in this class; add some, or remove it";
                return Err(DataError::layout(&folder.join(name), problem));
            }
            labels.push(label);
            start = class.end;
        }
        if listing.files.is_empty() {
            return Err(DataError::layout(
                folder,
                "no class folders, expected those of `train`",
            ));
        }
        Ok(Self {
            folder: folder.to_owned(),
            relative: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
            classes: classes.to_vec(),
            listing,
            labels,
        })
    }

    /// Indices of the samples of one class, which are neighbours.
    pub(crate) fn members(&self, label: usize) -> Range<usize> {
        let Ok(at) = self.labels.binary_search(&label) else {
            return 0..0;
        };
        let end = |at: usize| self.listing.classes[at].end;
        at.checked_sub(1).map_or(0, end)..end(at)
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.listing.path(index))
    }
}

/// The format is told from the content, because mislabelled endings are common in the wild.
pub(super) fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    if is_cut_off(bytes) {
        return Err("the file is cut off: the end marker of a JPEG is missing".to_owned());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let reader = reader.map_err(|error| error.to_string())?;
    reader.decode().map_err(|error| error.to_string())
}

/// Whether the last scan of a JPEG has no end. The decoder would make grey of what is missing and say nothing.
fn is_cut_off(bytes: &[u8]) -> bool {
    const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let mut backwards = bytes.windows(2).rev();
    let last = backwards.find(|pair| *pair == START_OF_SCAN || *pair == END_OF_IMAGE);
    bytes.starts_with(&START_OF_IMAGE) && last != Some(&END_OF_IMAGE)
}

impl Dataset<ImageSample> for FolderImages {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        let path = self.path(index);
        let unreadable = |error| DatasetError::new(DataError::unreadable(&path, error));
        let image = decode(&fs::read(&path).map_err(unreadable)?).map_err(|reason| {
            let sample = self.describe(index);
            DatasetError::new(DataError::Sample { sample, reason })
        })?;
        let rgb = DynamicImage::ImageRgb8(image.into_rgb8());
        Ok(ImageSample {
            image: PixelImage::from(rgb),
            label: self.labels[self.listing.class(index)],
        })
    }

    fn len(&self) -> usize {
        self.listing.files.len()
    }
}

impl SampleSet<ImageSample> for FolderImages {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("`{}`", self.path(index).display())
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new();
        for (index, file) in self.listing.files.iter().enumerate() {
            let relative = self.relative.join(self.listing.path(index));
            print = print
                .bytes(relative.as_os_str().as_encoded_bytes())
                .number(file.bytes);
        }
        print.finish()
    }
}
