//! Registration of the backward pass.

use burn::backend::{Autodiff, AutodiffBackend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::AttachOps;

/// The autodiff step; its parents are the term and x.
#[derive(Debug)]
struct AttachStep;

impl<B: AttachOps> Backward<B, 2> for AttachStep {
    /// The gradient that is attached.
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let [term, x] = ops.parents;
        if let Some(node) = x {
            grads.register::<B>(node.id, B::float_mul(grad.clone(), ops.state));
        }
        if let Some(node) = term {
            grads.register::<B>(node.id, grad);
        }
    }
}

impl<B: AttachOps, C: CheckpointStrategy> AttachOps for Autodiff<B, C> {
    fn attach(
        term: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [term.node(), x.node()];
        let term = term.into_primitive();
        match AttachStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(Self::inner(gradient), term),
            OpsKind::UnTracked(step) => step.finish(term),
        }
    }
}
