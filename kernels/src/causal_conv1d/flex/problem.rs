//! The convolution's operands as memory.

use burn::backend::Flex;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::Simd;

use crate::causal_conv1d::{ConvOptions, ops::ConvTensors};
use crate::flex::order::Order;
use crate::flex::rows::{Rows, with_contiguous_rows};
use crate::flex::sums::transpose;
use crate::flex::{simd, to_f32};
use crate::native::Optional;

/// 32-bit operands whose innermost axis is contiguous.
pub(super) struct Operands {
    /// The caller's type of `x`.
    pub(super) dtype: DType,
    x: FlexTensor,
    /// `[K, D]`: the order in which rows of channels meet their taps.
    weight: Vec<f32>,
    taps: usize,
    bias: Option<FlexTensor>,
    initial_columns: Option<FlexTensor>,
    reset: Option<FlexTensor>,
}

impl Operands {
    pub(super) fn new(input: ConvTensors<Flex>) -> Self {
        let rows = |tensor: FlexTensor| with_contiguous_rows(to_f32(tensor));
        let optional = |tensor: Optional<Flex>| tensor.into_option().map(rows);
        let shape = input.weight.layout().shape().clone();
        let weight = to_f32(input.weight).to_contiguous();
        let values =
            &weight.storage::<f32>()[weight.layout().start_offset()..][..shape.num_elements()];
        Self {
            dtype: input.x.dtype(),
            x: rows(input.x),
            weight: transpose(values, shape[0], shape[1]),
            taps: shape[1],
            bias: optional(input.bias),
            initial_columns: optional(input.initial_columns),
            reset: optional(input.reset),
        }
    }

    pub(super) fn problem(&self, options: ConvOptions) -> Problem<'_> {
        let shape = self.x.layout().shape();
        let mut problem = Problem {
            batch: shape[0],
            length: shape[1],
            channels: shape[2],
            taps: self.taps,
            options,
            x: Rows::new(&self.x),
            weight: &self.weight,
            bias: self.bias.as_ref().map(Rows::new),
            initial_columns: self.initial_columns.as_ref().map(Rows::new),
            order: Order::new(
                shape[1],
                options.reverse,
                self.reset.as_ref().map(Rows::new),
            ),
            reach: Vec::new(),
        };
        problem.reach = problem.reaches();
        problem
    }
}

/// Sizes and views of one convolution.
pub(super) struct Problem<'a> {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) channels: usize,
    pub(super) taps: usize,
    pub(super) options: ConvOptions,
    pub(super) x: Rows<'a, 2>,
    weight: &'a [f32],
    pub(super) bias: Option<Rows<'a, 0>>,
    pub(super) initial_columns: Option<Rows<'a, 2>>,
    /// Direction, and borders that no tap crosses.
    pub(super) order: Order<'a>,
    /// Tokens in front of each position that its taps may use, `[B, L]`.
    reach: Vec<u32>,
}

/// Where a tap reads.
pub(super) enum Source {
    /// This position of the sequence.
    Token(usize),
    /// This row of the initial columns.
    Column(usize),
}

impl Problem<'_> {
    /// Distances that the taps at position `t` may look back, inclusive.
    #[inline(always)]
    pub(super) fn distances(&self, batch: usize, t: usize) -> std::ops::RangeInclusive<usize> {
        0..=self.reach[batch * self.length + t] as usize
    }

    /// What lies `distance` processing steps in front of position `t`.
    #[inline(always)]
    pub(super) fn source(&self, t: usize, distance: usize) -> Source {
        match self.options.reverse {
            true if t + distance < self.length => Source::Token(t + distance),
            true => Source::Column(t + distance - self.length),
            false if distance <= t => Source::Token(t - distance),
            false => Source::Column(self.taps - 1 + t - distance),
        }
    }

    /// The row of inputs at `source`.
    #[inline(always)]
    pub(super) fn row(&self, batch: usize, source: &Source) -> &[f32] {
        match (source, &self.initial_columns) {
            (Source::Token(t), _) => self.x.row([batch, *t]),
            (Source::Column(row), Some(columns)) => columns.row([batch, *row]),
            (Source::Column(_), None) => unreachable!("no tap reaches past the first token"),
        }
    }

    /// The taps of every channel at a distance, `[D]`.
    #[inline(always)]
    pub(super) fn tap(&self, distance: usize) -> &[f32] {
        let row = self.taps - 1 - distance;
        &self.weight[row * self.channels..(row + 1) * self.channels]
    }

    /// The convolution at position `t` before SiLU, for the channels `range`.
    #[inline(always)]
    pub(super) fn convolve<S: Simd>(
        &self,
        s: S,
        batch: usize,
        t: usize,
        range: std::ops::Range<usize>,
    ) -> S::f32s {
        let mut sum = match &self.bias {
            Some(bias) => simd::load(s, &bias.row([])[range.clone()]),
            None => s.splat_f32s(0.0),
        };
        for distance in self.distances(batch, t) {
            let row = self.row(batch, &self.source(t, distance));
            let x = simd::load(s, &row[range.clone()]);
            sum = s.mul_add_e_f32s(simd::load(s, &self.tap(distance)[range.clone()]), x, sum);
        }
        sum
    }

    /// For every position the number of tokens in front of it, in processing order, that lie in
    /// the same sequence, at most K − 1.
    fn reaches(&self) -> Vec<u32> {
        let most = self.taps - 1;
        let first = if self.initial_columns.is_some() {
            most
        } else {
            0
        };
        let mut reach = vec![0; self.batch * self.length];
        for batch in 0..self.batch {
            let mut available = first;
            for step in 0..self.length {
                let t = self.order.position(step);
                if self.order.starts_at(batch, t) {
                    available = 0;
                }
                reach[batch * self.length + t] = available as u32;
                available = (available + 1).min(most);
            }
        }
        reach
    }
}
