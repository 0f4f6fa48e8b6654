//! `[task] kind = "segment"`: one class a pixel.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};
use elapid_config::{Plan, Segment};
use elapid_data::{Frame, IGNORE, MaskBatch};
use elapid_models::{DenseScores, ImageSegmenter, stitched};
use elapid_nn::{Init, resize_grid};
use elapid_train::{Confusion, Inputs, Measured, Packing, Tally, Task};

use super::classify::rounded;
use super::counts::Counts;
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, image_segmenter};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Segment,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<ImageSegmentation, PlanError> {
    if plan.data.masks().is_none() {
        return Err(PlanError(format!(
            "`kind = \"segment\"` in [task] needs images with masks, and the data set `{}` has none; use `shapes`, `ade20k` or `mask_folder`, or another task",
            plan.data.source.name()
        )));
    }
    let model = image_segmenter(init, &plan.model, spec, facts.classes.len())?;
    Ok(ImageSegmentation {
        model,
        aux_weight: spec.aux_weight,
        classes: facts.classes.clone(),
        storage: storage(plan),
    })
}

/// A segmenter trained by cross-entropy.
#[derive(Module, Debug)]
pub struct ImageSegmentation {
    /// Backbone and heads.
    pub model: ImageSegmenter,
    aux_weight: f64,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    storage: DType,
}

impl ImageSegmentation {
    /// The most probable class of each pixel, `[B, H, W]`, of images on a plain device.
    pub fn predicted(&self, images: Tensor<4>) -> Tensor<3, Int> {
        let scores = self.scores(images, None).main;
        scores.argmax(3).squeeze_dim::<3>(3)
    }

    /// Scores of an image that is seen part by part, `[1, H, W, classes]` at the size at which it is stored. `windows` are the
    /// network's inputs, `[windows, C, side, side]`, on a plain device.
    pub fn scores_of_frame(&self, windows: Tensor<4>, frame: &Frame) -> Tensor<4> {
        let parts = windows.split(WINDOWS_AT_ONCE, 0);
        let parts = parts.into_iter().map(|part| self.scores(part, None).main);
        let scores = Tensor::cat(parts.collect(), 0);
        let whole = stitched(scores, &frame.windows, frame.scaled);
        let [height, width] = frame.stored;
        resize_grid(whole, height, width)
    }

    /// Adds the images of a batch that are seen part by part.
    fn observe_frames(&self, batch: &MaskBatch, device: &Device, tally: &mut SegmentationTally) {
        let [_, channels, rows, columns] = batch.shape;
        let (mut pixels, mut labels) = (&batch.pixels[..], &batch.labels[..]);
        for frame in &batch.frames {
            let shape = [frame.windows.len(), channels, rows, columns];
            let (windows, other_windows) = pixels.split_at(shape.iter().product());
            let [height, width] = frame.stored;
            let (of_image, other_labels) = labels.split_at(height * width);
            let windows = Tensor::from_data(TensorData::new(windows.to_vec(), shape), device);
            let scores = self.scores_of_frame(windows, frame);
            observe_scores(scores, of_image, device, tally);
            (pixels, labels) = (other_windows, other_labels);
        }
    }

    fn scores(&self, images: Tensor<4>, noise: Option<&mut elapid_nn::Noise>) -> DenseScores {
        let DenseScores { main, auxiliary } = self.model.forward(images.cast(self.storage), noise);
        let full = |scores: Tensor<4>| scores.cast(DType::F32);
        DenseScores {
            main: full(main),
            auxiliary: auxiliary.map(full),
        }
    }
}

impl Task for ImageSegmentation {
    type Tally = SegmentationTally;
    batches!(MaskBatch, |batch| batch.images());

    fn packing(&self) -> Packing<MaskBatch> {
        let storage = self.storage;
        Arc::new(move |batch| {
            let [images, _, height, width] = batch.shape;
            let labels = label_data(&batch.labels, [images, height, width]);
            vec![rounded(batch.pixels, batch.shape, storage), labels]
        })
    }

    fn tally(&self) -> SegmentationTally {
        SegmentationTally::new(self.classes.clone())
    }

    fn observe(&self, batch: &MaskBatch, device: &Device, tally: &mut SegmentationTally) {
        if !batch.frames.is_empty() {
            return self.observe_frames(batch, device, tally);
        }
        let pixels = TensorData::new(batch.pixels.clone(), batch.shape);
        let scores = self.scores(Tensor::from_data(pixels, device), None).main;
        observe_scores(scores, &batch.labels, device, tally);
    }
}

impl Described for ImageSegmentation {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for ImageSegmentation {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let labels = inputs.int::<3>(1);
        let scores = self.scores(inputs.float(0), Some(&mut noise));
        let loss = pixel_loss(scores.main, labels.clone());
        let loss = match scores.auxiliary {
            Some(auxiliary) => loss + pixel_loss(auxiliary, labels) * self.aux_weight,
            None => loss,
        };
        match noise.statistics() {
            Some(statistics) => loss + statistics,
            None => loss,
        }
    }
}

/// Windows whose scores are found together; they take much memory.
const WINDOWS_AT_ONCE: usize = 8;

/// What stands for [`IGNORE`] on the device.
const NO_CLASS: i32 = -1;

/// Adds pixels with scores `[B, H, W, classes]`.
fn observe_scores(
    scores: Tensor<4>,
    labels: &[u16],
    device: &Device,
    tally: &mut SegmentationTally,
) {
    let [images, height, width, _] = scores.dims();
    let classes = Tensor::from_data(label_data(labels, [images, height, width]), device);
    let predicted = scores.clone().argmax(3).into_data();
    let losses = cross_entropy(scores, classes).into_data();
    let loss: f64 = losses.iter::<f64>().sum();
    let predicted: Vec<usize> = predicted
        .iter::<i64>()
        .map(|class| class as usize)
        .collect();
    tally.add(labels, &predicted, loss);
}

/// The mean cross-entropy of scores `[B, H, W, classes]`, shape `[1]`; classes below 0 do not count.
///
/// The mean is over all pixels, those that do not count included, as mmsegmentation has it: so a batch may be divided
/// among devices and micro-batches without a word about where its pixels count.
pub fn pixel_loss(scores: Tensor<4>, labels: Tensor<3, Int>) -> Tensor<1> {
    cross_entropy(scores, labels).mean()
}

/// Classes of the pixels, `[B, H, W]`.
fn label_data(labels: &[u16], shape: [usize; 3]) -> TensorData {
    let class = |&label: &u16| match label {
        IGNORE => NO_CLASS,
        label => i32::from(label),
    };
    let labels: Vec<i32> = labels.iter().map(class).collect();
    TensorData::new(labels, shape)
}

/// Cross-entropy of every pixel, `[B, H, W]`, from scores `[B, H, W, classes]`; 0 where nothing counts.
fn cross_entropy(scores: Tensor<4>, labels: Tensor<3, Int>) -> Tensor<3> {
    let ignored = labels.clone().lower_elem(0);
    let log_p = activation::log_softmax(scores, 3);
    let picked = log_p.gather(3, labels.clamp_min(0).unsqueeze_dim(3));
    let picked = picked.squeeze_dim::<3>(3);
    -picked.mask_fill(ignored, 0.0)
}

/// Exact sums over an evaluation.
#[derive(Clone, Debug)]
pub struct SegmentationTally {
    loss: f64,
    /// Of pixels that count.
    counts: Counts,
}

impl SegmentationTally {
    fn new(classes: Vec<String>) -> Self {
        Self {
            loss: 0.0,
            counts: Counts::new(classes),
        }
    }

    /// Adds pixels with the sum of their losses.
    fn add(&mut self, labels: &[u16], predicted: &[usize], loss: f64) {
        self.loss += loss;
        for (&label, &predicted) in labels.iter().zip(predicted) {
            if label != IGNORE {
                self.counts.add(usize::from(label), predicted);
            }
        }
    }
}

impl Tally for SegmentationTally {
    /// The mean is over the classes that come up, from one matrix of all pixels, as mmsegmentation measures it.
    fn metrics(&self) -> Vec<Measured> {
        vec![
            Measured::error("loss", self.loss / self.counts.total()),
            Measured::score("pixel_accuracy", self.counts.accuracy()),
            Measured::score("mean_iou", self.counts.mean_iou()),
        ]
    }

    fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    fn confusion(&self) -> Option<Confusion> {
        Some(self.counts.confusion(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_pixels_cost_nothing_and_the_others_as_in_pytorch() {
        let device = Device::flex();
        // torch.nn.functional.cross_entropy(scores, labels, ignore_index=255, reduction="none") by hand.
        let scores = Tensor::<4>::from_data([[[[2.0_f32, 0.0], [1.0, 1.0], [5.0, -5.0]]]], &device);
        let labels = label_data(&[0, 1, IGNORE], [1, 1, 3]);
        let labels = Tensor::from_data(labels, &device);
        let losses = cross_entropy(scores, labels).into_data();
        let losses: Vec<f64> = losses.iter::<f64>().collect();
        let expected = [(1.0 + (-2.0_f64).exp()).ln(), 2.0_f64.ln(), 0.0];
        assert!(
            losses
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{losses:?}"
        );
    }

    #[test]
    fn metrics_come_from_one_matrix_of_all_pixels() {
        let classes = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut tally = SegmentationTally::new(classes);
        tally.add(&[0, 0, 0, 1], &[0, 0, 1, 1], 3.0);
        tally.add(&[1, IGNORE, 2, 2], &[1, 3, 2, 0], 4.0);
        let value = |name| {
            let metrics = tally.metrics();
            metrics.iter().find(|m| m.name == name).unwrap().value
        };
        assert_eq!(value("loss"), 1.0);
        assert!((value("pixel_accuracy") - 5.0 / 7.0).abs() < 1e-12);
        // 2 of 4, 2 of 3, 1 of 2; no pixel that counts is of the fourth class, and none was taken for it.
        let mean = (0.5 + 2.0 / 3.0 + 0.5) / 3.0;
        assert!((value("mean_iou") - mean).abs() < 1e-12);
    }
}
