//! What holds for every network: graphs of a batch do not hear of each other, padding changes nothing, nor does the way in
//! which nodes are numbered.

use burn::module::{ParamId, list_param_ids};
use burn::tensor::{Device, Int, Tensor, TensorData};
use elapid_nn::graph::{Adjacency, RealRows, Segments};
use elapid_nn::mixer::MambaConfig;
use elapid_nn::{Init, Noise, Probe, Seen};

use super::*;

/// A graph with edges both ways; features and order follow from numbers of its own.
#[derive(Clone, Copy)]
struct Small {
    nodes: usize,
    seed: usize,
}

const GRAPHS: [Small; 4] = [
    Small { nodes: 1, seed: 3 },
    Small { nodes: 7, seed: 1 },
    Small { nodes: 2, seed: 2 },
    Small { nodes: 12, seed: 5 },
];

const FEATURES: usize = 3;
const EIGEN: usize = 4;
/// Tokens of a node: two pairs with its neighbour, and itself.
const TOKENS: usize = 3;

impl Small {
    fn edges(self) -> Vec<(usize, usize)> {
        let pairs = (1..self.nodes).map(|node| (node, (node * self.seed) % node));
        pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
    }

    fn value(self, a: usize, b: usize) -> f32 {
        ((self.seed * 31 + a * 17 + b * 7) % 23) as f32 / 11.0 - 1.0
    }

    /// A permutation: stepping by a number prime to the size.
    fn order(self) -> Vec<usize> {
        let step = [7, 5, 3, 1]
            .into_iter()
            .find(|s| !self.nodes.is_multiple_of(*s) || *s == 1);
        (0..self.nodes)
            .map(|place| place * step.unwrap_or(1) % self.nodes)
            .collect()
    }
}

fn ints(values: Vec<usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

fn rows(values: Vec<f32>, width: usize, device: &Device) -> Tensor<2> {
    let rows = values.len() / width;
    Tensor::from_data(TensorData::new(values, [rows, width]), device)
}

fn by(of_row: Vec<usize>, count: usize, device: &Device) -> Segments {
    let pointers = pointers(&of_row, count);
    let mut order: Vec<usize> = (0..of_row.len()).collect();
    order.sort_by_key(|row| of_row[*row]);
    let up = |values| ints(values, device);
    Segments::new(up(of_row), up(pointers), Some(up(order)))
}

fn pointers(of_row: &[usize], count: usize) -> Vec<usize> {
    (0..=count)
        .map(|end| of_row.iter().filter(|&&of| of < end).count())
        .collect()
}

/// The graphs side by side, behind them `padding` nodes and as many edges of the last one to itself.
fn batch(graphs: &[Small], padding: usize, device: &Device) -> GraphInput {
    let (mut edges, mut of_node, mut order) = (Vec::new(), Vec::new(), Vec::new());
    let (mut features, mut vectors, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    let mut members = Vec::new();
    for (number, graph) in graphs.iter().enumerate() {
        let first = of_node.len();
        let own = graph.edges().into_iter();
        edges.extend(own.map(|(a, b)| (first + a, first + b)));
        order.extend(graph.order().into_iter().map(|node| first + node));
        for node in 0..graph.nodes {
            of_node.push(number);
            starts.push(node == 0);
            features.extend((0..FEATURES).map(|at| graph.value(node, at)));
            vectors.extend((0..EIGEN).map(|at| graph.value(at, node)));
            let near = (node * graph.seed) % node.max(1);
            members.push([vec![near, node], vec![near], vec![node]].map(|token| {
                let nodes = token.into_iter();
                nodes.map(|node| first + node).collect::<Vec<usize>>()
            }));
        }
    }
    let (real_nodes, real_edges) = (of_node.len(), edges.len());
    for extra in 0..padding {
        order.push(of_node.len());
        members.push([(); TOKENS].map(|()| vec![of_node.len()]));
        of_node.push(graphs.len());
        starts.push(extra == 0);
        features.extend([9.0; FEATURES]);
        vectors.extend([-9.0; EIGEN]);
        let last = real_nodes + padding - 1;
        edges.push((last, last));
    }
    edges.sort_by_key(|&(from, to)| (to, from));
    let nodes = of_node.len();
    let up = |values| ints(values, device);
    let (sources, targets): (Vec<usize>, Vec<usize>) = edges.into_iter().unzip();
    let mut by_source: Vec<usize> = (0..sources.len()).collect();
    by_source.sort_by_key(|&edge| sources[edge]);
    let real = |all: usize, real: usize| {
        let weights: Vec<f32> = (0..all)
            .map(|row| f32::from(u8::from(row < real)))
            .collect();
        Some(RealRows::new(Tensor::from_data(
            TensorData::new(weights, [all]),
            device,
        )))
    };
    let edge_values = sources.iter().zip(&targets);
    let edge_values = edge_values.map(|(a, b)| {
        let first = |node: usize| of_node.iter().position(|&g| g == of_node[node]).unwrap();
        ((a - first(*a)) * 5 % 7) as f32 / 3.0 - ((b - first(*b)) % 4) as f32 / 2.0
    });
    let edge_values: Vec<f32> = edge_values.collect();
    let adjacency = Adjacency {
        real_nodes: real(nodes, real_nodes),
        real_edges: real(sources.len(), real_edges),
        ..Adjacency::new(
            [up(sources.clone()), up(targets.clone())],
            up(pointers(&targets, nodes)),
            up(pointers(&sources, nodes)),
            up(by_source),
        )
    };
    let mut inverse = vec![0; nodes];
    for (place, &node) in order.iter().enumerate() {
        inverse[node] = place;
    }
    let order = NodeOrder {
        places: Segments::reordering(up(order), up(inverse)),
        starts: Tensor::from_data(TensorData::new(starts, [1, nodes]), device),
    };
    let graph_count = graphs.len() + usize::from(padding > 0);
    let lens: Vec<usize> = members.iter().flatten().map(Vec::len).collect();
    let token_of: Vec<usize> = lens
        .iter()
        .enumerate()
        .flat_map(|(token, len)| vec![token; *len])
        .collect();
    let token_pointers = pointers(&token_of, nodes * TOKENS);
    let members: Vec<usize> = members.into_iter().flatten().flatten().collect();
    let eigen = |values: Vec<f32>| rows(values, EIGEN, device);
    GraphInput {
        adjacency,
        graphs: Segments::new(
            up(of_node.clone()),
            up(pointers(&of_node, graph_count)),
            None,
        ),
        node_features: Rows::Floats(rows(features, FEATURES, device)),
        edge_features: Some(Rows::Floats(rows(edge_values, 1, device))),
        eigen: Some(Eigenvectors {
            values: eigen(vectors.iter().map(|v| v * v).collect()),
            mask: eigen(vec![1.0; vectors.len()]),
            vectors: eigen(vectors),
        }),
        walk: None,
        orders: vec![order],
        draws: 1,
        real_graphs: real(graph_count, graphs.len()),
        walks: Some(walks(&sources, &targets, [nodes, real_nodes], device)),
        tokens: Some(TokenInput {
            per_node: TOKENS,
            nodes: by(members, nodes, device),
            tokens: Segments::new(up(token_of), up(token_pointers), None),
            inner: None,
        }),
    }
}

/// One walk from every real node, always along the first edge.
fn walks(
    sources: &[usize],
    targets: &[usize],
    [nodes, real]: [usize; 2],
    device: &Device,
) -> WalkInput {
    const LENGTH: usize = 4;
    let (mut visited, mut travelled) = (Vec::new(), Vec::new());
    for start in 0..real {
        let (mut at, mut along) = (Some(start), None);
        for _ in 0..LENGTH {
            visited.push(at.unwrap_or(nodes));
            travelled.push(along.unwrap_or(sources.len()));
            along = at.and_then(|at| sources.iter().position(|&source| source == at));
            at = along.map(|edge| targets[edge]);
        }
    }
    let places = visited.len();
    let relations = (0..places * (2 * WINDOW - 1)).map(|i| f32::from(u8::from(i % 3 == 1)));
    WalkInput {
        length: LENGTH,
        nodes: by(visited, nodes + 1, device),
        edges: by(travelled, sources.len() + 1, device),
        relations: rows(relations.collect(), 2 * WINDOW - 1, device),
    }
}

const WINDOW: usize = 2;

fn encoder() -> EncoderConfig {
    EncoderConfig {
        width: 12,
        nodes: NodeFeatures::Floats(FEATURES),
        edges: EdgeFeatures::Floats(1),
        eigen_width: 4,
        walk_steps: 0,
        walk_width: 0,
        node_norm: true,
    }
}

/// Networks of all kinds, with scores of nodes or graphs.
fn networks(device: &Device, level: HeadLevel) -> Vec<GraphModel> {
    let head = HeadConfig {
        level,
        layers: 2,
        unit_rows: true,
        outputs: 2,
    };
    let plain = |local, global| {
        GraphModelConfig::Network(GraphNetworkConfig {
            local,
            global,
            pre_layers: 1,
            ..GraphNetworkConfig::graph_mamba(encoder(), 2, head)
        })
    };
    let normed = GraphModelConfig::Network(GraphNetworkConfig {
        scan_norm: true,
        ..GraphNetworkConfig::graph_mamba(encoder(), 2, head)
    });
    let gmn = |separate_branches| {
        GraphModelConfig::Gmn(GmnConfig {
            separate_branches,
            encoder: encoder(),
            token_encoder: TokenEncoder::Mean,
            token_layers: 2,
            node_layers: 1,
            local: LocalKind::Gine,
            local_layers: 1,
            mamba: MambaConfig {
                expand: 1,
                ..MambaConfig::new(12)
            },
            dropout: 0.0,
            head,
        })
    };
    let walker = GraphModelConfig::NeuralWalker(NeuralWalkerConfig {
        encoder: encoder(),
        layers: 2,
        window: WINDOW,
        mamba: MambaConfig::new(12),
        virtual_node: true,
        dropout: 0.0,
        head,
    });
    let configs = [
        plain(LocalKind::GatedGcn, GlobalKind::Mamba),
        plain(LocalKind::Gin, GlobalKind::Bidirectional),
        plain(LocalKind::Gcn, GlobalKind::None),
        plain(LocalKind::None, GlobalKind::Mamba),
        normed,
        gmn(false),
        gmn(true),
        walker,
    ];
    let build = |config| GraphModel::new(&mut Init::new(1, device), config);
    configs.iter().map(build).collect()
}

const LEVELS: [HeadLevel; 4] = [
    HeadLevel::Nodes,
    HeadLevel::Graphs(NodePool::Mean),
    HeadLevel::Graphs(NodePool::Sum),
    HeadLevel::Graphs(NodePool::Max),
];

fn numbers(x: Tensor<2>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        let bound = 2e-4 * (1.0 + y.abs());
        assert!((x - y).abs() <= bound, "{what}: {i} is {x}, expected {y}");
    }
}

#[test]
fn a_graph_has_the_same_scores_alone_and_in_company() {
    let device = Device::flex();
    for level in LEVELS {
        for (kind, network) in networks(&device, level).iter().enumerate() {
            let together = numbers(network.forward(&batch(&GRAPHS, 0, &device), None));
            let alone = GRAPHS.map(|graph| {
                let input = batch(&[graph], 0, &device);
                numbers(network.forward(&input, None))
            });
            close(
                &together,
                &alone.concat(),
                &format!("network {kind}, {level:?}"),
            );
        }
    }
}

/// In training as well, where batch norms take statistics over the real rows.
#[test]
fn padding_changes_no_score_and_no_statistic() {
    let device = Device::flex().autodiff();
    for level in LEVELS {
        for (kind, network) in networks(&device, level).iter().enumerate() {
            let pass = |padding: usize| {
                let input = batch(&GRAPHS, padding, &device);
                let mut noise = Noise::seeded(0, &device);
                let scores = network.forward(&input, Some(&mut noise));
                let real = match level {
                    HeadLevel::Nodes => GRAPHS.iter().map(|graph| graph.nodes).sum(),
                    HeadLevel::Graphs(_) => GRAPHS.len(),
                };
                let scores = scores.slice([0..real, 0..2]);
                let loss = scores.clone().square().sum();
                let loss = match noise.statistics() {
                    Some(statistics) => loss + statistics,
                    None => loss,
                };
                (numbers(scores), gradients(network, loss))
            };
            let (plain, padded) = (pass(0), pass(9));
            let what = format!("network {kind}, {level:?}");
            close(&padded.0, &plain.0, &what);
            close(&padded.1, &plain.1, &what);
        }
    }
}

/// All of them, one after the other.
fn gradients(network: &GraphModel, loss: Tensor<1>) -> Vec<f32> {
    struct All(burn::optim::GradientsParams, Vec<f32>);
    impl burn::module::ModuleVisitor for All {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.extend(gradient.into_data().iter::<f32>());
            }
        }
    }
    let grads = burn::optim::GradientsParams::from_grads(loss.backward(), network);
    let mut all = All(grads, Vec::new());
    network.visit(&mut all);
    all.1
}

#[test]
fn several_orders_are_averaged() {
    let device = Device::flex();
    let network = networks(&device, HeadLevel::Nodes).remove(3);
    let mut input = batch(&GRAPHS, 0, &device);
    let once = numbers(network.forward(&input, None));
    input.orders = vec![input.orders[0].clone(); 3];
    input.draws = 3;
    close(
        &numbers(network.forward(&input, None)),
        &once,
        "the same order",
    );
}

/// Keeps what layers show.
#[derive(Debug, Default)]
struct All(Vec<Seen>);

impl Probe for All {
    fn saw(&mut self, seen: Seen) {
        self.0.push(seen);
    }
}

#[test]
fn every_layer_shows_itself_and_a_watched_evaluation_is_one() {
    let device = Device::flex();
    for (kind, network) in networks(&device, HeadLevel::Nodes).iter().enumerate() {
        let input = batch(&GRAPHS, 4, &device);
        let mut all = All::default();
        let mut noise = Noise::seeded(0, &device)
            .in_evaluation()
            .watched_by(&mut all);
        let watched = numbers(network.forward(&input, Some(&mut noise)));
        assert!(noise.statistics().is_none());
        assert_eq!(watched, numbers(network.forward(&input, None)), "{kind}");

        let mut seen: Vec<ParamId> = all.0.iter().flat_map(|seen| seen.params.clone()).collect();
        let mut own = list_param_ids(network);
        seen.sort();
        own.sort();
        assert_eq!(seen, own, "network {kind}: each parameter in one layer");
        let last = &all.0.last().unwrap().output;
        assert_eq!(
            last.clone().into_data().iter::<f32>().collect::<Vec<_>>(),
            watched
        );
        for scan in all.0.iter().flat_map(|seen| &seen.dynamics) {
            assert!(own.contains(&scan.decay), "network {kind}");
        }
    }
}
