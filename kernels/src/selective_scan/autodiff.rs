//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, AutodiffBackend, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{ScanPlan, ScanTensors, SelectiveScanBackward, SelectiveScanOps};
use crate::native::Optional;

/// The autodiff step: nine parents, in the order of [`ScanTensors`] without `reset`.
#[derive(Debug)]
struct SelectiveScanStep;

/// What the step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    input: ScanTensors<B>,
    plan: ScanPlan,
    states: FloatTensor<B>,
}

impl<B: SelectiveScanBackward> Backward<B, 9> for SelectiveScanStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 9>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Kept {
            input,
            plan,
            states,
        } = ops.state;
        let g = B::selective_scan_backward(input, plan, states, grad);
        let results = [
            Some(g.u),
            Some(g.delta),
            Some(g.a),
            Some(g.b),
            Some(g.c),
            g.skip.into_option(),
            g.z.into_option(),
            g.delta_bias.into_option(),
            g.initial_state.into_option(),
        ];
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(node), Some(result)) = (parent, result) {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

impl<B: SelectiveScanBackward, C: CheckpointStrategy> SelectiveScanOps for Autodiff<B, C> {
    fn selective_scan_forward(
        input: ScanTensors<Self>,
        plan: ScanPlan,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        // An absent operand lends u's node to its place among the parents; no gradient is
        // registered through it.
        let node = |optional: &Optional<Self>| optional.as_option().unwrap_or(&input.u).node();
        let nodes = [
            input.u.node(),
            input.delta.node(),
            input.a.node(),
            input.b.node(),
            input.c.node(),
            node(&input.skip),
            node(&input.z),
            node(&input.delta_bias),
            node(&input.initial_state),
        ];
        let input = into_inner(input);
        match SelectiveScanStep
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let plan = ScanPlan {
                    keep_states: true,
                    ..plan
                };
                let (output, states) = B::selective_scan_forward(input.clone(), plan);
                let constant = Self::from_inner(states.clone());
                (
                    step.finish(
                        Kept {
                            input,
                            plan,
                            states,
                        },
                        output,
                    ),
                    constant,
                )
            }
            OpsKind::UnTracked(step) => {
                let (output, states) = B::selective_scan_forward(input, plan);
                (step.finish(output), Self::from_inner(states))
            }
        }
    }
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    input: ScanTensors<Autodiff<B, C>>,
) -> ScanTensors<B> {
    let inner = |optional: Optional<Autodiff<B, C>>| {
        optional
            .into_option()
            .map(|tensor| tensor.into_primitive())
            .into()
    };
    ScanTensors {
        u: input.u.into_primitive(),
        delta: input.delta.into_primitive(),
        a: input.a.into_primitive(),
        b: input.b.into_primitive(),
        c: input.c.into_primitive(),
        skip: inner(input.skip),
        z: inner(input.z),
        delta_bias: inner(input.delta_bias),
        initial_state: inner(input.initial_state),
        reset: inner(input.reset),
    }
}
