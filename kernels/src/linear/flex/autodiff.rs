//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, AutodiffBackend, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{AffineBackward, AffineGrads, AffineOps};
use crate::native::Optional;
use crate::two_outputs::Inbox;

/// The autodiff step; its parents are x, the weight and the bias.
#[derive(Debug)]
struct AffineStep;

/// What the step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    has_bias: bool,
    /// Where the gradients of the halves are; without, the output is one.
    halves: Option<Inbox<B>>,
}

impl<B: AffineBackward> Backward<B, 3> for AffineStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let kept = ops.state;
        let [first, second] = match &kept.halves {
            Some(inbox) => inbox.take(),
            None => [Some(grads.consume::<B>(&ops.node)), None],
        };
        if first.is_none() && second.is_none() {
            return;
        }
        let arrived = AffineGrads {
            first: first.into(),
            second: second.into(),
            halves: kept.halves.is_some(),
        };
        let [input, weight, bias] = ops.parents;
        if let Some(node) = bias.filter(|_| kept.has_bias) {
            grads.register::<B>(node.id, B::affine_bias(arrived.clone()));
        }
        if let Some(node) = weight {
            grads.register::<B>(node.id, B::affine_weight(arrived.clone(), kept.x));
        }
        if let Some(node) = input {
            grads.register::<B>(node.id, B::affine_input(arrived, kept.weight));
        }
    }
}

impl<B: AffineBackward, C: CheckpointStrategy> AffineOps for Autodiff<B, C> {
    fn affine_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Optional<Self>,
    ) -> FloatTensor<Self> {
        // An absent bias lends the node of x to its place; no gradient is registered through it.
        let nodes = [
            x.node(),
            weight.node(),
            bias.as_option().unwrap_or(&x).node(),
        ];
        let (x, weight, bias) = into_inner(x, weight, bias);
        let kept = kept(&x, &weight, &bias, None);
        let y = B::affine_forward(x, weight, bias);
        match AffineStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(kept, y),
            OpsKind::UnTracked(step) => step.finish(y),
        }
    }

    fn affine_halves(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Optional<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [
            x.node(),
            weight.node(),
            bias.as_option().unwrap_or(&x).node(),
        ];
        let (x, weight, bias) = into_inner(x, weight, bias);
        let inbox = Inbox::<B>::new();
        let kept = kept(&x, &weight, &bias, Some(inbox.clone()));
        let (first, second) = B::affine_halves(x, weight, bias);
        match AffineStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let operator = step.finish(kept, first.clone());
                let [first, second] = inbox.outputs::<C>(&operator, [first, second]);
                (first, second)
            }
            OpsKind::UnTracked(step) => (step.finish(first), Self::from_inner(second)),
        }
    }
}

fn kept<B: Backend>(
    x: &FloatTensor<B>,
    weight: &FloatTensor<B>,
    bias: &Optional<B>,
    halves: Option<Inbox<B>>,
) -> Kept<B> {
    Kept {
        x: x.clone(),
        weight: weight.clone(),
        has_bias: bias.as_option().is_some(),
        halves,
    }
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: Optional<Autodiff<B, C>>,
) -> (FloatTensor<B>, FloatTensor<B>, Optional<B>) {
    let bias = bias.into_option().map(|bias| bias.into_primitive());
    (x.into_primitive(), weight.into_primitive(), bias.into())
}
