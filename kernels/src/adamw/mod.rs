//! One step of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019) for one parameter, as
//! `torch.optim.AdamW` has it:
//!
//! ```text
//! g = s · gradient
//! m = β₁ m + (1 − β₁) g
//! v = β₂ v + (1 − β₂) g²
//! p = (1 − lr · λ) p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//! ```
//!
//! Everything that changes from step to step is read from device memory, so that a captured graph can repeat the
//! step. The parameter and its moments are updated where they are.

#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod group;
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

pub use group::{Stepped, Steps};
use ops::{AdamWOps, AdamWPlan, AdamWTensors};

/// Numbers of [`Dials`] that a step reads.
pub const DIALS: usize = 3;

/// What does not change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the first moment, β₁.
    pub beta_1: f32,
    /// Decay of the second moment, β₂.
    pub beta_2: f32,
    /// Added to the denominator, ε.
    pub epsilon: f32,
    /// Write into the memory of parameter and moments, whoever else may see it. Without, they are copied if
    /// somebody does. The CPU always copies.
    pub in_place: bool,
}

/// What changes from step to step, in device memory.
#[derive(Clone, Copy, Debug)]
pub struct Dials<'a> {
    /// What gradients are multiplied by, s; shape `[1]`. Below 0, the step is not made: parameter and moments stay as
    /// they are, whatever the gradient holds.
    pub grad_scale: &'a Tensor<1>,
    /// Numbers as [`dials`] gives them, for any number of groups; 32-bit, shape `[N]`.
    pub table: &'a Tensor<1>,
    /// Element of the table at which this parameter's numbers begin.
    pub first: usize,
}

/// The numbers of a step: `1 − lr · λ`, `lr / (1 − β₁ᵗ)` and `√(1 − β₂ᵗ)`, for the `t`-th step from 1.
pub fn dials(lr: f64, weight_decay: f64, betas: [f64; 2], t: u64) -> [f32; DIALS] {
    // Beyond this many steps the powers are 0 in any case.
    let t = t.min(i32::MAX as u64) as i32;
    let [bias_1, bias_2] = betas.map(|beta| 1.0 - beta.powi(t));
    [
        (1.0 - lr * weight_decay) as f32,
        (lr / bias_1) as f32,
        bias_2.sqrt() as f32,
    ]
}

/// The parameter and its moments after the step.
///
/// - `parameter`, `gradient` and both `moments` of one shape, outside autodiff
///
/// In place, the parameter and the moments have to be row-major and without gaps; see
/// [`duplicate`](crate::buffers::duplicate).
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    dials: Dials,
    options: AdamWOptions,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    check(&parameter, &gradient, &moments);
    let types = [&parameter, &gradient, &moments[0], &moments[1]].map(Tensor::dtype);
    let native = crate::native::is_native(&parameter.device(), DType::F32);
    if !native || types != [DType::F32; 4] {
        return reference::adamw(parameter, gradient, moments, dials, options);
    }
    let [first, second] = moments;
    let tensors = AdamWTensors {
        parameter: parameter.into_dispatch(),
        gradient: gradient.into_dispatch(),
        first: first.into_dispatch(),
        second: second.into_dispatch(),
        grad_scale: dials.grad_scale.clone().into_dispatch(),
        table: dials.table.clone().into_dispatch(),
    };
    let plan = AdamWPlan {
        options,
        first_dial: dials.first,
    };
    let (parameter, first, second) = Dispatch::adamw_step(tensors, plan);
    let moments = [first, second].map(Tensor::from_dispatch);
    (Tensor::from_dispatch(parameter), moments)
}

/// # Panics
///
/// Panics if the shapes differ.
fn check<const D: usize>(parameter: &Tensor<D>, gradient: &Tensor<D>, moments: &[Tensor<D>; 2]) {
    let shapes = crate::native::Shapes { operator: "adamw" };
    shapes.equal("gradient", gradient.dims(), parameter.dims());
    for moment in moments {
        shapes.equal("moments", moment.dims(), parameter.dims());
    }
}
