//! Residual gated graph convolution (arXiv 1711.07553), with edge states.

#![allow(non_snake_case)] // parameters are named as in the official code

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use elapid_kernels::gated_edges::{Ends, edge_states, gated_mean};

use super::{Adjacency, BatchNorm};
use crate::{Init, Linear, Noise, dropout};

/// For an edge e from node j to node i, with σ channel by channel:
///
/// ```text
/// ê_e = D x_i + E x_j + C e_e        η_e = σ(ê_e)
/// x̂_i = A x_i + Σ_e η_e ⊙ B x_j / (Σ_e η_e + 1e-6)
/// x' = x + dropout(ReLU(BN(x̂)))      e' = e + dropout(ReLU(BN(ê)))
/// ```
///
/// Source: `graphgps/layer/gatedgcn_layer.py` of bowang-lab/Graph-Mamba and rampasek/GraphGPS. (The DGL original has D
/// and E the other way round.)
#[derive(Module, Debug)]
pub struct GatedGcn {
    /// `[D, D]`, of the node itself.
    pub A: Linear,
    /// `[D, D]`, of what is sent.
    pub B: Linear,
    /// `[D, D]`, of the edge.
    pub C: Linear,
    /// `[D, D]`, of the destination's part in the gate.
    pub D: Linear,
    /// `[D, D]`, of the source's part in the gate.
    pub E: Linear,
    /// Of nodes.
    pub bn_node_x: BatchNorm,
    /// Of edges.
    pub bn_edge_e: BatchNorm,
    dropout: f64,
}

impl GatedGcn {
    /// Initialisation of PyG's `Linear`, which is PyTorch's.
    pub fn new(init: &mut Init, width: usize, dropout: f64) -> Self {
        let mut linear = || Linear::new(init, width, width, true);
        let [A, B, C, D, E] = [linear(), linear(), linear(), linear(), linear()];
        Self {
            A,
            B,
            C,
            D,
            E,
            bn_node_x: BatchNorm::new(init, width),
            bn_edge_e: BatchNorm::new(init, width),
            dropout,
        }
    }

    /// # Shapes
    ///
    /// - x, first output `[N, D]`
    /// - e, second output `[E, D]`
    pub fn forward(
        &self,
        x: Tensor<2>,
        e: Tensor<2>,
        adjacency: &Adjacency,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<2>, Tensor<2>) {
        let ends = Ends {
            source: &adjacency.source,
            target: &adjacency.target,
        };
        let states = edge_states(
            self.D.unbiased(x.clone()),
            self.E.unbiased(x.clone()),
            self.C.unbiased(e.clone()),
            self.bias_of_states().cast(e.dtype()),
            ends,
        );
        let received = gated_mean(states.clone(), self.B.forward(x.clone()), ends);
        let nodes = self.A.forward(x.clone()) + received;

        let real = (adjacency.real_nodes.as_ref(), adjacency.real_edges.as_ref());
        let nodes = self.bn_node_x.forward(nodes, real.0, noise.as_deref_mut());
        let edges = self.bn_edge_e.forward(states, real.1, noise.as_deref_mut());
        let nodes = dropout(activation::relu(nodes), self.dropout, noise.as_deref_mut());
        let edges = dropout(activation::relu(edges), self.dropout, noise);
        (x + nodes, e + edges)
    }

    /// Three biases of one sum, which is rounded and added once.
    fn bias_of_states(&self) -> Tensor<1> {
        let biases = [&self.D, &self.E, &self.C].map(|linear| linear.bias.as_ref());
        let sum = biases
            .into_iter()
            .flatten()
            .map(|bias| bias.val())
            .reduce(|sum, bias| sum + bias);
        sum.expect("the maps were made with biases")
    }
}
