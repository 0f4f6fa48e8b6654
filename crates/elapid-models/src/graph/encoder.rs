//! Features and encodings to states of nodes and edges.
//!
//! Follows `graphgps/encoder` of bowang-lab/Graph-Mamba: what encodes features gets what encodings leave of the width, and
//! encodings are put behind it.

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, activation};
use elapid_nn::graph::{BatchNorm, RealRows, Segments, spread};
use elapid_nn::{Init, Linear, Noise, show};

use super::seen::seen;
use super::{Eigenvectors, GraphInput, Rows};

/// Features of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeFeatures {
    /// So many numbers.
    Floats(usize),
    /// A category a column, each out of so many.
    Categories(Vec<usize>),
}

/// Features of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeFeatures {
    /// None: all edges have one learned state (`DummyEdge`).
    None,
    /// So many numbers.
    Floats(usize),
    /// A category a column, each out of so many.
    Categories(Vec<usize>),
}

/// What states are made of.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    /// Width of a state D.
    pub width: usize,
    /// Of nodes.
    pub nodes: NodeFeatures,
    /// Of edges.
    pub edges: EdgeFeatures,
    /// Width of the encoding of eigenvectors of the Laplacian (`LapPE` with a `DeepSet` of two layers); none at 0.
    pub eigen_width: usize,
    /// Steps of the random walk (`RWSE`); none at 0.
    pub walk_steps: usize,
    /// Width of its encoding.
    pub walk_width: usize,
    /// A batch norm behind the encoder of nodes (`node_encoder_bn`).
    pub node_norm: bool,
}

impl EncoderConfig {
    /// What encodings leave for the features.
    pub fn feature_width(&self) -> usize {
        let walk = if self.walk_steps > 0 {
            self.walk_width
        } else {
            0
        };
        self.width.saturating_sub(self.eigen_width + walk)
    }
}

/// Encoder of nodes and edges.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Of nodes' features.
    pub node_encoder: RowEncoder,
    /// Of edges' features.
    pub edge_encoder: EdgeEncoder,
    /// Of eigenvectors.
    pub eigen: Option<EigenEncoder>,
    /// Of random walks.
    pub walk: Option<WalkEncoder>,
    /// Behind all of a node.
    pub node_encoder_bn: Option<BatchNorm>,
}

impl Encoder {
    /// PyTorch's initialisation for linear maps, Glorot's uniform one for tables of categories as in OGB's encoders, the standard
    /// normal one for the state of edges without features.
    ///
    /// # Panics
    ///
    /// Panics if encodings leave no width for the features.
    pub fn new(init: &mut Init, config: &EncoderConfig) -> Self {
        let own = config.feature_width();
        assert!(
            own > 0,
            "encodings are as wide as the states ({}), expected room for features",
            config.width
        );
        let node_encoder = match &config.nodes {
            NodeFeatures::Floats(width) => RowEncoder::Linear(Linear::new(init, *width, own, true)),
            NodeFeatures::Categories(sizes) => {
                RowEncoder::Table(CategoryTables::new(init, sizes, own))
            }
        };
        let edge_encoder = match &config.edges {
            EdgeFeatures::None => EdgeEncoder::Same(SameEdge {
                weight: init.normal([1, config.width], 1.0),
            }),
            EdgeFeatures::Floats(width) => {
                EdgeEncoder::Linear(Linear::new(init, *width, config.width, true))
            }
            EdgeFeatures::Categories(sizes) => {
                EdgeEncoder::Table(CategoryTables::new(init, sizes, config.width))
            }
        };
        Self {
            node_encoder,
            edge_encoder,
            eigen: (config.eigen_width > 0).then(|| EigenEncoder::new(init, config.eigen_width)),
            walk: (config.walk_steps > 0)
                .then(|| WalkEncoder::new(init, config.walk_steps, config.walk_width)),
            node_encoder_bn: config.node_norm.then(|| BatchNorm::new(init, config.width)),
        }
    }

    /// States of nodes, `[N, D]`, and of edges, `[E, D]`.
    ///
    /// # Panics
    ///
    /// Panics if the batch lacks something that is to be encoded.
    pub fn forward(
        &self,
        input: &GraphInput,
        mut noise: Option<&mut Noise>,
    ) -> (Tensor<2>, Tensor<2>) {
        let real = input.adjacency.real_nodes.as_ref();
        let mut parts = vec![self.node_encoder.forward(&input.node_features)];
        if let Some(encoder) = &self.eigen {
            let eigen = input.eigen.as_ref();
            let eigen = eigen.expect("the batch has no eigenvectors, which the model encodes");
            let dtype = parts[0].dtype();
            parts.push(encoder.forward(eigen).cast(dtype));
        }
        if let Some(encoder) = &self.walk {
            let walk = input.walk.clone();
            let walk = walk.expect("the batch has no random walks, which the model encodes");
            let walk = walk.cast(parts[0].dtype());
            parts.push(encoder.forward(walk, real, noise.as_deref_mut()));
        }
        let nodes = match parts.len() {
            1 => parts.swap_remove(0),
            _ => Tensor::cat(parts, 1),
        };
        let nodes = match &self.node_encoder_bn {
            Some(norm) => norm.forward(nodes, real, noise.as_deref_mut()),
            None => nodes,
        };
        show(noise, || seen(self, &nodes));
        let edges = self.edge_encoder.forward(input, nodes.dtype());
        (nodes, edges)
    }
}

/// Features to states.
#[derive(Module, Debug)]
pub enum RowEncoder {
    /// Of numbers.
    Linear(Linear),
    /// Of categories.
    Table(CategoryTables),
}

impl RowEncoder {
    fn forward(&self, rows: &Rows) -> Tensor<2> {
        match (self, rows) {
            (Self::Linear(linear), Rows::Floats(rows)) => linear.forward(rows.clone()),
            (Self::Table(tables), Rows::Categories { states, columns }) => {
                tables.forward(states, *columns)
            }
            _ => panic!("the features of the batch are of another kind than those of the model"),
        }
    }
}

/// States of edges.
#[derive(Module, Debug)]
pub enum EdgeEncoder {
    /// All edges are alike.
    Same(SameEdge),
    /// Of numbers.
    Linear(Linear),
    /// Of categories.
    Table(CategoryTables),
}

/// One state for all edges.
#[derive(Module, Debug)]
pub struct SameEdge {
    /// `[1, D]`
    pub weight: Param<Tensor<2>>,
}

impl EdgeEncoder {
    fn forward(&self, input: &GraphInput, dtype: DType) -> Tensor<2> {
        let features = input.edge_features.as_ref();
        match (self, features) {
            (Self::Same(same), _) => {
                let [_, width] = same.weight.dims();
                let state = same.weight.val().cast(dtype);
                state.expand([input.adjacency.edges(), width])
            }
            (Self::Linear(linear), Some(Rows::Floats(rows))) => {
                linear.forward(rows.clone().cast(dtype))
            }
            (Self::Table(tables), Some(Rows::Categories { states, columns })) => {
                tables.forward(states, *columns).cast(dtype)
            }
            _ => panic!("the batch lacks the features of edges that the model encodes"),
        }
    }
}

/// A table of states for each column of categories; a row's states are added up.
#[derive(Module, Debug)]
pub struct CategoryTables {
    /// `[sum of the sizes, D]`: one table behind the other.
    pub weight: Param<Tensor<2>>,
}

impl CategoryTables {
    fn new(init: &mut Init, sizes: &[usize], width: usize) -> Self {
        // Glorot's bound, for each table by its own size.
        let bounds: Vec<f64> = sizes
            .iter()
            .flat_map(|&size| vec![(6.0 / (size + width) as f64).sqrt(); size])
            .collect();
        Self {
            weight: init.uniform_rows(&bounds, width),
        }
    }

    /// The sums, `[rows, D]`, of `columns` states a row.
    fn forward(&self, states: &Segments, columns: usize) -> Tensor<2> {
        let all = spread(self.weight.val(), states);
        let [count, width] = all.dims();
        match columns {
            1 => all,
            _ => all
                .reshape([count / columns.max(1), columns, width])
                .sum_dim(1)
                .squeeze_dim::<2>(1),
        }
    }
}

/// Eigenvectors of the Laplacian to states: `Σ_i f(v_i, λ_i)` over the eigenvectors there are, so that their order does not
/// matter. f has two layers (`LapPENodeEncoder` with `model: DeepSet`, `layers: 2`).
#[derive(Module, Debug)]
pub struct EigenEncoder {
    /// `[2P, 2]`
    pub linear_a: Linear,
    /// `[P, 2P]`
    pub linear_b: Linear,
}

impl EigenEncoder {
    fn new(init: &mut Init, width: usize) -> Self {
        Self {
            linear_a: Linear::new(init, 2, 2 * width, true),
            linear_b: Linear::new(init, 2 * width, width, true),
        }
    }

    /// `[N, P]`
    fn forward(&self, eigen: &Eigenvectors) -> Tensor<2> {
        let pairs = [eigen.vectors.clone(), eigen.values.clone()].map(|x| x.unsqueeze_dim::<3>(2));
        let pairs = Tensor::cat(pairs.to_vec(), 2);
        let hidden = activation::relu(self.linear_a.forward(pairs));
        let states = activation::relu(self.linear_b.forward(hidden));
        let mask = eigen.mask.clone().cast(states.dtype());
        (states * mask.unsqueeze_dim(2))
            .sum_dim(1)
            .squeeze_dim::<2>(1)
    }
}

/// Probabilities of a random walk to be back, to states (`RWSENodeEncoder` with `raw_norm_type: BatchNorm`).
#[derive(Module, Debug)]
pub struct WalkEncoder {
    /// Over the steps.
    pub raw_norm: BatchNorm,
    /// `[P, steps]`
    pub pe_encoder: Linear,
}

impl WalkEncoder {
    fn new(init: &mut Init, steps: usize, width: usize) -> Self {
        Self {
            raw_norm: BatchNorm::new(init, steps),
            pe_encoder: Linear::new(init, steps, width, true),
        }
    }

    fn forward(
        &self,
        walk: Tensor<2>,
        real: Option<&RealRows>,
        noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        self.pe_encoder
            .forward(self.raw_norm.forward(walk, real, noise))
    }
}
