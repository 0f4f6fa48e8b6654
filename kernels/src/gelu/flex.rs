//! The native CPU implementation.

use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::ops::{GeluBackward, GeluOps};
use crate::flex::output;
use crate::flex::simd::{load, normal, store};

/// Elements of a task.
const BLOCK: usize = 1 << 14;

impl GeluOps for Flex {
    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let x = x.to_contiguous();
        let mut y = output(shape.num_elements());
        let arch = Arch::new();
        y.par_chunks_mut(BLOCK)
            .zip(numbers_of(&x).par_chunks(BLOCK))
            .for_each(|(y, x)| arch.dispatch(Forward { x, y }));
        FlexTensor::from_data(TensorData::new(y, shape))
    }
}

impl GeluBackward for Flex {
    fn gelu_input(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let mut dx = output(shape.num_elements());
        let arch = Arch::new();
        dx.par_chunks_mut(BLOCK)
            .zip(numbers_of(&x).par_chunks(BLOCK))
            .zip(numbers_of(&grad).par_chunks(BLOCK))
            .for_each(|((dx, x), grad)| arch.dispatch(Backward { x, grad, dx }));
        FlexTensor::from_data(TensorData::new(dx, shape))
    }
}

fn numbers_of(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("made contiguous above")
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let lanes = S::F32_LANES;
        for (y, x) in self.y.chunks_mut(lanes).zip(self.x.chunks(lanes)) {
            let x = load(s, x);
            let [below, _] = normal(s, x);
            store(s, y, s.mul_f32s(x, below));
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// `d/dx x Φ(x) = Φ(x) + x φ(x)`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let lanes = S::F32_LANES;
        let operands = self.x.chunks(lanes).zip(self.grad.chunks(lanes));
        for (dx, (x, grad)) in self.dx.chunks_mut(lanes).zip(operands) {
            let x = load(s, x);
            let [below, density] = normal(s, x);
            let slope = s.mul_add_e_f32s(x, density, below);
            store(s, dx, s.mul_f32s(slope, load(s, grad)));
        }
    }
}
