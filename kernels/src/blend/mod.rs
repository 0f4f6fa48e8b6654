//! The exponential moving average of a tensor: `average ← keep · average + add · current`.

#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod ops;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

use ops::{BlendOps, BlendPlan};

/// The average after it has taken in `current`; both of one shape, outside autodiff.
///
/// `table`, 32-bit, `[N]`, holds how much of the average is kept at `first`, and behind it what is added of the other: if that is zero,
/// nothing is, whatever the other holds. With `in_place` it is written into the average's memory, which has to be row-major and without gaps; see
/// [`duplicate`](crate::buffers::duplicate). The CPU does so only where nobody else sees it.
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn blend<const D: usize>(
    average: Tensor<D>,
    current: Tensor<D>,
    table: &Tensor<1>,
    first: usize,
    in_place: bool,
) -> Tensor<D> {
    let shapes = crate::native::Shapes { operator: "blend" };
    shapes.equal("current", current.dims(), average.dims());
    let is_native = crate::native::is_native(&average.device(), DType::F32);
    if !is_native || [average.dtype(), current.dtype()] != [DType::F32; 2] {
        let factor = |at: usize| {
            let factor = table.clone().slice(at..at + 1).reshape([1; D]);
            factor.cast(average.dtype())
        };
        let is_off = factor(first + 1).equal_elem(0.0).expand(average.dims());
        let added = (current * factor(first + 1)).mask_fill(is_off, 0.0);
        return average.clone() * factor(first) + added;
    }
    let plan = BlendPlan { first, in_place };
    Tensor::from_dispatch(Dispatch::blend(
        average.into_dispatch(),
        current.into_dispatch(),
        table.clone().into_dispatch(),
        plan,
    ))
}
