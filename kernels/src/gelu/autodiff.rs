//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};

use super::ops::{GeluBackward, GeluOps};

#[derive(Debug)]
struct GeluStep;

impl<B: GeluBackward> Backward<B, 1> for GeluStep {
    /// The operand.
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let x = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::gelu_input(x, grad));
    }
}

impl<B: GeluBackward, C: CheckpointStrategy> GeluOps for Autodiff<B, C> {
    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        match GeluStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let y = B::gelu_forward(x.clone());
                step.finish(x, y)
            }
            OpsKind::UnTracked(step) => step.finish(B::gelu_forward(x)),
        }
    }
}
