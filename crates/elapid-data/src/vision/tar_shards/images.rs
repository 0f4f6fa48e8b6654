//! The images of one split.

use std::path::{Path, PathBuf};

use burn_dataset::{Dataset, DatasetError};

use super::classes::Classes;
use super::open_files::OpenFiles;
use super::shards::Shard;
use crate::SampleSet;
use crate::class_folders::Known;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::vision::ImageSample;
use crate::vision::decoding::rgb_sample;

/// Images in archives, in the order of the archives' names and then as stored.
pub(super) struct TarImages {
    folder: PathBuf,
    /// The folder of the archives relative to that which fingerprints name files relative to.
    relative: PathBuf,
    classes: Vec<String>,
    archives: Vec<Archive>,
    images: Vec<Place>,
    files: OpenFiles,
}

struct Archive {
    name: String,
    /// Number of images up to and including its own.
    end: usize,
}

/// Where an image is in its archive.
struct Place {
    name: Box<str>,
    offset: u64,
    bytes: usize,
    label: usize,
}

impl TarImages {
    /// The images of the archives of `folder`, whose classes must be among the known ones if there are some.
    pub(super) fn new(
        root: &Path,
        folder: &Path,
        shards: Vec<Shard>,
        known: Option<Known<'_>>,
    ) -> Result<Self, DataError> {
        let classes = Classes::find(folder, &shards, known)?;
        let (mut archives, mut images) = (Vec::with_capacity(shards.len()), Vec::new());
        for shard in shards {
            for member in &shard.members {
                images.push(Place {
                    label: classes.label(folder, &shard, member)?,
                    name: member.name.clone(),
                    offset: member.offset,
                    // What does not fit the address space fits no memory: reading it fails.
                    bytes: usize::try_from(member.bytes).unwrap_or(usize::MAX),
                });
            }
            archives.push(Archive {
                name: shard.name,
                end: images.len(),
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            relative: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
            classes: classes.names,
            archives,
            images,
            files: OpenFiles::default(),
        })
    }

    fn archive(&self, index: usize) -> usize {
        self.archives
            .partition_point(|archive| archive.end <= index)
    }

    fn path(&self, archive: usize) -> PathBuf {
        self.folder.join(&self.archives[archive].name)
    }
}

impl Dataset<ImageSample> for TarImages {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        let place = &self.images[index];
        let archive = self.archive(index);
        let path = self.path(archive);
        let bytes = self.files.read(archive, &path, place.offset, place.bytes);
        let bytes = bytes.map_err(|error| {
            let reason = format!("`{}` at byte {}: {error}", place.name, place.offset);
            DatasetError::new(DataError::unreadable(&path, reason))
        })?;
        rgb_sample(&bytes, place.label).map_err(|reason| {
            let sample = self.describe(index);
            DatasetError::new(DataError::Sample { sample, reason })
        })
    }

    fn len(&self) -> usize {
        self.images.len()
    }
}

impl SampleSet<ImageSample> for TarImages {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.images.get(index).map(|place| place.label)
    }

    fn describe(&self, index: usize) -> String {
        let path = self.path(self.archive(index));
        format!("`{}` in `{}`", self.images[index].name, path.display())
    }

    fn fingerprint(&self) -> String {
        let mut print = Fingerprint::new();
        for (index, place) in self.images.iter().enumerate() {
            let archive = &self.archives[self.archive(index)];
            let path = self.relative.join(&archive.name);
            print = print
                .bytes(path.as_os_str().as_encoded_bytes())
                .bytes(place.name.as_bytes())
                .number(place.bytes as u64)
                .number(place.label as u64);
        }
        print.finish()
    }
}
