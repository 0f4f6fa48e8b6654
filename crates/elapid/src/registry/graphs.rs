//! `[model]` of graphs: specification to network, and what it wants batches to have.

use elapid_config::{self as config, ModelSpec};
use elapid_data::graph::{
    EncodingSettings, GraphFacts, OrderSettings, Ranking, TokenSettings, WalkSettings,
};
use elapid_models::GraphModelConfig;
use elapid_models::graph::{
    EdgeFeatures, EncoderConfig, GlobalKind, GmnConfig, GraphNetworkConfig, HeadConfig, HeadLevel,
    LocalKind, NeuralWalkerConfig, NodeFeatures, NodePool, TokenEncoder,
};
use elapid_nn::mixer::MambaConfig;

use super::PlanError;
use super::data::GraphDemands;

/// Numbers of a local degree profile.
const PROFILE: usize = 5;

/// Steps of the random walks that nodes are ordered by where they are not encoded.
const RETURNS: usize = 16;

/// What a network reads, with its features.
#[derive(Clone, Debug)]
pub struct GraphReading {
    /// See [`GraphDemands`].
    pub demands: GraphDemands,
    /// Of nodes.
    pub nodes: NodeFeatures,
    /// Of edges.
    pub edges: EdgeFeatures,
}

/// What nodes are sorted by; walks that nobody else asks for have [`RETURNS`] steps.
fn ranking(by: config::ScanOrder, walk_steps: usize) -> Ranking {
    match by {
        config::ScanOrder::Stored => Ranking::Stored,
        config::ScanOrder::Random => Ranking::Random,
        config::ScanOrder::Degree => Ranking::Degree,
        config::ScanOrder::DegreeNoise => Ranking::DegreeNoise,
        config::ScanOrder::PageRank => Ranking::PageRank,
        config::ScanOrder::Centrality => Ranking::Centrality,
        config::ScanOrder::Returns if walk_steps == 0 => Ranking::Returns(RETURNS),
        config::ScanOrder::Returns => Ranking::Returns(walk_steps),
        config::ScanOrder::Communities => Ranking::Communities,
    }
}

/// What the network of a plan wants batches to have.
///
/// # Errors
///
/// If the backbone takes something else than graphs.
pub fn graph_demands(spec: &ModelSpec) -> Result<GraphDemands, PlanError> {
    let order = |by, layers, draws, buckets| OrderSettings {
        by,
        layers,
        draws,
        buckets,
    };
    match spec {
        ModelSpec::GraphMamba(spec) => Ok(GraphDemands {
            encodings: encodings(spec.eigenvectors, spec.walk_steps, spec.degree_profile),
            order: match spec.global {
                config::GlobalScan::None => order(Ranking::Stored, 0, 1, 1),
                _ => {
                    let by = ranking(spec.order, spec.walk_steps);
                    order(by, spec.depth, spec.draws, spec.buckets)
                }
            },
            tokens: None,
            walks: None,
        }),
        ModelSpec::NeuralWalker(spec) => Ok(GraphDemands {
            encodings: encodings(spec.eigenvectors, spec.walk_steps, spec.degree_profile),
            order: order(Ranking::Stored, 0, 1, 1),
            tokens: None,
            walks: Some(WalkSettings {
                length: spec.walk_length,
                window: spec.window,
                rate: spec.walk_rate,
            }),
        }),
        ModelSpec::Gmn(spec) => Ok(GraphDemands {
            encodings: encodings(spec.eigenvectors, spec.walk_steps, spec.degree_profile),
            order: {
                let layers = match spec.hops {
                    0 => spec.token_layers + spec.node_layers,
                    _ => spec.node_layers,
                };
                let by = ranking(spec.order, spec.walk_steps);
                order(by, layers, spec.draws, 1)
            },
            tokens: (spec.hops > 0).then_some(TokenSettings {
                hops: spec.hops,
                walks: spec.walks,
                repeats: spec.repeats,
                append_self: spec.append_self,
                edges: spec.token_encoder == config::TokenEncoder::GatedGcn,
            }),
            walks: None,
        }),
        other => Err(PlanError(format!(
            "the backbone `{}` takes no graphs; use `backbone = \"graph_mamba\"` or \"gmn\" in [model], or another data set",
            other.name()
        ))),
    }
}

fn encodings(eigenvectors: usize, walk_steps: usize, profile: bool) -> EncodingSettings {
    EncodingSettings {
        eigenvectors,
        walk_steps,
        profile,
    }
}

/// What rows of a network's output are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// Scores of nodes, so many of each.
    Nodes(usize),
    /// Scores of graphs, so many of each.
    Graphs(usize),
    /// States of nodes, as wide as inside the network.
    States,
}

/// Width of the states of a backbone for graphs; `None` of another.
pub(super) fn graph_width(spec: &ModelSpec) -> Option<usize> {
    match spec {
        ModelSpec::GraphMamba(spec) => Some(spec.embed_dim),
        ModelSpec::Gmn(spec) => Some(spec.embed_dim),
        ModelSpec::NeuralWalker(spec) => Some(spec.embed_dim),
        _ => None,
    }
}

/// The network of a plan for graphs of this shape, with such rows, and what it reads.
///
/// # Errors
///
/// If the backbone takes something else than graphs, or widths that the plan names are not those of the data.
pub fn graph_model(
    spec: &ModelSpec,
    shape: &GraphFacts,
    rows: RowsOf,
) -> Result<(GraphModelConfig, GraphReading), PlanError> {
    let (is_of_nodes, outputs) = match rows {
        RowsOf::Nodes(outputs) => (true, outputs),
        RowsOf::Graphs(outputs) => (false, outputs),
        RowsOf::States => (true, graph_width(spec).unwrap_or(0)),
    };
    let demands = graph_demands(spec)?;
    let own = match spec {
        ModelSpec::GraphMamba(spec) => Widths::new(spec.node_width, spec.edge_width),
        ModelSpec::Gmn(spec) => Widths::new(spec.node_width, spec.edge_width),
        ModelSpec::NeuralWalker(spec) => Widths::new(spec.node_width, spec.edge_width),
        _ => Widths::new(None, None),
    };
    let reading = GraphReading {
        demands,
        nodes: own.nodes(shape, demands.encodings.profile)?,
        edges: own.edges(shape)?,
    };
    let config = match spec {
        ModelSpec::Gmn(spec) if spec.hops > 0 => {
            GraphModelConfig::Gmn(gmn(spec, &reading, is_of_nodes, outputs))
        }
        ModelSpec::Gmn(spec) => {
            GraphModelConfig::Network(without_tokens(spec, &reading, is_of_nodes, outputs))
        }
        ModelSpec::GraphMamba(spec) => {
            GraphModelConfig::Network(graph_mamba(spec, &reading, is_of_nodes, outputs))
        }
        ModelSpec::NeuralWalker(spec) => {
            GraphModelConfig::NeuralWalker(neural_walker(spec, &reading, is_of_nodes, outputs))
        }
        other => return Err(graph_demands(other).expect_err("it takes no graphs")),
    };
    Ok((config, reading))
}

/// Widths that a plan names.
struct Widths {
    node: Option<usize>,
    edge: Option<usize>,
}

impl Widths {
    fn new(node: Option<usize>, edge: Option<usize>) -> Self {
        Self { node, edge }
    }

    fn nodes(&self, shape: &GraphFacts, profile: bool) -> Result<NodeFeatures, PlanError> {
        if profile {
            return Ok(NodeFeatures::Floats(PROFILE));
        }
        agreed("node_width", self.node, shape.node_width)?;
        match (shape.node_sizes.is_empty(), shape.node_width) {
            (false, _) => Ok(NodeFeatures::Categories(shape.node_sizes.clone())),
            (true, 0) => Err(PlanError(
                "the nodes of the data set have no features; set `degree_profile = true` in [model]"
                    .to_owned(),
            )),
            (true, width) => Ok(NodeFeatures::Floats(width)),
        }
    }

    fn edges(&self, shape: &GraphFacts) -> Result<EdgeFeatures, PlanError> {
        agreed("edge_width", self.edge, shape.edge_width)?;
        Ok(match (shape.edge_sizes.is_empty(), shape.edge_width) {
            (false, _) => EdgeFeatures::Categories(shape.edge_sizes.clone()),
            (true, 0) => EdgeFeatures::None,
            (true, width) => EdgeFeatures::Floats(width),
        })
    }
}

fn agreed(name: &str, wanted: Option<usize>, found: usize) -> Result<(), PlanError> {
    match wanted {
        Some(wanted) if wanted != found => Err(PlanError(format!(
            "`{name}` in [model] is {wanted}, but the data set has {found}; leave it out"
        ))),
        _ => Ok(()),
    }
}

/// What states of so many channels are made of; encodings that the network asks for have these widths.
fn encoder(
    reading: &GraphReading,
    width: usize,
    [eigen_width, walk_width]: [usize; 2],
) -> EncoderConfig {
    let EncodingSettings {
        eigenvectors,
        walk_steps,
        ..
    } = reading.demands.encodings;
    EncoderConfig {
        width,
        nodes: reading.nodes.clone(),
        edges: reading.edges.clone(),
        eigen_width: if eigenvectors > 0 { eigen_width } else { 0 },
        walk_steps,
        walk_width,
        node_norm: false,
    }
}

fn graph_mamba(
    spec: &config::GraphMamba,
    reading: &GraphReading,
    is_of_nodes: bool,
    outputs: usize,
) -> GraphNetworkConfig {
    GraphNetworkConfig {
        encoder: EncoderConfig {
            node_norm: spec.node_norm,
            ..encoder(reading, spec.embed_dim, [spec.eigen_width, spec.walk_width])
        },
        pre_layers: spec.pre_layers,
        layers: spec.depth,
        local: local(spec.local),
        global: match spec.global {
            config::GlobalScan::None => GlobalKind::None,
            config::GlobalScan::Mamba => GlobalKind::Mamba,
            config::GlobalScan::Bidirectional => GlobalKind::Bidirectional,
        },
        scan_norm: spec.scan_norm,
        mamba: mamba(spec.embed_dim, [spec.d_state, spec.d_conv, spec.expand]),
        dropout: spec.dropout,
        head: HeadConfig {
            level: level(is_of_nodes, spec.pool),
            layers: spec.head_layers,
            unit_rows: spec.head_unit_rows,
            outputs,
        },
    }
}

fn gmn(spec: &config::Gmn, reading: &GraphReading, is_of_nodes: bool, outputs: usize) -> GmnConfig {
    let plain = without_tokens(spec, reading, is_of_nodes, outputs);
    GmnConfig {
        encoder: plain.encoder,
        token_encoder: match spec.token_encoder {
            config::TokenEncoder::Mean => TokenEncoder::Mean,
            config::TokenEncoder::GatedGcn => TokenEncoder::GatedGcn,
        },
        token_layers: spec.token_layers,
        node_layers: spec.node_layers,
        local: plain.local,
        local_layers: spec.local_layers,
        mamba: plain.mamba,
        separate_branches: spec.separate_branches,
        dropout: plain.dropout,
        head: plain.head,
    }
}

fn neural_walker(
    spec: &config::NeuralWalker,
    reading: &GraphReading,
    is_of_nodes: bool,
    outputs: usize,
) -> NeuralWalkerConfig {
    NeuralWalkerConfig {
        encoder: encoder(reading, spec.embed_dim, [spec.eigen_width, spec.walk_width]),
        layers: spec.depth,
        window: spec.window,
        mamba: mamba(spec.embed_dim, [spec.d_state, spec.d_conv, spec.expand]),
        virtual_node: spec.virtual_node,
        dropout: spec.dropout,
        head: HeadConfig {
            level: level(is_of_nodes, spec.pool),
            layers: 2,
            unit_rows: false,
            outputs,
        },
    }
}

/// Layers of message passing beside a scan in both directions, as many as there would be with tokens.
fn without_tokens(
    spec: &config::Gmn,
    reading: &GraphReading,
    is_of_nodes: bool,
    outputs: usize,
) -> GraphNetworkConfig {
    GraphNetworkConfig {
        encoder: encoder(reading, spec.embed_dim, [spec.eigen_width, spec.walk_width]),
        pre_layers: 0,
        layers: spec.token_layers + spec.node_layers,
        local: local(spec.local),
        global: match spec.separate_branches {
            true => GlobalKind::Separate,
            false => GlobalKind::Bidirectional,
        },
        scan_norm: false,
        mamba: mamba(spec.embed_dim, [spec.d_state, spec.d_conv, spec.expand]),
        dropout: spec.dropout,
        head: HeadConfig {
            level: level(is_of_nodes, spec.pool),
            layers: spec.head_layers,
            unit_rows: spec.head_unit_rows,
            outputs,
        },
    }
}

fn mamba(width: usize, [d_state, d_conv, expand]: [usize; 3]) -> MambaConfig {
    MambaConfig {
        d_state,
        d_conv,
        expand,
        ..MambaConfig::new(width)
    }
}

fn local(kind: config::LocalGnn) -> LocalKind {
    match kind {
        config::LocalGnn::None => LocalKind::None,
        config::LocalGnn::GatedGcn => LocalKind::GatedGcn,
        config::LocalGnn::Gine => LocalKind::Gine,
        config::LocalGnn::Gin => LocalKind::Gin,
        config::LocalGnn::Gcn => LocalKind::Gcn,
    }
}

fn level(is_of_nodes: bool, pool: config::NodePool) -> HeadLevel {
    match (is_of_nodes, pool) {
        (true, _) => HeadLevel::Nodes,
        (false, config::NodePool::Mean) => HeadLevel::Graphs(NodePool::Mean),
        (false, config::NodePool::Sum) => HeadLevel::Graphs(NodePool::Sum),
        (false, config::NodePool::Max) => HeadLevel::Graphs(NodePool::Max),
    }
}
