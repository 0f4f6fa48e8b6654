//! The Euclidean norm of many tensors together, as gradients are clipped by.
//!
//! By tensor operations a model of hundreds of small parameters takes three launches for each on a GPU, and as many passes on a CPU;
//! here it is one.

#[cfg(feature = "gpu")]
mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
mod ops;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Device, Tensor};

use ops::{SquareOps, SquarePlan};

/// Elements that a part sum covers, at least.
const PART: usize = 8192;
/// Part sums of one tensor, at most.
const PARTS: usize = 128;

/// Adds up squares, in 32 bits and in a fixed order.
#[derive(Debug)]
pub struct Norm {
    device: Device,
    /// Part sums of all tensors, where native implementations write them.
    parts: Option<Tensor<1>>,
    /// Part sums written so far.
    written: usize,
    /// Sums of tensors, elsewhere.
    sums: Vec<Tensor<1>>,
}

impl Norm {
    /// The norm of tensors on `device` that have so many elements each; [`add`](Self::add) them in this order.
    pub fn over(lens: &[usize], device: &Device) -> Self {
        let device = device.clone().inner();
        let is_native = crate::native::is_native(&device, DType::F32);
        let parts = lens.iter().map(|len| parts(*len)).sum::<usize>();
        let parts = is_native.then(|| Tensor::empty([parts.max(1)], (&device, DType::F32)));
        Self {
            device,
            parts,
            written: 0,
            sums: Vec::new(),
        }
    }

    /// Takes in the next tensor, of any float type, outside autodiff.
    pub fn add<const D: usize>(&mut self, tensor: Tensor<D>) {
        match self.parts.take() {
            Some(sums) if crate::native::is_native(&self.device, tensor.dtype()) => {
                let plan = SquarePlan {
                    first: self.written,
                    parts: parts(tensor.dims().iter().product()),
                };
                self.written += plan.parts;
                let sums =
                    Dispatch::sum_squares(sums.into_dispatch(), tensor.into_dispatch(), plan);
                self.parts = Some(Tensor::from_dispatch(sums));
            }
            parts => {
                self.parts = parts;
                // Half precision has too few digits for a sum over a large tensor.
                let tensor = tensor.cast(DType::F32);
                self.sums.push((tensor.clone() * tensor).sum());
            }
        }
    }

    /// The norm, shape `[1]`, 32-bit.
    pub fn finish(mut self) -> Tensor<1> {
        if let Some(parts) = self.parts.filter(|_| self.written > 0) {
            self.sums.push(parts.slice(0..self.written).sum());
        }
        match self.sums.len() {
            0 => Tensor::zeros([1], (&self.device, DType::F32)),
            _ => Tensor::cat(self.sums, 0).sum().sqrt(),
        }
    }
}

/// Part sums of a tensor of `len` elements.
fn parts(len: usize) -> usize {
    (len / PART).clamp(1, PARTS)
}
