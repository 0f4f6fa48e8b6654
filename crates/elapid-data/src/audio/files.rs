//! Lists of sound files.

use std::fs;
use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError};

use super::dataset::{AudioSample, Part, Source};
use crate::SampleSet;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::side_by_side;

/// One sound of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Relative to the folder of the data set, or absolute.
    pub(crate) path: PathBuf,
    pub(crate) part: Option<Part>,
    pub(crate) labels: Vec<usize>,
}

impl Entry {
    /// A whole file of one class.
    pub(crate) fn new(path: impl Into<PathBuf>, label: usize) -> Self {
        Self {
            path: path.into(),
            part: None,
            labels: vec![label],
        }
    }
}

/// The sounds of one split, in the order of their list.
pub(crate) struct AudioFiles {
    root: PathBuf,
    classes: Vec<String>,
    entries: Vec<Entry>,
    bytes: Vec<u64>,
}

impl AudioFiles {
    /// Asks for the sizes of all files.
    ///
    /// # Errors
    ///
    /// If a file does not exist; `list` is what names it.
    pub(crate) fn new(
        root: &Path,
        list: &Path,
        classes: Vec<String>,
        entries: Vec<Entry>,
    ) -> Result<Self, DataError> {
        let bytes = sizes(root, list, &entries)?;
        Ok(Self::listed(root, classes, entries, bytes))
    }

    /// Files that were found in folders, with their sizes.
    pub(crate) fn listed(
        root: &Path,
        classes: Vec<String>,
        entries: Vec<Entry>,
        bytes: Vec<u64>,
    ) -> Self {
        Self {
            root: root.to_owned(),
            classes,
            entries,
            bytes,
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.root.join(&self.entries[index].path)
    }
}

/// Size of each file, asked for by several threads; the first that is missing is an error.
fn sizes(root: &Path, list: &Path, entries: &[Entry]) -> Result<Vec<u64>, DataError> {
    let size = |entry: &Entry| {
        let path = root.join(&entry.path);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            _ => Err(DataError::Missing {
                path,
                expected: format!("a sound file, because `{}` names it", list.display()),
            }),
        }
    };
    let sizes = side_by_side::map(entries, side_by_side::WAITING, size);
    sizes.into_iter().collect()
}

impl Dataset<AudioSample> for AudioFiles {
    fn get(&self, index: usize) -> Result<AudioSample, DatasetError> {
        let Entry { part, labels, .. } = self.entries[index].clone();
        let file = self.path(index);
        let source = Source { file, part };
        Ok(AudioSample { source, labels })
    }

    fn len(&self) -> usize {
        self.entries.len()
    }
}

impl SampleSet<AudioSample> for AudioFiles {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> Option<usize> {
        match self.entries.get(index)?.labels[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    fn describe(&self, index: usize) -> String {
        format!("`{}`", self.path(index).display())
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new();
        for (entry, bytes) in self.entries.iter().zip(&self.bytes) {
            print = print
                .bytes(entry.path.as_os_str().as_encoded_bytes())
                .number(*bytes);
            if let Some(part) = entry.part {
                print = print.number(part.place.to_bits());
            }
            for &label in &entry.labels {
                print = print.number(label as u64);
            }
        }
        print.finish()
    }
}
