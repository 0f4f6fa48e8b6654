//! The native CPU implementation: one pass over four arrays, in place where nobody else holds them.

use burn::backend::{Flex, tensor::FloatTensor};
use rayon::prelude::*;

use super::AdamWOptions;
use super::ops::{AdamWOps, AdamWPlan, AdamWTensors};
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
        parameter
            .storage_mut::<f32>()
            .par_chunks_mut(BLOCK)
            .zip(gradient.par_chunks(BLOCK))
            .zip(first.storage_mut::<f32>().par_chunks_mut(BLOCK))
            .zip(second.storage_mut::<f32>().par_chunks_mut(BLOCK))
            .for_each(|(((p, g), m), v)| step.block(p, g, m, v));
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

impl Step {
    fn block(self, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let AdamWOptions {
            beta_1,
            beta_2,
            epsilon,
            ..
        } = self.options;
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g * self.scale;
            *m = *m * beta_1 + g * (1.0 - beta_1);
            *v = *v * beta_2 + g * g * (1.0 - beta_2);
            let root = v.sqrt() / self.correction + epsilon;
            *p = *p * self.decay - *m / root * self.size;
        }
    }
}
