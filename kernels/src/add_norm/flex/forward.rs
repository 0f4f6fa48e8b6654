//! Forward pass.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::RUN;
use super::row::statistics;
use crate::add_norm::ops::{AddNormOutput, AddNormTensors};
use crate::add_norm::{AddNormOptions, NormKind};
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::scatter::Scatter;
use crate::flex::{from_vec, output, to_f32};

/// Normalised sum and sum.
pub(super) fn run(input: AddNormTensors<Flex>, options: AddNormOptions) -> AddNormOutput<Flex> {
    let shape: [usize; 3] = input.hidden.shape().dims();
    let [batch, length, channels] = shape;
    let dtype = input.hidden.dtype();
    let residual = input.residual.into_option();
    let stream = options.stream(dtype, residual.as_ref().map(TensorMetadata::dtype));
    let hidden = with_contiguous_rows(to_f32(input.hidden));
    let residual = residual.map(|t| with_contiguous_rows(to_f32(t)));
    let scale = input.row_scale.into_option().map(|t| t.to_contiguous());
    let weight = input.weight.to_contiguous();
    let bias = input.bias.into_option().map(|t| t.to_contiguous());

    let rows = batch * length;
    let mut normal = output(rows * channels);
    let mut sum = output(rows * channels);
    let problem = Problem {
        length,
        channels,
        rounded: (stream != DType::F32).then_some(stream),
        kind: options.kind,
        epsilon: options.epsilon as f32,
        hidden: Rows::new(&hidden),
        residual: residual.as_ref().map(Rows::new),
        scale: scale.as_ref().map(|t| t.storage::<f32>()),
        weight: weight.storage::<f32>(),
        bias: bias.as_ref().map(|t| t.storage::<f32>()),
        normal: Scatter::new(&mut normal),
        sum: Scatter::new(&mut sum),
    };
    let arch = Arch::new();
    (0..rows.div_ceil(RUN)).into_par_iter().for_each(|run| {
        arch.dispatch(Task {
            p: &problem,
            rows: run * RUN..((run + 1) * RUN).min(rows),
        });
    });
    AddNormOutput {
        normal: from_vec(normal, shape, dtype),
        residual: from_vec(sum, shape, stream),
    }
}

struct Problem<'a> {
    length: usize,
    channels: usize,
    /// The 16-bit type that the sum is stored in, if it is one.
    rounded: Option<DType>,
    kind: NormKind,
    epsilon: f32,
    hidden: Rows<'a, 2>,
    residual: Option<Rows<'a, 2>>,
    scale: Option<&'a [f32]>,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    normal: Scatter<'a>,
    sum: Scatter<'a>,
}

struct Task<'a> {
    p: &'a Problem<'a>,
    rows: std::ops::Range<usize>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let p = self.p;
        for row in self.rows {
            let index = [row / p.length, row % p.length];
            let range = row * p.channels..(row + 1) * p.channels;
            // SAFETY: tasks own disjoint rows.
            let (sum, normal) = unsafe { (p.sum.part(range.clone()), p.normal.part(range)) };
            sum.copy_from_slice(p.hidden.row(index));
            if let Some(scale) = p.scale {
                let factor = scale[index[0]];
                sum.iter_mut().for_each(|x| *x *= factor);
            }
            if let Some(residual) = &p.residual {
                let stream = residual.row(index);
                sum.iter_mut().zip(stream).for_each(|(x, r)| *x += r);
            }
            if let Some(dtype) = p.rounded {
                sum.iter_mut().for_each(|x| *x = round(*x, dtype));
            }
            let (mean, factor) = statistics(s, sum, p.kind, p.epsilon);
            for ((y, x), w) in normal.iter_mut().zip(&*sum).zip(p.weight) {
                *y = (x - mean) * factor * w;
            }
            if let Some(bias) = p.bias {
                normal.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
        }
    }
}

/// The number as the 16-bit type holds it.
fn round(x: f32, dtype: DType) -> f32 {
    match dtype {
        DType::F16 => burn::tensor::f16::from_f32(x).to_f32(),
        _ => burn::tensor::bf16::from_f32(x).to_f32(),
    }
}
