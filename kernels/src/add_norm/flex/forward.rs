//! Forward pass.

use burn::backend::Flex;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::problem::{Extent, numbers, readable};
use super::row;
use crate::add_norm::ops::{AddNormPlan, AddNormTensors};
use crate::flex::rows::Rows;
use crate::flex::scatter::Scatter;
use crate::flex::{from_vec, output};

/// The normalised state and the sum.
pub(super) fn run(input: AddNormTensors<Flex>, plan: AddNormPlan) -> (FlexTensor, FlexTensor) {
    let extent = Extent::of(&input.hidden);
    let hidden = readable(input.hidden.clone());
    let residual = input.residual.into_option().map(readable);
    let row_scale = input.row_scale.into_option().map(numbers);
    let (weight, bias) = (numbers(input.weight), input.bias.into_option().map(numbers));
    let mut normal = output(extent.elements());
    let mut sum = output(if plan.adds() { extent.elements() } else { 0 });
    {
        let problem = Problem {
            extent,
            plan,
            hidden: Rows::new(&hidden),
            residual: residual.as_ref().map(Rows::new),
            row_scale: row_scale.as_deref(),
            weight: &weight,
            bias: bias.as_deref(),
            normal: Scatter::new(&mut normal),
            sum: Scatter::new(&mut sum),
        };
        let arch = Arch::new();
        (0..extent.tasks()).into_par_iter().for_each(|task| {
            arch.dispatch(Task {
                problem: &problem,
                task,
            });
        });
    }
    let sum = match plan.adds() {
        true => from_vec(sum, extent.shape(), plan.stream),
        false => input.hidden,
    };
    (from_vec(normal, extent.shape(), plan.hidden), sum)
}

/// Operands and results.
struct Problem<'a> {
    extent: Extent,
    plan: AddNormPlan,
    hidden: Rows<'a, 2>,
    residual: Option<Rows<'a, 2>>,
    row_scale: Option<&'a [f32]>,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    normal: Scatter<'a>,
    sum: Scatter<'a>,
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
        for row in p.extent.rows(self.task) {
            // SAFETY: this task alone owns this row, and holds it once.
            let normal = unsafe { p.normal.part(p.extent.range(row)) };
            let x = p.sum(s, row);
            let factor = row::centre(s, normal, x, options.kind, options.epsilon as f32);
            row::scale(s, normal, factor, p.weight, p.bias);
        }
    }
}

impl Problem<'_> {
    /// Writes and returns the sum of a row, as it is stored.
    #[inline(always)]
    fn sum<S: Simd>(&self, s: S, row: usize) -> &[f32] {
        let index @ [batch, _] = self.extent.index(row);
        let hidden = self.hidden.row(index);
        if !self.plan.adds() {
            return hidden;
        }
        // SAFETY: one task owns this row, and asks for it once.
        let sum = unsafe { self.sum.part(self.extent.range(row)) };
        let factor = self.row_scale.map_or(1.0, |scale| scale[batch]);
        let residual = self.residual.as_ref().map(|residual| residual.row(index));
        row::add(s, sum, hidden, factor, residual);
        row::round(sum, self.plan.stream);
        sum
    }
}
