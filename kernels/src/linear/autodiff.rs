//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{LinearBackward, LinearOps};

/// The autodiff step; its parents are x and the weight.
#[derive(Debug)]
struct LinearStep;

/// What the step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    x: FloatTensor<B>,
    /// In the type of x.
    weight: FloatTensor<B>,
    /// Type of the weight's gradient.
    dtype: DType,
}

impl<B: LinearBackward> Backward<B, 2> for LinearStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Kept { x, weight, dtype } = ops.state;
        let [input, parameter] = ops.parents;
        if let Some(node) = input {
            grads.register::<B>(node.id, B::linear_input(grad.clone(), weight));
        }
        if let Some(node) = parameter {
            grads.register::<B>(node.id, B::linear_weight(grad, x, dtype));
        }
    }
}

impl<B: LinearBackward, C: CheckpointStrategy> LinearOps for Autodiff<B, C> {
    fn linear_forward(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        match LinearStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let dtype = weight.dtype();
                // Rounded once for both passes.
                let weight = match dtype == x.dtype() {
                    true => weight,
                    false => B::float_cast(weight, x.dtype().into()),
                };
                let y = B::linear_forward(x.clone(), weight.clone());
                step.finish(Kept { x, weight, dtype }, y)
            }
            OpsKind::UnTracked(step) => step.finish(B::linear_forward(x, weight)),
        }
    }
}
