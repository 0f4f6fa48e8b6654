//! Timing of a model on random input.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_config::ModelSpec;
use elapid_nn::Init;
use serde::Serialize;

use super::clock::{eager, median};
use crate::registry;

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

/// Times a classifier with `classes` outputs on a batch of random images.
pub fn model(
    device: &Device,
    spec: &ModelSpec,
    classes: usize,
    batch: usize,
    dtype: DType,
) -> ModelTiming {
    let tracked = device.clone().autodiff();
    let mut init = Init::new(0, &tracked);
    let model = registry::image_classifier(&mut init, spec, classes);
    let [channels, height, width] = registry::input_shape(spec);
    let shape = [batch, channels, height, width];
    let images = |device: &Device| {
        Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), (device, dtype))
    };
    let (plain, taped) = (images(device), images(&tracked));
    let step = || {
        let scores = model.forward(taped.clone(), None).cast(DType::F32);
        scores.square().mean().backward()
    };
    let start = Instant::now();
    drop(step());
    let _ = device.sync();
    let first_ms = start.elapsed().as_secs_f64() * 1e3;
    let valid = model.valid();
    let (forward_ms, _) = median(device, || valid.forward(plain.clone(), None));
    let eager_ms = eager(device, step);
    let (training_ms, graph) = median(device, step);
    ModelTiming {
        batch,
        dtype: format!("{dtype:?}").to_lowercase(),
        forward_ms,
        eager_ms,
        training_ms,
        first_ms,
        graph,
    }
}
