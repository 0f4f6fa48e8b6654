//! Lists of sound files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use burn_dataset::{Dataset, DatasetError};

use super::dataset::{AudioSample, Part, Source};
use crate::SampleSet;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Threads that ask for sizes side by side: on a network file system most of the time is waiting.
const THREADS: usize = 16;

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

    /// First label of each sound.
    pub(crate) fn first_labels(&self) -> impl Iterator<Item = usize> {
        let entries = self.entries.iter();
        entries.map(|entry| entry.labels.first().copied().unwrap_or(0))
    }

    fn path(&self, index: usize) -> PathBuf {
        self.root.join(&self.entries[index].path)
    }
}

/// Size of each file, asked for by several threads; the first that is missing is an error.
fn sizes(root: &Path, list: &Path, entries: &[Entry]) -> Result<Vec<u64>, DataError> {
    const CHUNK: usize = 256;
    let chunks: Vec<&[Entry]> = entries.chunks(CHUNK).collect();
    let next = AtomicUsize::new(0);
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
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(at) else {
                return done;
            };
            let sizes: Result<Vec<u64>, DataError> = chunk.iter().map(size).collect();
            done.push((at, sizes));
        }
    };
    let mut parts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS.min(chunks.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let done = threads.into_iter().filter_map(|thread| thread.join().ok());
        done.flatten().collect()
    });
    parts.sort_by_key(|(at, _)| *at);
    let parts: Result<Vec<_>, _> = parts.into_iter().map(|(_, sizes)| sizes).collect();
    Ok(parts?.concat())
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
