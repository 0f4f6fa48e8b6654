//! What the CubeCL kernels of all operators share.

mod exact;
mod hardware;
mod limits;
pub(crate) mod math;
pub(crate) mod narrow;
pub(crate) mod product;
mod sum;
mod tensors;

pub(crate) use hardware::Units;
pub(crate) use sum::Partials;
pub(crate) use tensors::{
    Rows, address_type, contiguous, empty, float, part, reshaped, spread, vector, writable,
};
