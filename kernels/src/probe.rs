//! How fast a GPU is at what bounds a selective scan.

use burn::backend::DispatchDevice;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Device};
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;

use crate::cube::math::exponential;
use crate::cube::{Units, empty};

/// Units of a cube, and cubes: more than any device runs at once.
const UNITS: u32 = 256;
const CUBES: u32 = 8192;
/// Numbers per unit that do not wait for each other.
const WIDTH: usize = 4;

/// Queues exponentials, as many and as independent as the device could want, in the way in which a scan computes
/// them. Returns their number, or `None` where `device` is no GPU.
pub fn exponentials(device: &Device, rounds: usize) -> Option<u64> {
    let device = match device.clone().inner().as_dispatch() {
        DispatchDevice::Cube(device) => device.clone(),
        _ => return None,
    };
    let one = CubeBackend::float_zeros([1].into(), &device, DType::F32.into());
    let out = empty(&one, [(UNITS * CUBES) as usize], DType::F32);
    // SAFETY: every unit writes its own element, and there are as many as units.
    unsafe {
        exponentials_kernel::launch_unchecked(
            &out.client,
            CubeCount::Static(CUBES, 1, 1),
            CubeDim::new_1d(UNITS),
            WIDTH,
            out.clone().into_buffer_arg(),
            rounds,
            Units::of(&device),
        );
    }
    Some(u64::from(UNITS) * u64::from(CUBES) * (rounds * WIDTH) as u64)
}

#[cube(launch_unchecked)]
fn exponentials_kernel<V: Size>(out: &mut [f32], rounds: usize, #[comptime] units: Units) {
    let mut x = Vector::<f32, V>::new(0.0);
    #[unroll]
    for i in 0..V::value() {
        x.insert(i, f32::cast_from(ABSOLUTE_POS % 64 + i) * 0.01f32);
    }
    for _ in 0..rounds {
        x = exponential(-x, units);
    }
    let mut total = f32::new(0.0);
    #[unroll]
    for i in 0..V::value() {
        total += x.extract(i);
    }
    out[ABSOLUTE_POS] = total;
}
