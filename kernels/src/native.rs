//! What the public functions of all operators share: shape checks, optional operands, and which
//! implementation an operand's device calls for.

use burn::backend::{Backend, DispatchDevice, ExtensionType, tensor::FloatTensor};
use burn::tensor::{DType, Device};

/// An operand that may be absent, in a form that crosses burn's backend dispatch.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
pub(crate) enum Optional<B: Backend> {
    /// The operand was not given.
    Absent,
    /// The operand.
    Present(FloatTensor<B>),
}

impl<B: Backend> Optional<B> {
    /// The tensor, if there is one.
    pub(crate) fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }

    /// The tensor, if there is one.
    pub(crate) fn as_option(&self) -> Option<&FloatTensor<B>> {
        match self {
            Self::Absent => None,
            Self::Present(tensor) => Some(tensor),
        }
    }
}

impl<B: Backend> From<Option<FloatTensor<B>>> for Optional<B> {
    fn from(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Present)
    }
}

/// True where a native implementation exists: the CPU device and, with a GPU feature, every CubeCL
/// device, in any float type up to 32 bits. (In 64 bits the reference runs; nobody trains in it,
/// and gradient checks want it plain.)
pub(crate) fn is_native(device: &Device, dtype: DType) -> bool {
    let is_cpu = matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Flex(_)
    );
    has_cube_kernels(device, dtype) || (is_cpu && is_computed(dtype))
}

/// True where CubeCL kernels exist: as [`is_native`], on GPUs only.
pub(crate) fn has_cube_kernels(device: &Device, dtype: DType) -> bool {
    #[cfg(feature = "gpu")]
    let is_gpu = matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Cube(_)
    );
    #[cfg(not(feature = "gpu"))]
    let is_gpu = {
        let _ = device;
        false
    };
    is_gpu && is_computed(dtype)
}

fn is_computed(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F16 | DType::BF16)
}

/// Shape checks at an operator's door.
pub(crate) struct Shapes {
    /// Name in messages.
    pub(crate) operator: &'static str,
}

impl Shapes {
    /// # Panics
    ///
    /// Panics with the operand and both shapes if they differ.
    pub(crate) fn equal<const D: usize>(
        &self,
        operand: &str,
        got: [usize; D],
        expected: [usize; D],
    ) {
        let operator = self.operator;
        assert!(
            got == expected,
            "{operator}: `{operand}` is {got:?}, expected {expected:?}"
        );
    }
}
