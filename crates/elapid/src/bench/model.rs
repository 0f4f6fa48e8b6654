//! Timing of a model on random input.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_config::ModelSpec;
use elapid_models::{ImageClassifier, SoundClassifier};
use elapid_nn::Init;
use serde::Serialize;

use super::clock::{eager, median};
use crate::registry::{self, PlanError};

/// Median times of one model.
#[derive(Clone, Debug, Serialize)]
pub struct ModelTiming {
    /// Samples per batch.
    pub batch: usize,
    /// Storage type of the activations.
    pub dtype: String,
    /// Milliseconds of inference.
    pub forward_ms: f64,
    /// Milliseconds of the forward and backward pass, launched one operation after the other.
    pub eager_ms: f64,
    /// Milliseconds of the forward and backward pass, replayed.
    pub training_ms: f64,
    /// Milliseconds of the first forward and backward pass: compilation and tuning.
    pub first_ms: f64,
    /// True if replay means a hardware graph, so that the host does not count.
    pub graph: bool,
}

/// Times a classifier with `classes` outputs on a batch of random images or spectrograms.
///
/// # Errors
///
/// If the model cannot be built.
pub fn model(
    device: &Device,
    spec: &ModelSpec,
    classes: usize,
    batch: usize,
    dtype: DType,
) -> Result<ModelTiming, PlanError> {
    let mut init = Init::new(0, &device.clone().autodiff());
    match spec {
        ModelSpec::Vim(_) => {
            let model = registry::image_classifier(&mut init, spec, classes)?;
            let [channels, height, width] = registry::input_shape(spec)?;
            let shape = [batch, channels, height, width];
            let forward = |m: &ImageClassifier, x: Tensor<4>| m.forward(x, None);
            Ok(timed(device, model, shape, dtype, forward))
        }
        ModelSpec::Ssamba(_) => {
            let model = registry::sound_classifier(&mut init, spec, None, classes)?;
            let encoder = registry::sound_encoder(spec)?;
            let shape = [batch, encoder.frames, encoder.bins];
            let forward = |m: &SoundClassifier, x: Tensor<3>| m.forward(x, None);
            Ok(timed(device, model, shape, dtype, forward))
        }
    }
}

fn timed<M: Module, const D: usize>(
    device: &Device,
    model: M,
    shape: [usize; D],
    dtype: DType,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<2>,
) -> ModelTiming {
    let tracked = device.clone().autodiff();
    let input = |device: &Device| {
        Tensor::<D>::random(shape, Distribution::Normal(0.0, 1.0), (device, dtype))
    };
    let (plain, taped) = (input(device), input(&tracked));
    let step = || {
        let scores = forward(&model, taped.clone()).cast(DType::F32);
        scores.square().mean().backward()
    };
    let start = Instant::now();
    drop(step());
    let _ = device.sync();
    let first_ms = start.elapsed().as_secs_f64() * 1e3;
    let valid = model.valid();
    let (forward_ms, _) = median(device, || forward(&valid, plain.clone()));
    let eager_ms = eager(device, step);
    let (training_ms, graph) = median(device, step);
    ModelTiming {
        batch: shape[0],
        dtype: format!("{dtype:?}").to_lowercase(),
        forward_ms,
        eager_ms,
        training_ms,
        first_ms,
        graph,
    }
}
