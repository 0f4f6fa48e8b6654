//! `[task] kind = "classify"`: one class an image.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation, bf16, f16};
use elapid_config::{ClassLoss, Classify, Plan};
use elapid_data::ImageBatch;
use elapid_models::ImageClassifier;
use elapid_nn::Init;
use elapid_train::{Confusion, Inputs, Measured, Packing, Tally, Task};

use super::counts::Counts;
use super::{Described, batches, storage};
use crate::diagnose::Watched;
use crate::registry::{Facts, PlanError, image_classifier};

/// The task that a plan describes.
pub(super) fn build(
    spec: &Classify,
    plan: &Plan,
    facts: &Facts,
    init: &mut Init,
) -> Result<ImageClassification, PlanError> {
    if plan.data.images().is_none() {
        return Err(PlanError(format!(
            "`kind = \"classify\"` in [task] needs one class a sample, and the data set `{}` has one a pixel; use `kind = \"segment\"`",
            plan.data.source.name()
        )));
    }
    if spec.pool.is_some() || spec.loss != ClassLoss::CrossEntropy {
        return Err(PlanError(
            "`pool` and `loss` in [task] are for sounds; images are pooled as [model] says, and trained by cross-entropy: leave both out".to_owned(),
        ));
    }
    let classes = classes(spec.classes, plan, &facts.classes)?;
    let model = image_classifier(init, &plan.model, classes.len())?;
    Ok(ImageClassification::new(
        model,
        classes,
        spec.label_smoothing,
        storage(plan),
    ))
}

/// Names of the classes: those of the data, and numbers for more that the task asks for.
pub(super) fn classes(
    wanted: Option<usize>,
    plan: &Plan,
    data: &[String],
) -> Result<Vec<String>, PlanError> {
    let wanted = wanted.unwrap_or(data.len());
    if wanted < data.len() {
        return Err(PlanError(format!(
            "`classes` in [task] is {wanted}, but the data set `{}` has {} classes, so labels {wanted} to {} are out of range; leave `classes` out, or set it to at least {}",
            plan.data.source.name(),
            data.len(),
            data.len() - 1,
            data.len()
        )));
    }
    let more = (data.len()..wanted).map(|class| format!("class {class}"));
    Ok(data.iter().cloned().chain(more).collect())
}

/// An image classifier trained by cross-entropy.
#[derive(Module, Debug)]
pub struct ImageClassification {
    /// Backbone and head.
    pub model: ImageClassifier,
    label_smoothing: f64,
    #[module(skip)]
    classes: Vec<String>,
    #[module(skip)]
    storage: DType,
}

impl ImageClassification {
    /// `label_smoothing` is the share of the target that is spread over all classes; `storage` the type of
    /// stored activations and matrix products.
    pub fn new(
        model: ImageClassifier,
        classes: Vec<String>,
        label_smoothing: f64,
        storage: DType,
    ) -> Self {
        Self {
            model,
            label_smoothing,
            classes,
            storage,
        }
    }

    /// Class probabilities, `[B, classes]`, of a batch on a plain device; the mean over its views.
    pub fn probabilities(&self, batch: &ImageBatch, device: &Device) -> Tensor<2> {
        let scores = self.scores(images(batch, device), None);
        let of_views = activation::softmax(scores, 1);
        let [rows, classes] = of_views.dims();
        let of_images = of_views.reshape([rows / batch.views, batch.views, classes]);
        of_images.mean_dim(1).squeeze_dim(1)
    }

    /// Scores that an evaluation reads, `[B, classes]`; of several views logarithms of the mean probabilities.
    fn evaluated(&self, batch: &ImageBatch, device: &Device) -> Tensor<2> {
        match batch.views {
            1 => self.scores(images(batch, device), None),
            _ => self
                .probabilities(batch, device)
                .clamp_min(f64::from(f32::MIN_POSITIVE))
                .log(),
        }
    }

    /// Class scores, `[B, classes]`, 32-bit.
    fn scores(&self, images: Tensor<4>, noise: Option<&mut elapid_nn::Noise>) -> Tensor<2> {
        let images = images.cast(self.storage);
        self.model.forward(images, noise).cast(DType::F32)
    }
}

impl Task for ImageClassification {
    type Tally = ClassificationTally;
    batches!(ImageBatch, |batch| batch.labels.len());

    fn packing(&self) -> Packing<ImageBatch> {
        let storage = self.storage;
        Arc::new(move |batch| {
            let pixels = rounded(batch.pixels, batch.shape, storage);
            let mut inputs = vec![pixels, label_data(&batch.labels)];
            if let Some(partners) = &batch.partners {
                inputs.push(label_data(&partners.labels));
                inputs.push(TensorData::new(vec![partners.share], [1]));
            }
            inputs
        })
    }

    fn tally(&self) -> ClassificationTally {
        ClassificationTally::new(self.classes.clone())
    }

    fn observe(&self, batch: &ImageBatch, device: &Device, tally: &mut ClassificationTally) {
        let scores = self.evaluated(batch, device);
        let labels = Tensor::from_data(label_data(&batch.labels), device);
        let targets = Targets {
            labels,
            partners: None,
        };
        let losses = cross_entropy(scores.clone(), targets, 0.0);
        let losses = losses.into_data().iter::<f64>().collect::<Vec<_>>();
        let scores = scores.into_data().iter::<f64>().collect::<Vec<_>>();
        let rows = scores.chunks(self.model.classes());
        for ((row, label), loss) in rows.zip(&batch.labels).zip(losses) {
            tally.add(row, *label, loss);
        }
    }
}

impl Described for ImageClassification {
    fn classes(&self) -> &[String] {
        &self.classes
    }
}

impl Watched for ImageClassification {
    fn loss_with(&self, inputs: &Inputs, mut noise: elapid_nn::Noise) -> Tensor<1> {
        let scores = self.scores(inputs.float(0), Some(&mut noise));
        let targets = Targets {
            labels: inputs.int(1),
            partners: (inputs.count() > 2).then(|| (inputs.int(2), inputs.float(3))),
        };
        cross_entropy(scores, targets, self.label_smoothing).mean()
    }
}

/// What the scores should say.
pub(super) struct Targets {
    /// Class of each sample, `[B]`.
    pub(super) labels: Tensor<1, Int>,
    /// Class of what each image was mixed with, `[B]`, and the share of its own, `[1]`.
    pub(super) partners: Option<(Tensor<1, Int>, Tensor<1>)>,
}

/// Cross-entropy of every sample, `[B]`, with the target `(1 − s) · one-hot + s / classes`, as
/// PyTorch's `cross_entropy(label_smoothing = s)`. The one-hot vectors of mixed images are mixed, as in timm's `Mixup`.
pub(super) fn cross_entropy(scores: Tensor<2>, targets: Targets, smoothing: f64) -> Tensor<1> {
    let log_p = activation::log_softmax(scores, 1);
    let of = |labels: Tensor<1, Int>| {
        let picked = log_p.clone().gather(1, labels.unsqueeze_dim(1));
        picked.squeeze_dim::<1>(1)
    };
    let mut picked = of(targets.labels);
    if let Some((partners, share)) = targets.partners {
        let rest = share.clone().neg() + 1.0;
        picked = picked * share + of(partners) * rest;
    }
    match smoothing {
        0.0 => -picked,
        s => -(picked * (1.0 - s) + log_p.mean_dim(1).squeeze_dim::<1>(1) * s),
    }
}

/// Numbers in the type in which the model reads them: in 16 bits, half as many bytes travel to the device.
pub(super) fn rounded<const D: usize>(
    numbers: Vec<f32>,
    shape: [usize; D],
    dtype: DType,
) -> TensorData {
    let values = numbers.iter();
    match dtype {
        DType::BF16 => {
            let values: Vec<_> = values.map(|x| bf16::from_f32(*x)).collect();
            TensorData::new(values, shape)
        }
        DType::F16 => {
            let values: Vec<_> = values.map(|x| f16::from_f32(*x)).collect();
            TensorData::new(values, shape)
        }
        _ => TensorData::new(numbers, shape),
    }
}

/// All views of all images, one below the other.
fn images(batch: &ImageBatch, device: &Device) -> Tensor<4> {
    let [images, c, h, w] = batch.shape;
    let shape = [images * batch.views, c, h, w];
    Tensor::from_data(TensorData::new(batch.pixels.clone(), shape), device)
}

fn label_data(labels: &[usize]) -> TensorData {
    let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
    let count = labels.len();
    TensorData::new(labels, [count])
}

/// Exact sums over an evaluation.
#[derive(Clone, Debug)]
pub struct ClassificationTally {
    counts: Counts,
    loss: f64,
    in_top5: u64,
}

impl ClassificationTally {
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self {
            counts: Counts::new(classes),
            loss: 0.0,
            in_top5: 0,
        }
    }

    /// Adds one sample by its class scores. Of equal scores the lower class wins.
    pub(super) fn add(&mut self, scores: &[f64], label: usize, loss: f64) {
        let rank = |class: usize| {
            let ahead = |(other, score): (usize, &f64)| {
                *score > scores[class] || (*score == scores[class] && other < class)
            };
            scores.iter().enumerate().filter(|&at| ahead(at)).count()
        };
        let predicted = (0..scores.len())
            .find(|&class| rank(class) == 0)
            .unwrap_or(0);
        self.counts.add(label, predicted);
        self.loss += loss;
        self.in_top5 += u64::from(rank(label) < 5);
    }

    pub(super) fn macro_f1(&self) -> f64 {
        self.counts.macro_f1()
    }
}

impl Tally for ClassificationTally {
    fn metrics(&self) -> Vec<Measured> {
        let samples = self.counts.total();
        let mut metrics = vec![
            Measured::error("loss", self.loss / samples),
            Measured::score("accuracy", self.counts.accuracy()),
        ];
        // With five classes or fewer everything is among the top five.
        if self.counts.classes().len() > 5 {
            metrics.push(Measured::score("top5", self.in_top5 as f64 / samples));
        }
        metrics
    }

    fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    fn confusion(&self) -> Option<Confusion> {
        Some(self.counts.confusion(false))
    }
}

#[cfg(test)]
mod tests {
    use elapid_models::{ImageBackbone, Vim, VimConfig};

    use super::*;

    #[test]
    fn smoothed_cross_entropy_by_hand() {
        let device = Device::flex();
        let scores = Tensor::<2>::from_data([[2.0_f32, 0.0, 1.0]], &device);
        let label = Tensor::<1, Int>::from_data([1], &device);
        let targets = Targets {
            labels: label,
            partners: None,
        };
        let loss = cross_entropy(scores, targets, 0.3).into_scalar::<f32>();
        let log_sum = (2.0_f64.exp() + 1.0 + 1.0_f64.exp()).ln();
        let expected = -(0.7 * (0.0 - log_sum) + 0.3 * (1.0 - log_sum));
        assert!((f64::from(loss) - expected).abs() < 1e-6);
    }

    /// Of images of 8 × 8 grey pixels.
    fn classifier(device: &Device) -> ImageClassification {
        let mut init = Init::new(3, device);
        let config = VimConfig {
            depth: 1,
            image_size: 8,
            patch_size: 4,
            stride: 4,
            channels: 1,
            ..VimConfig::patch16_224(16)
        };
        let backbone = ImageBackbone::Vim(Vim::new(&mut init, &config));
        let model = ImageClassifier::new(&mut init, backbone, 3);
        let classes = vec![String::new(); 3];
        ImageClassification::new(model, classes, 0.0, DType::F32)
    }

    /// Two images for it.
    fn batch(pixels: Vec<f32>, views: usize) -> ImageBatch {
        ImageBatch {
            pixels,
            labels: vec![2, 1],
            partners: None,
            shape: [2, 1, 8, 8],
            views,
        }
    }

    #[test]
    fn views_are_averaged_as_probabilities() {
        let device = Device::flex();
        let task = classifier(&device).valid();
        let drawn =
            |at: usize| -> Vec<f32> { (0..128).map(|i| ((i * i + at) % 7) as f32).collect() };
        let of = |views: &[Vec<f32>]| {
            let image = |at: usize| views.iter().flat_map(move |view| &view[64 * at..][..64]);
            batch((0..2).flat_map(image).copied().collect(), views.len())
        };
        let read = |x: Tensor<2>| x.into_data().iter::<f64>().collect::<Vec<_>>();
        let single = [0, 1].map(|at| read(task.probabilities(&of(&[drawn(at)]), &device)));
        let both = of(&[drawn(0), drawn(1)]);
        let (mean, mut tally) = (read(task.probabilities(&both, &device)), task.tally());
        for (class, p) in mean.iter().enumerate() {
            let expected = (single[0][class] + single[1][class]) / 2.0;
            assert!((p - expected).abs() < 1e-6, "{p} {expected}");
        }
        task.observe(&both, &device, &mut tally);
        let expected = -(mean[2].ln() + mean[3 + 1].ln()) / 2.0;
        assert!((tally.metrics()[0].value - expected).abs() < 1e-5);
    }

    /// Two batches, the second with a pixel that is no number.
    struct Spoilt;

    impl elapid_train::EvalSource<ImageBatch> for Spoilt {
        fn iter(&self) -> elapid_train::Batches<ImageBatch> {
            let pixels = [0.5, f32::NAN].into_iter();
            Box::new(pixels.map(|pixel| Ok(batch(vec![pixel; 128], 1))))
        }
    }

    #[test]
    fn a_batch_without_a_finite_loss_is_named() {
        let device = Device::flex();
        let found = elapid_train::evaluate(&classifier(&device), &Spoilt, &device).unwrap();
        assert_eq!((found.samples, found.not_finite), (4, Some(1)));
    }

    #[derive(serde::Deserialize)]
    struct Recorded {
        shape: [usize; 4],
        classes: usize,
        smoothing: f64,
        labels: Vec<i64>,
        scores: Vec<f32>,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        targets: Vec<Vec<f64>>,
        loss: f64,
    }

    #[test]
    fn losses_of_mixed_images_are_those_of_timm() {
        let record = include_str!("../../../../../tests/golden/transforms/mixing.json");
        let recorded: Recorded = serde_json::from_str(record).unwrap();
        let device = Device::flex();
        let [images, ..] = recorded.shape;
        let ints =
            |labels: &[i64]| Tensor::from_data(TensorData::new(labels.to_vec(), [images]), &device);
        let partners: Vec<i64> = recorded.labels.iter().rev().copied().collect();
        for case in recorded.cases {
            let scores = TensorData::new(recorded.scores.clone(), [images, recorded.classes]);
            // What timm left of the first image's own class, less what smoothing put there.
            let own = case.targets[0][recorded.labels[0] as usize];
            let spread = recorded.smoothing / recorded.classes as f64;
            let share = ((own - spread) / (1.0 - recorded.smoothing)) as f32;
            let targets = Targets {
                labels: ints(&recorded.labels),
                partners: Some((ints(&partners), Tensor::from_floats([share], &device))),
            };
            let scores = Tensor::from_data(scores, &device);
            let loss = cross_entropy(scores, targets, recorded.smoothing).mean();
            let loss = f64::from(loss.into_scalar::<f32>());
            assert!((loss - case.loss).abs() < 2e-6, "{loss} {}", case.loss);
        }
    }

    #[test]
    fn tally_counts_by_hand() {
        let classes: Vec<String> = (0..6).map(|i| i.to_string()).collect();
        let mut tally = ClassificationTally::new(classes);
        tally.add(&[0.1, 0.9, 0.0, 0.0, 0.0, 0.0], 1, 0.5);
        tally.add(&[0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 5, 1.5);
        tally.add(&[0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 4, 1.0);
        let values: Vec<f64> = tally.metrics().iter().map(|metric| metric.value).collect();
        assert_eq!(values, [1.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(tally.confusion().unwrap().counts[5][0], 1);
    }
}
