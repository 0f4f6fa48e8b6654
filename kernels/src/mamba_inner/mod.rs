//! Everything in a Mamba-1 block between the input and the output projection, as one operator.
//!
//! ```text
//! x, z = xz                      c = silu(conv(x))
//! δ', B, C = x_proj c            δ = dt_proj δ'
//! y = scan(c, δ, −exp(A_log), B, C; D, z, dt_bias)
//! ```
//!
//! A second branch does the same from the last token to the first with parameters of its own, and the
//! outputs are added (Vision Mamba). On a GPU a branch costs no launch of its own except for its convolution,
//! slices of `xz` and of the projections are read and written in place, and the backward pass recomputes
//! c and δ instead of keeping them; elsewhere the operator is the composition of its parts.
//!
//! Source: `MambaInnerFn` in `mamba_ssm/ops/selective_scan_interface.py` of state-spaces/mamba, and
//! `bimamba_type` v2 in `mamba-1p1p1/mamba_ssm/modules/mamba_simple.py` of hustvl/Vim.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
mod input;
#[cfg(feature = "gpu")]
mod ops;
mod parts;
#[cfg(test)]
mod tests;

use burn::tensor::{DType, Device, Tensor};

pub use input::{Branch, InnerInput};

/// True where [`mamba_inner`] is more than the composition of its parts: on GPUs, in types of up to 32 bits.
///
/// Where it is not, callers that can compute x and z apart save the slices of `xz`.
pub fn is_fused(device: &Device, dtype: DType) -> bool {
    crate::native::has_cube_kernels(device, dtype)
}

/// The scan's output, `[B, L, D]`, in the type of `xz`.
///
/// # Panics
///
/// Panics if the operands' shapes disagree (see [`InnerInput`] and [`Branch`]).
pub fn mamba_inner(input: InnerInput) -> Tensor<3> {
    input.check();
    #[cfg(feature = "gpu")]
    if is_fused(&input.xz.device(), input.xz.dtype()) {
        return fused(input);
    }
    parts::mamba_inner(input)
}

#[cfg(feature = "gpu")]
fn fused(input: InnerInput) -> Tensor<3> {
    use burn::backend::Dispatch;
    use ops::{InnerPlan, InnerTensors, MambaInnerOps, OptionalBranch};

    let device = input.xz.device();
    let plan = InnerPlan {
        keep_states: false,
        interval: crate::selective_scan::interval(&device),
    };
    let tensors = InnerTensors {
        xz: input.xz.into_dispatch(),
        forward: input.forward.into_tensors(),
        backward: input.backward.map_or(OptionalBranch::Absent, |branch| {
            OptionalBranch::Present(branch.into_tensors())
        }),
        reset: input
            .reset
            .map(|t| t.float().cast(DType::F32).into_dispatch())
            .into(),
    };
    Tensor::from_dispatch(Dispatch::mamba_inner_forward(tensors, plan).y)
}
