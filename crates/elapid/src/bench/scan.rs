//! Timing of the selective scan.

use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_kernels::selective_scan::{ScanInput, ScanOptions, Tuning, reference, selective_scan};
use serde::Serialize;

use super::clock::median;

/// Median times of one implementation of the selective scan.
#[derive(Clone, Debug, Serialize)]
pub struct ScanTiming {
    /// `auto` (what models use), `reference` (tensor operations), or a division of the work.
    pub strategy: String,
    /// B, D, L, N.
    pub shape: [usize; 4],
    /// Storage type of the activations.
    pub dtype: String,
    /// Milliseconds of the forward pass, without gradient tracking.
    pub forward_ms: f64,
    /// Milliseconds of the backward pass: forward and backward together less the forward pass with
    /// gradient tracking.
    pub backward_ms: f64,
    /// Milliseconds of the first forward and backward pass, compilation included.
    pub first_ms: f64,
    /// True if the passes were replayed as hardware graphs, so that the host does not count.
    pub graph: bool,
}

/// How a scan is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As models run it, or with parts of the tuning given.
    Native(Tuning),
    /// By tensor operations.
    Reference,
}

impl std::str::FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reference" => return Ok(Self::Reference),
            "auto" => return Ok(Self::Native(Tuning::default())),
            _ => {}
        }
        let mut tuning = Tuning::default();
        for part in text.split(',') {
            let expected = || {
                format!(
                    "strategy {text}: expected auto, reference, or lanes=N, channels=N, steps=N, chunks=N joined by commas"
                )
            };
            let (name, value) = part.split_once('=').ok_or_else(expected)?;
            let value = value.parse().map_err(|_| expected())?;
            let place = match name {
                "lanes" => &mut tuning.lanes,
                "channels" => &mut tuning.channels,
                "steps" => &mut tuning.steps,
                "chunks" => &mut tuning.chunks,
                _ => return Err(expected()),
            };
            *place = Some(value);
        }
        Ok(Self::Native(tuning))
    }
}

/// Times one implementation at a shape `[B, D, L, N]`, with gate, skip and bias.
pub fn scan(
    device: &Device,
    shape: [usize; 4],
    dtype: DType,
    strategy: &str,
) -> Result<ScanTiming, String> {
    let parsed: Strategy = strategy.parse()?;
    let run = |input: ScanInput| {
        let mut options = ScanOptions {
            delta_softplus: true,
            ..ScanOptions::default()
        };
        match parsed {
            Strategy::Reference => reference::selective_scan(input, options).0,
            Strategy::Native(tuning) => {
                options.tuning = tuning;
                selective_scan(input, options)
            }
        }
    };
    let plain = operands(shape, device, dtype);
    let tracked = operands(shape, &device.clone().autodiff(), dtype);
    let start = Instant::now();
    let first = run(tracked.clone()).backward();
    let _ = device.sync();
    let first_ms = start.elapsed().as_secs_f64() * 1e3;
    drop(first);
    let (forward_ms, graph) = median(device, || run(plain.clone()));
    let (taped, _) = median(device, || run(tracked.clone()));
    let (both, graph_backward) = median(device, || run(tracked.clone()).backward());
    Ok(ScanTiming {
        strategy: strategy.to_owned(),
        shape,
        dtype: format!("{dtype:?}").to_lowercase(),
        forward_ms,
        backward_ms: (both - taped).max(0.0),
        first_ms,
        graph: graph && graph_backward,
    })
}

fn operands([b, d, l, n]: [usize; 4], device: &Device, dtype: DType) -> ScanInput {
    let on = (device, dtype);
    let normal = Distribution::Normal(0.0, 1.0);
    let uniform = |low, high| Distribution::Uniform(low, high);
    let track = device.is_autodiff();
    fn leaf<const D: usize>(tensor: Tensor<D>, track: bool) -> Tensor<D> {
        if track { tensor.require_grad() } else { tensor }
    }
    let float = (device, DType::F32);
    ScanInput::new(
        leaf(Tensor::random([b, l, d], normal, on), track),
        leaf(Tensor::random([b, l, d], uniform(0.0, 0.5), on), track),
        leaf(Tensor::random([d, n], uniform(-1.0, -0.1), float), track),
        leaf(Tensor::random([b, l, 1, n], normal, on), track),
        leaf(Tensor::random([b, l, 1, n], normal, on), track),
    )
    .with_skip(leaf(Tensor::random([d], normal, float), track))
    .with_gate(leaf(Tensor::random([b, l, d], normal, on), track))
    .with_delta_bias(leaf(Tensor::random([d], uniform(0.0, 0.5), float), track))
}
