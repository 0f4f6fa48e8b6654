//! Forward pass.

use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::CHUNK;
use super::problem::Problem;
use crate::flex::blocks::Block;
use crate::flex::scatter::Scatter;
use crate::flex::{from_vec, output, simd};
use crate::selective_scan::ops::{Emit, ScanPlan};

/// The emitted tensor, and the states at the start of every chunk, `[B, chunks, N, D]`.
pub(super) fn run(p: &Problem<'_>, plan: ScanPlan, dtype: DType) -> (FlexTensor, FlexTensor) {
    let (rows, dtype) = match plan.emit {
        Emit::Output | Emit::SumOfDirections => (p.length, dtype),
        Emit::OutputAndState => (p.length + p.states, DType::F32),
    };
    let kept_shape = match plan.keep_states {
        true => [p.batch, p.chunks(), p.states, p.channels],
        false => [0; 4],
    };
    let mut out = output(p.batch * rows * p.channels);
    let mut kept = output(kept_shape.iter().product());
    {
        let (out, kept) = (Scatter::new(&mut out), Scatter::new(&mut kept));
        let arch = Arch::new();
        p.blocks().into_par_iter().for_each(|block| {
            arch.dispatch(Task {
                p,
                plan,
                rows,
                block,
                out: &out,
                kept: &kept,
            });
        });
    }
    (
        from_vec(out, [p.batch, rows, p.channels], dtype),
        from_vec(kept, kept_shape, DType::F32),
    )
}

struct Task<'a> {
    p: &'a Problem<'a>,
    plan: ScanPlan,
    /// Rows of the emitted tensor per batch element.
    rows: usize,
    block: Block,
    out: &'a Scatter<'a>,
    kept: &'a Scatter<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (p, block) = (self.p, &self.block);
        let decay = p.decay_exponents(s, block);
        let mut state = p.first_states(s, block);
        for step in 0..p.length {
            if self.plan.keep_states && step % CHUNK == 0 {
                self.keep(s, step / CHUNK, &state);
            }
            let t = p.order.position(step);
            if p.order.starts_at(block.batch, t) {
                state.fill(s.splat_f32s(0.0));
            }
            let b = p.b.row([block.batch, t, block.group]);
            let c = p.c.row([block.batch, t, block.group]);
            for v in 0..block.vectors(S::F32_LANES) {
                let states = v * p.states..(v + 1) * p.states;
                self.step(s, t, v, &decay[states.clone()], b, c, &mut state[states]);
            }
        }
        if self.plan.emit == Emit::OutputAndState {
            self.emit_state(s, &state);
        }
    }
}

impl Task<'_> {
    /// One token of one vector of channels.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)] // operands of one recurrence step
    fn step<S: Simd>(
        &self,
        s: S,
        t: usize,
        v: usize,
        decay: &[S::f32s],
        b: &[f32],
        c: &[f32],
        state: &mut [S::f32s],
    ) {
        let (p, batch) = (self.p, self.block.batch);
        let range = self.block.vector(v, S::F32_LANES);
        let u = simd::load(s, &p.u.row([batch, t])[range.clone()]);
        let delta = step_size(s, p, batch, t, range.clone()).0;
        let input = s.mul_f32s(delta, u);
        let mut y = s.mul_f32s(p.skip(s, range.clone()), u);
        for (((h, &a), &b), &c) in state.iter_mut().zip(decay).zip(b).zip(c) {
            let decayed = s.mul_f32s(simd::exp2(s, s.mul_f32s(delta, a)), *h);
            *h = s.mul_add_e_f32s(input, s.splat_f32s(b), decayed);
            y = s.mul_add_e_f32s(s.splat_f32s(c), *h, y);
        }
        if let Some(z) = &p.z {
            let z = simd::load(s, &z.row([batch, t])[range.clone()]);
            y = s.mul_f32s(y, s.mul_f32s(z, simd::sigmoid(s, z)));
        }
        let start = (batch * self.rows + t) * p.channels;
        // SAFETY: this task alone owns these channels of this batch element.
        let row = unsafe { self.out.part(start + range.start..start + range.end) };
        simd::store(s, row, y);
    }

    /// Keeps the state in front of a chunk.
    #[inline(always)]
    fn keep<S: Simd>(&self, s: S, chunk: usize, state: &[S::f32s]) {
        let first_row = (self.block.batch * self.p.chunks() + chunk) * self.p.states;
        self.store_states(s, self.kept, first_row, state);
    }

    /// Writes the final state behind the output's rows.
    #[inline(always)]
    fn emit_state<S: Simd>(&self, s: S, state: &[S::f32s]) {
        let first_row = self.block.batch * self.rows + self.p.length;
        self.store_states(s, self.out, first_row, state);
    }

    /// Stores states as `N` rows of channels.
    #[inline(always)]
    fn store_states<S: Simd>(
        &self,
        s: S,
        buffer: &Scatter<'_>,
        first_row: usize,
        state: &[S::f32s],
    ) {
        for v in 0..self.block.vectors(S::F32_LANES) {
            let range = self.block.vector(v, S::F32_LANES);
            for n in 0..self.p.states {
                let start = (first_row + n) * self.p.channels;
                // SAFETY: this task alone owns these channels of this batch element.
                let row = unsafe { buffer.part(start + range.start..start + range.end) };
                simd::store(s, row, state[v * self.p.states + n]);
            }
        }
    }
}

/// `Δ` of the channels `range` at position `t`, and its argument before the softplus.
#[inline(always)]
pub(super) fn step_size<S: Simd>(
    s: S,
    p: &Problem<'_>,
    batch: usize,
    t: usize,
    range: std::ops::Range<usize>,
) -> (S::f32s, S::f32s) {
    let raw = simd::load(s, &p.delta.row([batch, t])[range.clone()]);
    let argument = s.add_f32s(raw, p.delta_bias(s, range));
    match p.options.delta_softplus {
        true => (simd::softplus(s, argument), argument),
        false => (argument, argument),
    }
}
