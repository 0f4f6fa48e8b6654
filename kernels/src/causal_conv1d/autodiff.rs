//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ConvOptions;
use super::ops::{CausalConvBackward, CausalConvOps, ConvTensors};
use crate::native::Optional;

/// The autodiff step: four parents, in the order of [`ConvTensors`] without `reset`.
#[derive(Debug)]
struct CausalConvStep;

impl<B: CausalConvBackward> Backward<B, 4> for CausalConvStep {
    type State = (ConvTensors<B>, ConvOptions);

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (input, options) = ops.state;
        let g = B::causal_conv1d_backward(input, options, grad);
        let results = [
            Some(g.x),
            Some(g.weight),
            g.bias.into_option(),
            g.initial_columns.into_option(),
        ];
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(node), Some(result)) = (parent, result) {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

impl<B: CausalConvBackward, C: CheckpointStrategy> CausalConvOps for Autodiff<B, C> {
    fn causal_conv1d_forward(input: ConvTensors<Self>, options: ConvOptions) -> FloatTensor<Self> {
        // An absent operand lends x's node to its place among the parents; no gradient is
        // registered through it.
        let node = |optional: &Optional<Self>| optional.as_option().unwrap_or(&input.x).node();
        let nodes = [
            input.x.node(),
            input.weight.node(),
            node(&input.bias),
            node(&input.initial_columns),
        ];
        let input = into_inner(input);
        match CausalConvStep
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let output = B::causal_conv1d_forward(input.clone(), options);
                step.finish((input, options), output)
            }
            OpsKind::UnTracked(step) => step.finish(B::causal_conv1d_forward(input, options)),
        }
    }
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    input: ConvTensors<Autodiff<B, C>>,
) -> ConvTensors<B> {
    let inner = |optional: Optional<Autodiff<B, C>>| {
        optional
            .into_option()
            .map(|tensor| tensor.into_primitive())
            .into()
    };
    ConvTensors {
        x: input.x.into_primitive(),
        weight: input.weight.into_primitive(),
        bias: inner(input.bias),
        initial_columns: inner(input.initial_columns),
        reset: inner(input.reset),
    }
}
