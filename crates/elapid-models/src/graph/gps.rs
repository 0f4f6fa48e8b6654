//! Message passing and a scan over the nodes, side by side (GPS, arXiv 2205.12454; with Mamba, arXiv 2402.00789).

use burn::module::{Module, ParamId, list_param_ids};
use burn::tensor::{Bool, DType, Tensor, activation};
use elapid_nn::graph::{BatchNorm, GatedGcn, Gcn, Gin, Gine, segment_sum, spread};
use elapid_nn::mixer::{BackwardBranch, BidirectionalMamba, DtBias, Mamba, MambaConfig};
use elapid_nn::{Dynamics, Init, LayerNorm, Linear, Noise, Seen, dropout, show};

use super::seen::{rows, seen};
use super::{GraphInput, NodeOrder, SeparateBranches};

/// How messages are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalKind {
    /// Not at all.
    None,
    /// Residual gated graph convolution.
    GatedGcn,
    /// Graph isomorphism network with edge states.
    Gine,
    /// Graph isomorphism network.
    Gin,
    /// Graph convolution.
    Gcn,
}

/// How nodes that are not connected hear of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalKind {
    /// Not at all.
    None,
    /// By a causal scan over all nodes of a graph (Graph-Mamba).
    Mamba,
    /// By a scan in both directions.
    Bidirectional,
    /// By two scans, one in each direction, with projections and gates of their own.
    Separate,
}

/// Hyper-parameters of a layer.
#[derive(Clone, Debug)]
pub struct GpsConfig {
    /// Message passing.
    pub local: LocalKind,
    /// Scan.
    pub global: GlobalKind,
    /// Whether there is a layer norm in front of the scan.
    pub scan_norm: bool,
    /// Of the scan; its `d_model` is the width D.
    pub mamba: MambaConfig,
    /// Dropout behind message passing, scan and both maps of the feed-forward network.
    pub dropout: f64,
}

/// Message passing of any kind.
#[allow(clippy::large_enum_variant)] // a few a model, and a module cannot be boxed
#[derive(Module, Debug)]
pub enum LocalModel {
    /// See [`GatedGcn`].
    GatedGcn(GatedGcn),
    /// See [`Gine`].
    Gine(Gine),
    /// See [`Gin`].
    Gin(Gin),
    /// See [`Gcn`].
    Gcn(Gcn),
}

/// A scan over nodes.
#[allow(clippy::large_enum_variant)] // a few a model, and a module cannot be boxed
#[derive(Module, Debug)]
pub enum GlobalModel {
    /// In one direction.
    Mamba(Mamba),
    /// In both.
    Bidirectional(BidirectionalMamba),
    /// In both, which share nothing.
    Separate(SeparateBranches),
}

/// One layer:
///
/// ```text
/// l, e' = BN(local(x, e))       g = BN(x + dropout(scan(x)))
/// h = l + g                     x' = BN(h + dropout(W₂ dropout(ReLU(W₁ h))))
/// ```
///
/// Both branches read the same x. What has no residual connection of its own, which is everything but `GatedGcn`, gets one
/// around it: `l = BN(x + dropout(local(x, e)))`.
///
/// Source: `graphgps/layer/gps_layer.py` of bowang-lab/Graph-Mamba. Its orders of nodes are drawn with the batch. With a norm in front
/// of the scan, `g = BN(x + dropout(scan(LN(x))))`, as algorithm 1 of the paper has it and the code has not.
#[derive(Module, Debug)]
pub struct GpsLayer {
    /// Message passing.
    pub local_model: Option<LocalModel>,
    /// Scan.
    pub self_attn: Option<GlobalModel>,
    /// In front of the scan.
    pub norm: Option<LayerNorm>,
    /// Behind message passing.
    pub norm1_local: Option<BatchNorm>,
    /// Behind the scan.
    pub norm1_attn: Option<BatchNorm>,
    /// `[2D, D]`
    pub ff_linear1: Linear,
    /// `[D, 2D]`
    pub ff_linear2: Linear,
    /// Behind all.
    pub norm2: BatchNorm,
    dropout: f64,
}

impl GpsLayer {
    /// The official initialisation of each part.
    pub fn new(init: &mut Init, config: &GpsConfig) -> Self {
        let width = config.mamba.d_model;
        let local_model = LocalModel::new(init, config);
        let self_attn = GlobalModel::new(init, config);
        let has_norm = config.scan_norm && self_attn.is_some();
        Self {
            norm: has_norm.then(|| LayerNorm::new(init, width, 1e-5)),
            norm1_local: local_model.is_some().then(|| BatchNorm::new(init, width)),
            norm1_attn: self_attn.is_some().then(|| BatchNorm::new(init, width)),
            local_model,
            self_attn,
            ff_linear1: Linear::new(init, width, 2 * width, true),
            ff_linear2: Linear::new(init, 2 * width, width, true),
            norm2: BatchNorm::new(init, width),
            dropout: config.dropout,
        }
    }

    /// New states of nodes and edges. The scan takes the orders of layer `layer`.
    ///
    /// # Shapes
    ///
    /// - x, first output `[N, D]`
    /// - e, second output `[E, D]`
    pub fn forward(
        &self,
        (x, e): (Tensor<2>, Tensor<2>),
        input: &GraphInput,
        layer: usize,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<2>, Tensor<2>) {
        let real = input.adjacency.real_nodes.as_ref();
        let (mut sum, mut edges): (Option<Tensor<2>>, _) = (None, e.clone());
        if let (Some(model), Some(norm)) = (&self.local_model, &self.norm1_local) {
            let states = (x.clone(), e);
            let (local, new) = model.residual(states, input, self.dropout, noise.as_deref_mut());
            show(noise.as_deref_mut(), || seen(model, &local));
            edges = new;
            sum = Some(norm.forward(local, real, noise.as_deref_mut()));
        }
        if let (Some(model), Some(norm)) = (&self.self_attn, &self.norm1_attn) {
            let orders = input.orders_of(layer);
            let scanned = model.over_nodes(self.scan_input(&x), orders);
            show(noise.as_deref_mut(), || Seen {
                stream: Some(rows(&x)),
                dynamics: model.dynamics_over_nodes(self.scan_input(&x), orders),
                ..seen(model, &scanned)
            });
            let scanned = dropout(scanned, self.dropout, noise.as_deref_mut());
            let global = norm.forward(x.clone() + scanned, real, noise.as_deref_mut());
            sum = Some(match sum {
                Some(local) => local + global,
                None => global,
            });
        }
        let h = sum.unwrap_or(x);
        let inner = activation::relu(self.ff_linear1.forward(h.clone()));
        let inner = dropout(inner, self.dropout, noise.as_deref_mut());
        let outer = self.ff_linear2.forward(inner);
        let outer = dropout(outer, self.dropout, noise.as_deref_mut());
        let nodes = self.norm2.forward(h + outer, real, noise.as_deref_mut());
        show(noise, || Seen {
            params: self.own_params(),
            ..seen(self, &nodes)
        });
        (nodes, edges)
    }

    /// What the scan reads of the states `[N, D]`.
    fn scan_input(&self, x: &Tensor<2>) -> Tensor<2> {
        match &self.norm {
            Some(norm) => normal(norm, x),
            None => x.clone(),
        }
    }

    /// The parameters of neither branch.
    fn own_params(&self) -> Vec<ParamId> {
        let branches = list_param_ids(&self.local_model).into_iter();
        let branches: Vec<_> = branches.chain(list_param_ids(&self.self_attn)).collect();
        let all = list_param_ids(self).into_iter();
        all.filter(|id| !branches.contains(id)).collect()
    }
}

impl LocalModel {
    /// The kind that a configuration names.
    pub fn new(init: &mut Init, config: &GpsConfig) -> Option<Self> {
        let width = config.mamba.d_model;
        Some(match config.local {
            LocalKind::None => return None,
            LocalKind::GatedGcn => Self::GatedGcn(GatedGcn::new(init, width, config.dropout)),
            LocalKind::Gine => Self::Gine(Gine::new(init, width, false)),
            LocalKind::Gin => Self::Gin(Gin::new(init, width, false)),
            LocalKind::Gcn => Self::Gcn(Gcn::new(init, width, width)),
        })
    }

    /// New states of nodes, `[N, D]`, and of edges, `[E, D]`, with a residual connection and dropout of messages.
    pub fn residual(
        &self,
        (x, e): (Tensor<2>, Tensor<2>),
        input: &GraphInput,
        rate: f64,
        noise: Option<&mut Noise>,
    ) -> (Tensor<2>, Tensor<2>) {
        let adjacency = &input.adjacency;
        let messages = match self {
            Self::GatedGcn(model) => return model.forward(x, e, adjacency, noise),
            Self::Gine(model) => model.forward(x.clone(), e.clone(), adjacency),
            Self::Gin(model) => model.forward(x.clone(), adjacency),
            Self::Gcn(model) => model.forward(x.clone(), adjacency),
        };
        (x + dropout(messages, rate, noise), e)
    }
}

impl GlobalModel {
    /// The kind that a configuration names.
    pub fn new(init: &mut Init, config: &GpsConfig) -> Option<Self> {
        Some(match config.global {
            GlobalKind::None => return None,
            GlobalKind::Mamba => Self::Mamba(Mamba::new(init, &config.mamba)),
            GlobalKind::Bidirectional => Self::Bidirectional(bidirectional(init, &config.mamba)),
            GlobalKind::Separate => Self::Separate(SeparateBranches::new(init, &config.mamba)),
        })
    }

    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Tensor<3> {
        match self {
            Self::Mamba(mamba) => mamba.forward(h, reset),
            Self::Bidirectional(mamba) => mamba.forward(h, reset),
            Self::Separate(branches) => branches.forward(h, reset),
        }
    }

    /// How the scans move over an input of [`forward`](Self::forward).
    pub fn dynamics(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Vec<Dynamics> {
        match self {
            Self::Mamba(mamba) => mamba.dynamics(h, reset),
            Self::Bidirectional(mamba) => mamba.dynamics(h, reset),
            Self::Separate(branches) => branches.dynamics(h, reset),
        }
    }

    /// How the scans move over an input of [`over_nodes`](Self::over_nodes).
    pub fn dynamics_over_nodes(&self, x: Tensor<2>, orders: &[NodeOrder]) -> Vec<Dynamics> {
        let (packed, starts) = packed(&x, orders);
        self.dynamics(packed, Some(starts))
    }

    /// The mean of the scans in these orders, at least one, each over all sequences packed into one.
    ///
    /// # Shapes
    ///
    /// - x, output `[N, D]`
    pub fn over_nodes(&self, x: Tensor<2>, orders: &[NodeOrder]) -> Tensor<2> {
        let (packed, starts) = packed(&x, orders);
        let scanned = self.forward(packed, Some(starts));
        let [draws, nodes, width] = scanned.dims();
        let unpacked = orders.iter().enumerate().map(|(draw, order)| {
            let rows = scanned
                .clone()
                .slice([draw..draw + 1, 0..nodes, 0..width])
                .squeeze_dim::<2>(0);
            segment_sum(rows, &order.places)
        });
        let sum = unpacked.reduce(|sum, rows| sum + rows);
        let sum = sum.expect("a scan has at least one order");
        match draws {
            1 => sum,
            _ => sum / draws as f64,
        }
    }
}

/// In the type of x.
pub(super) fn normal<const D: usize>(norm: &LayerNorm, x: &Tensor<D>) -> Tensor<D> {
    let dtype: DType = x.dtype();
    norm.forward(x.clone()).cast(dtype)
}

/// The nodes in each of these orders, `[orders, N, D]`, and where sequences start, `[orders, N]`.
fn packed(x: &Tensor<2>, orders: &[NodeOrder]) -> (Tensor<3>, Tensor<2, Bool>) {
    let packed = |order: &NodeOrder| spread(x.clone(), &order.places).unsqueeze_dim::<3>(0);
    let packed = orders.iter().map(packed).collect();
    let starts = orders.iter().map(|order| order.starts.clone()).collect();
    (Tensor::cat(packed, 0), Tensor::cat(starts, 0))
}

/// Directions with parameters of their own between common projections, whose sum is not halved.
fn bidirectional(init: &mut Init, config: &MambaConfig) -> BidirectionalMamba {
    let branch = BackwardBranch::OwnParameters {
        dt_bias: DtBias::InverseSoftplus,
    };
    BidirectionalMamba::new(init, config, branch, false)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn a_norm_in_front_of_the_scan_holds_large_states_down() {
        let device = Device::flex();
        let largest = |scan_norm: bool| {
            let config = GpsConfig {
                local: LocalKind::None,
                global: GlobalKind::Mamba,
                scan_norm,
                mamba: MambaConfig::new(8),
                dropout: 0.0,
            };
            let layer = GpsLayer::new(&mut Init::new(0, &device), &config);
            let normal_1e3 = Distribution::Normal(0.0, 1e3);
            let x = Tensor::<2>::random([9, 8], normal_1e3, &device);
            let x = layer.scan_input(&x).unsqueeze();
            let scanned = layer.self_attn.unwrap().forward(x, None);
            scanned.abs().max().into_scalar::<f32>()
        };
        assert!(largest(true) < 10.0);
        assert!(largest(false) > 1e6);
    }
}
