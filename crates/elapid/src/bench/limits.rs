//! What a device can do at most, measured: the bounds of a selective scan.

use std::cell::Cell;

use burn::tensor::{DType, Device, Tensor};

use super::clock::eager;

/// Speeds of a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes read and written each second, by an elementwise operation on tensors that no cache holds.
    pub(super) bytes: f64,
    /// Exponentials each second, where they can be counted: on GPUs.
    pub(super) exponentials: Option<f64>,
}

impl Limits {
    /// Measures `device`, in about a second.
    pub(super) fn of(device: &Device) -> Self {
        Self {
            bytes: bytes(device),
            exponentials: exponentials(device),
        }
    }
}

fn bytes(device: &Device) -> f64 {
    const ELEMENTS: usize = 1 << 26;
    // The result takes its operand's place: fresh memory would be counted too.
    let x = Cell::new(Some(Tensor::<1>::ones([ELEMENTS], (device, DType::F32))));
    let ms = eager(device, || x.set(x.take().map(|x| x.mul_scalar(0.5))));
    (2 * 4 * ELEMENTS) as f64 / (ms / 1e3)
}

#[cfg(feature = "gpu")]
fn exponentials(device: &Device) -> Option<f64> {
    const ROUNDS: usize = 2048;
    let count = elapid_kernels::probe::exponentials(device, ROUNDS)?;
    let ms = eager(device, || {
        elapid_kernels::probe::exponentials(device, ROUNDS)
    });
    Some(count as f64 / (ms / 1e3))
}

#[cfg(not(feature = "gpu"))]
fn exponentials(_device: &Device) -> Option<f64> {
    None
}
