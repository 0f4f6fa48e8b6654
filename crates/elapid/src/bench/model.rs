//! Timing of a model on random input.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_config::ModelSpec;
use elapid_models::{Forecaster, ImageClassifier, SoundClassifier};
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
    /// Device memory that one inference made the process hold, weights included, in MiB; where the device tells.
    pub forward_mib: Option<f64>,
    /// Milliseconds of the first inference: compilation and tuning.
    pub first_ms: f64,
    /// Times of training, if they were asked for.
    pub training: Option<TrainingTiming>,
    /// True if replay means a hardware graph, so that the host does not count.
    pub graph: bool,
}

/// Median times of forward and backward passes.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingTiming {
    /// Milliseconds, launched one operation after the other.
    pub eager_ms: f64,
    /// Milliseconds, replayed.
    pub replayed_ms: f64,
    /// Milliseconds of the first ones: compilation and tuning.
    pub first_ms: f64,
}

/// Times a classifier with `classes` outputs on a batch of random images or spectrograms, or a forecaster on random series.
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
    training: bool,
) -> Result<ModelTiming, PlanError> {
    let mut init = Init::new(0, &device.clone().autodiff());
    match spec {
        ModelSpec::Vim(_) => {
            let model = registry::image_classifier(&mut init, spec, classes)?;
            let [channels, height, width] = registry::input_shape(spec)?;
            let shape = [batch, channels, height, width];
            let forward = |m: &ImageClassifier, x: Tensor<4>| m.forward(x, None);
            Ok(timed(device, model, shape, dtype, training, forward))
        }
        ModelSpec::Ssamba(_) => {
            let model = registry::sound_classifier(&mut init, spec, None, classes)?;
            let encoder = registry::sound_encoder(spec)?;
            let shape = [batch, encoder.frames, encoder.bins];
            let forward = |m: &SoundClassifier, x: Tensor<3>| m.forward(x, None);
            Ok(timed(device, model, shape, dtype, training, forward))
        }
        ModelSpec::MambaSl(_)
        | ModelSpec::GraphMamba(_)
        | ModelSpec::Gmn(_)
        | ModelSpec::NeuralWalker(_) => Err(PlanError::of_bench(spec)),
        _ => {
            let input = registry::stated_input(spec)?;
            let model = registry::forecaster(&mut init, spec, input)?;
            let lookback = registry::series_shape(spec)?.lookback;
            let shape = [batch, lookback, input.variates];
            let forward = |m: &Forecaster, x: Tensor<3>| m.forward(x, None, None).flatten(1, 2);
            Ok(timed(device, model, shape, dtype, training, forward))
        }
    }
}

fn timed<M: Module, const D: usize>(
    device: &Device,
    model: M,
    shape: [usize; D],
    dtype: DType,
    training: bool,
    forward: impl Fn(&M, Tensor<D>) -> Tensor<2>,
) -> ModelTiming {
    let input = |device: &Device| {
        Tensor::<D>::random(shape, Distribution::Normal(0.0, 1.0), (device, dtype))
    };
    let (valid, plain) = (model.valid(), input(device));
    let first = || drop(forward(&valid, plain.clone()));
    let first_ms = once(device, first);
    // Tuning may have taken more than a pass does.
    device.memory_cleanup();
    once(device, first);
    let held = device.memory_pool_usage();
    let forward_mib = held.map(|held| held.bytes_reserved as f64 / f64::from(1 << 20));
    let (forward_ms, graph) = median(device, || forward(&valid, plain.clone()));
    let training = training.then(|| {
        let taped = input(&device.clone().autodiff());
        let step = || {
            let scores = forward(&model, taped.clone()).cast(DType::F32);
            scores.square().mean().backward()
        };
        TrainingTiming {
            first_ms: once(device, || drop(step())),
            eager_ms: eager(device, step),
            replayed_ms: median(device, step).0,
        }
    });
    ModelTiming {
        batch: shape[0],
        dtype: format!("{dtype:?}").to_lowercase(),
        forward_ms,
        forward_mib,
        first_ms,
        training,
        graph,
    }
}

/// Milliseconds of one run.
fn once(device: &Device, run: impl FnOnce()) -> f64 {
    let _ = device.sync();
    let start = Instant::now();
    run();
    let _ = device.sync();
    start.elapsed().as_secs_f64() * 1e3
}
