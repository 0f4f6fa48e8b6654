//! A batch of graphs on a device.

use burn::tensor::{Bool, Tensor};
use elapid_nn::graph::{Adjacency, RealRows, Segments};

/// What networks read of a batch of graphs. N nodes, E edges, B graphs.
#[derive(Clone, Debug)]
pub struct GraphInput {
    /// Who is connected to whom.
    pub adjacency: Adjacency,
    /// Nodes as rows, graphs as segments.
    pub graphs: Segments,
    /// Of nodes.
    pub node_features: Rows,
    /// Of edges.
    pub edge_features: Option<Rows>,
    /// Eigenvectors of the Laplacian.
    pub eigen: Option<Eigenvectors>,
    /// Probabilities of a random walk to be back after 1, 2, … steps, `[N, steps]`.
    pub walk: Option<Tensor<2>>,
    /// Orders of the nodes; draw j of layer l at `l · draws + j`.
    pub orders: Vec<NodeOrder>,
    /// Orders of a layer, whose results are averaged.
    pub draws: usize,
    /// Graphs that are no padding; all if absent.
    pub real_graphs: Option<RealRows>,
    /// Sub-graphs around each node.
    pub tokens: Option<TokenInput>,
    /// Random walks.
    pub walks: Option<WalkInput>,
}

/// One row a node or edge.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // two a batch
pub enum Rows {
    /// Numbers, `[rows, width]`.
    Floats(Tensor<2>),
    /// Categories, each column with a table of states, which lie one behind the other.
    Categories {
        /// The state of every category of every row, row by row: those as rows, the tables' states as segments.
        states: Segments,
        /// Categories of a row.
        columns: usize,
    },
}

/// Eigenvectors of the Laplacians of the graphs, and what belongs to them, `[N, k]` each.
#[derive(Clone, Debug)]
pub struct Eigenvectors {
    /// Entries of the eigenvectors.
    pub vectors: Tensor<2>,
    /// Eigenvalues of the node's graph.
    pub values: Tensor<2>,
    /// 1 where there is an eigenvector, 0 elsewhere.
    pub mask: Tensor<2>,
}

/// An order in which a scan meets the nodes, sequence by sequence.
#[derive(Clone, Debug)]
pub struct NodeOrder {
    /// Places as rows, nodes as segments.
    pub places: Segments,
    /// True at the first place of every sequence, `[1, N]`.
    pub starts: Tensor<2, Bool>,
}

/// Sub-graphs around each node, K a node, that of the node itself last. T members in all, with repetitions.
#[derive(Clone, Debug)]
pub struct TokenInput {
    /// Tokens of a node, K.
    pub per_node: usize,
    /// Members as rows, nodes as segments.
    pub nodes: Segments,
    /// Members as rows, tokens as segments, those of a node together.
    pub tokens: Segments,
    /// Edges between members, and the number of each among the edges of the batch: those as rows, these as segments.
    pub inner: Option<(Adjacency, Segments)>,
}

/// Random walks, all of `length` places; behind the end of a walk there is nothing.
#[derive(Clone, Debug)]
pub struct WalkInput {
    /// Places of a walk.
    pub length: usize,
    /// Places as rows, walk by walk; nodes as segments, and one more for places without.
    pub nodes: Segments,
    /// The same with the edge that leads on from each place.
    pub edges: Segments,
    /// Whether the node of a place is that of an earlier place, or has an edge to it, `[places, 2 window − 1]`.
    pub relations: Tensor<2>,
}

impl GraphInput {
    /// The orders of layer `layer`; where there are fewer than layers, they come round again.
    ///
    /// # Panics
    ///
    /// Panics if there are none.
    pub fn orders_of(&self, layer: usize) -> &[NodeOrder] {
        let draws = self.draws.max(1);
        let layers = self.orders.len() / draws;
        assert!(
            layers > 0,
            "a scan over nodes needs their order, and the batch has none"
        );
        let first = layer % layers * draws;
        &self.orders[first..first + draws]
    }
}
