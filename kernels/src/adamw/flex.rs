//! The native CPU implementation: one pass over four arrays, in place where nobody else holds them.

use burn::backend::{Flex, tensor::FloatTensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::AdamWOptions;
use super::ops::{AdamWOps, AdamWPlan, AdamWTensors};
use crate::flex::simd::{load, store};
use crate::flex::{dense, numbers};

/// Elements of a task: few enough to stay in a core's cache.
const BLOCK: usize = 1 << 14;

impl AdamWOps for Flex {
    fn adamw_step(
        input: AdamWTensors<Self>,
        plan: AdamWPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let scale = numbers(&input.grad_scale)[0];
        let at = plan.first_dial;
        let table = numbers(&input.table);
        let step = Step {
            options: plan.options,
            scale,
            decay: table[at],
            size: table[at + 1],
            correction: table[at + 2],
        };
        if scale < 0.0 {
            return (input.parameter, input.first, input.second);
        }
        let gradient = input.gradient.to_contiguous();
        let gradient = gradient.as_slice::<f32>().expect("made contiguous above");
        let mut parameter = dense(input.parameter);
        let mut first = dense(input.first);
        let mut second = dense(input.second);
        let arch = Arch::new();
        parameter
            .storage_mut::<f32>()
            .par_chunks_mut(BLOCK)
            .zip(gradient.par_chunks(BLOCK))
            .zip(first.storage_mut::<f32>().par_chunks_mut(BLOCK))
            .zip(second.storage_mut::<f32>().par_chunks_mut(BLOCK))
            .for_each(|(((p, g), m), v)| arch.dispatch(Block { step, p, g, m, v }));
        (parameter, first, second)
    }
}

/// The numbers of a step.
#[derive(Clone, Copy)]
struct Step {
    options: AdamWOptions,
    scale: f32,
    decay: f32,
    size: f32,
    correction: f32,
}

struct Block<'a> {
    step: Step,
    p: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { step, p, g, m, v } = self;
        let lanes = S::F32_LANES;
        let all = |x| s.splat_f32s(x);
        let [keep_1, add_1] = [step.options.beta_1, 1.0 - step.options.beta_1].map(all);
        let [keep_2, add_2] = [step.options.beta_2, 1.0 - step.options.beta_2].map(all);
        let [scale, decay, size] = [step.scale, step.decay, step.size].map(all);
        let [correction, epsilon] = [step.correction, step.options.epsilon].map(all);
        let moments = m.chunks_mut(lanes).zip(v.chunks_mut(lanes));
        let rows = p.chunks_mut(lanes).zip(g.chunks(lanes)).zip(moments);
        for ((p, g), (m, v)) in rows {
            let g = s.mul_f32s(load(s, g), scale);
            let first = s.add_f32s(s.mul_f32s(load(s, m), keep_1), s.mul_f32s(g, add_1));
            let square = s.mul_f32s(s.mul_f32s(g, g), add_2);
            let second = s.add_f32s(s.mul_f32s(load(s, v), keep_2), square);
            let root = s.add_f32s(s.div_f32s(s.sqrt_f32s(second), correction), epsilon);
            let change = s.mul_f32s(s.div_f32s(first, root), size);
            store(s, p, s.sub_f32s(s.mul_f32s(load(s, p), decay), change));
            store(s, m, first);
            store(s, v, second);
        }
    }
}
