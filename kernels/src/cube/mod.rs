//! What the CubeCL kernels of all operators share.

mod hardware;
pub(crate) mod math;
mod sum;
mod tensors;

pub(crate) use hardware::Units;
pub(crate) use sum::sum_partials;
pub(crate) use tensors::{address_type, contiguous, empty, float, spread};

/// Position of this cube in a grid that [`spread`] laid out.
#[cubecl::cube]
pub(crate) fn cube_index() -> usize {
    use cubecl::prelude::*;
    CUBE_POS
}
