//! Tensors that stay where they are.
//!
//! Burn's tensors are values: an operation gives a new one, wherever memory is free. A hardware graph repeats its launches on
//! the very buffers that it was recorded with, so what changes from one replay to the next has to be written
//! into those. Outside graphs there is no need for any of this.

#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
mod ops;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

use ops::BufferOps;

#[cfg(feature = "gpu")]
pub(crate) use cube::duplicate as duplicate_cube;

/// A copy in memory of its own, row-major and without gaps. Outside autodiff.
pub fn duplicate<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::duplicate(tensor.into_dispatch()))
}

/// Writes `value` into the memory of `target`, which every tensor that shares it will see, and returns `target`.
///
/// `target` has to come from [`duplicate`], or be row-major and without gaps by other means. Keep the result alive until the
/// device was synchronised, or burn may leave the operation out. Outside autodiff.
///
/// On the CPU, which replays nothing, the result is `value` and `target` stays as it is.
///
/// # Panics
///
/// Panics if the shapes or types differ.
pub fn overwrite<const D: usize>(target: &Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    check(
        (target.dims(), target.dtype()),
        (value.dims(), value.dtype()),
    );
    let (target, value) = (target.clone().into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::overwrite(target, value))
}

/// Writes all elements of `value` into the memory of `target`, from element `first` on, and returns `target`.
///
/// What [`overwrite`] says of memory holds here as well, but on the CPU the result is a row of its own.
///
/// # Panics
///
/// Panics if the types differ, or if `target` ends before `value` does.
pub fn overwrite_part<const D: usize>(
    target: &Tensor<1>,
    first: usize,
    value: Tensor<D>,
) -> Tensor<1> {
    let ([room], len) = (target.dims(), value.dims().iter().product::<usize>());
    let (own, other) = (target.dtype(), value.dtype());
    assert!(
        own == other && first + len <= room,
        "overwrite_part: `value` is {len} elements of {other:?} for {first} on, expected {own:?} up to {room}"
    );
    let (target, value) = (target.clone().into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::overwrite_part(target, value, first))
}

/// [`overwrite`] for integers.
///
/// # Panics
///
/// As for [`overwrite`].
pub fn overwrite_int<const D: usize>(
    target: &Tensor<D, Int>,
    value: Tensor<D, Int>,
) -> Tensor<D, Int> {
    check(
        (target.dims(), target.dtype()),
        (value.dims(), value.dtype()),
    );
    let (target, value) = (target.clone().into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::overwrite_int(target, value))
}

fn check<T: PartialEq + std::fmt::Debug>(target: T, value: T) {
    assert!(
        target == value,
        "overwrite: `value` is {value:?}, expected {target:?} as `target` has"
    );
}
