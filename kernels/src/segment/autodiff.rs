//! Registration of the backward passes: those of a sum spread, those of a spread sum.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};

use super::ops::{SegmentOps, SegmentPlan};

/// What both steps keep until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    of_row: IntTensor<B>,
    pointers: IntTensor<B>,
    order: IntTensor<B>,
    plan: SegmentPlan,
}

#[derive(Debug)]
struct SumStep;

impl<B: SegmentOps> Backward<B, 1> for SumStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let kept = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::segment_spread(grad, kept.of_row, kept.pointers, kept.order, kept.plan)
        });
    }
}

#[derive(Debug)]
struct SpreadStep;

impl<B: SegmentOps> Backward<B, 1> for SpreadStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let kept = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            match kept.plan.reorders {
                true => B::segment_spread(grad, kept.order, kept.pointers, kept.of_row, kept.plan),
                false => B::segment_sum(grad, kept.of_row, kept.pointers, kept.order, kept.plan),
            }
        });
    }
}

impl<B: SegmentOps, C: CheckpointStrategy> SegmentOps for Autodiff<B, C> {
    fn segment_sum(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let kept = Kept::<B> {
            of_row,
            pointers,
            order,
            plan,
        };
        let Kept {
            of_row,
            pointers,
            order,
            ..
        } = kept.clone();
        let y = B::segment_sum(x.into_primitive(), of_row, pointers, order, plan);
        match SumStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(kept, y),
            OpsKind::UnTracked(step) => step.finish(y),
        }
    }

    fn segment_spread(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let kept = Kept::<B> {
            of_row,
            pointers,
            order,
            plan,
        };
        let Kept {
            of_row,
            pointers,
            order,
            ..
        } = kept.clone();
        let y = B::segment_spread(x.into_primitive(), of_row, pointers, order, plan);
        match SpreadStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(kept, y),
            OpsKind::UnTracked(step) => step.finish(y),
        }
    }

    fn segment_argmax(
        x: FloatTensor<Self>,
        of_row: IntTensor<Self>,
        pointers: IntTensor<Self>,
        order: IntTensor<Self>,
        plan: SegmentPlan,
    ) -> IntTensor<Self> {
        B::segment_argmax(Self::inner(x), of_row, pointers, order, plan)
    }
}
