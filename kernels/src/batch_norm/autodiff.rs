//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, AutodiffBackend, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{
    BatchNormBackward, BatchNormBackwardTensors, BatchNormOps, BatchNormResults, BatchNormTensors,
};
use crate::native::Optional;

/// The autodiff step; its parents are x, weight and bias.
#[derive(Debug)]
struct BatchNormStep;

/// What the step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    real: Optional<B>,
    count: Optional<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    epsilon: f64,
}

impl<B: BatchNormBackward> Backward<B, 3> for BatchNormStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let kept = ops.state;
        let input = BatchNormBackwardTensors {
            x: kept.x,
            weight: kept.weight,
            mean: kept.mean,
            variance: kept.variance,
            real: kept.real,
            count: kept.count,
            d_y: grads.consume::<B>(&ops.node),
        };
        let results = B::batch_norm_backward(input, kept.epsilon);
        let results = [results.x, results.weight, results.bias];
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

impl<B: BatchNormBackward, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn batch_norm_forward(input: BatchNormTensors<Self>, epsilon: f64) -> BatchNormResults<Self> {
        let nodes = [input.x.node(), input.weight.node(), input.bias.node()];
        let input = into_inner(input);
        let results = B::batch_norm_forward(input.clone(), epsilon);
        let y = match BatchNormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let kept = Kept {
                    x: input.x,
                    weight: input.weight,
                    real: input.real,
                    count: input.count,
                    mean: results.mean.clone(),
                    variance: results.variance.clone(),
                    epsilon,
                };
                step.finish(kept, results.y)
            }
            OpsKind::UnTracked(step) => step.finish(results.y),
        };
        BatchNormResults {
            y,
            mean: Self::from_inner(results.mean),
            variance: Self::from_inner(results.variance),
            unbiased: Self::from_inner(results.unbiased),
        }
    }
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    input: BatchNormTensors<Autodiff<B, C>>,
) -> BatchNormTensors<B> {
    let inner = |optional: Optional<Autodiff<B, C>>| {
        optional
            .into_option()
            .map(|tensor| tensor.into_primitive())
            .into()
    };
    BatchNormTensors {
        x: input.x.into_primitive(),
        weight: input.weight.into_primitive(),
        bias: input.bias.into_primitive(),
        real: inner(input.real),
        count: inner(input.count),
    }
}
