//! Batches of labelled images.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::{ImageDataset, PixelImage};
use crate::corrupt::{Corrupt, Reader};
use crate::error::DataError;
use crate::loader::{Batcher, Draw};
use crate::mixing::Mixing;
use crate::transform::ImagePipeline;

/// Images and labels, ready to be uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// Normalised values, `[B, views, C, H, W]` row-major.
    pub pixels: Vec<f32>,
    /// Class of each image, `[B]`.
    pub labels: Vec<usize>,
    /// What each image was mixed with; `None` where images are never mixed.
    pub partners: Option<Partners>,
    /// B, C, H and W.
    pub shape: [usize; 4],
    /// Views of each image, over which an evaluation averages; 1 in training.
    pub views: usize,
}

/// The targets of mixed images: an image keeps `share` of the target of its label, and has the rest of its partner's.
#[derive(Clone, Debug, PartialEq)]
pub struct Partners {
    /// Class of each image's partner, `[B]`.
    pub labels: Vec<usize>,
    /// From 0 to 1.
    pub share: f32,
}

impl ImageBatch {
    /// No image yet, and room for so many with this number of views each, at least 1.
    fn empty(pipeline: &ImagePipeline, images: usize, views: usize) -> Self {
        Self {
            pixels: Vec::with_capacity(images * views * pipeline.values()),
            labels: Vec::with_capacity(images),
            partners: None,
            shape: [0, pipeline.channels, pipeline.size, pipeline.size],
            views,
        }
    }

    /// A batch for an evaluation, to be filled by [`look_at`](Self::look_at), with room for so many images.
    #[must_use]
    pub fn for_evaluation(pipeline: &ImagePipeline, images: usize) -> Self {
        Self::empty(pipeline, images, pipeline.views)
    }

    /// Adds all views of an image; `pipeline` is that of [`for_evaluation`](Self::for_evaluation).
    pub fn look_at(&mut self, pipeline: &ImagePipeline, image: &PixelImage, label: usize) {
        for number in 0..self.views {
            self.pixels.extend(pipeline.view(image, number));
        }
        self.label(label);
    }

    /// Ends an image, whose pixels are there.
    fn label(&mut self, label: usize) {
        self.labels.push(label);
        self.shape[0] += 1;
    }

    /// The batch in parts of `images`, the last of which may be smaller, in order.
    pub fn split(self, images: usize) -> Vec<Self> {
        let [_, c, h, w] = self.shape;
        let values = self.views * c * h * w;
        let pixels = self.pixels.chunks(images * values);
        let parts = pixels.zip(self.labels.chunks(images)).enumerate();
        let partners = |at: usize, len: usize| {
            self.partners.as_ref().map(|partners| Partners {
                labels: partners.labels[at * images..][..len].to_vec(),
                share: partners.share,
            })
        };
        parts
            .map(|(at, (pixels, labels))| Self {
                pixels: copied(pixels),
                labels: labels.to_vec(),
                partners: partners(at, labels.len()),
                shape: [labels.len(), c, h, w],
                views: self.views,
            })
            .collect()
    }
}

/// A copy that many threads make if it is large, since the system takes longer to give new memory than to fill it.
pub(super) fn copied(values: &[f32]) -> Vec<f32> {
    const SHARE: usize = 1 << 21;
    if values.len() <= SHARE {
        return values.to_vec();
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = values.len().div_ceil(threads).max(SHARE);
    let mut copy = vec![0.0; values.len()];
    std::thread::scope(|scope| {
        for (to, from) in copy.chunks_mut(share).zip(values.chunks(share)) {
            scope.spawn(|| to.copy_from_slice(from));
        }
    });
    copy
}

/// Reads images, prepares them for a model, and mixes them where that is asked for.
pub struct ImageBatcher {
    dataset: Arc<ImageDataset>,
    pipeline: ImagePipeline,
    mixing: Option<Mixing>,
    reader: Reader,
}

impl ImageBatcher {
    /// Batches of `dataset`; training batches are augmented as `pipeline` says.
    ///
    /// # Errors
    ///
    /// If the settings of the pipeline are not legal.
    pub fn new(
        dataset: Arc<ImageDataset>,
        pipeline: ImagePipeline,
        corrupt: Corrupt,
    ) -> Result<Self, DataError> {
        pipeline.check()?;
        Ok(Self {
            dataset,
            pipeline,
            mixing: None,
            reader: Reader::new(corrupt),
        })
    }

    /// Mixes training batches.
    ///
    /// # Errors
    ///
    /// If the settings of the mixing are not legal.
    pub fn mixed(self, mixing: Option<Mixing>) -> Result<Self, DataError> {
        mixing.map_or(Ok(()), |mixing| mixing.check())?;
        Ok(Self { mixing, ..self })
    }
}

impl Batcher for ImageBatcher {
    type Batch = ImageBatch;

    fn samples(&self) -> usize {
        self.dataset.len()
    }

    fn train(&self, draws: &[Draw], mut rng: ChaCha8Rng) -> Result<ImageBatch, DataError> {
        let mut batch = ImageBatch::empty(&self.pipeline, draws.len(), 1);
        // The repeats of an image follow each other; it is decoded once for all of them.
        for repeats in draws.chunk_by(|one, next| one.index == next.index) {
            let sample = self.reader.get_or_next(&*self.dataset, repeats[0].index)?;
            for draw in repeats {
                let pixels = self.pipeline.apply(&sample.image, &draw.rng);
                batch.pixels.extend(pixels);
                batch.label(sample.label);
            }
        }
        if let Some(mixing) = &self.mixing {
            mix(&mut batch, mixing, &mut rng);
        }
        Ok(batch)
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<ImageBatch>, DataError> {
        let mut batch = ImageBatch::for_evaluation(&self.pipeline, samples.len());
        for index in samples {
            if let Some(sample) = self.reader.get(&*self.dataset, index)? {
                batch.look_at(&self.pipeline, &sample.image, sample.label);
            }
        }
        Ok((!batch.labels.is_empty()).then_some(batch))
    }

    fn warnings(&self) -> Vec<String> {
        self.reader.warnings()
    }
}

/// Mixes a batch with itself in reverse order.
fn mix(batch: &mut ImageBatch, mixing: &Mixing, rng: &mut ChaCha8Rng) {
    let [_, _, height, width] = batch.shape;
    let mixture = mixing.draw(width, height, rng);
    batch.partners = Some(Partners {
        labels: batch.labels.iter().rev().copied().collect(),
        share: mixture.apply(&mut batch.pixels, batch.shape),
    });
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use burn_dataset::{Dataset, DatasetError};
    use tempfile::TempDir;

    use super::*;
    use crate::transform::{Augment, Interpolation, RandAugment, RandomCrop};
    use crate::vision::ImageSample;
    use crate::{EvalLoader, Order, SampleSet, TrainLoader, digits, image_folder};

    type Train = TrainLoader<ImageBatcher>;

    /// A loader of augmented images.
    fn train(
        dataset: Arc<ImageDataset>,
        pipeline: ImagePipeline,
        order: Order,
        workers: usize,
    ) -> Result<Train, DataError> {
        let batcher = ImageBatcher::new(dataset, pipeline, Corrupt::Error)?;
        TrainLoader::new(batcher, order, workers)
    }

    fn pipeline() -> ImagePipeline {
        let augment = Augment {
            shift: 1,
            rotate: 10.0,
            scale: 0.1,
            elastic: 0.5,
            crop: Some(RandomCrop {
                area: [0.3, 1.0],
                aspect: [0.75, 1.25],
            }),
            rand_augment: Some(RandAugment {
                operations: 2,
                level: 9.0,
                deviation: 0.5,
            }),
            colour_jitter: 0.3,
            erase: 0.25,
            ..Augment::default()
        };
        ImagePipeline {
            size: 8,
            channels: 1,
            mean: vec![0.3],
            std: vec![0.4],
            crop_ratio: 1.0,
            interpolation: Interpolation::Bicubic,
            augment,
            views: 1,
        }
    }

    fn train_digits() -> Arc<ImageDataset> {
        digits::splits(0.0, 0).unwrap().train
    }

    const MIXING: Mixing = Mixing {
        mixup: 0.8,
        cutmix: 1.0,
        probability: 1.0,
        switch: 0.5,
    };

    /// A loader as the official recipe has it, mixed or not.
    fn official(batch_size: usize, seed: u64, workers: usize, mixing: Option<Mixing>) -> Train {
        let order = Order {
            repeats: 3,
            ..Order::plain(batch_size, seed)
        };
        let batcher = ImageBatcher::new(train_digits(), pipeline(), Corrupt::Error).unwrap();
        TrainLoader::new(batcher.mixed(mixing).unwrap(), order, workers).unwrap()
    }

    /// A loader with everything that is random.
    fn loader(batch_size: usize, seed: u64, workers: usize) -> Train {
        official(batch_size, seed, workers, Some(MIXING))
    }

    fn take(loader: &Train, first: usize, count: usize) -> Vec<ImageBatch> {
        loader
            .iter_from(first)
            .take(count)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn bits(batches: &[ImageBatch]) -> Vec<u32> {
        batches
            .iter()
            .flat_map(|batch| &batch.pixels)
            .map(|value| value.to_bits())
            .collect()
    }

    #[test]
    fn large_copies_are_whole() {
        let values: Vec<f32> = (0..(5 << 20) + 3).map(|i| i as f32).collect();
        assert!(copied(&values) == values);
        assert_eq!(copied(&values[7..9]), [7.0, 8.0]);
    }

    #[test]
    fn batches_do_not_depend_on_the_number_of_workers() {
        // 1437 / 400 = 3 batches an epoch, so five cross into the second.
        let reference = take(&loader(400, 5, 0), 0, 5);
        assert_eq!(reference[0].shape, [400, 1, 8, 8]);
        assert_eq!(reference[0].pixels.len(), 400 * 64);
        for workers in [1, 2, 3, 7] {
            let batches = take(&loader(400, 5, workers), 0, 5);
            assert_eq!(batches, reference);
            assert_eq!(bits(&batches), bits(&reference));
        }
    }

    #[test]
    fn batches_do_not_depend_on_where_iteration_starts() {
        for workers in [0, 2] {
            let loader = loader(400, 5, workers);
            let from_start = take(&loader, 0, 8);
            for first in [1, 2, 3, 5] {
                let later = take(&loader, first, 3);
                assert_eq!(bits(&later), bits(&from_start[first..first + 3]));
                assert_eq!(later, from_start[first..first + 3]);
            }
        }
    }

    #[test]
    fn seeds_and_epochs_differ() {
        let first = |seed, number| take(&loader(400, seed, 0), number, 1).remove(0);
        assert_ne!(first(1, 0), first(2, 0));
        assert_ne!(first(1, 0), first(1, 3));
    }

    #[test]
    fn an_epoch_holds_every_sample_once_and_drops_the_rest() {
        let unaugmented = ImagePipeline {
            augment: Augment::default(),
            ..pipeline()
        };
        let all = take(
            &train(train_digits(), unaugmented, Order::plain(479, 3), 0).unwrap(),
            0,
            3,
        );
        let mut counts = [0; 10];
        all.iter()
            .flat_map(|batch| &batch.labels)
            .for_each(|&label| counts[label] += 1);
        assert_eq!(counts, [143, 146, 142, 146, 144, 145, 144, 143, 141, 143]);
        assert_eq!(loader(479, 0, 0).batches_per_epoch(), 3);
        assert_eq!(loader(480, 0, 0).batches_per_epoch(), 2);
        assert_eq!(loader(1437, 0, 0).batches_per_epoch(), 1);
    }

    #[test]
    fn repeats_follow_each_other_with_other_draws() {
        let repeated = Order {
            repeats: 3,
            ..Order::plain(8, 1)
        };
        let with = |order| train(train_digits(), pipeline(), order, 0).unwrap();
        let (thrice, once) = (with(repeated), with(Order::plain(8, 1)));
        assert_eq!(thrice.batches_per_epoch(), once.batches_per_epoch());
        let [thrice, once] = [thrice, once].map(|loader| take(&loader, 0, 3));
        let labels = |batches: &[ImageBatch]| -> Vec<usize> {
            batches
                .iter()
                .flat_map(|batch| batch.labels.clone())
                .collect()
        };
        // 24 samples: the first eight images of the order, three times each, over three batches.
        let expected: Vec<usize> = labels(&once)[..8]
            .iter()
            .flat_map(|&label| [label; 3])
            .collect();
        assert_eq!(labels(&thrice), expected);
        let image = |batch: &ImageBatch, at: usize| batch.pixels[at * 64..][..64].to_vec();
        assert_eq!(image(&thrice[0], 0), image(&once[0], 0));
        assert_eq!(image(&thrice[0], 3), image(&once[0], 1));
        assert_ne!(image(&thrice[0], 0), image(&thrice[0], 1));
        assert_ne!(image(&thrice[0], 1), image(&thrice[0], 2));
    }

    /// Counts how often an image is read.
    struct Counted(Arc<ImageDataset>, Arc<AtomicUsize>);

    impl Dataset<ImageSample> for Counted {
        fn get(&self, index: usize) -> Result<ImageSample, DatasetError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.get(index)
        }

        fn len(&self) -> usize {
            self.0.len()
        }
    }

    impl SampleSet<ImageSample> for Counted {
        fn classes(&self) -> &[String] {
            self.0.classes()
        }

        fn describe(&self, index: usize) -> String {
            self.0.describe(index)
        }

        fn fingerprint(&self) -> String {
            self.0.fingerprint()
        }
    }

    #[test]
    fn an_image_is_read_once_for_its_repeats_in_a_batch() {
        let reads = Arc::new(AtomicUsize::new(0));
        let dataset = Arc::new(Counted(train_digits(), Arc::clone(&reads)));
        let order = Order {
            repeats: 3,
            ..Order::plain(8, 1)
        };
        take(&train(dataset, pipeline(), order, 0).unwrap(), 0, 2);
        // 3 + 3 + 2 samples of a batch, 1 + 3 + 3 + 1 of the next.
        assert_eq!(reads.load(Ordering::Relaxed), 3 + 4);
    }

    #[test]
    fn mixed_batches_say_with_what() {
        let (mixed, plain) = (loader(6, 2, 0), official(6, 2, 0, None));
        for (mixed, plain) in take(&mixed, 0, 4).into_iter().zip(take(&plain, 0, 4)) {
            assert_eq!(plain.partners, None);
            let partners = mixed.partners.clone().unwrap();
            assert!(partners.labels.iter().eq(plain.labels.iter().rev()));
            let sum = |batch: &ImageBatch| batch.pixels.iter().map(|&x| f64::from(x)).sum::<f64>();
            assert!((sum(&mixed) - sum(&plain)).abs() < 1e-3);
            let parts = mixed.split(4);
            assert_eq!(parts[1].labels, plain.labels[4..]);
            let rest = parts[1].partners.as_ref().unwrap();
            assert_eq!(
                (&rest.labels[..], rest.share),
                (&partners.labels[4..], partners.share)
            );
        }
    }

    #[test]
    fn a_set_smaller_than_a_batch_gives_one_short_batch() {
        let loader = loader(2000, 0, 1);
        assert_eq!(loader.batches_per_epoch(), 1);
        let batches = take(&loader, 0, 2);
        assert_eq!([batches[0].shape[0], batches[1].shape[0]], [1437, 1437]);
        assert_ne!(batches[0].labels, batches[1].labels);
    }

    #[test]
    fn evaluation_is_in_order_and_keeps_the_last_batch() {
        let test = digits::splits(0.0, 0).unwrap().test;
        for workers in [0, 2] {
            let batcher = ImageBatcher::new(Arc::clone(&test), pipeline(), Corrupt::Error).unwrap();
            let loader = EvalLoader::new(batcher, 100, workers).unwrap();
            let batches: Vec<_> = loader.iter().collect::<Result<_, _>>().unwrap();
            assert_eq!(loader.batches(), 4);
            assert_eq!(
                batches.iter().map(|b| b.shape[0]).collect::<Vec<_>>(),
                [100, 100, 100, 60]
            );
            let last = test.get(359).unwrap();
            assert_eq!(batches[3].labels[59], last.label);
            assert_eq!(
                batches[3].pixels[59 * 64..],
                pipeline().view(&last.image, 0)
            );
        }
    }

    #[test]
    fn views_of_an_image_stand_side_by_side() {
        let test = digits::splits(0.0, 0).unwrap().test;
        let pipeline = ImagePipeline {
            views: 3,
            ..pipeline()
        };
        let batcher = ImageBatcher::new(Arc::clone(&test), pipeline.clone(), Corrupt::Error);
        let batch = batcher.unwrap().eval(4..7).unwrap().unwrap();
        assert_eq!((batch.shape, batch.views), ([3, 1, 8, 8], 3));
        let image = test.get(6).unwrap().image;
        let views: Vec<_> = (0..3).flat_map(|n| pipeline.view(&image, n)).collect();
        assert_eq!(batch.pixels[2 * 3 * 64..], views);
        let parts = batch.split(2);
        assert_eq!((parts[1].shape, parts[1].views), ([1, 1, 8, 8], 3));
        assert_eq!(parts[1].pixels, views);
    }

    #[test]
    fn illegal_settings_are_refused() {
        let error = |result: Result<Train, DataError>| result.err().unwrap().to_string();
        let zero = train(train_digits(), pipeline(), Order::plain(0, 0), 0);
        assert_eq!(error(zero), "batch_size is 0, expected at least 1");
        let sizeless = ImagePipeline {
            size: 0,
            ..pipeline()
        };
        let result = train(train_digits(), sizeless, Order::plain(8, 0), 0);
        assert_eq!(error(result), "size is 0, expected at least 1");
    }

    #[test]
    fn dropping_the_iterator_lets_go_of_the_data() {
        let dataset = train_digits();
        let loader = train(Arc::clone(&dataset), pipeline(), Order::plain(10, 0), 3).unwrap();
        let mut batches = loader.iter_from(0);
        batches.next().unwrap().unwrap();
        drop((batches, loader));
        assert_eq!(Arc::strong_count(&dataset), 1);
    }

    /// Two classes of three images for training and one for the test, where `broken` are no images.
    fn folder(broken: &[&str]) -> TempDir {
        let root = TempDir::new().unwrap();
        for split in ["train", "test"] {
            for class in ["a", "b"] {
                for number in 0..3 {
                    let name = format!("{split}/{class}/{number}.png");
                    let path = root.path().join(&name);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    image::RgbImage::new(8, 8).save(&path).unwrap();
                    if broken.contains(&name.as_str()) {
                        fs::write(path, "not an image").unwrap();
                    }
                }
            }
        }
        root
    }

    #[test]
    fn an_unreadable_file_ends_the_iterator_and_is_named() {
        let root = folder(&["train/b/1.png"]);
        let images = image_folder::splits(root.path(), 0.0, 0.0, 0)
            .unwrap()
            .train;
        for workers in [0, 2] {
            let order = Order::plain(6, 0);
            let loader = train(Arc::clone(&images), pipeline(), order, workers).unwrap();
            let results: Vec<_> = loader.iter_from(0).collect();
            assert_eq!(results.len(), 1);
            let error = results[0].as_ref().unwrap_err().to_string();
            assert!(
                error.contains("train/b/1.png` cannot be loaded: "),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_passed_over_is_replaced_in_training_and_named_once() {
        let skipping = |images: &Arc<ImageDataset>, workers| {
            let batcher = ImageBatcher::new(Arc::clone(images), pipeline(), Corrupt::Skip).unwrap();
            TrainLoader::new(batcher, Order::plain(6, 0), workers).unwrap()
        };
        let root = folder(&["train/a/2.png", "train/b/0.png"]);
        let images = image_folder::splits(root.path(), 0.0, 0.0, 0)
            .unwrap()
            .train;
        for workers in [0, 2] {
            let loader = skipping(&images, workers);
            for batch in take(&loader, 0, 3) {
                // The last of class a and the first of class b give way to the second of class b.
                assert_eq!(batch.labels.iter().filter(|&&label| label == 1).count(), 4);
            }
            let mut warnings = loader.warnings();
            warnings.sort();
            assert_eq!(warnings.len(), 2, "{warnings:?}");
            assert!(
                warnings[0].contains("train/a/2.png` cannot be loaded: "),
                "{warnings:?}"
            );
            assert!(warnings[1].ends_with("; it is passed over"), "{warnings:?}");
            assert_eq!(loader.warnings(), [""; 0]);
        }
        let root = folder(&[
            "train/a/0.png",
            "train/a/1.png",
            "train/a/2.png",
            "train/b/0.png",
            "train/b/1.png",
            "train/b/2.png",
        ]);
        let images = image_folder::splits(root.path(), 0.0, 0.0, 0)
            .unwrap()
            .train;
        let loader = skipping(&images, 0);
        let error = loader.iter_from(0).next().unwrap().unwrap_err().to_string();
        assert!(
            error.contains("nor can any of the 100 samples after it"),
            "{error}"
        );
    }

    #[test]
    fn what_is_passed_over_is_left_out_of_evaluation() {
        let root = folder(&["test/a/2.png", "test/b/0.png", "test/b/1.png"]);
        let test = image_folder::splits(root.path(), 0.0, 0.0, 0).unwrap().test;
        let shapes = |corrupt| {
            let batcher = ImageBatcher::new(Arc::clone(&test), pipeline(), corrupt).unwrap();
            let loader = EvalLoader::new(batcher, 2, 2).unwrap();
            let batches: Result<Vec<ImageBatch>, _> = loader.iter().collect();
            batches.map(|batches| {
                batches
                    .iter()
                    .map(|batch| batch.shape[0])
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(shapes(Corrupt::Skip), Ok(vec![2, 1]));
        assert!(shapes(Corrupt::Error).is_err());
        // A file that is gone is not a damaged image.
        fs::remove_file(root.path().join("test/a/0.png")).unwrap();
        let error = shapes(Corrupt::Skip).unwrap_err().to_string();
        assert!(
            error.contains("cannot read `") && error.contains("test/a/0.png"),
            "{error}"
        );
    }
}
