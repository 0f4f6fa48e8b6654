//! Product with a weight matrix over the last axis: `y = x Wᵀ`.
//!
//! On GPUs it differs from a general product in three ways that decide the speed of narrow networks: a fixed kernel in
//! place of one tuned for every shape, a gradient of the weights that is summed in many parts at once, and that
//! gradient in 32 bits whatever the type of the activations. On the CPU it is burn's product.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
#[cfg(feature = "gpu")]
mod fusion;
#[cfg(feature = "gpu")]
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

/// `x Wᵀ`, in the type of x.
///
/// - `x` `[.., in]`
/// - `weight` `[out, in]`, in any float type; it is rounded to the type of x
/// - output `[.., out]`
///
/// # Panics
///
/// Panics if the last axes of the operands differ.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let [_, inputs] = weight.dims();
    let shape = x.dims();
    assert!(
        shape[D - 1] == inputs,
        "linear: `x` is {shape:?}, expected {inputs} in its last axis as in `weight`, {:?}",
        weight.dims()
    );
    #[cfg(feature = "gpu")]
    if crate::native::has_cube_kernels(&x.device(), x.dtype()) {
        use burn::backend::Dispatch;
        use ops::LinearOps;
        let y = Dispatch::linear_forward(x.into_dispatch(), weight.into_dispatch());
        return Tensor::from_dispatch(y);
    }
    reference::linear(x, weight)
}
