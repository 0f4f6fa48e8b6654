//! Graph-Mamba (Wang, Tsepa, Ma and Wang, arXiv 2402.00789), and message-passing baselines in the same shell.
//!
//! Follows bowang-lab/Graph-Mamba at its last commit, whose settings differ from the paper's text: no norm in front of the
//! scan, batch norms behind it, and evaluation averages several orders inside every layer. Parameter counts are those of the paper's
//! tables, which the tests below hold it to.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use elapid_nn::graph::BatchNorm;
use elapid_nn::mixer::MambaConfig;
use elapid_nn::{Init, Linear, Noise, show};

use super::head::unit_rows;
use super::seen::seen;
use super::{
    Encoder, EncoderConfig, GlobalKind, GpsConfig, GpsLayer, GraphHead, GraphInput, HeadConfig,
    LocalKind,
};

/// Hyper-parameters.
#[derive(Clone, Debug)]
pub struct GraphNetworkConfig {
    /// Features and encodings; its width is that of the states.
    pub encoder: EncoderConfig,
    /// Layers in front, each a map without bias, batch norm, ReLU and rows of unit length (`layers_pre_mp`).
    pub pre_layers: usize,
    /// Layers.
    pub layers: usize,
    /// Message passing.
    pub local: LocalKind,
    /// Scan.
    pub global: GlobalKind,
    /// Whether every scan has a layer norm in front of it.
    pub scan_norm: bool,
    /// Of the scan; its `d_model` is the encoder's width.
    pub mamba: MambaConfig,
    /// Dropout.
    pub dropout: f64,
    /// Scores.
    pub head: HeadConfig,
}

impl GraphNetworkConfig {
    /// The official block at a width: GatedGCN and a scan with 16 states, 4 taps and no expansion.
    pub fn graph_mamba(encoder: EncoderConfig, layers: usize, head: HeadConfig) -> Self {
        Self {
            mamba: MambaConfig {
                expand: 1,
                ..MambaConfig::new(encoder.width)
            },
            encoder,
            pre_layers: 0,
            layers,
            local: LocalKind::GatedGcn,
            global: GlobalKind::Mamba,
            scan_norm: false,
            dropout: 0.0,
            head,
        }
    }

    fn layer(&self) -> GpsConfig {
        GpsConfig {
            local: self.local,
            global: self.global,
            scan_norm: self.scan_norm,
            mamba: self.mamba.clone(),
            dropout: self.dropout,
        }
    }
}

/// Encoder, layers, head.
#[derive(Module, Debug)]
pub struct GraphNetwork {
    /// Features to states.
    pub encoder: Encoder,
    /// In front of the layers.
    pub pre_mp: Vec<PreLayer>,
    /// Layers.
    pub layers: Vec<GpsLayer>,
    /// States to scores.
    pub head: GraphHead,
}

impl GraphNetwork {
    /// The official initialisation.
    pub fn new(init: &mut Init, config: &GraphNetworkConfig) -> Self {
        let width = config.encoder.width;
        let layer = config.layer();
        Self {
            encoder: Encoder::new(init, &config.encoder),
            pre_mp: (0..config.pre_layers)
                .map(|_| PreLayer::new(init, width))
                .collect(),
            layers: (0..config.layers)
                .map(|_| GpsLayer::new(init, &layer))
                .collect(),
            head: GraphHead::new(init, width, config.head),
        }
    }

    /// Scores of nodes or graphs, one row each, 32-bit.
    pub fn forward(&self, input: &GraphInput, mut noise: Option<&mut Noise>) -> Tensor<2> {
        let (mut nodes, mut edges) = self.encoder.forward(input, noise.as_deref_mut());
        for layer in &self.pre_mp {
            nodes = layer.forward(nodes, input, noise.as_deref_mut());
        }
        for (number, layer) in self.layers.iter().enumerate() {
            let states = (nodes, edges);
            (nodes, edges) = layer.forward(states, input, number, noise.as_deref_mut());
        }
        self.head.forward(nodes, &input.graphs, noise)
    }
}

/// A layer of GraphGym: `ReLU(BN(W x))`, each row then divided by its length.
#[derive(Module, Debug)]
pub struct PreLayer {
    /// `[D, D]`
    pub linear: Linear,
    /// Behind the map.
    pub bn_pre: BatchNorm,
}

impl PreLayer {
    fn new(init: &mut Init, width: usize) -> Self {
        Self {
            linear: Linear::new(init, width, width, false),
            bn_pre: BatchNorm::new(init, width),
        }
    }

    fn forward(
        &self,
        x: Tensor<2>,
        input: &GraphInput,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let real = input.adjacency.real_nodes.as_ref();
        let x = self.linear.forward(x);
        let x = self.bn_pre.forward(x, real, noise.as_deref_mut());
        let x = unit_rows(activation::relu(x));
        show(noise, || seen(self, &x));
        x
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use elapid_nn::{Role, role_of};

    use super::super::{EdgeFeatures, HeadLevel, NodeFeatures, NodePool};
    use super::*;
    use crate::named_params;

    /// Optimised parameters: PyTorch does not count running statistics.
    pub(crate) fn optimised<M: Module>(module: &M) -> usize {
        let params = named_params(module).into_iter();
        let params = params.filter(|param| role_of(&param.path) != Role::Statistic);
        params
            .map(|param| param.shape.iter().product::<usize>())
            .sum()
    }

    /// Columns of OGB's molecules: 174 categories of atoms, 13 of bonds.
    const ATOMS: [usize; 9] = [119, 5, 12, 12, 10, 6, 6, 2, 2];
    const BONDS: [usize; 3] = [5, 6, 2];

    struct Set {
        name: &'static str,
        width: usize,
        layers: usize,
        nodes: NodeFeatures,
        edges: EdgeFeatures,
        eigen_width: usize,
        head: usize,
        outputs: usize,
        published: usize,
    }

    fn sets() -> Vec<Set> {
        let floats = |n| NodeFeatures::Floats(n);
        let atoms = || NodeFeatures::Categories(ATOMS.to_vec());
        let bonds = || EdgeFeatures::Categories(BONDS.to_vec());
        let set =
            |name, (width, layers), (nodes, edges), eigen_width, (head, outputs), published| Set {
                name,
                width,
                layers,
                nodes,
                edges,
                eigen_width,
                head,
                outputs,
                published,
            };
        let edge = EdgeFeatures::Floats;
        let none = EdgeFeatures::None;
        vec![
            set(
                "Peptides-func",
                (96, 3),
                (atoms(), bonds()),
                16,
                (1, 10),
                373_018,
            ),
            set(
                "Peptides-struct",
                (96, 4),
                (atoms(), bonds()),
                16,
                (1, 11),
                491_867,
            ),
            set(
                "PascalVOC-SP",
                (96, 4),
                (floats(14), edge(2)),
                16,
                (3, 21),
                497_781,
            ),
            set(
                "COCO-SP",
                (96, 4),
                (floats(14), edge(2)),
                16,
                (3, 81),
                503_601,
            ),
            set(
                "MalNet-Tiny",
                (64, 5),
                (floats(5), none.clone()),
                0,
                (3, 5),
                285_125,
            ),
            set(
                "CIFAR10",
                (52, 3),
                (floats(5), edge(1)),
                8,
                (2, 10),
                113_818,
            ),
            set("MNIST", (52, 3), (floats(3), edge(1)), 8, (3, 10), 116_486),
            set(
                "CLUSTER",
                (48, 16),
                (floats(7), none.clone()),
                16,
                (3, 6),
                508_966,
            ),
            set("PATTERN", (64, 6), (floats(3), none), 16, (3, 1), 335_281),
            set(
                "PCQM-Contact",
                (96, 4),
                (atoms(), bonds()),
                16,
                (1, 96),
                500_112,
            ),
        ]
    }

    #[test]
    fn parameter_counts_are_the_published_ones() {
        for set in sets() {
            let is_malnet = set.name == "MalNet-Tiny";
            let encoder = EncoderConfig {
                width: set.width,
                nodes: set.nodes,
                edges: set.edges,
                eigen_width: set.eigen_width,
                walk_steps: 0,
                walk_width: 0,
                node_norm: is_malnet,
            };
            let head = HeadConfig {
                level: HeadLevel::Graphs(NodePool::Mean),
                layers: set.head,
                unit_rows: true,
                outputs: set.outputs,
            };
            let config = GraphNetworkConfig {
                pre_layers: usize::from(is_malnet),
                ..GraphNetworkConfig::graph_mamba(encoder, set.layers, head)
            };
            let network = GraphNetwork::new(&mut Init::new(0, &Device::flex()), &config);
            assert_eq!(optimised(&network), set.published, "{}", set.name);
        }
    }
}
