//! Timing of the selective scan.

use std::time::Instant;

use burn::tensor::{DType, Device, Distribution, Tensor};
use elapid_kernels::selective_scan::{ScanInput, ScanOptions, Tuning, reference, selective_scan};
use serde::Serialize;

use super::clock::median;
use super::limits::Limits;

/// What a pass achieved. Bounds are what the least number of bytes and of exponentials would take at the speeds that
/// were measured on the device.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pass {
    /// Milliseconds.
    pub ms: f64,
    /// Billions of bytes a second, if every operand is read and every result written once.
    pub gb_per_s: f64,
    /// Share of the time that those bytes take at least.
    pub byte_bound: f64,
    /// Share of the time that the exponentials take at least; absent where they were not measured.
    pub exponential_bound: Option<f64>,
}

impl Pass {
    fn new(ms: f64, bytes: f64, exponentials: f64, limits: &Limits) -> Self {
        let seconds = ms / 1e3;
        let share = |amount: f64, speed: f64| amount / speed / seconds;
        Self {
            ms,
            gb_per_s: bytes / seconds / 1e9,
            byte_bound: share(bytes, limits.bytes),
            exponential_bound: limits.exponentials.map(|speed| share(exponentials, speed)),
        }
    }
}

/// Median times of one implementation of the selective scan.
#[derive(Clone, Debug, Serialize)]
pub struct ScanTiming {
    /// `auto` (what models use), `reference` (tensor operations), or a division of the work.
    pub strategy: String,
    /// B, D, L, N.
    pub shape: [usize; 4],
    /// Storage type of the activations.
    pub dtype: String,
    /// The forward pass, without gradient tracking.
    pub forward: Pass,
    /// The backward pass: forward and backward together less the forward pass with gradient tracking.
    pub backward: Pass,
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

/// A device and its measured speeds.
#[derive(Clone, Debug)]
pub struct ScanBench {
    device: Device,
    limits: Limits,
}

impl ScanBench {
    /// Measures the device's speeds.
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            limits: Limits::of(device),
        }
    }

    /// Times one implementation at a shape `[B, D, L, N]`, with gate, skip and bias.
    ///
    /// # Errors
    ///
    /// What is wrong with `strategy`.
    pub fn time(
        &self,
        shape: [usize; 4],
        dtype: DType,
        strategy: &str,
    ) -> Result<ScanTiming, String> {
        scan(&self.device, &self.limits, shape, dtype, strategy)
    }
}

fn scan(
    device: &Device,
    limits: &Limits,
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
    let [forward, backward] = least(shape, dtype);
    Ok(ScanTiming {
        strategy: strategy.to_owned(),
        shape,
        dtype: format!("{dtype:?}").to_lowercase(),
        forward: Pass::new(forward_ms, forward.bytes, forward.exponentials, limits),
        backward: Pass::new(both - taped, backward.bytes, backward.exponentials, limits),
        first_ms,
        graph: graph && graph_backward,
    })
}

/// The least work of a pass.
struct Least {
    bytes: f64,
    exponentials: f64,
}

/// Forward: u, Δ and z are read, the output is written; backward: u, Δ, z and the output's gradient are read, three
/// gradients written; B and C beside them each time, and their gradients. One exponential for each state and step,
/// two for the softplus and two for the gate of each channel and step.
fn least([b, d, l, n]: [usize; 4], dtype: DType) -> [Least; 2] {
    let elements = (b * d * l) as f64;
    let matrices = (2 * b * l * n) as f64;
    let size = dtype.size() as f64;
    let exponentials = elements * (n + 4) as f64;
    [(4.0, 1.0), (7.0, 2.0)].map(|(of_elements, of_matrices)| Least {
        bytes: size * (of_elements * elements + of_matrices * matrices),
        exponentials,
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
