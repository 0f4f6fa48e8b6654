//! Registration of the backward passes: that of a sum is a repetition, that of a repetition a sum.

use burn::backend::{Autodiff, TensorMetadata, tensor::FloatTensor};
use burn::tensor::DType;
use burn_autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};

use super::ops::RowOps;

#[derive(Debug)]
struct SumStep;

impl<B: RowOps> Backward<B, 1> for SumStep {
    /// Shape and type of the operand.
    type State = (Vec<usize>, DType);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (shape, dtype) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::row_repeated(B::float_cast(grad, dtype.into()), shape)
        });
    }
}

#[derive(Debug)]
struct RepeatStep;

impl<B: RowOps> Backward<B, 1> for RepeatStep {
    /// Type of the row.
    type State = DType;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let dtype = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::row_sums(grad, dtype)
        });
    }
}

impl<B: RowOps, C: CheckpointStrategy> RowOps for Autodiff<B, C> {
    fn row_sums(x: FloatTensor<Self>, dtype: DType) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        let kept = (x.shape().to_vec(), x.dtype());
        let sums = B::row_sums(x, dtype);
        match SumStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(kept, sums),
            OpsKind::UnTracked(step) => step.finish(sums),
        }
    }

    fn row_repeated(row: FloatTensor<Self>, shape: Vec<usize>) -> FloatTensor<Self> {
        let nodes = [row.node()];
        let row = row.into_primitive();
        let dtype = row.dtype();
        let rows = B::row_repeated(row, shape);
        match RepeatStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(dtype, rows),
            OpsKind::UnTracked(step) => step.finish(rows),
        }
    }
}
