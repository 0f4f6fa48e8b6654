//! The Euclidean norm of many tensors together, as gradients are clipped by.
//!
//! By tensor operations a model of hundreds of small parameters takes three launches for each on a GPU, and as many passes on a CPU; here it
//! is one launch for eight, and one pass.

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

#[cfg(feature = "gpu")]
use crate::eight::{EIGHT, queue};
use ops::{SquareOps, SquarePlan};

/// Elements that a part sum covers, at least.
const PART: usize = 8192;
/// Part sums of one tensor, at most.
const PARTS: usize = 128;

/// A tensor and the places of its part sums.
#[cfg(feature = "gpu")]
type Waiting = (
    burn::backend::tensor::FloatTensor<burn::backend::Dispatch>,
    SquarePlan,
);

/// Adds up squares, in 32 bits and in a fixed order.
#[derive(Debug)]
pub struct Norm {
    device: Device,
    /// Part sums of all tensors, where native implementations write them.
    parts: Option<Tensor<1>>,
    /// Part sums that have a place so far.
    placed: usize,
    /// What is to be launched together: rows that vectors fit, and others.
    #[cfg(feature = "gpu")]
    waiting: [Vec<Waiting>; 2],
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
            placed: 0,
            #[cfg(feature = "gpu")]
            waiting: Default::default(),
            sums: Vec::new(),
        }
    }

    /// Takes in the next tensor, of any float type, outside autodiff.
    pub fn add<const D: usize>(&mut self, tensor: Tensor<D>) {
        let Some(sums) = self
            .parts
            .take_if(|_| crate::native::is_native(&self.device, tensor.dtype()))
        else {
            // Half precision has too few digits for a sum over a large tensor.
            let tensor = tensor.cast(DType::F32);
            self.sums.push((tensor.clone() * tensor).sum());
            return;
        };
        let shape = tensor.dims();
        let plan = SquarePlan {
            first: self.placed,
            parts: parts(shape.iter().product()),
        };
        self.placed += plan.parts;
        #[cfg(feature = "gpu")]
        if crate::native::has_cube_kernels(&self.device, tensor.dtype()) {
            self.parts = Some(sums);
            self.wait(queue(&shape), (tensor.into_dispatch(), plan));
            return;
        }
        let sums = Dispatch::sum_squares(sums.into_dispatch(), tensor.into_dispatch(), plan);
        self.parts = Some(Tensor::from_dispatch(sums));
    }

    /// Keeps a tensor until there are eight.
    #[cfg(feature = "gpu")]
    fn wait(&mut self, at: usize, waiting: Waiting) {
        self.waiting[at].push(waiting);
        if self.waiting[at].len() == EIGHT {
            let waiting = std::mem::take(&mut self.waiting[at]);
            self.launch(waiting);
        }
    }

    /// Has the part sums of these tensors written: of eight in one launch, of fewer one by one.
    #[cfg(feature = "gpu")]
    fn launch(&mut self, waiting: Vec<Waiting>) {
        use ops::SquareGroupOps;
        let Some(sums) = self.parts.take() else {
            return;
        };
        let sums = sums.into_dispatch();
        let sums = match <[Waiting; EIGHT]>::try_from(waiting) {
            Ok(eight) => {
                let plans = eight.each_ref().map(|(_, plan)| *plan);
                let tensors = eight.map(|(tensor, _)| tensor);
                Dispatch::sum_squares_of_eight(sums, tensors.into(), plans)
            }
            Err(few) => few.into_iter().fold(sums, |sums, (tensor, plan)| {
                Dispatch::sum_squares(sums, tensor, plan)
            }),
        };
        self.parts = Some(Tensor::from_dispatch(sums));
    }

    /// The norm, shape `[1]`, 32-bit.
    pub fn finish(mut self) -> Tensor<1> {
        #[cfg(feature = "gpu")]
        for waiting in std::mem::take(&mut self.waiting) {
            self.launch(waiting);
        }
        if let Some(parts) = self.parts.filter(|_| self.placed > 0) {
            self.sums.push(parts.slice(0..self.placed).sum());
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
