//! Backward pass; the formulas are in the operator's `README.md`.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::RUN;
use super::row::{statistics, sum};
use crate::add_norm::ops::{NormGrads, NormTensors};
use crate::add_norm::{AddNormOptions, NormKind};
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::scatter::Scatter;
use crate::flex::sums::sum_over_batch;
use crate::flex::{from_vec, output, to_f32};

/// Gradients of the sum and of the parameters.
pub(super) fn run(
    input: NormTensors<Flex>,
    options: AddNormOptions,
    grad: FlexTensor,
) -> NormGrads<Flex> {
    let shape: [usize; 3] = input.residual.shape().dims();
    let [batch, length, channels] = shape;
    let dtype = input.residual.dtype();
    let residual = with_contiguous_rows(to_f32(input.residual));
    let grad = with_contiguous_rows(to_f32(grad));
    let weight = input.weight.to_contiguous();
    let rows = batch * length;
    let runs = rows.div_ceil(RUN);

    let mut d_sum = output(rows * channels);
    let mut d_weight = vec![0.0; runs * channels];
    let mut d_bias = vec![0.0; runs * channels];
    let problem = Problem {
        length,
        channels,
        kind: options.kind,
        epsilon: options.epsilon as f32,
        residual: Rows::new(&residual),
        grad: Rows::new(&grad),
        weight: weight.storage::<f32>(),
        d_sum: Scatter::new(&mut d_sum),
        d_weight: Scatter::new(&mut d_weight),
        d_bias: Scatter::new(&mut d_bias),
    };
    let arch = Arch::new();
    (0..runs).into_par_iter().for_each(|run| {
        arch.dispatch(Task {
            p: &problem,
            run,
            rows: run * RUN..((run + 1) * RUN).min(rows),
        });
    });
    let parameter =
        |partials: &[f32]| from_vec(sum_over_batch(partials, channels), [channels], DType::F32);
    NormGrads {
        residual: from_vec(d_sum, shape, dtype),
        weight: parameter(&d_weight),
        bias: input.bias.into_option().map(|_| parameter(&d_bias)).into(),
    }
}

struct Problem<'a> {
    length: usize,
    channels: usize,
    kind: NormKind,
    epsilon: f32,
    residual: Rows<'a, 2>,
    grad: Rows<'a, 2>,
    weight: &'a [f32],
    d_sum: Scatter<'a>,
    /// One row per run.
    d_weight: Scatter<'a>,
    /// One row per run.
    d_bias: Scatter<'a>,
}

struct Task<'a> {
    p: &'a Problem<'a>,
    run: usize,
    rows: std::ops::Range<usize>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let p = self.p;
        let own = self.run * p.channels..(self.run + 1) * p.channels;
        // SAFETY: every run has rows of its own.
        let (d_weight, d_bias) = unsafe { (p.d_weight.part(own.clone()), p.d_bias.part(own)) };
        let mut normal = vec![0.0; p.channels];
        let mut scaled = vec![0.0; p.channels];
        for row in self.rows {
            let index = [row / p.length, row % p.length];
            let (x, dy) = (p.residual.row(index), p.grad.row(index));
            let (mean, factor) = statistics(s, x, p.kind, p.epsilon);
            for (n, x) in normal.iter_mut().zip(x) {
                *n = (x - mean) * factor;
            }
            for ((g, dy), w) in scaled.iter_mut().zip(dy).zip(p.weight) {
                *g = dy * w;
            }
            let width = p.channels as f32;
            let along = sum(s, &scaled, &normal, |g, n| s.mul_f32s(g, n)) / width;
            let level = match p.kind {
                NormKind::Rms => 0.0,
                NormKind::Layer => sum(s, &scaled, &scaled, |g, _| g) / width,
            };
            // SAFETY: tasks own disjoint rows.
            let d_sum = unsafe { p.d_sum.part(row * p.channels..(row + 1) * p.channels) };
            for ((d, g), n) in d_sum.iter_mut().zip(&scaled).zip(&normal) {
                *d = factor * (g - n * along - level);
            }
            for ((d, dy), n) in d_weight.iter_mut().zip(dy).zip(&normal) {
                *d += dy * n;
            }
            d_bias.iter_mut().zip(dy).for_each(|(d, dy)| *d += dy);
        }
    }
}
