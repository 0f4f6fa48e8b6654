//! The interface between the public functions and the GPU implementation.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, backend_extension};

use crate::segment::ops::SegmentPlan;

/// Reached through burn's dispatch. Integers are those of [`Segments`](crate::segment::Segments): destinations `[E]` in ascending
/// order, their pointers `[N + 1]`, sources `[E]`, their pointers `[N + 1]` and their order `[E]`, with the plan of the sources;
/// nothing is empty.
#[backend_extension(Cube, Fusion, Autodiff)]
pub(crate) trait GatedEdgeOps: Backend {
    /// States `[E, D]`, from what targets and sources `[N, D]`, edges `[E, D]` and a bias `[D]` add.
    #[fusion(meta = super::fusion::states)]
    #[allow(clippy::too_many_arguments)] // no struct of integer tensors crosses the dispatch
    fn edge_states(
        target: FloatTensor<Self>,
        source: FloatTensor<Self>,
        edge: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        target_pointers: IntTensor<Self>,
        of_source: IntTensor<Self>,
        source_pointers: IntTensor<Self>,
        by_source: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self>;

    /// Means `[N, D]` in the type of the states, and the sums of gates and ε that they were divided by, `[N, D]`, 32-bit, which
    /// have no gradient.
    #[fusion(meta = super::fusion::mean)]
    #[allow(clippy::too_many_arguments)]
    fn gated_mean(
        states: FloatTensor<Self>,
        sent: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        target_pointers: IntTensor<Self>,
        of_source: IntTensor<Self>,
        source_pointers: IntTensor<Self>,
        by_source: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Backward passes, called by the autodiff registration on the backend below it.
#[backend_extension(Cube, Fusion)]
pub(crate) trait GatedEdgeBackward: GatedEdgeOps {
    /// Gradient of the states, `[E, D]`: `q_i (m_j − y_i) σ(ê) (1 − σ(ê))`, q being the mean's gradient over its divisor, `[N, D]`,
    /// 32-bit.
    #[fusion(meta = super::fusion::state_gradient)]
    fn gated_mean_states(
        states: FloatTensor<Self>,
        sent: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        q: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        of_source: IntTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradient of what is sent, `[N, D]` in the type of the states: `Σ σ(ê_e) q_i` over the edges from a node.
    #[fusion(meta = super::fusion::sent_gradient)]
    fn gated_mean_sent(
        states: FloatTensor<Self>,
        q: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        of_source: IntTensor<Self>,
        source_pointers: IntTensor<Self>,
        by_source: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self>;
}
