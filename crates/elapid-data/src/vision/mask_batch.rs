//! Batches of images with masks.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::batch::copied;
use super::{MaskDataset, MaskSample};
use crate::corrupt::{Corrupt, Reader};
use crate::error::DataError;
use crate::loader::{Batcher, Draw};
use crate::transform::{Frame, MaskPipeline};

/// Images and the classes of their pixels, ready to be uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskBatch {
    /// Normalised values, `[B, C, H, W]` row-major.
    pub pixels: Vec<f32>,
    /// Class of each pixel, `[B, H, W]` row-major; [`IGNORE`](crate::IGNORE) where there is none.
    pub labels: Vec<u16>,
    /// B, C, H and W.
    pub shape: [usize; 4],
    /// Of images that are seen part by part: then `pixels` are those of their windows, one behind another, B is the number of all
    /// windows, and `labels` has the masks as stored, one behind another.
    pub frames: Vec<Frame>,
}

impl MaskBatch {
    /// Number of images.
    #[must_use]
    pub fn images(&self) -> usize {
        match self.frames.len() {
            0 => self.shape[0],
            frames => frames,
        }
    }

    /// The batch, of images that are seen whole, in parts of `images`, the last of which may be smaller, in order.
    pub fn split(self, images: usize) -> Vec<Self> {
        let [_, c, h, w] = self.shape;
        let pixels = self.pixels.chunks(images * c * h * w);
        let parts = pixels.zip(self.labels.chunks(images * h * w));
        parts
            .map(|(pixels, labels)| Self {
                pixels: copied(pixels),
                labels: labels.to_vec(),
                shape: [labels.len() / (h * w), c, h, w],
                frames: Vec::new(),
            })
            .collect()
    }
}

/// Reads images with masks and prepares them for a model.
pub struct MaskBatcher {
    dataset: Arc<MaskDataset>,
    pipeline: MaskPipeline,
    reader: Reader,
}

impl MaskBatcher {
    /// Batches of `dataset`; training batches are augmented as `pipeline` says.
    ///
    /// # Errors
    ///
    /// If the settings of the pipeline are not legal.
    pub fn new(dataset: Arc<MaskDataset>, pipeline: MaskPipeline) -> Result<Self, DataError> {
        pipeline.check()?;
        Ok(Self {
            dataset,
            pipeline,
            reader: Reader::new(Corrupt::Error),
        })
    }

    fn empty(&self, samples: usize) -> MaskBatch {
        let MaskPipeline { size, channels, .. } = self.pipeline;
        MaskBatch {
            pixels: Vec::with_capacity(samples * self.pipeline.values()),
            labels: Vec::with_capacity(samples * size * size),
            shape: [0, channels, size, size],
            frames: Vec::new(),
        }
    }

    fn add(&self, batch: &mut MaskBatch, sample: &MaskSample, rng: Option<&ChaCha8Rng>) {
        if let (Some(windows), None) = (self.pipeline.windows, rng) {
            let (pixels, frame) = self.pipeline.frame(&sample.image, windows);
            batch.pixels.extend(pixels);
            batch.labels.extend(sample.mask.ids());
            batch.shape[0] += frame.windows.len();
            batch.frames.push(frame);
            return;
        }
        let (pixels, labels) = self.pipeline.apply(sample, rng);
        batch.pixels.extend(pixels);
        batch.labels.extend(labels);
        batch.shape[0] += 1;
    }
}

impl Batcher for MaskBatcher {
    type Batch = MaskBatch;

    fn samples(&self) -> usize {
        self.dataset.len()
    }

    fn train(&self, draws: &[Draw], _: ChaCha8Rng) -> Result<MaskBatch, DataError> {
        let mut batch = self.empty(draws.len());
        for draw in draws {
            let sample = self.reader.get_or_next(&*self.dataset, draw.index)?;
            self.add(&mut batch, &sample, Some(&draw.rng));
        }
        Ok(batch)
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<MaskBatch>, DataError> {
        let mut batch = self.empty(samples.len());
        for index in samples {
            if let Some(sample) = self.reader.get(&*self.dataset, index)? {
                self.add(&mut batch, &sample, None);
            }
        }
        Ok((batch.shape[0] > 0).then_some(batch))
    }

    fn warnings(&self) -> Vec<String> {
        self.reader.warnings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{Interpolation, MaskAugment};
    use crate::{Order, TrainLoader, shapes};

    fn loader(workers: usize) -> TrainLoader<MaskBatcher> {
        let settings = shapes::Settings {
            size: 20,
            train: 40,
            test: 4,
            largest: 3,
            seed: 0,
        };
        let pipeline = MaskPipeline {
            size: 16,
            channels: 3,
            mean: vec![0.5; 3],
            std: vec![0.25; 3],
            interpolation: Interpolation::Bicubic,
            augment: Some(MaskAugment {
                resize: [0.5, 2.0],
                max_share: 0.75,
                hflip: true,
                colour_jitter: 0.3,
                photometric: true,
            }),
            windows: None,
        };
        let dataset = shapes::splits(&settings, 0.0, 0).unwrap().train;
        let batcher = MaskBatcher::new(dataset, pipeline).unwrap();
        TrainLoader::new(batcher, Order::plain(8, 3), workers).unwrap()
    }

    fn take(workers: usize, first: usize, count: usize) -> Vec<MaskBatch> {
        let batches = loader(workers).iter_from(first).take(count);
        batches.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn batches_follow_from_their_number_alone() {
        let reference = take(0, 0, 8);
        assert_eq!(reference[0].shape, [8, 3, 16, 16]);
        assert_eq!(reference[0].labels.len(), 8 * 256);
        assert_ne!(reference[0], reference[5]);
        assert_eq!(take(3, 0, 8), reference);
        assert_eq!(take(2, 6, 2), reference[6..]);
    }

    #[test]
    fn parts_are_the_whole_in_order() {
        let whole = take(0, 0, 1).remove(0);
        let parts = whole.clone().split(3);
        let sizes: Vec<_> = parts.iter().map(|part| part.shape[0]).collect();
        assert_eq!(sizes, [3, 3, 2]);
        let pixels: Vec<f32> = parts.iter().flat_map(|part| part.pixels.clone()).collect();
        let labels: Vec<u16> = parts.iter().flat_map(|part| part.labels.clone()).collect();
        assert_eq!((pixels, labels), (whole.pixels, whole.labels));
    }
}
