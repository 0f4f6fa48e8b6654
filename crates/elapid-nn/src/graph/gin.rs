//! Graph isomorphism network (arXiv 1810.00826), and the same with edge features (arXiv 1905.12265).

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use elapid_kernels::segment::{segment_sum, spread};

use super::Adjacency;
use crate::{Init, Linear};

/// `x'_i = W₂ ReLU(W₁ ((1 + ε) x_i + Σ_j x_j))` over the sources j of node i's edges.
///
/// Source: `GINConv` of PyTorch Geometric with the network of GraphGPS.
#[derive(Module, Debug)]
pub struct Gin {
    /// The network.
    pub nn: Pair,
    /// `[1]`; ε is 0 if absent.
    pub eps: Option<Param<Tensor<1>>>,
}

/// `x'_i = W₂ ReLU(W₁ ((1 + ε) x_i + Σ_e ReLU(x_j + e_e)))` over node i's edges e, which come from j.
///
/// Source: `GINEConv` of PyTorch Geometric with the network of GraphGPS.
#[derive(Module, Debug)]
pub struct Gine {
    /// The network.
    pub nn: Pair,
    /// `[1]`; ε is 0 if absent.
    pub eps: Option<Param<Tensor<1>>>,
}

/// Two linear maps with a ReLU in between.
#[derive(Module, Debug)]
pub struct Pair {
    /// `[hidden, in]`
    pub linear1: Linear,
    /// `[out, hidden]`
    pub linear2: Linear,
}

impl Pair {
    /// PyTorch's initialisation.
    pub fn new(init: &mut Init, [inputs, hidden, outputs]: [usize; 3]) -> Self {
        Self {
            linear1: Linear::new(init, inputs, hidden, true),
            linear2: Linear::new(init, hidden, outputs, true),
        }
    }

    /// # Shapes
    ///
    /// - x `[.., in]`
    /// - output `[.., out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.linear2
            .forward(activation::relu(self.linear1.forward(x)))
    }
}

impl Gin {
    /// A layer between states of one width; ε is learned, from 0, if `train_eps`.
    pub fn new(init: &mut Init, width: usize, train_eps: bool) -> Self {
        Self {
            nn: Pair::new(init, [width; 3]),
            eps: train_eps.then(|| init.constant([1], 0.0)),
        }
    }

    /// # Shapes
    ///
    /// - x, output `[N, D]`
    pub fn forward(&self, x: Tensor<2>, adjacency: &Adjacency) -> Tensor<2> {
        let sent = spread(x.clone(), &adjacency.source);
        let received = segment_sum(sent, &adjacency.target);
        self.nn.forward(own(x, self.eps.as_ref()) + received)
    }
}

impl Gine {
    /// A layer between states of one width; ε is learned, from 0, if `train_eps`.
    pub fn new(init: &mut Init, width: usize, train_eps: bool) -> Self {
        Self {
            nn: Pair::new(init, [width; 3]),
            eps: train_eps.then(|| init.constant([1], 0.0)),
        }
    }

    /// # Shapes
    ///
    /// - x, output `[N, D]`
    /// - e `[E, D]`
    pub fn forward(&self, x: Tensor<2>, e: Tensor<2>, adjacency: &Adjacency) -> Tensor<2> {
        let sent = activation::relu(spread(x.clone(), &adjacency.source) + e);
        let received = segment_sum(sent, &adjacency.target);
        self.nn.forward(own(x, self.eps.as_ref()) + received)
    }
}

/// `(1 + ε) x`
fn own(x: Tensor<2>, eps: Option<&Param<Tensor<1>>>) -> Tensor<2> {
    match eps {
        Some(eps) => {
            let factor = (eps.val() + 1.0).cast(x.dtype()).unsqueeze();
            x * factor
        }
        None => x,
    }
}
