//! Graph convolution (arXiv 1609.02907).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use elapid_kernels::segment::{segment_sum, spread};

use super::Adjacency;
use crate::{Init, Linear};

/// `x'_i = Σ_j W x_j / √(d_i d_j) + b` over the sources j of node i's edges and i itself, whose own edge is counted once
/// whether it is there or not; d is the number of edges into a node, that one included.
///
/// Source: `GCNConv` of PyTorch Geometric with its defaults.
#[derive(Module, Debug)]
pub struct Gcn {
    /// `[out, in]`
    pub lin: Linear,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Gcn {
    /// Glorot's uniform weights, a bias of zeros.
    pub fn new(init: &mut Init, inputs: usize, outputs: usize) -> Self {
        let bound = (6.0 / (inputs + outputs) as f64).sqrt();
        Self {
            lin: Linear {
                weight: init.uniform([outputs, inputs], bound),
                bias: None,
            },
            bias: init.constant([outputs], 0.0),
        }
    }

    /// # Shapes
    ///
    /// - x `[N, in]`
    /// - output `[N, out]`
    pub fn forward(&self, x: Tensor<2>, adjacency: &Adjacency) -> Tensor<2> {
        let x = self.lin.forward(x);
        let dtype = x.dtype();
        let others = adjacency.self_edges().neg().add_scalar(1.0);
        let degrees = segment_sum(others.clone(), &adjacency.target).add_scalar(1.0);
        let scale = degrees.sqrt().recip().cast(dtype);
        let scaled = x * scale.clone();
        let sent = spread(scaled.clone(), &adjacency.source) * others.cast(dtype);
        let received = segment_sum(sent, &adjacency.target) + scaled;
        received * scale + self.bias.val().cast(dtype).unsqueeze()
    }
}
