//! The composition of the parts: the reference, and what runs where nothing is fused.

use burn::tensor::{Bool, Tensor, s};

use super::{Branch, InnerInput};
use crate::{ConvInput, ConvOptions, ScanInput, ScanOptions, causal_conv1d, selective_scan};

/// `[B, L, D]` in the type of `xz`.
pub(super) fn mamba_inner(input: InnerInput) -> Tensor<3> {
    let InnerInput {
        xz,
        forward,
        backward,
        reset,
    } = input;
    let channels = xz.dims()[2] / 2;
    let x = xz.clone().slice(s![.., .., ..channels]);
    let z = xz.slice(s![.., .., channels..]);
    let y = direction(x.clone(), z.clone(), forward, reset.clone(), false);
    match backward {
        Some(backward) => y + direction(x, z, backward, reset, true),
        None => y,
    }
}

fn direction(
    x: Tensor<3>,
    z: Tensor<3>,
    branch: Branch,
    reset: Option<Tensor<2, Bool>>,
    reverse: bool,
) -> Tensor<3> {
    let [batch, length, channels] = x.dims();
    let dtype = x.dtype();
    let [_, rank] = branch.dt_proj.dims();
    let [_, states] = branch.a_log.dims();
    let conv = ConvInput {
        bias: branch.conv_bias,
        reset: reset.clone(),
        ..ConvInput::new(x, branch.conv_weight)
    };
    let c = causal_conv1d(
        conv,
        ConvOptions {
            silu: true,
            reverse,
        },
    );
    let project = |x: Tensor<2>, weight: Tensor<2>| x.matmul(weight.cast(dtype).transpose());
    let rows = batch * length;
    let projected = project(c.clone().reshape([rows, channels]), branch.x_proj);
    let delta = project(projected.clone().slice(s![.., ..rank]), branch.dt_proj);
    let matrix = |from: usize| {
        let columns = projected.clone().slice(s![.., from..from + states]);
        columns.reshape([batch, length, 1, states])
    };
    let scan = ScanInput::new(
        c,
        delta.reshape([batch, length, channels]),
        -branch.a_log.exp(),
        matrix(rank),
        matrix(rank + states),
    );
    let scan = ScanInput {
        skip: Some(branch.skip),
        z: Some(z),
        delta_bias: branch.dt_bias,
        reset,
        ..scan
    };
    let options = ScanOptions {
        delta_softplus: true,
        reverse,
        ..ScanOptions::default()
    };
    selective_scan(scan, options)
}
