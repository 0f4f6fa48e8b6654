//! Registration of the hand-derived backward pass.
//!
//! This operator has two outputs ([`Inbox`]), and one kernel takes the gradients of both: that of the residual stream, which every
//! block adds to, is never added in a pass of its own.

use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{
    AddNormBackward, AddNormBackwardTensors, AddNormOps, AddNormPlan, AddNormTensors,
};
use crate::native::Optional;
use crate::two_outputs::Inbox;

/// The operator's step: four parents, in the order of [`AddNormTensors`] without `row_scale`.
#[derive(Debug)]
struct AddNormStep;

/// What the operator's step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    sum: FloatTensor<B>,
    row_scale: Optional<B>,
    weight: FloatTensor<B>,
    plan: AddNormPlan,
    inbox: Inbox<B>,
}

impl<B: AddNormBackward> Backward<B, 4> for AddNormStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let results = ops.state.gradients();
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(node), Some(result)) = (parent, result) {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

impl<B: AddNormBackward> Kept<B> {
    /// Gradients of the hidden state, the residual stream, the weight and the bias.
    fn gradients(self) -> [Option<FloatTensor<B>>; 4] {
        let [normal, sum] = self.inbox.take();
        let plan = self.plan;
        let (hidden, residual, weight, bias) = match (normal, sum) {
            (Some(d_normal), d_sum) => {
                let input = AddNormBackwardTensors {
                    sum: self.sum,
                    row_scale: self.row_scale,
                    weight: self.weight,
                    d_normal,
                    d_sum: d_sum.into(),
                };
                let g = B::add_norm_backward(input, plan);
                let residual = g.residual.into_option();
                (g.hidden, residual, Some(g.weight), g.bias.into_option())
            }
            (None, Some(d_sum)) => {
                let hidden = through_sum::<B>(d_sum.clone(), self.row_scale, plan);
                (hidden, Some(d_sum), None, None)
            }
            (None, None) => return [None, None, None, None],
        };
        let residual = plan.residual.then(|| residual.unwrap_or(hidden.clone()));
        [Some(hidden), residual, weight, bias]
    }
}

/// The gradient of the hidden state where the normalised state was not used.
fn through_sum<B: Backend>(
    grad: FloatTensor<B>,
    row_scale: Optional<B>,
    plan: AddNormPlan,
) -> FloatTensor<B> {
    let cast = |tensor: FloatTensor<B>, dtype: DType| match tensor.dtype() == dtype {
        true => tensor,
        false => B::float_cast(tensor, dtype.into()),
    };
    match row_scale.into_option() {
        Some(scale) => {
            let batch = scale.shape()[0];
            let scale = B::float_reshape(scale, [batch, 1, 1].into());
            cast(B::float_mul(cast(grad, DType::F32), scale), plan.hidden)
        }
        None => cast(grad, plan.hidden),
    }
}

impl<B: AddNormBackward, C: CheckpointStrategy> AddNormOps for Autodiff<B, C> {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        plan: AddNormPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        // An absent operand lends the hidden state's node to its place among the parents; no
        // gradient is registered through it.
        let node = |optional: &Optional<Self>| optional.as_option().unwrap_or(&input.hidden).node();
        let nodes = [
            input.hidden.node(),
            node(&input.residual),
            input.weight.node(),
            node(&input.bias),
        ];
        let input = into_inner(input);
        let (row_scale, weight) = (input.row_scale.clone(), input.weight.clone());
        let (normal, sum) = B::add_norm_forward(input, plan);
        match AddNormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let inbox = Inbox::<B>::new();
                let kept = Kept {
                    sum: sum.clone(),
                    row_scale,
                    weight,
                    plan,
                    inbox: inbox.clone(),
                };
                let operator = step.finish(kept, sum.clone());
                let [normal, sum] = inbox.outputs::<C>(&operator, [normal, sum]);
                (normal, sum)
            }
            OpsKind::UnTracked(step) => (step.finish(normal), Self::from_inner(sum)),
        }
    }
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    input: AddNormTensors<Autodiff<B, C>>,
) -> AddNormTensors<B> {
    let inner = |optional: Optional<Autodiff<B, C>>| {
        optional
            .into_option()
            .map(|tensor| tensor.into_primitive())
            .into()
    };
    AddNormTensors {
        hidden: input.hidden.into_primitive(),
        residual: inner(input.residual),
        row_scale: inner(input.row_scale),
        weight: input.weight.into_primitive(),
        bias: inner(input.bias),
    }
}
