//! The GPU implementation.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;

use super::ops::{KeepPlan, RandomOps};
use super::threefry::{PARITY, ROTATIONS};
use crate::cube::{contiguous, empty, spread};

const UNITS: usize = 256;

impl RandomOps for CubeBackend {
    fn keep_factors(key: IntTensor<Self>, plan: KeepPlan) -> FloatTensor<Self> {
        let key = contiguous(key);
        let factors = empty(&key, [plan.len], DType::F32);
        // SAFETY: a unit beyond the length leaves first; the others write one element below it, and the key has
        // two words.
        unsafe {
            keep_kernel::launch_unchecked(
                &key.client,
                spread(plan.len.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                key.clone().into_buffer_arg(),
                factors.clone().into_buffer_arg(),
                plan.draw,
                plan.rate,
                plan.keep,
                plan.len as u32,
            );
        }
        factors
    }
}

#[cube(launch_unchecked)]
fn keep_kernel(key: &[i32], factors: &mut [f32], draw: u32, rate: f32, keep: f32, len: u32) {
    let element = ABSOLUTE_POS as u32;
    if element >= len {
        terminate!();
    }
    let word = threefry(
        u32::cast_from(key[0]),
        u32::cast_from(key[1]),
        element,
        draw,
    );
    let uniform = f32::cast_from(word >> 8) * f32::new(1.0 / 16_777_216.0);
    factors[element as usize] = if uniform < rate { f32::new(0.0) } else { keep };
}

/// The first word of Threefry-2x32; see `threefry.rs`.
#[cube]
fn threefry(key0: u32, key1: u32, counter0: u32, counter1: u32) -> u32 {
    let third = key0 ^ key1 ^ comptime!(PARITY);
    let mut schedule = Array::<u32>::new(comptime!(3_usize));
    schedule[0] = key0;
    schedule[1] = key1;
    schedule[2] = third;
    let mut x = counter0 + key0;
    let mut y = counter1 + key1;
    #[unroll]
    for group in 0..5_usize {
        #[unroll]
        for round in 0..4_usize {
            let left = comptime!(ROTATIONS[4 * (group % 2) + round]);
            let right = comptime!(32 - left);
            x += y;
            y = ((y << left) | (y >> right)) ^ x;
        }
        x += schedule[comptime!((group + 1) % 3)];
        y += schedule[comptime!((group + 2) % 3)] + comptime!(group as u32 + 1);
    }
    x
}
