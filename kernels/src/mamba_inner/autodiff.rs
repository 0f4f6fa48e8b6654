//! Registration of the hand-derived backward pass.

use burn::backend::{Autodiff, AutodiffBackend, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};

use super::ops::{
    BranchTensors, InnerOutput, InnerPlan, InnerTensors, MambaInnerBackward, MambaInnerOps,
    OptionalBranch,
};
use crate::native::Optional;

/// Parameters of a direction.
const PER_BRANCH: usize = 7;
/// `xz`, and the parameters of two directions.
const PARENTS: usize = 1 + 2 * PER_BRANCH;

/// The autodiff step.
#[derive(Debug)]
struct InnerStep;

/// What the step keeps until the backward pass.
#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    input: InnerTensors<B>,
    plan: InnerPlan,
    projected: FloatTensor<B>,
    states: FloatTensor<B>,
}

impl<B: MambaInnerBackward> Backward<B, PARENTS> for InnerStep {
    type State = Kept<B>;

    fn backward(
        self,
        ops: Ops<Self::State, PARENTS>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let kept = ops.state;
        let g = B::mamba_inner_backward(kept.input, kept.plan, kept.projected, kept.states, grad);
        let mut results = vec![Some(g.xz)];
        for branch in [Some(g.forward), g.backward.into_option()] {
            results.extend(branch.map_or([const { None }; PER_BRANCH], parameters));
        }
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let (Some(node), Some(result)) = (parent, result) {
                grads.register::<B>(node.id, result);
            }
        }
    }
}

/// A direction's tensors in order.
fn parameters<B: Backend>(branch: BranchTensors<B>) -> [Option<FloatTensor<B>>; PER_BRANCH] {
    [
        Some(branch.conv_weight),
        branch.conv_bias.into_option(),
        Some(branch.x_proj),
        Some(branch.dt_proj),
        branch.dt_bias.into_option(),
        Some(branch.a_log),
        Some(branch.skip),
    ]
}

impl<B: MambaInnerBackward, C: CheckpointStrategy> MambaInnerOps for Autodiff<B, C> {
    fn mamba_inner_forward(input: InnerTensors<Self>, plan: InnerPlan) -> InnerOutput<Self> {
        let nodes = parents(&input).map(|tensor| tensor.node());
        let input = into_inner(input);
        match InnerStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let plan = InnerPlan {
                    keep_states: true,
                    ..plan
                };
                let output = B::mamba_inner_forward(input.clone(), plan);
                let (projected, states) = (output.projected, output.states);
                let kept = Kept {
                    input,
                    plan,
                    projected: projected.clone(),
                    states: states.clone(),
                };
                InnerOutput {
                    y: step.finish(kept, output.y),
                    projected: Self::from_inner(projected),
                    states: Self::from_inner(states),
                }
            }
            OpsKind::UnTracked(step) => {
                let output = B::mamba_inner_forward(input, plan);
                InnerOutput {
                    y: step.finish(output.y),
                    projected: Self::from_inner(output.projected),
                    states: Self::from_inner(output.states),
                }
            }
        }
    }
}

/// The operands in the order of the parents. An absent one lends its place to `xz`; no gradient is registered
/// through it.
fn parents<B: Backend>(input: &InnerTensors<B>) -> [FloatTensor<B>; PARENTS] {
    let mut parents = vec![input.xz.clone()];
    for branch in [Some(&input.forward), input.backward.as_option()] {
        let tensors = match branch {
            Some(branch) => parameters(branch.clone()),
            None => [const { None }; PER_BRANCH],
        };
        parents.extend(tensors.map(|tensor| tensor.unwrap_or_else(|| input.xz.clone())));
    }
    parents
        .try_into()
        .unwrap_or_else(|_| unreachable!("two branches have as many parameters as counted"))
}

/// The operands on the backend below autodiff.
fn into_inner<B: Backend, C: CheckpointStrategy>(
    input: InnerTensors<Autodiff<B, C>>,
) -> InnerTensors<B> {
    let optional =
        |tensor: Optional<Autodiff<B, C>>| tensor.into_option().map(|t| t.into_primitive()).into();
    let branch = |branch: BranchTensors<Autodiff<B, C>>| BranchTensors {
        conv_weight: branch.conv_weight.into_primitive(),
        conv_bias: optional(branch.conv_bias),
        x_proj: branch.x_proj.into_primitive(),
        dt_proj: branch.dt_proj.into_primitive(),
        dt_bias: optional(branch.dt_bias),
        a_log: branch.a_log.into_primitive(),
        skip: branch.skip.into_primitive(),
    };
    InnerTensors {
        xz: input.xz.into_primitive(),
        forward: branch(input.forward),
        backward: match input.backward.into_option() {
            Some(backward) => OptionalBranch::Present(branch(backward)),
            None => OptionalBranch::Absent,
        },
        reset: optional(input.reset),
    }
}
