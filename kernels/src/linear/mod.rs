//! Affine map over the last axis: `y = x Wᵀ + b`.
//!
//! On GPUs it differs from a general product in three ways that decide the speed of narrow networks: a fixed kernel in
//! place of one tuned for every shape, a gradient of the weights that is summed in many parts at once, and that
//! gradient in 32 bits whatever the type of the activations. On the CPU results are written where they belong, once
//! (`flex/`); other types than 32-bit are left to burn's product there.

#[cfg(feature = "gpu")]
mod autodiff;
#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
#[cfg(feature = "gpu")]
mod ops;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor, s};

use crate::rows::repeat_row;
use flex::ops::AffineOps;

/// `x Wᵀ + b`, in the type of x.
///
/// - `x` `[.., in]`
/// - `weight` `[out, in]`, in any float type; it is rounded to the type of x
/// - `bias` `[out]`, likewise
/// - output `[.., out]`
///
/// # Panics
///
/// Panics if the last axes of the operands differ, or the bias is not `[out]`.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    check(&x, &weight, bias.as_ref());
    if is_affine(&x, &weight, bias.as_ref()) {
        let bias = bias.map(Tensor::into_dispatch).into();
        let y = Dispatch::affine_forward(x.into_dispatch(), weight.into_dispatch(), bias);
        return Tensor::from_dispatch(y);
    }
    let y = product(x, weight);
    match bias {
        Some(bias) => {
            let bias = repeat_row(bias.cast(y.dtype()), y.dims());
            y + bias
        }
        None => y,
    }
}

/// Both halves of [`linear`]'s output, each `[.., out / 2]`. Neither they nor their gradients are copied.
///
/// # Panics
///
/// As [`linear`]; or if `out` is odd.
pub fn linear_halves<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> [Tensor<D>; 2] {
    check(&x, &weight, bias.as_ref());
    let [outputs, _] = weight.dims();
    assert!(
        outputs.is_multiple_of(2),
        "linear_halves: `weight` has {outputs} rows, expected an even number"
    );
    if is_affine(&x, &weight, bias.as_ref()) {
        let bias = bias.map(Tensor::into_dispatch).into();
        let (first, second) =
            Dispatch::affine_halves(x.into_dispatch(), weight.into_dispatch(), bias);
        return [first, second].map(Tensor::from_dispatch);
    }
    // Slicing one product in two would cost the backward pass two padded copies of an activation, slicing the weight costs it two
    // small ones.
    let half = outputs / 2;
    [0..half, half..outputs].map(|range| {
        let bias = bias.clone().map(|bias| bias.slice([range.clone()]));
        linear(x.clone(), weight.clone().slice(s![range, ..]), bias)
    })
}

fn check<const D: usize>(x: &Tensor<D>, weight: &Tensor<2>, bias: Option<&Tensor<1>>) {
    let [outputs, inputs] = weight.dims();
    let shape = x.dims();
    assert!(
        shape[D - 1] == inputs,
        "linear: `x` is {shape:?}, expected {inputs} in its last axis as in `weight`, {:?}",
        weight.dims()
    );
    if let Some(bias) = bias {
        crate::native::Shapes { operator: "linear" }.equal("bias", bias.dims(), [outputs]);
    }
}

/// Whether the native CPU implementation takes the operands.
fn is_affine<const D: usize>(x: &Tensor<D>, weight: &Tensor<2>, bias: Option<&Tensor<1>>) -> bool {
    let is_cpu = matches!(x.device().inner().as_dispatch(), DispatchDevice::Flex(_));
    let types = [
        x.dtype(),
        weight.dtype(),
        bias.map_or(DType::F32, Tensor::dtype),
    ];
    is_cpu && types == [DType::F32; 3]
}

/// `x Wᵀ`, on GPUs by kernels.
fn product<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    if crate::native::has_cube_kernels(&x.device(), x.dtype()) {
        use ops::LinearOps;
        let y = Dispatch::linear_forward(x.into_dispatch(), weight.into_dispatch());
        return Tensor::from_dispatch(y);
    }
    reference::linear(x, weight)
}
