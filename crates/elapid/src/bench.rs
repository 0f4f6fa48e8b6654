//! Timing of operators.

use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_kernels::selective_scan::{ScanInput, ScanOptions, reference, selective_scan};
use serde::Serialize;

/// Median times of one implementation of the selective scan.
#[derive(Clone, Debug, Serialize)]
pub struct ScanTiming {
    /// `native` (what models use) or `reference` (tensor operations).
    pub strategy: &'static str,
    /// B, D, L, N.
    pub shape: [usize; 4],
    /// Storage type of the activations.
    pub dtype: String,
    /// Milliseconds of the forward pass, without gradient tracking.
    pub forward_ms: f64,
    /// Milliseconds of the backward pass: forward and backward together less the forward pass with
    /// gradient tracking.
    pub backward_ms: f64,
}

/// Runs of which the median is taken, after one to warm up.
const RUNS: usize = 7;

type Scan = fn(ScanInput, ScanOptions) -> Tensor<3>;

/// Times every implementation at a shape `[B, D, L, N]`, with gate, skip and bias.
pub fn scan(device: &Device, shape: [usize; 4], dtype: DType) -> Vec<ScanTiming> {
    let strategies: [(&'static str, Scan); 2] = [
        ("native", selective_scan),
        ("reference", |input, options| {
            reference::selective_scan(input, options).0
        }),
    ];
    let options = ScanOptions {
        delta_softplus: true,
        reverse: false,
    };
    let tracked = device.clone().autodiff();
    strategies
        .into_iter()
        .map(|(strategy, scan)| {
            let plain = operands(shape, device, dtype);
            let forward_ms = median(device, || drop(scan(plain.clone(), options)));
            let operands = operands(shape, &tracked, dtype);
            let track = || scan(operands.clone(), options);
            let taped = median(device, || drop(track()));
            let both = median(device, || drop(track().sum().backward()));
            let backward_ms = (both - taped).max(0.0);
            let dtype = format!("{dtype:?}").to_lowercase();
            ScanTiming {
                strategy,
                shape,
                dtype,
                forward_ms,
                backward_ms,
            }
        })
        .collect()
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

/// Median milliseconds of a run, the device's queue drained before and after.
fn median(device: &Device, mut run: impl FnMut()) -> f64 {
    let mut time = || {
        // A device that cannot drain its queue fails the next operation, with its own message.
        let _ = device.sync();
        let start = Instant::now();
        run();
        let _ = device.sync();
        start.elapsed().as_secs_f64() * 1e3
    };
    time();
    let mut times: Vec<f64> = (0..RUNS).map(|_| time()).collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}
