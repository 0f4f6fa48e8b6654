//! The scan's operands as memory, and its division into tasks.

use std::ops::Range;

use burn::backend::Flex;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use pulp::Simd;

use super::CHUNK;
use crate::flex::blocks::{self, Block};
use crate::flex::order::Order;
use crate::flex::{rows::Rows, rows::with_contiguous_rows, simd, to_f32};
use crate::native::Optional;
use crate::selective_scan::{ScanOptions, ops::ScanTensors};

/// 32-bit operands whose innermost axis is contiguous.
pub(super) struct Operands {
    /// The caller's type of `u`.
    pub(super) dtype: DType,
    u: FlexTensor,
    delta: FlexTensor,
    a: FlexTensor,
    b: FlexTensor,
    c: FlexTensor,
    skip: Option<FlexTensor>,
    z: Option<FlexTensor>,
    delta_bias: Option<FlexTensor>,
    initial_state: Option<FlexTensor>,
    reset: Option<FlexTensor>,
}

impl Operands {
    pub(super) fn new(input: ScanTensors<Flex>) -> Self {
        let rows = |tensor: FlexTensor| with_contiguous_rows(to_f32(tensor));
        let optional = |tensor: Optional<Flex>| tensor.into_option().map(rows);
        Self {
            dtype: input.u.dtype(),
            u: rows(input.u),
            delta: rows(input.delta),
            a: rows(input.a),
            b: rows(input.b),
            c: rows(input.c),
            skip: optional(input.skip),
            z: optional(input.z),
            delta_bias: optional(input.delta_bias),
            initial_state: optional(input.initial_state),
            reset: optional(input.reset),
        }
    }

    pub(super) fn problem(&self, options: ScanOptions) -> Problem<'_> {
        let shape = self.b.layout().shape();
        Problem {
            batch: shape[0],
            length: shape[1],
            groups: shape[2],
            states: shape[3],
            channels: self.a.layout().shape()[0],
            options,
            u: Rows::new(&self.u),
            delta: Rows::new(&self.delta),
            a: Rows::new(&self.a),
            b: Rows::new(&self.b),
            c: Rows::new(&self.c),
            skip: self.skip.as_ref().map(Rows::new),
            z: self.z.as_ref().map(Rows::new),
            delta_bias: self.delta_bias.as_ref().map(Rows::new),
            initial_state: self.initial_state.as_ref().map(Rows::new),
            order: Order::new(
                shape[1],
                options.reverse,
                self.reset.as_ref().map(Rows::new),
            ),
        }
    }
}

/// Sizes and views of one scan.
pub(super) struct Problem<'a> {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) groups: usize,
    pub(super) states: usize,
    pub(super) channels: usize,
    pub(super) options: ScanOptions,
    pub(super) u: Rows<'a, 2>,
    pub(super) delta: Rows<'a, 2>,
    a: Rows<'a, 1>,
    pub(super) b: Rows<'a, 3>,
    pub(super) c: Rows<'a, 3>,
    skip: Option<Rows<'a, 0>>,
    pub(super) z: Option<Rows<'a, 2>>,
    delta_bias: Option<Rows<'a, 0>>,
    initial_state: Option<Rows<'a, 2>>,
    /// Direction, and where the state is cleared.
    pub(super) order: Order<'a>,
}

impl Problem<'_> {
    pub(super) fn chunks(&self) -> usize {
        self.length.div_ceil(CHUNK)
    }

    /// Blocks that a group divides into.
    pub(super) fn parts(&self) -> usize {
        blocks::parts(self.channels / self.groups)
    }

    /// All tasks.
    pub(super) fn blocks(&self) -> Vec<Block> {
        blocks::blocks(self.batch, self.groups, self.channels)
    }

    /// `A · log2(e)` of a block's channels, one vector per (vector of channels, state).
    #[inline(always)]
    pub(super) fn decay_exponents<S: Simd>(&self, s: S, block: &Block) -> Vec<S::f32s> {
        let read = |channel: usize, n: usize| self.a.row([channel])[n] * simd::LOG2_E;
        gather(s, &block.channels, self.states, read)
    }

    /// The initial state of a block's channels, one vector per (vector of channels, state).
    #[inline(always)]
    pub(super) fn first_states<S: Simd>(&self, s: S, block: &Block) -> Vec<S::f32s> {
        let read = |channel: usize, n: usize| match &self.initial_state {
            Some(state) => state.row([block.batch, channel])[n],
            None => 0.0,
        };
        gather(s, &block.channels, self.states, read)
    }

    /// Skip coefficient of the channels `range`; zero if absent.
    #[inline(always)]
    pub(super) fn skip<S: Simd>(&self, s: S, range: Range<usize>) -> S::f32s {
        load_or_zero(s, self.skip.as_ref(), range)
    }

    /// Step-size bias of the channels `range`; zero if absent.
    #[inline(always)]
    pub(super) fn delta_bias<S: Simd>(&self, s: S, range: Range<usize>) -> S::f32s {
        load_or_zero(s, self.delta_bias.as_ref(), range)
    }

    pub(super) fn has_skip(&self) -> bool {
        self.skip.is_some()
    }

    pub(super) fn has_delta_bias(&self) -> bool {
        self.delta_bias.is_some()
    }

    pub(super) fn has_initial_state(&self) -> bool {
        self.initial_state.is_some()
    }
}

#[inline(always)]
fn load_or_zero<S: Simd>(s: S, row: Option<&Rows<'_, 0>>, range: Range<usize>) -> S::f32s {
    match row {
        Some(row) => simd::load(s, &row.row([])[range]),
        None => s.splat_f32s(0.0),
    }
}

/// Vectors over channels of a quantity stored channel-major; lanes past the end are zero.
#[inline(always)]
fn gather<S: Simd>(
    s: S,
    channels: &Range<usize>,
    states: usize,
    read: impl Fn(usize, usize) -> f32,
) -> Vec<S::f32s> {
    let vectors = channels.len().div_ceil(S::F32_LANES);
    let mut out = vec![s.splat_f32s(0.0); vectors * states];
    let numbers: &mut [f32] = bytemuck::cast_slice_mut(&mut out);
    for (offset, channel) in channels.clone().enumerate() {
        let (v, lane) = (offset / S::F32_LANES, offset % S::F32_LANES);
        for n in 0..states {
            numbers[(v * states + n) * S::F32_LANES + lane] = read(channel, n);
        }
    }
    out
}
