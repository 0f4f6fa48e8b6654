//! Registration of the hand-derived backward passes.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata};
use burn::tensor::DType;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{GatedEdgeBackward, GatedEdgeOps};
use crate::rows::ops::RowOps;
use crate::segment::ops::{SegmentOps, SegmentPlan};

/// Where edges start and end.
#[derive(Clone, Debug)]
struct Indices<B: Backend> {
    of_target: IntTensor<B>,
    target_pointers: IntTensor<B>,
    of_source: IntTensor<B>,
    source_pointers: IntTensor<B>,
    by_source: IntTensor<B>,
    plan: SegmentPlan,
}

/// Its parents are what targets, sources, edges and the bias add.
#[derive(Debug)]
struct StatesStep;

impl<B: SegmentOps + RowOps> Backward<B, 4> for StatesStep {
    /// The ends, and the type of the bias.
    type State = (Indices<B>, DType);

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (ends, bias_type) = ops.state;
        let [target, source, edge, bias] = ops.parents;
        if let Some(node) = target {
            let sorted = SegmentPlan {
                ordered: false,
                reorders: false,
            };
            let (of_row, pointers) = (ends.of_target, ends.target_pointers);
            let sums = B::segment_sum(grad.clone(), of_row.clone(), pointers, of_row, sorted);
            grads.register::<B>(node.id, sums);
        }
        if let Some(node) = source {
            let (of_row, pointers) = (ends.of_source, ends.source_pointers);
            let sums = B::segment_sum(grad.clone(), of_row, pointers, ends.by_source, ends.plan);
            grads.register::<B>(node.id, sums);
        }
        if let Some(node) = bias {
            grads.register::<B>(node.id, B::row_sums(grad.clone(), bias_type));
        }
        if let Some(node) = edge {
            grads.register::<B>(node.id, grad);
        }
    }
}

/// Its parents are the states and what is sent.
#[derive(Debug)]
struct MeanStep;

/// What the mean keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    states: FloatTensor<B>,
    sent: FloatTensor<B>,
    mean: FloatTensor<B>,
    divisors: FloatTensor<B>,
    ends: Indices<B>,
}

impl<B: GatedEdgeBackward> Backward<B, 2> for MeanStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Kept {
            states,
            sent,
            mean,
            divisors,
            ends,
        } = ops.state;
        let q = B::float_div(B::float_cast(grad, DType::F32.into()), divisors);
        let [of_states, of_sent] = ops.parents;
        if let Some(node) = of_sent {
            let gradient = B::gated_mean_sent(
                states.clone(),
                q.clone(),
                ends.of_target.clone(),
                ends.of_source.clone(),
                ends.source_pointers,
                ends.by_source,
                ends.plan,
            );
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = of_states {
            let gradient =
                B::gated_mean_states(states, sent, mean, q, ends.of_target, ends.of_source);
            grads.register::<B>(node.id, gradient);
        }
    }
}

impl<B, C> GatedEdgeOps for Autodiff<B, C>
where
    B: GatedEdgeBackward + SegmentOps + RowOps,
    C: CheckpointStrategy,
{
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
    ) -> FloatTensor<Self> {
        let nodes = [target.node(), source.node(), edge.node(), bias.node()];
        let bias = bias.into_primitive();
        let bias_type = bias.dtype();
        let ends = Indices::<B> {
            of_target: of_target.clone(),
            target_pointers: target_pointers.clone(),
            of_source: of_source.clone(),
            source_pointers: source_pointers.clone(),
            by_source: by_source.clone(),
            plan,
        };
        let states = B::edge_states(
            target.into_primitive(),
            source.into_primitive(),
            edge.into_primitive(),
            bias,
            of_target,
            target_pointers,
            of_source,
            source_pointers,
            by_source,
            plan,
        );
        match StatesStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish((ends, bias_type), states),
            OpsKind::UnTracked(step) => step.finish(states),
        }
    }

    fn gated_mean(
        states: FloatTensor<Self>,
        sent: FloatTensor<Self>,
        of_target: IntTensor<Self>,
        target_pointers: IntTensor<Self>,
        of_source: IntTensor<Self>,
        source_pointers: IntTensor<Self>,
        by_source: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [states.node(), sent.node()];
        let (states, sent) = (states.into_primitive(), sent.into_primitive());
        let ends = Indices::<B> {
            of_target: of_target.clone(),
            target_pointers: target_pointers.clone(),
            of_source: of_source.clone(),
            source_pointers: source_pointers.clone(),
            by_source: by_source.clone(),
            plan,
        };
        let (mean, divisors) = B::gated_mean(
            states.clone(),
            sent.clone(),
            of_target,
            target_pointers,
            of_source,
            source_pointers,
            by_source,
            plan,
        );
        let constant = Self::from_inner(divisors.clone());
        let mean = match MeanStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let kept = Kept {
                    states,
                    sent,
                    mean: mean.clone(),
                    divisors,
                    ends,
                };
                step.finish(kept, mean)
            }
            OpsKind::UnTracked(step) => step.finish(mean),
        };
        (mean, constant)
    }
}
