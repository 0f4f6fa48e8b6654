//! Forward pass.

use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::problem::Problem;
use crate::flex::blocks::{Block, blocks};
use crate::flex::scatter::Scatter;
use crate::flex::{from_vec, output, simd};

/// The convolution, `[B, L, D]`.
pub(super) fn run(p: &Problem<'_>, dtype: DType) -> FlexTensor {
    let mut out = output(p.batch * p.length * p.channels);
    {
        let out = Scatter::new(&mut out);
        let arch = Arch::new();
        blocks(p.batch, 1, p.channels)
            .into_par_iter()
            .for_each(|block| {
                arch.dispatch(Task {
                    p,
                    block,
                    out: &out,
                })
            });
    }
    from_vec(out, [p.batch, p.length, p.channels], dtype)
}

struct Task<'a> {
    p: &'a Problem<'a>,
    block: Block,
    out: &'a Scatter<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (p, block) = (self.p, &self.block);
        for t in 0..p.length {
            for v in 0..block.vectors(S::F32_LANES) {
                let range = block.vector(v, S::F32_LANES);
                let sum = p.convolve(s, block.batch, t, range.clone());
                let y = match p.options.silu {
                    true => s.mul_f32s(sum, simd::sigmoid(s, sum)),
                    false => sum,
                };
                let start = (block.batch * p.length + t) * p.channels;
                // SAFETY: this task alone owns these channels of this batch element.
                let row = unsafe { self.out.part(start + range.start..start + range.end) };
                simd::store(s, row, y);
            }
        }
    }
}
