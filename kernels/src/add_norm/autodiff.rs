//! Registration of the backward pass: a step of its own for the sum and for its norm, because an
//! autodiff step has one output.

use burn::backend::{Autodiff, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::{DType, Shape};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::AddNormOptions;
use super::ops::{AddNormBackward, AddNormOps, AddNormOutput, AddNormTensors, NormTensors};
use crate::native::Optional;

/// The sum; its parents are `hidden` and the residual stream.
#[derive(Debug)]
struct SumStep;

/// What the sum keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    row_scale: Option<FloatTensor<B>>,
    hidden: DType,
    residual: Option<DType>,
}

impl<B: AddNormBackward> Backward<B, 2> for SumStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let kept = ops.state;
        let [hidden, residual] = ops.parents;
        if let (Some(node), Some(dtype)) = (residual, kept.residual) {
            grads.register::<B>(node.id, cast::<B>(grad.clone(), dtype));
        }
        if let Some(node) = hidden {
            let grad = match kept.row_scale {
                Some(scale) => {
                    let [batch] = scale.shape().dims();
                    let scale = B::float_reshape(scale, Shape::new([batch, 1, 1]));
                    B::float_mul(grad.clone(), cast::<B>(scale, grad.dtype()))
                }
                None => grad,
            };
            grads.register::<B>(node.id, cast::<B>(grad, kept.hidden));
        }
    }
}

/// The norm; its parents are the sum, weight and bias.
#[derive(Debug)]
struct NormStep;

impl<B: AddNormBackward> Backward<B, 3> for NormStep {
    type State = (NormTensors<B>, AddNormOptions);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (input, options) = ops.state;
        let g = B::add_norm_backward(input, options, grad);
        let results = [Some(g.residual), Some(g.weight), g.bias.into_option()];
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(node), Some(result)) = (parent, result) {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

impl<B: AddNormBackward, C: CheckpointStrategy> AddNormOps for Autodiff<B, C> {
    fn add_norm_forward(
        input: AddNormTensors<Self>,
        options: AddNormOptions,
    ) -> AddNormOutput<Self> {
        // An absent operand lends another's node to its place; no gradient is registered through it.
        let residual = input.residual.as_option().unwrap_or(&input.hidden);
        let sum_nodes = [input.hidden.node(), residual.node()];
        let weight = input.weight.node();
        let bias = input.bias.as_option().unwrap_or(&input.weight).node();
        let input = into_inner(input);
        let output = B::add_norm_forward(input.clone(), options);

        let kept = Kept {
            row_scale: input.row_scale.into_option(),
            hidden: input.hidden.dtype(),
            residual: input.residual.as_option().map(TensorMetadata::dtype),
        };
        let sum = output.residual.clone();
        let residual = match SumStep.prepare::<C>(sum_nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(kept, sum),
            OpsKind::UnTracked(step) => step.finish(sum),
        };
        let normal = match NormStep
            .prepare::<C>([residual.node(), weight, bias])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let tensors = NormTensors {
                    residual: output.residual,
                    weight: input.weight,
                    bias: input.bias,
                };
                step.finish((tensors, options), output.normal)
            }
            OpsKind::UnTracked(step) => step.finish(output.normal),
        };
        AddNormOutput { normal, residual }
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

fn cast<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype {
        return tensor;
    }
    B::float_cast(tensor, dtype.into())
}
