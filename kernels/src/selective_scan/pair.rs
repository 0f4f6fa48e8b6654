//! Two scans of the same tokens in opposite directions.

use burn::tensor::{Tensor, s};

use super::ops::Emit;
use super::{ScanInput, ScanOptions, run, selective_scan};

/// Runs two scans in opposite directions and returns the sum of their outputs, `[B, L, D]`: the pattern of
/// Vision Mamba (arXiv 2401.09417, algorithm 1). On a GPU it is one launch for both directions, and no copy of
/// the tokens is flipped.
///
/// The operands of [`ScanInput`] are stacked, the direction of `options` first, then the other: `u`, `delta`,
/// `b`, `c` and `initial_state` along the batch (`u` is `[2B, L, D]`, always in sequence order), `a`, `skip` and
/// `delta_bias` along the channels (`a` is `[2D, N]`). Both directions share `z`, `[B, L, D]`, and
/// `reset`, `[B, L]`.
///
/// # Panics
///
/// Panics if the operands' shapes disagree.
pub fn bidirectional_scan(input: ScanInput, options: ScanOptions) -> Tensor<3> {
    input.check_pair();
    if crate::native::has_cube_kernels(&input.u.device(), input.u.dtype()) {
        return run(input, options, Emit::SumOfDirections);
    }
    separately(input, options, selective_scan)
}

/// The same by one call of `scan` for each direction.
pub(super) fn separately(
    input: ScanInput,
    options: ScanOptions,
    scan: impl Fn(ScanInput, ScanOptions) -> Tensor<3>,
) -> Tensor<3> {
    let opposite = ScanOptions {
        reverse: !options.reverse,
        ..options
    };
    let [first, second] = [0, 1].map(|index| direction(&input, index));
    scan(first, options) + scan(second, opposite)
}

/// The operands of one direction.
fn direction(input: &ScanInput, index: usize) -> ScanInput {
    let [batch, _, channels] = input.u.dims();
    let half = batch / 2;
    let sequences = index * half..(index + 1) * half;
    let parameters = index * channels..(index + 1) * channels;
    let parameter = |tensor: Tensor<1>| tensor.slice(s![parameters.clone()]);
    ScanInput {
        u: input.u.clone().slice(s![sequences.clone()]),
        delta: input.delta.clone().slice(s![sequences.clone()]),
        a: input.a.clone().slice(s![parameters.clone()]),
        b: input.b.clone().slice(s![sequences.clone()]),
        c: input.c.clone().slice(s![sequences.clone()]),
        skip: input.skip.clone().map(parameter),
        z: input.z.clone(),
        delta_bias: input.delta_bias.clone().map(parameter),
        initial_state: input
            .initial_state
            .clone()
            .map(|state| state.slice(s![sequences.clone()])),
        reset: input.reset.clone(),
    }
}
