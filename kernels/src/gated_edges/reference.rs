//! The operators by tensor operations, differentiable, on every device; what the CPU runs.

use burn::tensor::{Tensor, activation};

use super::{EPSILON, Ends};
use crate::rows::repeat_row;
use crate::segment::{segment_sum, spread};

/// As [`edge_states`](super::edge_states).
pub fn edge_states(
    target: Tensor<2>,
    source: Tensor<2>,
    edge: Tensor<2>,
    bias: Tensor<1>,
    ends: Ends,
) -> Tensor<2> {
    let shape = edge.dims();
    let of_nodes = spread(target, ends.target) + spread(source, ends.source);
    of_nodes + edge + repeat_row(bias, shape)
}

/// As [`gated_mean`](super::gated_mean).
pub fn gated_mean(states: Tensor<2>, sent: Tensor<2>, ends: Ends) -> Tensor<2> {
    let gates = activation::sigmoid(states);
    let received = gates.clone() * spread(sent, ends.source);
    let received = segment_sum(received, ends.target);
    received / (segment_sum(gates, ends.target) + EPSILON)
}
