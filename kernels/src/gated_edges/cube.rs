//! The GPU implementation: a unit is one vector of channels of one edge, node or piece of a node's edges.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::EPSILON;
use super::ops::{GatedEdgeBackward, GatedEdgeOps};
use crate::cube::math::sigmoid;
use crate::cube::{Rows, Units, address_type, contiguous, empty, spread, vector};
use crate::segment::cube::{places, row};
use crate::segment::ops::SegmentPlan;
use crate::segment::piece;

const UNITS: usize = 256;

impl GatedEdgeOps for CubeBackend {
    fn edge_states(
        target: FloatTensor<Self>,
        source: FloatTensor<Self>,
        edge: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        _target_pointers: IntTensor<Self>,
        of_source: IntTensor<Self>,
        _source_pointers: IntTensor<Self>,
        _by_source: IntTensor<Self>,
        _plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let [edges, columns] = edge.meta.shape().dims();
        let vector = vector(columns);
        let [target, source, edge] = [target, source, edge].map(|x| Rows::new(x, vector));
        let states = empty(&edge.tensor, [edges, columns], edge.tensor.dtype);
        let units = edges * columns / vector;
        // SAFETY: a unit beyond the edges leaves first; the others read one vector of their edge, of its two ends, which the caller counts
        // within the tensors, and of the bias, and write one vector of their own.
        unsafe {
            states_kernel::launch_unchecked(
                &edge.tensor.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&edge.tensor, &states]),
                vector,
                target.tensor.clone().into_buffer_arg(),
                source.tensor.clone().into_buffer_arg(),
                edge.tensor.clone().into_buffer_arg(),
                contiguous(bias).into_buffer_arg(),
                contiguous(of_target).into_buffer_arg(),
                contiguous(of_source).into_buffer_arg(),
                states.clone().into_buffer_arg(),
                columns / vector,
                target.pitch / vector,
                source.pitch / vector,
                edge.pitch / vector,
                units,
                dtype_to_storage_type(states.dtype),
            );
        }
        states
    }

    fn gated_mean(
        states: FloatTensor<Self>,
        sent: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        target_pointers: IntTensor<Self>,
        of_source: IntTensor<Self>,
        _source_pointers: IntTensor<Self>,
        _by_source: IntTensor<Self>,
        _plan: SegmentPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let of_target = contiguous(of_target);
        Sum {
            states,
            other: sent,
            of_other: of_source,
            pointers: target_pointers,
            order: of_target.clone(),
            of_row: of_target,
            ordered: false,
            is_mean: true,
        }
        .run()
    }
}

impl GatedEdgeBackward for CubeBackend {
    fn gated_mean_states(
        states: FloatTensor<Self>,
        sent: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        q: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        of_source: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let [edges, columns] = states.meta.shape().dims();
        let vector = vector(columns);
        let [states, sent, mean, q] = [states, sent, mean, q].map(|x| Rows::new(x, vector));
        let gradient = empty(&states.tensor, [edges, columns], states.tensor.dtype);
        let units = edges * columns / vector;
        // SAFETY: as for the states.
        unsafe {
            state_gradient_kernel::launch_unchecked(
                &states.tensor.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&states.tensor, &gradient]),
                vector,
                states.tensor.clone().into_buffer_arg(),
                sent.tensor.clone().into_buffer_arg(),
                mean.tensor.clone().into_buffer_arg(),
                q.tensor.clone().into_buffer_arg(),
                contiguous(of_target).into_buffer_arg(),
                contiguous(of_source).into_buffer_arg(),
                gradient.clone().into_buffer_arg(),
                columns / vector,
                states.pitch / vector,
                sent.pitch / vector,
                mean.pitch / vector,
                q.pitch / vector,
                units,
                Units::of(&states.tensor.device),
                dtype_to_storage_type(gradient.dtype),
            );
        }
        gradient
    }

    fn gated_mean_sent(
        states: FloatTensor<Self>,
        q: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        of_source: IntTensor<Self>,
        source_pointers: IntTensor<Self>,
        by_source: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let (sums, _) = Sum {
            states,
            other: q,
            of_other: of_target,
            pointers: source_pointers,
            order: by_source,
            of_row: of_source,
            ordered: plan.ordered,
            is_mean: false,
        }
        .run();
        sums
    }
}

/// `Σ σ(ê_e) x_o` over the edges e of every segment, o being the node that `of_other` gives an edge; or, if it is a mean, that over
/// `Σ σ(ê_e) + ε`.
struct Sum {
    states: CubeTensor,
    other: CubeTensor,
    of_other: CubeTensor,
    pointers: CubeTensor,
    order: CubeTensor,
    of_row: CubeTensor,
    ordered: bool,
    is_mean: bool,
}

impl Sum {
    /// Sums or means `[N, D]` in the type of the states, and the divisors of means.
    fn run(self) -> (CubeTensor, CubeTensor) {
        let segments = self.pointers.meta.shape()[0] - 1;
        let [edges, columns] = self.states.meta.shape().dims();
        let vector = vector(columns);
        let piece = piece(edges);
        let of_row = contiguous(self.of_row);
        let operands = Operands {
            states: Rows::new(self.states, vector),
            other: Rows::new(self.other, vector),
            of_other: contiguous(self.of_other),
            order: contiguous(self.order),
            columns,
            vector,
            ordered: self.ordered,
            is_mean: self.is_mean,
        };
        let like = &operands.states.tensor;
        let pieces = match piece {
            Some(piece) => operands.pieces(&of_row, piece),
            // Something to bind; it is not read.
            None => empty(like, [1, vector], DType::F32),
        };
        let sums = empty(like, [segments, columns], like.dtype);
        let divisors = match self.is_mean {
            true => empty(like, [segments, columns], DType::F32),
            // Likewise; it is not written.
            false => empty(like, [1, vector], DType::F32),
        };
        let units = segments * columns / vector;
        // SAFETY: a unit beyond the sums leaves first; the others read pointers of one segment below their count, edges that the caller counts
        // within the tensor, the other ends of these, which it counts too, and whole pieces of them, and write one vector of their own.
        unsafe {
            sum_kernel::launch_unchecked(
                &like.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[like, &sums]),
                vector,
                like.clone().into_buffer_arg(),
                operands.other.tensor.clone().into_buffer_arg(),
                operands.of_other.clone().into_buffer_arg(),
                contiguous(self.pointers).into_buffer_arg(),
                operands.order.clone().into_buffer_arg(),
                pieces.into_buffer_arg(),
                sums.clone().into_buffer_arg(),
                divisors.clone().into_buffer_arg(),
                LayoutLaunch::new(
                    operands.columns / vector,
                    operands.states.pitch / vector,
                    operands.other.pitch / vector,
                    units,
                ),
                piece.unwrap_or(0),
                operands.form(),
                operands.dtypes(),
            );
        }
        (sums, divisors)
    }
}

/// What both launches of a sum read.
struct Operands {
    states: Rows,
    other: Rows,
    of_other: CubeTensor,
    order: CubeTensor,
    columns: usize,
    vector: usize,
    ordered: bool,
    is_mean: bool,
}

impl Operands {
    /// Sums of whole pieces, `[pieces, columns]`, and of their gates behind each, 32-bit; of a piece of several segments nothing is
    /// written.
    fn pieces(&self, of_row: &CubeTensor, piece: usize) -> CubeTensor {
        let like = &self.states.tensor;
        let pieces = like.meta.shape()[0] / piece;
        let sums = empty(like, [pieces, 2, self.columns], DType::F32);
        let units = pieces * self.columns / self.vector;
        // SAFETY: a unit beyond the pieces leaves first; the others read the edges of one piece and their other ends, which the caller counts
        // within the tensors, and write two vectors of their own.
        unsafe {
            piece_kernel::launch_unchecked(
                &like.client,
                spread(units.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[like, &sums]),
                self.vector,
                like.clone().into_buffer_arg(),
                self.other.tensor.clone().into_buffer_arg(),
                self.of_other.clone().into_buffer_arg(),
                of_row.clone().into_buffer_arg(),
                self.order.clone().into_buffer_arg(),
                sums.clone().into_buffer_arg(),
                LayoutLaunch::new(
                    self.columns / self.vector,
                    self.states.pitch / self.vector,
                    self.other.pitch / self.vector,
                    units,
                ),
                piece,
                self.form(),
                self.dtypes(),
            );
        }
        sums
    }

    fn form(&self) -> Form {
        Form {
            ordered: self.ordered,
            is_mean: self.is_mean,
            units: Units::of(&self.states.tensor.device),
        }
    }

    fn dtypes(&self) -> [ElemType; 2] {
        [self.states.tensor.dtype, self.other.tensor.dtype].map(dtype_to_storage_type)
    }
}

/// Sizes.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Layout {
    /// Vectors of a row.
    columns: usize,
    /// Vectors from one edge's states to the next.
    states: usize,
    /// Vectors from one node's row to the next.
    other: usize,
    /// Vectors that are written.
    units: usize,
}

/// What a kernel of sums is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Form {
    /// Edges are found through an order; otherwise they lie segment by segment.
    ordered: bool,
    is_mean: bool,
    units: Units,
}

/// Unit `e · columns + c` adds up vector c of what the ends, the edge and the bias bring along.
#[cube(launch_unchecked, address_type = "dynamic")]
fn states_kernel<F: Float, N: Size>(
    target: &[Vector<F, N>],
    source: &[Vector<F, N>],
    edge: &[Vector<F, N>],
    bias: &[Vector<F, N>],
    of_target: &[i32],
    of_source: &[i32],
    states: &mut [Vector<F, N>],
    columns: usize,
    target_pitch: usize,
    source_pitch: usize,
    edge_pitch: usize,
    units: usize,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= units {
        terminate!();
    }
    let row = unit / columns;
    let column = unit - row * columns;
    let to = target[usize::cast_from(of_target[row]) * target_pitch + column];
    let from = source[usize::cast_from(of_source[row]) * source_pitch + column];
    let own = edge[row * edge_pitch + column];
    let sum = Vector::<f32, N>::cast_from(to) + Vector::<f32, N>::cast_from(from);
    let rest = Vector::<f32, N>::cast_from(own) + Vector::<f32, N>::cast_from(bias[column]);
    states[unit] = Vector::cast_from(sum + rest);
}

/// Unit `s · columns + c` sums vector c of the edges of segment s, whole pieces of which are summed already; none are if `piece` is 0.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sum_kernel<F: Float, O: Float, N: Size>(
    states: &[Vector<F, N>],
    other: &[Vector<O, N>],
    of_other: &[i32],
    pointers: &[i32],
    order: &[i32],
    pieces: &[Vector<f32, N>],
    sums: &mut [Vector<F, N>],
    divisors: &mut [Vector<f32, N>],
    layout: Layout,
    #[comptime] piece: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let unit = ABSOLUTE_POS;
    if unit >= layout.units {
        terminate!();
    }
    let segment = unit / layout.columns;
    let column = unit - segment * layout.columns;
    let start = usize::cast_from(pointers[segment]);
    let end = usize::cast_from(pointers[segment + 1]);
    let mut front_end = end;
    let mut back_start = end;
    let mut first_piece = 0_usize;
    let mut last_piece = 0_usize;
    if comptime!(piece > 0) {
        let places = places(start, end, piece);
        first_piece = places.first_piece;
        last_piece = places.last_piece;
        front_end = places.front_end;
        back_start = places.back_start;
    }
    let whole = whole_pieces::<N>(pieces, first_piece, last_piece, column, &layout);
    let front = edges::<F, O, N>(
        states, other, of_other, order, start, front_end, column, &layout, form,
    );
    let back = edges::<F, O, N>(
        states, other, of_other, order, back_start, end, column, &layout, form,
    );
    let sum = front.sum + whole.sum + back.sum;
    if comptime!(form.is_mean) {
        let gates = front.gates + whole.gates + back.gates;
        let divisor = gates + Vector::new(comptime!(EPSILON as f32));
        divisors[unit] = divisor;
        sums[unit] = Vector::cast_from(sum / divisor);
    } else {
        sums[unit] = Vector::cast_from(sum);
    }
}

/// Unit `p · columns + c` sums vector c of the edges of piece p, if they are all of one segment.
#[cube(launch_unchecked, address_type = "dynamic")]
fn piece_kernel<F: Float, O: Float, N: Size>(
    states: &[Vector<F, N>],
    other: &[Vector<O, N>],
    of_other: &[i32],
    of_row: &[i32],
    order: &[i32],
    sums: &mut [Vector<f32, N>],
    layout: Layout,
    #[comptime] piece: usize,
    #[comptime] form: Form,
    #[define(F, O)] _dtypes: [ElemType; 2],
) {
    let unit = ABSOLUTE_POS;
    if unit >= layout.units {
        terminate!();
    }
    let number = unit / layout.columns;
    let column = unit - number * layout.columns;
    let start = number * piece;
    let end = start + piece;
    let first = row(order, start, form.ordered);
    let last = row(order, end - 1, form.ordered);
    if of_row[first] != of_row[last] {
        terminate!();
    }
    let totals = edges::<F, O, N>(
        states, other, of_other, order, start, end, column, &layout, form,
    );
    let at = number * layout.columns * 2 + column;
    sums[at] = totals.sum;
    sums[at + layout.columns] = totals.gates;
}

/// What edges of a segment come to.
#[derive(CubeType, Clone, Copy)]
struct Totals<N: Size> {
    /// Of other ends' rows times gates.
    sum: Vector<f32, N>,
    gates: Vector<f32, N>,
}

/// Of vector `column` of the edges at places `start` to `end`.
#[cube]
#[allow(clippy::too_many_arguments)]
fn edges<F: Float, O: Float, N: Size>(
    states: &[Vector<F, N>],
    other: &[Vector<O, N>],
    of_other: &[i32],
    order: &[i32],
    start: usize,
    end: usize,
    column: usize,
    layout: &Layout,
    #[comptime] form: Form,
) -> Totals<N> {
    let mut sum = Vector::<f32, N>::new(0.0);
    let mut gates = Vector::<f32, N>::new(0.0);
    let mut place = start;
    // Loads of four edges are under way together.
    while place + 3 < end {
        let first = row(order, place, form.ordered);
        let second = row(order, place + 1, form.ordered);
        let third = row(order, place + 2, form.ordered);
        let fourth = row(order, place + 3, form.ordered);
        let state_1 = Vector::cast_from(states[first * layout.states + column]);
        let state_2 = Vector::cast_from(states[second * layout.states + column]);
        let state_3 = Vector::cast_from(states[third * layout.states + column]);
        let state_4 = Vector::cast_from(states[fourth * layout.states + column]);
        let row_1 = other_row::<O, N>(other, of_other, first, column, layout);
        let row_2 = other_row::<O, N>(other, of_other, second, column, layout);
        let row_3 = other_row::<O, N>(other, of_other, third, column, layout);
        let row_4 = other_row::<O, N>(other, of_other, fourth, column, layout);
        let gate_1 = sigmoid::<N>(state_1, form.units);
        let gate_2 = sigmoid::<N>(state_2, form.units);
        let gate_3 = sigmoid::<N>(state_3, form.units);
        let gate_4 = sigmoid::<N>(state_4, form.units);
        sum = sum + gate_1 * row_1 + gate_2 * row_2 + gate_3 * row_3 + gate_4 * row_4;
        gates = gates + gate_1 + gate_2 + gate_3 + gate_4;
        place += 4;
    }
    while place < end {
        let number = row(order, place, form.ordered);
        let state = Vector::cast_from(states[number * layout.states + column]);
        let gate = sigmoid::<N>(state, form.units);
        sum += gate * other_row::<O, N>(other, of_other, number, column, layout);
        gates += gate;
        place += 1;
    }
    Totals::<N> { sum, gates }
}

/// Of the pieces `start` to `end`.
#[cube]
fn whole_pieces<N: Size>(
    pieces: &[Vector<f32, N>],
    start: usize,
    end: usize,
    column: usize,
    layout: &Layout,
) -> Totals<N> {
    let mut sum = Vector::<f32, N>::new(0.0);
    let mut gates = Vector::<f32, N>::new(0.0);
    let mut number = start;
    while number < end {
        let at = number * layout.columns * 2 + column;
        sum += pieces[at];
        gates += pieces[at + layout.columns];
        number += 1;
    }
    Totals::<N> { sum, gates }
}

/// Vector `column` of the row of an edge's other end.
#[cube]
fn other_row<O: Float, N: Size>(
    other: &[Vector<O, N>],
    of_other: &[i32],
    edge: usize,
    column: usize,
    layout: &Layout,
) -> Vector<f32, N> {
    let node = usize::cast_from(of_other[edge]);
    Vector::cast_from(other[node * layout.other + column])
}

/// Unit `e · columns + c` writes vector c of an edge's gradient.
#[cube(launch_unchecked, address_type = "dynamic")]
#[allow(clippy::too_many_arguments)]
fn state_gradient_kernel<F: Float, N: Size>(
    states: &[Vector<F, N>],
    sent: &[Vector<F, N>],
    mean: &[Vector<F, N>],
    q: &[Vector<f32, N>],
    of_target: &[i32],
    of_source: &[i32],
    gradient: &mut [Vector<F, N>],
    columns: usize,
    states_pitch: usize,
    sent_pitch: usize,
    mean_pitch: usize,
    q_pitch: usize,
    vectors: usize,
    #[comptime] units: Units,
    #[define(F)] _dtype: ElemType,
) {
    let unit = ABSOLUTE_POS;
    if unit >= vectors {
        terminate!();
    }
    let row = unit / columns;
    let column = unit - row * columns;
    let state = Vector::<f32, N>::cast_from(states[row * states_pitch + column]);
    let from = usize::cast_from(of_source[row]);
    let to = usize::cast_from(of_target[row]);
    let sent = Vector::<f32, N>::cast_from(sent[from * sent_pitch + column]);
    let mean = Vector::<f32, N>::cast_from(mean[to * mean_pitch + column]);
    let gate = sigmoid::<N>(state, units);
    let slope = gate * (Vector::new(1.0) - gate);
    gradient[unit] = Vector::cast_from(q[to * q_pitch + column] * (sent - mean) * slope);
}
