//! `[model]` with `backbone = "graph_mamba"`, `"gmn"` or `"neural_walker"`.

use crate::error::{ConfigError, ErrorKind};
use crate::options::{choice, options};
use crate::range::{FRACTION, Range, SHARE, within};
use crate::reader::SectionReader;

/// Channels and layers: bounded so that no product of a few can overflow.
const SIZE: Range = within(1.0, 65_536.0);
/// Counts that may be 0.
const COUNT: Range = within(0.0, 4096.0);

options! {
    /// Graph-Mamba (arXiv:2402.00789), and message-passing baselines in the same shell: layers of message passing and a scan over
    /// the nodes of each graph, side by side.
    pub struct GraphMamba, checked by graph_mamba_fits {
        /// Width of the state of a node or an edge.
        embed_dim: usize = 64, SIZE;
        /// Number of layers.
        depth: usize = 6, SIZE;
        /// How messages are passed along edges.
        local: LocalGnn = "gated_gcn";
        /// How the nodes of a graph hear of each other besides.
        global: GlobalScan = "mamba";
        /// A layer norm in front of every scan, as in algorithm 1 of the paper; the official code has none. It keeps nodes with large
        /// states from growing with the fifth power.
        scan_norm: bool = false;
        /// The order in which the scan meets the nodes.
        order: ScanOrder = "degree_noise";
        /// Groups that nodes are put in at random, each scanned on its own; 3 in the official settings of PascalVOC-SP,
        /// COCO-SP and MalNet-Tiny, 1 in the others.
        buckets: usize = 1, within(1.0, 255.0);
        /// Orders that evaluation averages over, in every layer.
        draws: usize = 5, within(1.0, 255.0);
        /// States per inner channel.
        d_state: usize = 16, within(1.0, 256.0);
        /// Taps of the causal convolution.
        d_conv: usize = 4, within(1.0, 64.0);
        /// Inner channels per channel of a state.
        expand: usize = 1, within(1.0, 64.0);
        /// Dropout behind message passing, scan and both maps of the feed-forward network.
        dropout: f64 = 0.0, FRACTION;
        /// Numbers of a node's features; left out, the data set's.
        node_width: Option<usize> = unset, SIZE;
        /// Numbers of an edge's features; left out, the data set's.
        edge_width: Option<usize> = unset, SIZE;
        /// Eigenvectors of the Laplacian, the smallest eigenvalues first, that are encoded with a node; 0 for none.
        eigenvectors: usize = 0, COUNT;
        /// Width of their encoding.
        eigen_width: usize = 16, SIZE;
        /// Steps of a random walk whose probabilities to be back are encoded with a node; 0 for none.
        walk_steps: usize = 0, COUNT;
        /// Width of their encoding.
        walk_width: usize = 28, SIZE;
        /// Take the degree of a node and that of its neighbours, five numbers, for its features (local degree profile).
        degree_profile: bool = false;
        /// A batch norm behind the encoder of nodes.
        node_norm: bool = false;
        /// Layers in front of the others: a map, batch norm, ReLU, rows of unit length.
        pre_layers: usize = 0, COUNT;
        /// Linear maps of the head.
        head_layers: usize = 3, within(1.0, 64.0);
        /// Divide rows by their length between the head's maps, as GraphGym does.
        head_unit_rows: bool = true;
        /// How the nodes of a graph become one state where graphs are classified.
        pool: NodePool = "mean";
    }
}

options! {
    /// Graph Mamba Networks (arXiv:2402.08678): sub-graphs around each node as tokens, a scan over them, one over the nodes, and
    /// message passing beside. There is no official code; what the paper leaves open is decided as documented.
    pub struct Gmn, checked by gmn_fits {
        /// Width of the state of a node, an edge or a token.
        embed_dim: usize = 64, SIZE;
        /// Longest walks m; 0 for none, and then the network is one of layers with a bidirectional scan over the nodes.
        hops: usize = 4, COUNT;
        /// Walks of a sub-graph M.
        walks: usize = 2, SIZE;
        /// Sub-graphs of each length s.
        repeats: usize = 2, SIZE;
        /// Whether the node itself is the last token.
        append_self: bool = true;
        /// How a sub-graph becomes a token.
        token_encoder: TokenEncoder = "mean";
        /// Layers over the tokens of each node.
        token_layers: usize = 3, SIZE;
        /// Layers over the nodes of each graph.
        node_layers: usize = 1, SIZE;
        /// Message passing beside them.
        local: LocalGnn = "gated_gcn";
        /// Its layers.
        local_layers: usize = 4, COUNT;
        /// The order in which the scan meets the nodes.
        order: ScanOrder = "degree";
        /// Orders that evaluation averages over.
        draws: usize = 1, within(1.0, 255.0);
        /// States per inner channel.
        d_state: usize = 16, within(1.0, 256.0);
        /// Taps of the causal convolutions.
        d_conv: usize = 4, within(1.0, 64.0);
        /// Inner channels per channel of a state.
        expand: usize = 1, within(1.0, 64.0);
        /// Both directions of a scan have projections, gate and an output map of their own, as the paper's algorithm has it; otherwise
        /// they share them, as its figure has it.
        separate_branches: bool = false;
        /// Dropout behind every block.
        dropout: f64 = 0.0, FRACTION;
        /// Numbers of a node's features; left out, the data set's.
        node_width: Option<usize> = unset, SIZE;
        /// Numbers of an edge's features; left out, the data set's.
        edge_width: Option<usize> = unset, SIZE;
        /// Eigenvectors of the Laplacian, the smallest eigenvalues first, that are encoded with a node; 0 for none.
        eigenvectors: usize = 0, COUNT;
        /// Width of their encoding.
        eigen_width: usize = 16, SIZE;
        /// Steps of a random walk whose probabilities to be back are encoded with a node; 0 for none.
        walk_steps: usize = 0, COUNT;
        /// Width of their encoding.
        walk_width: usize = 28, SIZE;
        /// Take the degree of a node and that of its neighbours, five numbers, for its features (local degree profile).
        degree_profile: bool = false;
        /// Linear maps of the head.
        head_layers: usize = 3, within(1.0, 64.0);
        /// Divide rows by their length between the head's maps, as GraphGym does.
        head_unit_rows: bool = true;
        /// How the nodes of a graph become one state where graphs are classified.
        pool: NodePool = "mean";
    }
}

options! {
    /// NeuralWalker (arXiv:2406.03386): scans over random walks, message passing, and a node that all others are connected to.
    pub struct NeuralWalker, checked by neural_walker_fits {
        /// Width of the state of a node or an edge.
        embed_dim: usize = 80, SIZE;
        /// Number of layers.
        depth: usize = 3, SIZE;
        /// Nodes of a walk.
        walk_length: usize = 50, within(2.0, 4096.0);
        /// Earlier nodes of a walk that each is compared with.
        window: usize = 8, within(1.0, 256.0);
        /// Share of the nodes that a walk starts from.
        walk_rate: f64 = 0.5, SHARE;
        /// States per inner channel.
        d_state: usize = 16, within(1.0, 256.0);
        /// Taps of the causal convolutions.
        d_conv: usize = 4, within(1.0, 64.0);
        /// Inner channels per channel of a state.
        expand: usize = 2, within(1.0, 64.0);
        /// A node that all nodes of a graph are connected to, behind every layer but the last.
        virtual_node: bool = true;
        /// Dropout inside every network.
        dropout: f64 = 0.0, FRACTION;
        /// Numbers of a node's features; left out, the data set's.
        node_width: Option<usize> = unset, SIZE;
        /// Numbers of an edge's features; left out, the data set's.
        edge_width: Option<usize> = unset, SIZE;
        /// Eigenvectors of the Laplacian, the smallest eigenvalues first, that are encoded with a node; 0 for none.
        eigenvectors: usize = 0, COUNT;
        /// Width of their encoding.
        eigen_width: usize = 16, SIZE;
        /// Steps of a random walk whose probabilities to be back are encoded with a node; 0 for none.
        walk_steps: usize = 0, COUNT;
        /// Width of their encoding.
        walk_width: usize = 28, SIZE;
        /// Take the degree of a node and that of its neighbours, five numbers, for its features (local degree profile).
        degree_profile: bool = false;
        /// How the nodes of a graph become one state where graphs are classified.
        pool: NodePool = "mean";
    }
}

choice! {
    /// How messages are passed along edges.
    pub enum LocalGnn {
        /// Not at all.
        None = "none",
        /// Residual gated graph convolution.
        GatedGcn = "gated_gcn",
        /// Graph isomorphism network with states of edges.
        Gine = "gine",
        /// Graph isomorphism network.
        Gin = "gin",
        /// Graph convolution.
        Gcn = "gcn",
    }
}

choice! {
    /// How the nodes of a graph hear of each other besides messages.
    pub enum GlobalScan {
        /// Not at all.
        None = "none",
        /// By a causal scan.
        Mamba = "mamba",
        /// By a scan in both directions.
        Bidirectional = "bidirectional",
    }
}

choice! {
    /// The order in which a scan meets nodes; the last ones have the most context.
    pub enum ScanOrder {
        /// As they are stored.
        Stored = "stored",
        /// At random.
        Random = "random",
        /// By degree, ascending; nodes of equal degree as they are stored.
        Degree = "degree",
        /// By degree, ascending; nodes of equal degree at random.
        DegreeNoise = "degree_noise",
        /// By PageRank, ascending.
        PageRank = "page_rank",
        /// By eigenvector centrality, ascending, with noise as wide as it varies in the graph.
        Centrality = "centrality",
        /// By how often a random walk of `walk_steps` steps, or 16, is back, descending, with such noise: nodes between others come last.
        Returns = "returns",
        /// Communities (Louvain) in random order, the nodes of each at random.
        Communities = "communities",
    }
}

choice! {
    /// How the nodes of a graph become one state.
    pub enum NodePool {
        /// Their mean.
        Mean = "mean",
        /// Their sum.
        Sum = "sum",
        /// The largest of each channel.
        Max = "max",
    }
}

choice! {
    /// How a sub-graph becomes a token.
    pub enum TokenEncoder {
        /// By the mean of its nodes.
        Mean = "mean",
        /// By a gated graph convolution along its edges, and the mean of its nodes.
        GatedGcn = "gated_gcn",
    }
}

fn graph_mamba_fits(model: &GraphMamba, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    if model.local == LocalGnn::None && model.global == GlobalScan::None {
        let message =
            "`local` and `global` are both \"none\", so no node hears of another".to_owned();
        let hint = "leave one of them out";
        return Err(section
            .error(ErrorKind::Conflict, &["local", "global"], message)
            .hint(hint));
    }
    if model.scan_norm && model.global == GlobalScan::None {
        let message = "`scan_norm` needs a scan, and `global` is \"none\"".to_owned();
        return Err(section
            .error(ErrorKind::Conflict, &["scan_norm", "global"], message)
            .hint("leave `scan_norm` out"));
    }
    let encodings = [
        (model.eigenvectors, model.eigen_width),
        (model.walk_steps, model.walk_width),
    ];
    encodings_fit(model.embed_dim, encodings, section)
}

fn neural_walker_fits(
    model: &NeuralWalker,
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    let encodings = [
        (model.eigenvectors, model.eigen_width),
        (model.walk_steps, model.walk_width),
    ];
    encodings_fit(model.embed_dim, encodings, section)
}

fn gmn_fits(model: &Gmn, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let encodings = [
        (model.eigenvectors, model.eigen_width),
        (model.walk_steps, model.walk_width),
    ];
    encodings_fit(model.embed_dim, encodings, section)
}

/// Features get what encodings leave of the width.
fn encodings_fit(
    width: usize,
    encodings: [(usize, usize); 2],
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    let made = encodings.iter().filter(|(count, _)| *count > 0);
    let taken: usize = made.map(|(_, width)| width).sum();
    if taken < width {
        return Ok(());
    }
    let message = format!(
        "encodings take {taken} of the {width} channels in `embed_dim`, which leaves none for features"
    );
    let keys = ["embed_dim", "eigen_width", "walk_width"];
    Err(section
        .error(ErrorKind::Conflict, &keys, message)
        .hint("make `embed_dim` larger, or the encodings narrower"))
}
