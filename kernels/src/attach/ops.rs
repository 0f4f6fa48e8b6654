//! The interface between the public function and the autodiff registration: without autodiff there is nothing to attach.

use burn::backend::{Backend, Flex, backend_extension, tensor::FloatTensor};

/// Reached through burn's dispatch.
#[backend_extension(
    Flex,
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "gpu"),
    Autodiff
)]
pub(crate) trait AttachOps: Backend {
    /// The term `[1]`; x and its gradient are `[C]`, all 32-bit.
    #[fusion(default)]
    fn attach(
        term: FloatTensor<Self>,
        _x: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        term
    }
}

impl AttachOps for Flex {}

#[cfg(feature = "gpu")]
impl AttachOps for burn_cubecl::CubeBackend {}
