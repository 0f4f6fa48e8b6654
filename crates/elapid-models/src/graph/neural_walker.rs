//! NeuralWalker (Chen, Schulz and Borgwardt, arXiv 2406.03386), with Mamba over random walks.
//!
//! Follows `neuralwalker/` of BorgwardtLab/NeuralWalker with `walk_encoder: mamba`, `local_mp_type: gin` and a virtual node or
//! none. Walks are drawn with the batch.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, activation};
use elapid_nn::graph::{BatchNorm, RealRows, Segments, segment_mean, segment_sum, spread};
use elapid_nn::mixer::{Mamba, MambaConfig};
use elapid_nn::{Dynamics, Init, LayerNorm, Linear, Noise, Seen, dropout, show};

use super::seen::{rows, seen};
use super::{Encoder, EncoderConfig, GraphHead, GraphInput, HeadConfig, WalkInput};

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct NeuralWalkerConfig {
    /// Features and encodings; its width is that of the states.
    pub encoder: EncoderConfig,
    /// Layers.
    pub layers: usize,
    /// Earlier places that a place of a walk is compared with.
    pub window: usize,
    /// Of the scans over walks; its `d_model` is the encoder's width.
    pub mamba: MambaConfig,
    /// A node that all nodes of a graph are connected to.
    pub virtual_node: bool,
    /// Dropout inside every network.
    pub dropout: f64,
    /// Scores.
    pub head: HeadConfig,
}

/// Encoder, layers, a network of nodes, head.
#[derive(Module, Debug)]
pub struct NeuralWalker {
    /// Features to states.
    pub encoder: Encoder,
    /// Layers.
    pub layers: Vec<WalkLayer>,
    /// Behind the last layer.
    pub node_out: NormedPair,
    /// States to scores.
    pub head: GraphHead,
}

/// A scan over walks, then message passing, then the virtual node.
#[derive(Module, Debug)]
pub struct WalkLayer {
    /// Walks to changes of nodes and edges.
    pub walk_encoder: WalkMixer,
    /// `x + GINE(x, e)`
    pub local_mp: NormedGine,
    /// None in the last layer.
    pub global_mp: Option<NormedPair>,
}

/// Walks through a scan in both directions, and back to the nodes and edges that they visit:
///
/// ```text
/// u_t = LN(x_{v_t} + W_e e_t + W_p p_t)          y = ½ (Mamba(u) + flip(Mamba_b(flip(u))))
/// x' = x + f(mean of y_t over all t with v_t = x)      e' = e + g(mean of y_t over all t that go on along e)
/// ```
///
/// p_t tells at which of the places before the walk was at the same node, or at a neighbour.
#[derive(Module, Debug)]
pub struct WalkMixer {
    /// `[D, D]`
    pub edge_proj: Linear,
    /// `[D, 2 window − 1]`
    pub walk_pe_proj: Linear,
    /// In front of the scans.
    pub norm: LayerNorm,
    /// First to last.
    pub seq_layer: Mamba,
    /// Last to first.
    pub seq_layer_backward: Mamba,
    /// f
    pub out_node_proj: NormedPair,
    /// g
    pub out_edge_proj: NormedPair,
}

/// `W₂ dropout(ReLU(BN(W₁ x)))`
#[derive(Module, Debug)]
pub struct NormedPair {
    /// `[D, D]`
    pub linear1: Linear,
    /// In between.
    pub bn_mid: BatchNorm,
    /// `[D, D]`
    pub linear2: Linear,
    dropout: f64,
}

/// `f((1 + ε) x_i + Σ_e ReLU(x_j + W e))`
#[derive(Module, Debug)]
pub struct NormedGine {
    /// f
    pub nn: NormedPair,
    /// `[1]`
    pub eps: Param<Tensor<1>>,
    /// `[D, D]`
    pub lin: Linear,
}

impl NeuralWalker {
    /// The official initialisation of each part.
    pub fn new(init: &mut Init, config: &NeuralWalkerConfig) -> Self {
        let width = config.encoder.width;
        let encoder = Encoder::new(init, &config.encoder);
        let pair = |init: &mut Init| NormedPair::new(init, width, config.dropout);
        let layer = |number: usize| WalkLayer {
            walk_encoder: WalkMixer::new(init, config),
            local_mp: NormedGine {
                nn: pair(init),
                eps: init.constant([1], 0.0),
                lin: Linear::new(init, width, width, true),
            },
            global_mp: (config.virtual_node && number + 1 < config.layers).then(|| pair(init)),
        };
        let layers = (0..config.layers).map(layer).collect();
        Self {
            encoder,
            layers,
            node_out: pair(init),
            head: GraphHead::new(init, width, config.head),
        }
    }

    /// Scores of nodes or graphs, one row each, 32-bit.
    ///
    /// # Panics
    ///
    /// Panics if the batch has no walks.
    pub fn forward(&self, input: &GraphInput, mut noise: Option<&mut Noise>) -> Tensor<2> {
        let walks = input.walks.as_ref();
        let walks = walks.expect("the batch has no walks, which the model reads");
        let real_nodes = input.adjacency.real_nodes.as_ref();
        let (mut x, mut e) = self.encoder.forward(input, noise.as_deref_mut());
        let mut virtual_node: Option<Tensor<2>> = None;
        for layer in &self.layers {
            (x, e) = layer
                .walk_encoder
                .forward((x, e), walks, input, noise.as_deref_mut());
            x = layer
                .local_mp
                .forward(x, e.clone(), input, noise.as_deref_mut());
            show(noise.as_deref_mut(), || seen(&layer.local_mp, &x));
            if let Some(network) = &layer.global_mp {
                let sums = segment_sum(x.clone(), &input.graphs);
                let sums = match virtual_node {
                    Some(state) => sums + state,
                    None => sums,
                };
                let real = input.real_graphs.as_ref();
                let state = network.forward(sums, real, noise.as_deref_mut());
                show(noise.as_deref_mut(), || seen(network, &state));
                x = x + spread(state.clone(), &input.graphs);
                virtual_node = Some(state);
            }
        }
        let x = self.node_out.forward(x, real_nodes, noise.as_deref_mut());
        show(noise.as_deref_mut(), || seen(&self.node_out, &x));
        self.head.forward(x, &input.graphs, noise)
    }
}

impl WalkMixer {
    fn new(init: &mut Init, config: &NeuralWalkerConfig) -> Self {
        let width = config.encoder.width;
        let relations = 2 * config.window - 1;
        Self {
            edge_proj: Linear::new(init, width, width, true),
            walk_pe_proj: Linear::new(init, relations, width, true),
            norm: LayerNorm::new(init, width, 1e-5),
            seq_layer: Mamba::new(init, &config.mamba),
            seq_layer_backward: Mamba::new(init, &config.mamba),
            out_node_proj: NormedPair::new(init, width, config.dropout),
            out_edge_proj: NormedPair::new(init, width, config.dropout),
        }
    }

    fn forward(
        &self,
        (x, e): (Tensor<2>, Tensor<2>),
        walks: &WalkInput,
        input: &GraphInput,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<2>, Tensor<2>) {
        let adjacency = &input.adjacency;
        let [_, width] = x.dims();
        let dtype = x.dtype();
        let visited = visit(x.clone(), &walks.nodes);
        let travelled = self.edge_proj.forward(visit(e.clone(), &walks.edges));
        let related = self
            .walk_pe_proj
            .forward(walks.relations.clone().cast(dtype));
        let u = self.norm.forward(visited + travelled + related).cast(dtype);
        let u = u.reshape([-1, walks.length as i64, width as i64]);
        let forward = self.seq_layer.forward(u.clone(), None);
        // A copy that nobody looks at would keep memory.
        let is_watched = noise.as_ref().is_some_and(|noise| noise.is_watched());
        let input = is_watched.then(|| u.clone());
        let backward = self.seq_layer_backward.forward(u.flip([1]), None).flip([1]);
        let y = ((forward + backward) * 0.5).reshape([-1, width as i64]);
        let of_nodes = gathered(y.clone(), &walks.nodes);
        let of_edges = gathered(y, &walks.edges);
        let (nodes, edges) = (adjacency.real_nodes.as_ref(), adjacency.real_edges.as_ref());
        let more = self
            .out_node_proj
            .forward(of_nodes, nodes, noise.as_deref_mut());
        if let Some(u) = input {
            show(noise.as_deref_mut(), || Seen {
                stream: Some(rows(&x)),
                dynamics: self.dynamics(u),
                ..seen(self, &more)
            });
        }
        let x = x + more;
        (x, e + self.out_edge_proj.forward(of_edges, edges, noise))
    }

    /// How the scans over walks, `[walks, L, D]`, move: first to last, then last to first.
    fn dynamics(&self, u: Tensor<3>) -> Vec<Dynamics> {
        let there = self.seq_layer.dynamics(u.clone(), None).into_iter();
        let back = self.seq_layer_backward.dynamics(u.flip([1]), None);
        there.chain(back).collect()
    }
}

/// The state of every place; zeros where there is none, which the last segment stands for.
fn visit(states: Tensor<2>, places: &Segments) -> Tensor<2> {
    let [_, width] = states.dims();
    let none = Tensor::zeros([1, width], (&states.device(), states.dtype()));
    spread(Tensor::cat(vec![states, none], 0), places)
}

/// The mean over the places of every segment but the last.
fn gathered(places: Tensor<2>, segments: &Segments) -> Tensor<2> {
    let count = segments.segments() - 1;
    segment_mean(places, segments).slice(0..count)
}

impl NormedPair {
    fn new(init: &mut Init, width: usize, dropout: f64) -> Self {
        Self {
            linear1: Linear::new(init, width, width, true),
            bn_mid: BatchNorm::new(init, width),
            linear2: Linear::new(init, width, width, true),
            dropout,
        }
    }

    fn forward(
        &self,
        x: Tensor<2>,
        real: Option<&RealRows>,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let hidden = self.linear1.forward(x);
        let hidden = self.bn_mid.forward(hidden, real, noise.as_deref_mut());
        let hidden = dropout(activation::relu(hidden), self.dropout, noise);
        self.linear2.forward(hidden)
    }
}

impl NormedGine {
    fn forward(
        &self,
        x: Tensor<2>,
        e: Tensor<2>,
        input: &GraphInput,
        noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let adjacency = &input.adjacency;
        let dtype: DType = x.dtype();
        let sent = spread(x.clone(), &adjacency.source) + self.lin.forward(e);
        let received = segment_sum(activation::relu(sent), &adjacency.target);
        let own = x.clone() * (self.eps.val() + 1.0).cast(dtype).unsqueeze();
        let real = adjacency.real_nodes.as_ref();
        x + self.nn.forward(own + received, real, noise)
    }
}
