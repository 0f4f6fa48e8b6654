//! Operators with two outputs on burn's graph, where a step has one.
//!
//! Three steps stand for such an operator: one for the operator, and behind it one for each output, which does nothing but hand its
//! gradient over. Steps run from the deepest to the shallowest, so both gradients have arrived, complete, when the operator's turn
//! comes, and it takes them together.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::{Autodiff, Backend, tensor::FloatTensor};
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};

/// Where the outputs' steps leave gradients. It belongs to no node, so that an abandoned graph is freed.
#[derive(Clone, Debug)]
pub(crate) struct Inbox<B: Backend>(Arc<Mutex<[Option<FloatTensor<B>>; 2]>>);

impl<B: Backend> Inbox<B> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new([None, None])))
    }

    /// The gradients of both outputs; absent where an output was not used.
    pub(crate) fn take(&self) -> [Option<FloatTensor<B>>; 2] {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Registers the outputs of the operator whose step is `operator`.
    pub(crate) fn outputs<C: CheckpointStrategy>(
        &self,
        operator: &FloatTensor<Autodiff<B, C>>,
        values: [FloatTensor<B>; 2],
    ) -> [FloatTensor<Autodiff<B, C>>; 2] {
        let [first, second] = values;
        [
            self.output::<C>(operator.node(), 0, first),
            self.output::<C>(operator.node(), 1, second),
        ]
    }

    fn output<C: CheckpointStrategy>(
        &self,
        operator: NodeGuard,
        index: usize,
        value: FloatTensor<B>,
    ) -> FloatTensor<Autodiff<B, C>> {
        match OutputStep
            .prepare::<C>([operator])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((self.clone(), index), value),
            OpsKind::UnTracked(step) => step.finish(value),
        }
    }
}

/// The step of one output; its parent is the operator's step.
#[derive(Debug)]
struct OutputStep;

impl<B: Backend> Backward<B, 1> for OutputStep {
    /// And which output it is.
    type State = (Inbox<B>, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let (inbox, index) = ops.state;
        inbox.0.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(grad);
    }
}
