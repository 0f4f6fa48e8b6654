//! The interface between the public function and the CPU implementation.

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};

/// Forward pass, reached through burn's dispatch; 32-bit.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait GeluOps: Backend {
    /// `x Φ(x)`.
    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Backward pass, called by the autodiff registration on the backend below it.
#[backend_extension(Flex)]
pub(crate) trait GeluBackward: GeluOps {
    /// Gradient of x, from x and that of the output.
    fn gelu_input(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;
}
