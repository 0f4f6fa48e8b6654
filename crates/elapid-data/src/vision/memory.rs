//! Images of one size, all in memory: what the small data sets are once read.

use burn_dataset::{Dataset, DatasetError};

use super::{ImageSample, PixelImage};
use crate::SampleSet;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Width, height and channels that all images of a set share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
}

impl Shape {
    /// Bytes of one image.
    pub(crate) fn bytes(self) -> usize {
        self.width * self.height * self.channels
    }
}

/// A run of consecutive samples that were read from one file.
#[derive(Clone, Debug)]
struct Source {
    name: String,
    /// Number of the first sample after this run, over the whole set.
    end: usize,
    /// Number, within the file, of the run's first record.
    first_record: usize,
}

/// Labelled images of one shape in two flat buffers.
#[derive(Clone, Debug)]
pub(crate) struct MemoryImages {
    shape: Shape,
    classes: Vec<String>,
    sources: Vec<Source>,
    labels: Vec<usize>,
    /// `[samples, height, width, channels]`
    pixels: Vec<u8>,
}

impl MemoryImages {
    pub(crate) fn new(shape: Shape, classes: Vec<String>) -> Self {
        Self {
            shape,
            classes,
            sources: Vec::new(),
            labels: Vec::new(),
            pixels: Vec::new(),
        }
    }

    /// Adds what was read from `source`, whose records count from `first_record`.
    ///
    /// # Errors
    ///
    /// If a label is not among the classes; the record is named.
    ///
    /// # Panics
    ///
    /// If the number of pixels does not match the number of labels.
    pub(crate) fn append(
        &mut self,
        source: impl Into<String>,
        first_record: usize,
        labels: &[u8],
        pixels: &[u8],
    ) -> Result<(), DataError> {
        assert_eq!(pixels.len(), labels.len() * self.shape.bytes());
        let (source, classes) = (source.into(), self.classes.len());
        for (record, &label) in (first_record..).zip(labels) {
            let label = usize::from(label);
            if label >= classes {
                let sample = format!("{source} record {record}");
                return Err(DataError::Label {
                    sample,
                    label,
                    classes,
                });
            }
            self.labels.push(label);
        }
        self.pixels.extend_from_slice(pixels);
        self.sources.push(Source {
            name: source,
            end: self.labels.len(),
            first_record,
        });
        Ok(())
    }
}

impl Dataset<ImageSample> for MemoryImages {
    fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
        let Shape {
            width,
            height,
            channels,
        } = self.shape;
        let bytes = self.shape.bytes();
        let data = self.pixels[index * bytes..][..bytes].to_vec();
        let image = PixelImage::new(width, height, channels, data);
        Ok(ImageSample {
            image,
            label: self.labels[index],
        })
    }

    fn len(&self) -> usize {
        self.labels.len()
    }
}

impl SampleSet<ImageSample> for MemoryImages {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).copied()
    }

    fn describe(&self, index: usize) -> String {
        let at = self.sources.partition_point(|source| source.end <= index);
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.sources[before].end);
        let source = &self.sources[at];
        format!(
            "{} record {}",
            source.name,
            index - start + source.first_record
        )
    }

    fn fingerprint(&self) -> String {
        let Shape {
            width,
            height,
            channels,
        } = self.shape;
        let mut print = Fingerprint::new();
        for number in [width, height, channels]
            .into_iter()
            .chain(self.labels.iter().copied())
        {
            print = print.number(number as u64);
        }
        print.bytes(&self.pixels).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        width: 2,
        height: 1,
        channels: 1,
    };

    fn two_files() -> MemoryImages {
        let mut images = MemoryImages::new(SHAPE, vec!["a".into(), "b".into()]);
        images.append("`one`", 0, &[0, 1], &[1, 2, 3, 4]).unwrap();
        images.append("`two`", 5, &[1], &[5, 6]).unwrap();
        images
    }

    #[test]
    fn samples_come_back_with_their_labels() {
        let sample = two_files().get(2).unwrap();
        assert_eq!((sample.label, sample.image.data()), (1, &[5, 6][..]));
        assert_eq!((sample.image.width(), sample.image.height()), (2, 1));
    }

    #[test]
    fn a_sample_is_described_by_its_own_file_and_record() {
        let images = two_files();
        let described: Vec<_> = (0..3).map(|index| images.describe(index)).collect();
        assert_eq!(
            described,
            ["`one` record 0", "`one` record 1", "`two` record 5"]
        );
    }

    #[test]
    fn a_label_beyond_the_classes_names_the_record() {
        let error = two_files()
            .append("`bad`", 0, &[1, 2], &[0; 4])
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`bad` record 1 has label 2, expected 0 to 1")
        );
    }

    #[test]
    fn the_fingerprint_follows_the_content() {
        let mut changed = two_files();
        assert_eq!(changed.fingerprint(), two_files().fingerprint());
        changed.pixels[3] ^= 1;
        assert_ne!(changed.fingerprint(), two_files().fingerprint());
    }
}
