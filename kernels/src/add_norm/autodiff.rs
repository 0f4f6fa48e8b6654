//! Registration of the hand-derived backward pass.
//!
//! A step of burn's graph has one output and this operator has two. Three steps stand for it: one for
//! the operator, and behind it one for each output, which does nothing but hand its gradient over.
//! Steps run from the deepest to the shallowest, so both gradients have arrived, complete, when the
//! operator's turn comes, and one kernel takes them together: the gradient of the residual stream,
//! which every block adds to, is never added in a pass of its own.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};

use super::ops::{
    AddNormBackward, AddNormBackwardTensors, AddNormOps, AddNormPlan, AddNormTensors,
};
use crate::native::Optional;

/// Gradients of the outputs on their way to the operator's step.
#[derive(Debug)]
struct Arrived<B: Backend> {
    normal: Option<FloatTensor<B>>,
    sum: Option<FloatTensor<B>>,
}

/// Where the outputs' steps leave gradients. It belongs to no node, so that an abandoned graph is
/// freed.
type Inbox<B> = Arc<Mutex<Arrived<B>>>;

fn open<B: Backend>(inbox: &Inbox<B>) -> impl std::ops::DerefMut<Target = Arrived<B>> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An output of the operator.
#[derive(Clone, Copy, Debug)]
enum Output {
    Normal,
    Sum,
}

/// The step of one output; its parent is the operator's step.
#[derive(Debug)]
struct OutputStep;

impl<B: Backend> Backward<B, 1> for OutputStep {
    type State = (Inbox<B>, Output);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = Some(grads.consume::<B>(&ops.node));
        let (inbox, output) = ops.state;
        let mut arrived = open(&inbox);
        match output {
            Output::Normal => arrived.normal = grad,
            Output::Sum => arrived.sum = grad,
        }
    }
}

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
        let (normal, sum) = {
            let mut arrived = open(&self.inbox);
            (arrived.normal.take(), arrived.sum.take())
        };
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
                let inbox = Inbox::<B>::new(Mutex::new(Arrived {
                    normal: None,
                    sum: None,
                }));
                let kept = Kept {
                    sum: sum.clone(),
                    row_scale,
                    weight,
                    plan,
                    inbox: inbox.clone(),
                };
                let operator = step.finish(kept, sum.clone());
                (
                    output::<B, C>(operator.node(), &inbox, Output::Normal, normal),
                    output::<B, C>(operator.node(), &inbox, Output::Sum, sum),
                )
            }
            OpsKind::UnTracked(step) => (step.finish(normal), Self::from_inner(sum)),
        }
    }
}

/// Registers one output of the operator whose step is `operator`.
fn output<B: Backend, C: CheckpointStrategy>(
    operator: NodeGuard,
    inbox: &Inbox<B>,
    output: Output,
    value: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match OutputStep
        .prepare::<C>([operator])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(step) => step.finish((inbox.clone(), output), value),
        OpsKind::UnTracked(step) => step.finish(value),
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
