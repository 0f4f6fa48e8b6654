//! GPU tensors at a kernel's door.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
};
use cubecl::prelude::*;

/// The tensor, in row-major order.
pub(crate) fn contiguous(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(tensor)
}

/// The tensor in another float type, row-major.
pub(crate) fn float(tensor: CubeTensor, dtype: DType) -> CubeTensor {
    if tensor.dtype == dtype {
        return contiguous(tensor);
    }
    let float = match dtype {
        DType::F16 => burn::tensor::FloatDType::F16,
        DType::BF16 => burn::tensor::FloatDType::BF16,
        _ => burn::tensor::FloatDType::F32,
    };
    contiguous(CubeBackend::float_cast(tensor, float))
}

/// An uninitialised tensor beside `like`, row-major and without the gaps between rows that burn leaves in tensors
/// of its own making.
pub(crate) fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        shape.into(),
        dtype,
    )
}

/// The index width that the largest of `tensors` needs.
pub(crate) fn address_type(tensors: &[&CubeTensor]) -> AddressType {
    let widths = tensors.iter().map(|tensor| tensor.required_address_type());
    widths.max().unwrap_or_default()
}

/// A grid of at least `cubes` cubes, within what every API allows on one axis. Cubes beyond the
/// count have to leave at once.
pub(crate) fn spread(cubes: usize) -> CubeCount {
    const AXIS: usize = 65_535;
    if cubes <= AXIS {
        return CubeCount::Static(cubes as u32, 1, 1);
    }
    let rows = cubes.div_ceil(AXIS);
    assert!(rows <= AXIS, "{cubes} cubes are more than one launch holds");
    // Columns as even as possible, so that few cubes are idle.
    CubeCount::Static(cubes.div_ceil(rows) as u32, rows as u32, 1)
}
