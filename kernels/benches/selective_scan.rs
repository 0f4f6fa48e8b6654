//! Selective scan on the CPU: native against tensor operations.
//!
//! `cargo bench -p elapid-kernels` prints medians; `peers/` holds the PyTorch counterpart.

use burn::tensor::{Device, Distribution, Tensor};
use divan::Bencher;
use elapid_kernels::selective_scan::{ScanInput, ScanOptions, Tuning, reference, selective_scan};

/// B, D, L, N.
type Shape = [usize; 4];

const SHAPES: [Shape; 3] = [[8, 384, 197, 16], [4, 768, 512, 16], [1, 1536, 2048, 16]];
const OPTIONS: ScanOptions = ScanOptions {
    delta_softplus: true,
    reverse: false,
    tuning: Tuning::AUTO,
};

fn main() {
    divan::main();
}

/// Operands with gate, skip and bias, like those of a Mamba block; leaves on an autodiff device.
fn input([b, d, l, n]: Shape, device: &Device) -> ScanInput {
    fn draw<const R: usize>(shape: [usize; R], low: f64, high: f64, device: &Device) -> Tensor<R> {
        let tensor = Tensor::random(shape, Distribution::Uniform(low, high), device);
        if device.is_autodiff() {
            tensor.require_grad()
        } else {
            tensor
        }
    }
    ScanInput::new(
        draw([b, l, d], -1.0, 1.0, device),
        draw([b, l, d], 0.0, 0.5, device),
        draw([d, n], -1.0, -0.1, device),
        draw([b, l, 1, n], -1.0, 1.0, device),
        draw([b, l, 1, n], -1.0, 1.0, device),
    )
    .with_skip(draw([d], -1.0, 1.0, device))
    .with_gate(draw([b, l, d], -1.0, 1.0, device))
    .with_delta_bias(draw([d], 0.0, 0.5, device))
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn forward_native(bencher: Bencher, shape: &Shape) {
    let input = input(*shape, &Device::flex());
    bencher.bench(|| selective_scan(input.clone(), OPTIONS));
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn forward_backward_native(bencher: Bencher, shape: &Shape) {
    let input = input(*shape, &Device::flex().autodiff());
    bencher.bench(|| selective_scan(input.clone(), OPTIONS).sum().backward());
}

#[divan::bench(args = SHAPES, sample_count = 3, sample_size = 1)]
fn forward_reference(bencher: Bencher, shape: &Shape) {
    let input = input(*shape, &Device::flex());
    bencher.bench(|| reference::selective_scan(input.clone(), OPTIONS));
}

#[divan::bench(args = SHAPES, sample_count = 3, sample_size = 1)]
fn forward_backward_reference(bencher: Bencher, shape: &Shape) {
    let input = input(*shape, &Device::flex().autodiff());
    bencher.bench(|| {
        reference::selective_scan(input.clone(), OPTIONS)
            .0
            .sum()
            .backward()
    });
}
