//! The interface between the public function and the GPU implementation.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};
use burn::tensor::DType;

/// Forward pass, reached through burn's dispatch.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait LinearOps: Backend {
    /// `x Wᵀ`, `[.., out]` in the type of x, for x `[.., in]` and W `[out, in]` in any float type.
    #[fusion(meta = super::fusion::forward)]
    fn linear_forward(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(Cube, Fusion)]
pub(crate) trait LinearBackward: LinearOps {
    /// Gradient of x, `[.., in]`, from that of the output, `[.., out]`, and W `[out, in]` in its type.
    #[fusion(meta = super::fusion::input)]
    fn linear_input(grad: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of W, `[out, in]` in type `dtype`, from that of the output, `[.., out]`, and x `[.., in]`.
    #[fusion(meta = super::fusion::weight)]
    fn linear_weight(
        grad: FloatTensor<Self>,
        x: FloatTensor<Self>,
        dtype: DType,
    ) -> FloatTensor<Self>;
}
