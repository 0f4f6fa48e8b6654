//! Backward pass. With `p` the convolution before SiLU, recomputed here:
//!
//! ```text
//! dp_t = dy_t σ(p_t) (1 + p_t (1 − σ(p_t)))      dx_{t-j} += w_j dp_t
//! dw_j = Σ dp_t x_{t-j}                          dbias = Σ dp_t
//! ```

use std::ops::Range;

use burn::backend::Flex;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::problem::{Problem, Source};
use crate::causal_conv1d::ops::ConvGrads;
use crate::flex::blocks::{Block, blocks};
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::scatter::Scatter;
use crate::flex::sums::{sum_over_batch, transpose};
use crate::flex::{from_vec, output, simd, to_f32};

/// Gradients of every operand that is present.
pub(super) fn run(p: &Problem<'_>, grad: FlexTensor, dtype: DType) -> ConvGrads<Flex> {
    let grad = with_contiguous_rows(to_f32(grad));
    let columns = if p.initial_columns.is_some() {
        p.taps - 1
    } else {
        0
    };
    let mut x = output(p.batch * p.length * p.channels);
    let mut initial = vec![0.0; p.batch * columns * p.channels];
    let mut weight = output(p.batch * p.taps * p.channels);
    let mut bias = output(p.batch * p.channels);
    {
        let out = Outputs {
            x: Scatter::new(&mut x),
            initial_columns: Scatter::new(&mut initial),
            weight: Scatter::new(&mut weight),
            bias: Scatter::new(&mut bias),
        };
        let grad = Rows::new(&grad);
        let arch = Arch::new();
        blocks(p.batch, 1, p.channels)
            .into_par_iter()
            .for_each(|block| {
                arch.dispatch(Task {
                    p,
                    block,
                    grad: &grad,
                    out: &out,
                });
            });
    }
    let weight = transpose(
        &sum_over_batch(&weight, p.taps * p.channels),
        p.taps,
        p.channels,
    );
    ConvGrads {
        x: from_vec(x, [p.batch, p.length, p.channels], dtype),
        weight: from_vec(weight, [p.channels, p.taps], DType::F32),
        bias: p
            .bias
            .is_some()
            .then(|| from_vec(sum_over_batch(&bias, p.channels), [p.channels], DType::F32))
            .into(),
        initial_columns: p
            .initial_columns
            .is_some()
            .then(|| from_vec(initial, [p.batch, columns, p.channels], dtype))
            .into(),
    }
}

struct Outputs<'a> {
    x: Scatter<'a>,
    initial_columns: Scatter<'a>,
    /// `[B, K, D]`
    weight: Scatter<'a>,
    /// `[B, D]`
    bias: Scatter<'a>,
}

struct Task<'a> {
    p: &'a Problem<'a>,
    block: Block,
    grad: &'a Rows<'a, 2>,
    out: &'a Outputs<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let p = self.p;
        for v in 0..self.block.vectors(S::F32_LANES) {
            let range = self.block.vector(v, S::F32_LANES);
            let mut weight = vec![s.splat_f32s(0.0); p.taps];
            let mut bias = s.splat_f32s(0.0);
            for step in 0..p.length {
                let t = p.order.position(step);
                let d = self.before_silu(s, t, range.clone());
                bias = s.add_f32s(bias, d);
                self.step(s, t, range.clone(), d, &mut weight);
            }
            self.write_sums(s, range, &weight, bias);
        }
    }
}

impl Task<'_> {
    /// Gradient of the convolution's sum at position `t`.
    #[inline(always)]
    fn before_silu<S: Simd>(&self, s: S, t: usize, range: Range<usize>) -> S::f32s {
        let (p, batch) = (self.p, self.block.batch);
        let grad = simd::load(s, &self.grad.row([batch, t])[range.clone()]);
        if !p.options.silu {
            return grad;
        }
        let sum = p.convolve(s, batch, t, range);
        let sigmoid = simd::sigmoid(s, sum);
        let one = s.splat_f32s(1.0);
        let slope = s.mul_f32s(
            sigmoid,
            s.mul_add_e_f32s(sum, s.sub_f32s(one, sigmoid), one),
        );
        s.mul_f32s(grad, slope)
    }

    /// Spreads the gradient `d` of position `t` over the inputs it was made of.
    #[inline(always)]
    fn step<S: Simd>(
        &self,
        s: S,
        t: usize,
        range: Range<usize>,
        d: S::f32s,
        weight: &mut [S::f32s],
    ) {
        let (p, batch) = (self.p, self.block.batch);
        for distance in p.distances(batch, t) {
            let source = p.source(t, distance);
            let x = simd::load(s, &p.row(batch, &source)[range.clone()]);
            weight[distance] = s.mul_add_e_f32s(d, x, weight[distance]);
            let share = s.mul_f32s(d, simd::load(s, &p.tap(distance)[range.clone()]));
            let target = self.target(&source, range.clone());
            // A token's own step comes first in processing order and starts its sum.
            let sum = match distance {
                0 => share,
                _ => s.add_f32s(share, simd::load(s, target)),
            };
            simd::store(s, target, sum);
        }
    }

    /// Where the gradient of `source` accumulates.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // the task owns these channels
    fn target(&self, source: &Source, range: Range<usize>) -> &mut [f32] {
        let (p, batch) = (self.p, self.block.batch);
        let (buffer, row) = match source {
            Source::Token(t) => (&self.out.x, batch * p.length + t),
            Source::Column(c) => (&self.out.initial_columns, batch * (p.taps - 1) + c),
        };
        let start = row * p.channels;
        // SAFETY: this task alone owns these channels of this batch element, and holds one target
        // at a time.
        unsafe { buffer.part(start + range.start..start + range.end) }
    }

    #[inline(always)]
    fn write_sums<S: Simd>(&self, s: S, range: Range<usize>, weight: &[S::f32s], bias: S::f32s) {
        let (p, batch) = (self.p, self.block.batch);
        for (distance, sum) in weight.iter().enumerate() {
            let start = (batch * p.taps + p.taps - 1 - distance) * p.channels;
            // SAFETY: this task alone owns these channels of this batch element.
            let row = unsafe { self.out.weight.part(start + range.start..start + range.end) };
            simd::store(s, row, *sum);
        }
        let start = batch * p.channels;
        // SAFETY: as above.
        let row = unsafe { self.out.bias.part(start + range.start..start + range.end) };
        simd::store(s, row, bias);
    }
}
