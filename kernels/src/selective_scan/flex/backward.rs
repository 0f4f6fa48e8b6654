//! Backward pass: chunk by chunk from the last processed to the first, the states inside a chunk
//! recomputed from the one kept in front of it. The formulas are derived in the folder's README.

use burn::backend::Flex;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::CHUNK;
use super::forward::step_size;
use super::problem::Problem;
use crate::flex::blocks::Block;
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::scatter::Scatter;
use crate::flex::sums::{sum_over_batch, transpose};
use crate::flex::{from_vec, output, simd, to_f32};
use crate::selective_scan::ops::{Emit, ScanGrads, ScanPlan};

/// Gradients of every operand that is present.
pub(super) fn run(
    p: &Problem<'_>,
    plan: ScanPlan,
    kept: &FlexTensor,
    grad: FlexTensor,
    dtype: DType,
) -> ScanGrads<Flex> {
    let grad = with_contiguous_rows(to_f32(grad));
    let mut buffers = Buffers::new(p);
    {
        let shared = buffers.share();
        let (grad, kept) = (Rows::new(&grad), Rows::new(kept));
        let emits_state = plan.emit == Emit::OutputAndState;
        let arch = Arch::new();
        p.blocks().into_par_iter().for_each(|block| {
            let (grad, kept, out) = (&grad, &kept, &shared);
            arch.dispatch(Task {
                p,
                emits_state,
                block,
                kept,
                grad,
                out,
            });
        });
    }
    buffers.finish(p, dtype)
}

/// Results and partial sums. Every task writes its own part; sums over batch and blocks are taken
/// afterwards in a fixed order, so that gradients do not depend on the number of threads.
struct Buffers {
    u: Vec<f32>,
    delta: Vec<f32>,
    z: Vec<f32>,
    /// `[B, N, D]`
    a: Vec<f32>,
    /// `[B, G, parts, L, N]`
    b: Vec<f32>,
    /// `[B, G, parts, L, N]`
    c: Vec<f32>,
    /// `[B, D]`
    skip: Vec<f32>,
    /// `[B, D]`
    delta_bias: Vec<f32>,
    /// `[B, N, D]`
    initial_state: Vec<f32>,
}

/// [`Buffers`] while tasks write them.
struct Shared<'a> {
    u: Scatter<'a>,
    delta: Scatter<'a>,
    z: Scatter<'a>,
    a: Scatter<'a>,
    b: Scatter<'a>,
    c: Scatter<'a>,
    skip: Scatter<'a>,
    delta_bias: Scatter<'a>,
    initial_state: Scatter<'a>,
}

impl Buffers {
    fn new(p: &Problem<'_>) -> Self {
        let activation = p.batch * p.length * p.channels;
        let states = p.batch * p.states * p.channels;
        let projection = p.batch * p.groups * p.parts() * p.length * p.states;
        Self {
            u: output(activation),
            delta: output(activation),
            z: output(if p.z.is_some() { activation } else { 0 }),
            a: output(states),
            b: output(projection),
            c: output(projection),
            skip: output(p.batch * p.channels),
            delta_bias: output(p.batch * p.channels),
            initial_state: output(states),
        }
    }

    fn share(&mut self) -> Shared<'_> {
        Shared {
            u: Scatter::new(&mut self.u),
            delta: Scatter::new(&mut self.delta),
            z: Scatter::new(&mut self.z),
            a: Scatter::new(&mut self.a),
            b: Scatter::new(&mut self.b),
            c: Scatter::new(&mut self.c),
            skip: Scatter::new(&mut self.skip),
            delta_bias: Scatter::new(&mut self.delta_bias),
            initial_state: Scatter::new(&mut self.initial_state),
        }
    }

    fn finish(self, p: &Problem<'_>, dtype: DType) -> ScanGrads<Flex> {
        let activation = [p.batch, p.length, p.channels];
        let projection = [p.batch, p.length, p.groups, p.states];
        let per_channel = |partial: Vec<f32>| {
            from_vec(
                sum_over_batch(&partial, p.channels),
                [p.channels],
                DType::F32,
            )
        };
        let a = transpose(
            &sum_over_batch(&self.a, p.states * p.channels),
            p.states,
            p.channels,
        );
        let state: Vec<f32> = self
            .initial_state
            .chunks_exact(p.states * p.channels)
            .flat_map(|rows| transpose(rows, p.states, p.channels))
            .collect();
        ScanGrads {
            u: from_vec(self.u, activation, dtype),
            delta: from_vec(self.delta, activation, dtype),
            z: p.z
                .is_some()
                .then(|| from_vec(self.z, activation, dtype))
                .into(),
            a: from_vec(a, [p.channels, p.states], DType::F32),
            b: from_vec(sum_over_parts(p, &self.b), projection, dtype),
            c: from_vec(sum_over_parts(p, &self.c), projection, dtype),
            skip: p.has_skip().then(|| per_channel(self.skip)).into(),
            delta_bias: p
                .has_delta_bias()
                .then(|| per_channel(self.delta_bias))
                .into(),
            initial_state: p
                .has_initial_state()
                .then(|| from_vec(state, [p.batch, p.channels, p.states], DType::F32))
                .into(),
        }
    }
}

struct Task<'a> {
    p: &'a Problem<'a>,
    emits_state: bool,
    block: Block,
    /// States in front of every chunk, `[B, chunks, N, D]`.
    kept: &'a Rows<'a, 3>,
    /// Gradient of the emitted tensor, `[B, L (+ N), D]`.
    grad: &'a Rows<'a, 2>,
    out: &'a Shared<'a>,
}

/// What a task carries from chunk to chunk, one vector per (vector of channels, state) unless said
/// otherwise.
struct Carried<S: Simd> {
    /// `A · log2(e)`.
    decay: Vec<S::f32s>,
    /// Gradient of the state behind the current step.
    state: Vec<S::f32s>,
    /// Running sum of dA.
    a: Vec<S::f32s>,
    /// Running sum of dD, one per vector of channels.
    skip: Vec<S::f32s>,
    /// Running sum of d(delta_bias), one per vector of channels.
    delta_bias: Vec<S::f32s>,
}

/// One chunk of one vector of channels, recomputed; and the chunk's sums over channels.
struct Scratch<S: Simd> {
    /// State in front of each step and behind the last, per (step, state).
    before: Vec<S::f32s>,
    /// `exp(Δ A)`, per (step, state).
    decay: Vec<S::f32s>,
    /// `Δ`, per step.
    delta: Vec<S::f32s>,
    /// `dΔ / d(delta)`, per step.
    slope: Vec<S::f32s>,
    /// Output in front of the gate, per step.
    y: Vec<S::f32s>,
    /// dB before the sum over lanes, per (step, state).
    b: Vec<S::f32s>,
    /// dC before the sum over lanes, per (step, state).
    c: Vec<S::f32s>,
}

impl<S: Simd> Scratch<S> {
    #[inline(always)]
    fn new(s: S, states: usize) -> Self {
        let per_state = || vec![s.splat_f32s(0.0); CHUNK * states];
        let per_step = || vec![s.splat_f32s(0.0); CHUNK];
        Self {
            before: vec![s.splat_f32s(0.0); (CHUNK + 1) * states],
            decay: per_state(),
            delta: per_step(),
            slope: per_step(),
            y: per_step(),
            b: per_state(),
            c: per_state(),
        }
    }
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (p, vectors) = (self.p, self.block.vectors(S::F32_LANES));
        let mut carried = self.start(s);
        let mut scratch = Scratch::<S>::new(s, p.states);
        for chunk in (0..p.chunks()).rev() {
            let steps = chunk * CHUNK..((chunk + 1) * CHUNK).min(p.length);
            scratch.b.fill(s.splat_f32s(0.0));
            scratch.c.fill(s.splat_f32s(0.0));
            for v in 0..vectors {
                self.recompute(s, steps.clone(), v, &carried, &mut scratch);
                for step in steps.clone().rev() {
                    self.step(s, step, v, &mut carried, &mut scratch);
                }
            }
            self.write_projections(s, steps, &scratch);
        }
        self.write_sums(s, &carried);
    }
}

impl Task<'_> {
    #[inline(always)]
    fn start<S: Simd>(&self, s: S) -> Carried<S> {
        let (p, vectors) = (self.p, self.block.vectors(S::F32_LANES));
        let zeros = |len: usize| vec![s.splat_f32s(0.0); len];
        let mut state = zeros(vectors * p.states);
        if self.emits_state {
            for (i, g) in state.iter_mut().enumerate() {
                let range = self.block.vector(i / p.states, S::F32_LANES);
                let row = self.grad.row([self.block.batch, p.length + i % p.states]);
                *g = simd::load(s, &row[range]);
            }
        }
        Carried {
            decay: p.decay_exponents(s, &self.block),
            state,
            a: zeros(vectors * p.states),
            skip: zeros(vectors),
            delta_bias: zeros(vectors),
        }
    }

    /// Reruns the recurrence over one chunk of one vector of channels.
    #[inline(always)]
    fn recompute<S: Simd>(
        &self,
        s: S,
        steps: std::ops::Range<usize>,
        v: usize,
        carried: &Carried<S>,
        scratch: &mut Scratch<S>,
    ) {
        let (p, batch, n) = (self.p, self.block.batch, self.p.states);
        let range = self.block.vector(v, S::F32_LANES);
        let exponents = &carried.decay[v * n..][..n];
        let chunk = steps.start / CHUNK;
        for (i, h) in scratch.before[..n].iter_mut().enumerate() {
            *h = simd::load(s, &self.kept.row([batch, chunk, i])[range.clone()]);
        }
        for (k, step) in steps.clone().enumerate() {
            let t = p.order.position(step);
            let (delta, argument) = step_size(s, p, batch, t, range.clone());
            scratch.delta[k] = delta;
            scratch.slope[k] = match p.options.delta_softplus {
                true => simd::sigmoid(s, argument),
                false => s.splat_f32s(1.0),
            };
            let (before, after) = scratch.before[k * n..].split_at_mut(n);
            if p.order.starts_at(batch, t) {
                before.fill(s.splat_f32s(0.0));
            }
            let u = simd::load(s, &p.u.row([batch, t])[range.clone()]);
            let input = s.mul_f32s(delta, u);
            let mut y = s.mul_f32s(p.skip(s, range.clone()), u);
            let decay = &mut scratch.decay[k * n..][..n];
            let after = &mut after[..n];
            let b = &p.b.row([batch, t, self.block.group])[..n];
            let c = &p.c.row([batch, t, self.block.group])[..n];
            for i in 0..n {
                let a = simd::exp2(s, s.mul_f32s(delta, exponents[i]));
                decay[i] = a;
                let h = s.mul_add_e_f32s(input, s.splat_f32s(b[i]), s.mul_f32s(a, before[i]));
                y = s.mul_add_e_f32s(s.splat_f32s(c[i]), h, y);
                after[i] = h;
            }
            scratch.y[k] = y;
        }
    }

    /// Gradients of one token of one vector of channels.
    #[inline(always)]
    fn step<S: Simd>(
        &self,
        s: S,
        step: usize,
        v: usize,
        carried: &mut Carried<S>,
        scratch: &mut Scratch<S>,
    ) {
        let (p, batch, n, k) = (self.p, self.block.batch, self.p.states, step % CHUNK);
        let t = p.order.position(step);
        let range = self.block.vector(v, S::F32_LANES);
        let dy = self.through_gate(s, t, range.clone(), scratch.y[k]);
        let u = simd::load(s, &p.u.row([batch, t])[range.clone()]);
        let delta = scratch.delta[k];
        let input = s.mul_f32s(delta, u);

        let b = &p.b.row([batch, t, self.block.group])[..n];
        let c = &p.c.row([batch, t, self.block.group])[..n];
        let (decay, before) = (&scratch.decay[k * n..][..n], &scratch.before[k * n..][..n]);
        let (db, dc) = (&mut scratch.b[k * n..][..n], &mut scratch.c[k * n..][..n]);
        let exponents = &carried.decay[v * n..][..n];
        let (state, da) = (
            &mut carried.state[v * n..][..n],
            &mut carried.a[v * n..][..n],
        );

        let mut through_input = s.splat_f32s(0.0); // Σ_n g B
        let mut through_decay = s.splat_f32s(0.0); // Σ_n g q A·log2(e), with q = a h_{t-1}
        for i in 0..n {
            let g = s.mul_add_e_f32s(s.splat_f32s(c[i]), dy, state[i]);
            let q = s.mul_f32s(decay[i], before[i]);
            let h = s.mul_add_e_f32s(input, s.splat_f32s(b[i]), q);
            dc[i] = s.mul_add_e_f32s(dy, h, dc[i]);
            db[i] = s.mul_add_e_f32s(g, input, db[i]);
            through_input = s.mul_add_e_f32s(g, s.splat_f32s(b[i]), through_input);
            let gq = s.mul_f32s(g, q);
            da[i] = s.mul_add_e_f32s(delta, gq, da[i]);
            through_decay = s.mul_add_e_f32s(gq, exponents[i], through_decay);
            state[i] = s.mul_f32s(decay[i], g);
        }
        if p.order.starts_at(batch, t) {
            state.fill(s.splat_f32s(0.0));
        }

        let d_delta = s.mul_add_e_f32s(
            u,
            through_input,
            s.mul_f32s(through_decay, s.splat_f32s(std::f32::consts::LN_2)),
        );
        let d_delta = s.mul_f32s(d_delta, scratch.slope[k]);
        let skip = p.skip(s, range.clone());
        let du = s.mul_add_e_f32s(delta, through_input, s.mul_f32s(skip, dy));
        carried.skip[v] = s.mul_add_e_f32s(dy, u, carried.skip[v]);
        carried.delta_bias[v] = s.add_f32s(carried.delta_bias[v], d_delta);

        let row = (batch * p.length + t) * p.channels;
        self.store(s, &self.out.u, row, range.clone(), du);
        self.store(s, &self.out.delta, row, range, d_delta);
    }

    /// Gradient of the output in front of the gate; writes dz.
    #[inline(always)]
    fn through_gate<S: Simd>(
        &self,
        s: S,
        t: usize,
        range: std::ops::Range<usize>,
        y: S::f32s,
    ) -> S::f32s {
        let (p, batch) = (self.p, self.block.batch);
        let grad = simd::load(s, &self.grad.row([batch, t])[range.clone()]);
        let Some(z) = &p.z else { return grad };
        let z = simd::load(s, &z.row([batch, t])[range.clone()]);
        let sigmoid = simd::sigmoid(s, z);
        let one = s.splat_f32s(1.0);
        // silu'(z) = σ(z) (1 + z (1 − σ(z)))
        let slope = s.mul_f32s(sigmoid, s.mul_add_e_f32s(z, s.sub_f32s(one, sigmoid), one));
        let row = (batch * p.length + t) * p.channels;
        self.store(
            s,
            &self.out.z,
            row,
            range,
            s.mul_f32s(s.mul_f32s(grad, y), slope),
        );
        s.mul_f32s(grad, s.mul_f32s(z, sigmoid))
    }

    /// Sums dB and dC of a chunk over this block's channels.
    #[inline(always)]
    fn write_projections<S: Simd>(
        &self,
        s: S,
        steps: std::ops::Range<usize>,
        scratch: &Scratch<S>,
    ) {
        let (p, block) = (self.p, &self.block);
        let part = (block.batch * p.groups + block.group) * p.parts() + block.part;
        for (k, step) in steps.enumerate() {
            let start = (part * p.length + p.order.position(step)) * p.states;
            // SAFETY: `part` numbers the tasks, so this task alone owns these rows.
            let db = unsafe { self.out.b.part(start..start + p.states) };
            // SAFETY: as above.
            let dc = unsafe { self.out.c.part(start..start + p.states) };
            for i in 0..p.states {
                db[i] = s.reduce_sum_f32s(scratch.b[k * p.states + i]);
                dc[i] = s.reduce_sum_f32s(scratch.c[k * p.states + i]);
            }
        }
    }

    /// Writes this block's sums over time, and the gradient that reached the initial state.
    #[inline(always)]
    fn write_sums<S: Simd>(&self, s: S, carried: &Carried<S>) {
        let (p, batch) = (self.p, self.block.batch);
        for v in 0..self.block.vectors(S::F32_LANES) {
            let range = self.block.vector(v, S::F32_LANES);
            let row = batch * p.channels;
            self.store(s, &self.out.skip, row, range.clone(), carried.skip[v]);
            self.store(
                s,
                &self.out.delta_bias,
                row,
                range.clone(),
                carried.delta_bias[v],
            );
            for n in 0..p.states {
                let row = (batch * p.states + n) * p.channels;
                let i = v * p.states + n;
                self.store(s, &self.out.a, row, range.clone(), carried.a[i]);
                self.store(
                    s,
                    &self.out.initial_state,
                    row,
                    range.clone(),
                    carried.state[i],
                );
            }
        }
    }

    /// Stores a vector at the channels `range` of the row that starts at `row`.
    #[inline(always)]
    fn store<S: Simd>(
        &self,
        s: S,
        buffer: &Scatter<'_>,
        row: usize,
        range: std::ops::Range<usize>,
        value: S::f32s,
    ) {
        // SAFETY: this task alone owns these channels of this batch element.
        let slice = unsafe { buffer.part(row + range.start..row + range.end) };
        simd::store(s, slice, value);
    }
}

/// `[B, G, parts, L, N]` summed over parts, as `[B, L, G, N]`.
fn sum_over_parts(p: &Problem<'_>, partial: &[f32]) -> Vec<f32> {
    let row = p.states;
    let mut sum = vec![0.0; p.batch * p.length * p.groups * row];
    for (index, part) in partial.chunks_exact(p.length * row).enumerate() {
        let (batch, group) = (index / p.parts() / p.groups, index / p.parts() % p.groups);
        for (t, values) in part.chunks_exact(row).enumerate() {
            let start = ((batch * p.length + t) * p.groups + group) * row;
            sum[start..start + row]
                .iter_mut()
                .zip(values)
                .for_each(|(sum, x)| *sum += x);
        }
    }
    sum
}
