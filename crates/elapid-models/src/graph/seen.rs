//! How layers of graph networks show themselves to who watches a pass.

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::Seen;

/// A layer and its output, `[N, D]`, which is not added to a stream.
pub(super) fn seen<M: Module>(layer: &M, output: &Tensor<2>) -> Seen {
    Seen::output(layer, rows(output))
}

/// All rows, `[N, D]`, as one sequence, `[1, N, D]`.
pub(super) fn rows(x: &Tensor<2>) -> Tensor<3> {
    x.clone().unsqueeze_dim(0)
}
