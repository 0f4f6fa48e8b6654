//! What the native CPU implementations share.

pub(crate) mod blocks;
mod dense;
pub(crate) mod order;
pub(crate) mod rows;
pub(crate) mod scatter;
pub(crate) mod simd;
pub(crate) mod sums;

pub(crate) use dense::{dense, numbers};

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, FloatDType, TensorData};
use burn_flex::FlexTensor;

/// The tensor in 32 bits; free when it already is.
pub(crate) fn to_f32(tensor: FlexTensor) -> FlexTensor {
    match tensor.dtype() {
        DType::F32 => tensor,
        _ => Flex::float_cast(tensor, FloatDType::F32),
    }
}

/// A tensor owning `values` with the given shape, cast to `dtype`.
pub(crate) fn from_vec<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    dtype: DType,
) -> FlexTensor {
    let tensor = FlexTensor::from_data(TensorData::new(values, shape));
    match dtype {
        DType::F32 => tensor,
        _ => Flex::float_cast(tensor, dtype.into()),
    }
}

/// Memory for a result that the caller writes completely. Tests fill it with NaN, so that an
/// element that was left out, or read before it was written, shows.
pub(crate) fn output(len: usize) -> Vec<f32> {
    if cfg!(test) {
        vec![f32::NAN; len]
    } else {
        vec![0.0; len]
    }
}
