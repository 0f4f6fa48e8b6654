//! The Gaussian error linear unit, `y = x Φ(x)` (arXiv 1606.08415, equation 1).
//!
//! Burn's takes five passes forward and a dozen backward on the CPU, each with an error function of one number at a time. Here each
//! direction is one pass of vectors on all cores. On GPUs burn fuses its passes, so there it is burn's.

mod autodiff;
mod flex;
mod ops;
#[cfg(test)]
mod tests;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor, activation};

use ops::GeluOps;

/// `x Φ(x)` with the distribution function Φ of the normal distribution, element by element; the exact form, not that of tanh.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let device = x.device().inner();
    let is_cpu = matches!(device.as_dispatch(), DispatchDevice::Flex(_));
    match is_cpu && x.dtype() == DType::F32 {
        true => Tensor::from_dispatch(Dispatch::gelu_forward(x.into_dispatch())),
        false => activation::gelu(x),
    }
}
