//! Backward pass. With x̂ the row before weight and bias, recomputed here, and g = dy · w:
//!
//! ```text
//! dr' = (g − mean(g) − x̂ mean(g x̂)) / √(var + ε) + dr'_elsewhere      (RMS norm: without mean(g))
//! dw  = Σ dy x̂        db = Σ dy        dr = dr'        dh = s_b dr'
//! ```

use burn::backend::Flex;
use burn::tensor::DType;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::problem::{Extent, numbers, readable};
use super::row;
use crate::add_norm::NormKind;
use crate::add_norm::ops::{AddNormBackwardTensors, AddNormGrads, AddNormPlan};
use crate::flex::rows::Rows;
use crate::flex::scatter::Scatter;
use crate::flex::simd::{load, store};
use crate::flex::sums::sum_over_batch;
use crate::flex::{from_vec, output};

/// Gradients of every operand.
pub(super) fn run(input: AddNormBackwardTensors<Flex>, plan: AddNormPlan) -> AddNormGrads<Flex> {
    let extent = Extent::of(&input.sum);
    let (sum, d_normal) = (readable(input.sum), readable(input.d_normal));
    let d_sum = input.d_sum.into_option().map(readable);
    let row_scale = input.row_scale.into_option().map(numbers);
    let weight = numbers(input.weight);
    let channels = extent.channels;
    let mut hidden = output(extent.elements());
    let mut residual = output(if plan.two_gradients() {
        extent.elements()
    } else {
        0
    });
    let mut d_weight = vec![0.0; extent.tasks() * channels];
    let mut d_bias = vec![0.0; if plan.bias { d_weight.len() } else { 0 }];
    {
        let problem = Problem {
            extent,
            plan,
            sum: Rows::new(&sum),
            d_normal: Rows::new(&d_normal),
            d_sum: d_sum.as_ref().map(Rows::new),
            row_scale: row_scale.as_deref(),
            weight: &weight,
            hidden: Scatter::new(&mut hidden),
            residual: Scatter::new(&mut residual),
            d_weight: Scatter::new(&mut d_weight),
            d_bias: Scatter::new(&mut d_bias),
        };
        let arch = Arch::new();
        (0..extent.tasks()).into_par_iter().for_each(|task| {
            arch.dispatch(Task {
                problem: &problem,
                task,
            });
        });
    }
    let parameter =
        |partial: &[f32]| from_vec(sum_over_batch(partial, channels), [channels], DType::F32);
    AddNormGrads {
        hidden: from_vec(hidden, extent.shape(), plan.hidden),
        residual: plan
            .two_gradients()
            .then(|| from_vec(residual, extent.shape(), plan.stream))
            .into(),
        weight: parameter(&d_weight),
        bias: plan.bias.then(|| parameter(&d_bias)).into(),
    }
}

/// Operands and results.
struct Problem<'a> {
    extent: Extent,
    plan: AddNormPlan,
    sum: Rows<'a, 2>,
    d_normal: Rows<'a, 2>,
    d_sum: Option<Rows<'a, 2>>,
    row_scale: Option<&'a [f32]>,
    weight: &'a [f32],
    hidden: Scatter<'a>,
    residual: Scatter<'a>,
    /// One row per task.
    d_weight: Scatter<'a>,
    /// One row per task.
    d_bias: Scatter<'a>,
}

struct Task<'a> {
    problem: &'a Problem<'a>,
    task: usize,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let p = self.problem;
        let options = p.plan.options;
        let channels = p.extent.channels;
        let mut centred = vec![0.0; channels];
        let mut product = vec![0.0; channels];
        for row in p.extent.rows(self.task) {
            let index = p.extent.index(row);
            let (x, dy) = (p.sum.row(index), p.d_normal.row(index));
            let factor = row::centre(s, &mut centred, x, options.kind, options.epsilon as f32);
            self.add_parameters(s, &centred, dy, factor);
            product.copy_from_slice(dy);
            row::scale(s, &mut product, 1.0, p.weight, None);
            p.write_row(s, row, &centred, &product, factor);
        }
    }
}

impl Task<'_> {
    /// Adds a row to the parameters' gradients of this task.
    #[inline(always)]
    fn add_parameters<S: Simd>(&self, s: S, centred: &[f32], dy: &[f32], factor: f32) {
        let p = self.problem;
        let range = p.extent.range(self.task);
        // SAFETY: this task alone owns its row of partial sums.
        let weight = unsafe { p.d_weight.part(range.clone()) };
        let factor = s.splat_f32s(factor);
        for (i, weight) in weight.chunks_mut(S::F32_LANES).enumerate() {
            let at = i * S::F32_LANES..i * S::F32_LANES + weight.len();
            let normal = s.mul_f32s(load(s, &centred[at.clone()]), factor);
            let sum = s.mul_add_e_f32s(load(s, &dy[at]), normal, load(s, weight));
            store(s, weight, sum);
        }
        if p.plan.bias {
            // SAFETY: as above.
            let bias = unsafe { p.d_bias.part(range) };
            for (bias, dy) in bias.chunks_mut(S::F32_LANES).zip(dy.chunks(S::F32_LANES)) {
                store(s, bias, s.add_f32s(load(s, bias), load(s, dy)));
            }
        }
    }
}

impl Problem<'_> {
    /// Writes the gradients of a row, from the row less its mean, what the norm multiplies it by, and
    /// its gradient `g` before the weight.
    #[inline(always)]
    fn write_row<S: Simd>(&self, s: S, row: usize, centred: &[f32], g: &[f32], factor: f32) {
        let (index @ [batch, _], range) = (self.extent.index(row), self.extent.range(row));
        let count = self.extent.channels as f32;
        let mean = match self.plan.options.kind {
            NormKind::Rms => 0.0,
            NormKind::Layer => row::sum(s, g) / count,
        };
        let slope = factor * factor * row::dot(s, g, centred) / count;
        let (mean, slope) = (s.splat_f32s(mean), s.splat_f32s(slope));
        let (factor, scale) = (
            s.splat_f32s(factor),
            s.splat_f32s(self.row_scale.map_or(1.0, |scale| scale[batch])),
        );
        let elsewhere = self.d_sum.as_ref().map(|grad| grad.row(index));
        // SAFETY: one task owns this row, and writes it once.
        let hidden = unsafe { self.hidden.part(range.clone()) };
        for (i, hidden) in hidden.chunks_mut(S::F32_LANES).enumerate() {
            let at = i * S::F32_LANES..i * S::F32_LANES + hidden.len();
            let own = s.sub_f32s(load(s, &g[at.clone()]), mean);
            let own = s.sub_f32s(own, s.mul_f32s(load(s, &centred[at.clone()]), slope));
            let mut grad = s.mul_f32s(own, factor);
            if let Some(elsewhere) = elsewhere {
                grad = s.add_f32s(grad, load(s, &elsewhere[at.clone()]));
            }
            store(s, hidden, s.mul_f32s(grad, scale));
            if self.plan.two_gradients() {
                let start = range.start + at.start;
                // SAFETY: as above.
                let residual = unsafe { self.residual.part(start..start + hidden.len()) };
                store(s, residual, grad);
            }
        }
    }
}
