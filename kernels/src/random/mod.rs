//! Random masks that follow from a key in device memory.
//!
//! Burn's own generators belong to the process: they can neither be read back, nor be restored, nor be drawn from inside a
//! captured graph, which repeats the numbers that its first run drew. Here every element is a function of
//! the key, the number of the draw and its own index, so a step is repeated, resumed or replayed by writing eight bytes.

#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod ops;
#[cfg(test)]
mod tests;
mod threefry;

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use ops::{KeepPlan, RandomOps};

/// A key for [`keep_factors`], shape `[2]`, on `device`.
pub fn random_key(key: u64, device: &Device) -> Tensor<1, Int> {
    let words = vec![key as u32 as i32, (key >> 32) as u32 as i32];
    Tensor::from_data(TensorData::new(words, [2]), (device, DType::I32))
}

/// Factors that drop elements: each is 0 with probability `rate` and `1 / (1 − rate)` otherwise, 32-bit.
///
/// - `key` `[2]`, from [`random_key`]
/// - `draw` tells the masks of one key apart
/// - output `shape`
///
/// They are the same on every device.
///
/// # Panics
///
/// Panics if `shape` has more than 2³² elements.
pub fn keep_factors<const D: usize>(
    key: &Tensor<1, Int>,
    draw: u32,
    shape: [usize; D],
    rate: f64,
) -> Tensor<D> {
    let len: usize = shape.iter().product();
    assert!(
        len as u64 <= 1 << 32,
        "keep_factors: {len} elements are more than a counter of 32 bits tells apart"
    );
    let plan = KeepPlan {
        draw,
        len,
        rate: rate as f32,
        keep: (1.0 / (1.0 - rate)) as f32,
    };
    let factors = Dispatch::keep_factors(key.clone().into_dispatch(), plan);
    Tensor::<1>::from_dispatch(factors).reshape(shape)
}
