//! Image files on disk, decoded one at a time when asked for.

use std::fs;
use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError};

use super::ImageSample;
use super::decoding::rgb_sample;
use crate::SampleSet;
use crate::class_folders::{Known, Labels};
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
    /// Label of each class of the listing.
    labels: Vec<usize>,
    /// Whether labels come from elsewhere than the names of folders.
    is_renamed: bool,
}

impl FolderImages {
    /// Lists `folder`, which decides what the classes are if none are known.
    pub(crate) fn scan(
        root: &Path,
        folder: &Path,
        known: Option<Known<'_>>,
    ) -> Result<Self, DataError> {
        let listing = listing_cache::list(folder, IMAGES)?;
        let labels = Labels::of(folder, &listing, IMAGES, known)?;
        Ok(Self::listed(root, folder, listing, labels))
    }

    /// Files that were found, with the labels of their classes.
    pub(crate) fn listed(root: &Path, folder: &Path, listing: Listing, labels: Labels) -> Self {
        Self {
            folder: folder.to_owned(),
            relative: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
            classes: labels.classes,
            listing,
            labels: labels.labels,
            is_renamed: false,
        }
    }

    /// The same images, whose classes have other names than their folders.
    pub(crate) fn renamed(self, classes: Vec<String>) -> Self {
        let is_renamed = true;
        Self {
            classes,
            is_renamed,
            ..self
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(self.listing.path(index))
    }
}

impl Dataset<ImageSample> for FolderImages {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        let path = self.path(index);
        let unreadable = |error| DatasetError::new(DataError::unreadable(&path, error));
        let bytes = fs::read(&path).map_err(unreadable)?;
        rgb_sample(&bytes, self.labels[self.listing.class(index)]).map_err(|reason| {
            let sample = self.describe(index);
            DatasetError::new(DataError::Sample { sample, reason })
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

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(self.listing.class(index)).copied()
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
            if self.is_renamed {
                print = print.number(self.labels[self.listing.class(index)] as u64);
            }
        }
        print.finish()
    }
}
