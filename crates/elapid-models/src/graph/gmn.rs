//! Graph Mamba Networks (Behrouz and Hashemi, arXiv 2402.08678).
//!
//! There is no official code, and the paper leaves much open. What was decided:
//!
//! | open in the paper | here |
//! |---|---|
//! | local encoder φ and how a sub-graph is pooled | [`TokenEncoder::Mean`]: mean of the members' states, then two linear maps; or [`TokenEncoder::GatedGcn`]: a layer on the sub-graph's edges, the mean, then the same maps |
//! | residual connections and norms around the bidirectional block | `t ← t + block(LN(t))` |
//! | the block: one projection and gate (figure 3) or one a direction (algorithm 2), one decay or two | projections and gate shared, all between them one a direction, as in Vision Mamba, whose two outputs are added up; with [`GmnConfig::separate_branches`] as the algorithm has it, and two decays |
//! | which layers are over tokens and which over nodes | the last `node_layers` are over nodes, 1 by default |
//! | Ψ, and what it reads | as many layers of message passing as there are layers, on the encoded features and encodings |
//! | heads | those of GPS |
//!
//! A node's tokens come longest walks first, so that the last is the node's own, whose state is the node's. Without tokens
//! (m = 0) the network is one of GPS layers with a bidirectional scan over the nodes, which is [`GraphNetwork`](super::GraphNetwork).

use burn::module::{Module, list_param_ids};
use burn::tensor::{Tensor, activation};
use elapid_nn::graph::{GatedGcn, segment_mean, spread};
use elapid_nn::mixer::MambaConfig;
use elapid_nn::{Init, LayerNorm, Linear, Noise, Seen, dropout, show};

use super::gps::normal;
use super::seen::{rows, seen};
use super::{
    Encoder, EncoderConfig, GlobalKind, GlobalModel, GraphHead, GraphInput, HeadConfig, LocalKind,
    LocalModel, TokenInput,
};

/// How a sub-graph becomes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEncoder {
    /// By the mean of its nodes.
    Mean,
    /// By a layer of message passing along its edges, and the mean of its nodes.
    GatedGcn,
}

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct GmnConfig {
    /// Features and encodings; its width is that of the states.
    pub encoder: EncoderConfig,
    /// Sub-graphs to tokens.
    pub token_encoder: TokenEncoder,
    /// Layers over the tokens of each node.
    pub token_layers: usize,
    /// Layers over the nodes of each graph.
    pub node_layers: usize,
    /// Message passing beside them, Ψ.
    pub local: LocalKind,
    /// Its layers.
    pub local_layers: usize,
    /// Of the scans; its `d_model` is the encoder's width.
    pub mamba: MambaConfig,
    /// Directions share nothing but the last map, as algorithm 2 of the paper has it.
    pub separate_branches: bool,
    /// Dropout behind every block.
    pub dropout: f64,
    /// Scores.
    pub head: HeadConfig,
}

/// Sub-graphs to tokens.
#[derive(Module, Debug)]
pub struct Phi {
    /// Along the edges of sub-graphs.
    pub local_model: Option<GatedGcn>,
    /// `[D, D]`
    pub linear1: Linear,
    /// `[D, D]`
    pub linear2: Linear,
}

/// `t + dropout(block(LN(t)))`
#[derive(Module, Debug)]
pub struct ScanBlock {
    /// In front of the block.
    pub norm: LayerNorm,
    /// In both directions.
    pub mixer: GlobalModel,
}

/// Encoder, sub-graphs to tokens, scans over tokens and nodes, message passing, head.
#[derive(Module, Debug)]
pub struct Gmn {
    /// Features to states.
    pub encoder: Encoder,
    /// Sub-graphs to tokens, φ.
    pub phi: Phi,
    /// Over tokens.
    pub token_layers: Vec<ScanBlock>,
    /// Over nodes.
    pub layers: Vec<NodeBlock>,
    /// Message passing, Ψ.
    pub psi: Vec<LocalModel>,
    /// Behind the last scan.
    pub norm_f: LayerNorm,
    /// States to scores.
    pub head: GraphHead,
    dropout: f64,
}

/// `y + dropout(scan(LN(y)))` over the nodes of each graph.
#[derive(Module, Debug)]
pub struct NodeBlock {
    /// In front of the scan.
    pub norm: LayerNorm,
    /// In both directions.
    pub mixer: GlobalModel,
}

impl Gmn {
    /// PyTorch's initialisation, and Mamba's.
    pub fn new(init: &mut Init, config: &GmnConfig) -> Self {
        let width = config.encoder.width;
        let local = super::GpsConfig {
            local: config.local,
            global: match config.separate_branches {
                true => GlobalKind::Separate,
                false => GlobalKind::Bidirectional,
            },
            // The blocks have norms of their own.
            scan_norm: false,
            mamba: config.mamba.clone(),
            dropout: config.dropout,
        };
        let encoder = Encoder::new(init, &config.encoder);
        let local_model = (config.token_encoder == TokenEncoder::GatedGcn)
            .then(|| GatedGcn::new(init, width, config.dropout));
        let phi = Phi {
            local_model,
            linear1: Linear::new(init, width, width, true),
            linear2: Linear::new(init, width, width, true),
        };
        let scan = |init: &mut Init| {
            let norm = LayerNorm::new(init, width, 1e-5);
            Some((norm, GlobalModel::new(init, &local)?))
        };
        Self {
            encoder,
            phi,
            token_layers: (0..config.token_layers)
                .filter_map(|_| scan(init))
                .map(|(norm, mixer)| ScanBlock { norm, mixer })
                .collect(),
            layers: (0..config.node_layers)
                .filter_map(|_| scan(init))
                .map(|(norm, mixer)| NodeBlock { norm, mixer })
                .collect(),
            psi: (0..config.local_layers)
                .filter_map(|_| LocalModel::new(init, &local))
                .collect(),
            norm_f: LayerNorm::new(init, width, 1e-5),
            head: GraphHead::new(init, width, config.head),
            dropout: config.dropout,
        }
    }

    /// Scores of nodes or graphs, one row each, 32-bit.
    ///
    /// # Panics
    ///
    /// Panics if the batch has no tokens.
    pub fn forward(&self, input: &GraphInput, mut noise: Option<&mut Noise>) -> Tensor<2> {
        let (nodes, edges) = self.encoder.forward(input, noise.as_deref_mut());
        let tokens = input.tokens.as_ref();
        let tokens = tokens.expect("the batch has no sub-graphs, which the model reads");
        let mut states =
            self.phi
                .forward((nodes.clone(), edges.clone()), tokens, noise.as_deref_mut());
        show(noise.as_deref_mut(), || {
            Seen::output(&self.phi, states.clone())
        });
        for block in &self.token_layers {
            let scanned = block.mixer.forward(normal(&block.norm, &states), None);
            show(noise.as_deref_mut(), || Seen {
                params: list_param_ids(block),
                stream: Some(states.clone()),
                output: scanned.clone(),
                dynamics: block.mixer.dynamics(normal(&block.norm, &states), None),
            });
            states = states + dropout(scanned, self.dropout, noise.as_deref_mut());
        }
        let [count, per_node, width] = states.dims();
        let last = states.slice([0..count, per_node - 1..per_node, 0..width]);
        let mut y = last.squeeze_dim::<2>(1);
        for (number, block) in self.layers.iter().enumerate() {
            let orders = input.orders_of(number);
            let scanned = block.mixer.over_nodes(normal(&block.norm, &y), orders);
            show(noise.as_deref_mut(), || Seen {
                stream: Some(rows(&y)),
                dynamics: (block.mixer).dynamics_over_nodes(normal(&block.norm, &y), orders),
                ..seen(block, &scanned)
            });
            y = y + dropout(scanned, self.dropout, noise.as_deref_mut());
        }
        let y = normal(&self.norm_f, &y);
        show(noise.as_deref_mut(), || seen(&self.norm_f, &y));
        let passed = self.passed((nodes, edges), input, noise.as_deref_mut());
        let out = match passed {
            Some(passed) => y + passed,
            None => y,
        };
        self.head.forward(out, &input.graphs, noise)
    }

    /// Ψ of the encoded features.
    fn passed(
        &self,
        (mut x, mut e): (Tensor<2>, Tensor<2>),
        input: &GraphInput,
        mut noise: Option<&mut Noise>,
    ) -> Option<Tensor<2>> {
        for model in &self.psi {
            (x, e) = model.residual((x, e), input, self.dropout, noise.as_deref_mut());
            show(noise.as_deref_mut(), || seen(model, &x));
        }
        (!self.psi.is_empty()).then_some(x)
    }
}

impl Phi {
    /// Tokens, `[N, K, D]`, of states of nodes, `[N, D]`, and edges, `[E, D]`.
    fn forward(
        &self,
        (nodes, edges): (Tensor<2>, Tensor<2>),
        tokens: &TokenInput,
        noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        let mut members = spread(nodes, &tokens.nodes);
        if let Some(model) = &self.local_model {
            let inner = tokens.inner.as_ref();
            let (adjacency, of_edges) =
                inner.expect("the batch has no edges of sub-graphs, which the model reads");
            let edges = spread(edges, of_edges);
            (members, _) = model.forward(members, edges, adjacency, noise);
        }
        let pooled = segment_mean(members, &tokens.tokens);
        let pooled = self
            .linear2
            .forward(activation::relu(self.linear1.forward(pooled)));
        let [count, width] = pooled.dims();
        pooled.reshape([count / tokens.per_node, tokens.per_node, width])
    }
}
