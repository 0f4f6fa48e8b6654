//! A gradient that is stated, not derived: how a training pass hands numbers over with its gradients.
//!
//! ```text
//! y = t          dt = dy          dx = dy · g
//! ```
//!
//! The same as `t + Σ (x − x̄) g` where x̄ is x taken for a constant, but nothing is computed until the backward pass, where gradients
//! of one width lie side by side in burn's graph and become one launch: running statistics of a network's batch norms are many, and short.

mod autodiff;
mod ops;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

use ops::AttachOps;

/// The term as it is, whose gradient with respect to `x` is `gradient`, times that of the term.
///
/// - `term`, output `[1]`, 32-bit
/// - `x` `[C]`, of any float type
/// - `gradient` `[C]`; it receives no gradient of its own
///
/// # Panics
///
/// Panics if `gradient` has another length than `x`.
pub fn attach(term: Tensor<1>, x: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
    crate::native::Shapes { operator: "attach" }.equal("gradient", gradient.dims(), x.dims());
    let [x, gradient] = [x, gradient].map(|tensor| tensor.cast(DType::F32).into_dispatch());
    Tensor::from_dispatch(Dispatch::attach(term.into_dispatch(), x, gradient))
}
