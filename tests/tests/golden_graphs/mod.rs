//! Layers on graphs against what PyTorch Geometric and the official Graph-Mamba computed.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Device, Gradients, Int, Tensor, TensorData};
use elapid::kernels::segment::Segments;
use elapid::models::checkpoint::{self, official_name};
use elapid::models::graph::{
    EdgeFeatures, Eigenvectors, EncoderConfig, GlobalKind, GpsConfig, GpsLayer, GraphInput,
    GraphNetwork, GraphNetworkConfig, HeadConfig, HeadLevel, LocalKind, NeuralWalker,
    NeuralWalkerConfig, NodeFeatures, NodeOrder, Rows, WalkInput,
};
use elapid::models::named_params;
use elapid::nn::graph::{Adjacency, BATCH_NORM_MOMENTUM, GatedGcn, Gcn, Gin, Gine};
use elapid::nn::mixer::MambaConfig;
use elapid::nn::{Init, Noise, Role, role_of};

use super::{SMALL, assert_close, case, tensors};

/// Of a layer of Graph-Mamba and of NeuralWalker, in values, gradients and statistics alike.
const LAYER: f64 = 5e-5;

/// Of a network of them.
const NETWORK: f64 = 1e-4;

type Named = BTreeMap<String, TensorData>;

/// States of nodes and edges.
type States = (Tensor<2>, Tensor<2>);

fn ids(data: &TensorData) -> Vec<i32> {
    data.iter::<f64>().map(|x| x as i32).collect()
}

fn upload(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}

/// How many of `of` are below each of `0..=count`.
fn pointers(of: &[i32], count: usize) -> Vec<i32> {
    let below = |end: i32| of.iter().filter(|&&x| x < end).count() as i32;
    (0..=count as i32).map(below).collect()
}

/// Edges, sources first, sorted by destination.
fn adjacency(edges: &TensorData, nodes: usize, device: &Device) -> Adjacency {
    let ends = ids(edges);
    let (sources, targets) = ends.split_at(ends.len() / 2);
    assert!(targets.is_sorted());
    let mut by_source: Vec<i32> = (0..sources.len() as i32).collect();
    by_source.sort_by_key(|&edge| sources[edge as usize]);
    let up = |values: Vec<i32>| upload(values, device);
    Adjacency::new(
        [up(sources.to_vec()), up(targets.to_vec())],
        up(pointers(targets, nodes)),
        up(pointers(sources, nodes)),
        up(by_source),
    )
}

fn read<M: Module>(layer: M, path: &Path) -> M {
    checkpoint::apply(layer, tensors(path), path).unwrap_or_else(|error| panic!("{error}"))
}

/// Compares a training pass, its gradients and statistics, with what was recorded.
fn check_training<M: Module>(
    what: &str,
    layer: &M,
    input: &Named,
    [expected, gradients]: [Named; 2],
    tolerance: f64,
    pass: impl Fn(&M, States, &mut Noise) -> States,
) {
    let device = Device::flex().autodiff();
    let leaf = |name: &str| {
        let leaf = Tensor::<2>::from_data(input[name].clone(), &device);
        leaf.require_grad()
    };
    let factors = |name: &str| Tensor::<2>::from_data(input[name].clone(), &device);
    let (x, e) = (leaf("x"), leaf("e"));
    let mut noise = Noise::seeded(0, &device);
    let (nodes, edges) = pass(layer, (x.clone(), e.clone()), &mut noise);
    assert_close(nodes.to_data(), &expected["x"], tolerance, what);
    let mut loss = (nodes * factors("weight_x")).sum();
    if let Some(recorded) = expected.get("e") {
        assert_close(edges.to_data(), recorded, tolerance, &format!("{what}: e"));
        loss = loss + (edges * factors("weight_e")).sum();
    }
    if let Some(statistics) = noise.statistics() {
        loss = loss + statistics;
    }
    let mut grads = loss.backward();
    for (name, leaf) in [("x", x), ("e", e)] {
        let found = leaf.grad_remove(&mut grads);
        assert_eq!(
            found.is_some(),
            gradients.contains_key(name),
            "{what}: {name}"
        );
        if let Some(found) = found {
            assert_close(found.into_data(), &gradients[name], tolerance, name);
        }
    }
    check_parameters(what, layer, grads, [&expected, &gradients], tolerance);
}

fn check_parameters<M: Module>(
    what: &str,
    layer: &M,
    grads: Gradients,
    [expected, gradients]: [&Named; 2],
    tolerance: f64,
) {
    let grads = GradientsParams::from_grads(grads, layer);
    let values = values(layer);
    let mut compared = 0;
    for param in named_params(layer) {
        let name = official_name(&param.path);
        let at = format!("{what}: {name}");
        let found = match param.shape.len() {
            1 => grads.get::<1>(param.id).map(Tensor::into_data),
            2 => grads.get::<2>(param.id).map(Tensor::into_data),
            _ => grads.get::<3>(param.id).map(Tensor::into_data),
        };
        if role_of(&param.path) == Role::Statistic {
            let (old, seen) = (&values[&name], found.unwrap());
            let pairs = old.iter::<f64>().zip(seen.iter::<f64>());
            let new: Vec<f64> = pairs
                .map(|(old, seen)| (1.0 - BATCH_NORM_MOMENTUM) * old + BATCH_NORM_MOMENTUM * seen)
                .collect();
            let new = TensorData::new(new, old.shape().clone());
            assert_close(new, &expected[&name], tolerance, &at);
        } else if let Some(recorded) = gradients.get(&name) {
            assert_close(found.unwrap(), recorded, tolerance, &at);
            compared += 1;
        } else {
            // NeuralWalker has no biases there.
            let is_ours = name.ends_with("_encoder.bias");
            // Nobody reads what the last layer of the network makes of edges.
            let is_unread = name.starts_with("layers.2.local_model.bn_edge_e.") && found.is_none();
            assert!(is_ours || is_unread, "{at} has no recorded gradient");
        }
    }
    let of_parameters = gradients
        .keys()
        .filter(|name| !["x", "e"].contains(&&***name));
    assert_eq!(compared, of_parameters.count(), "{what}");
}

fn values<M: Module>(layer: &M) -> Named {
    struct Values(Named, Vec<String>);
    impl burn::module::ModuleVisitor for Values {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.1.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            let name = official_name(&self.1.join("."));
            self.0.insert(name, param.val().into_data());
        }
    }
    let mut values = Values(Named::new(), Vec::new());
    layer.visit(&mut values);
    values.0
}

/// A layer in training and evaluation against the files of its name.
fn check_layer<M: Module>(
    name: &str,
    build: impl Fn(&mut Init) -> M,
    pass: impl Fn(&M, States, &Adjacency, Option<&mut Noise>) -> States,
) {
    let case = case("graph_layers");
    let input = tensors(&case.join("input.safetensors"));
    let file = |what: &str| case.join(format!("{name}_{what}.safetensors"));
    let (expected, gradients) = (tensors(&file("expected")), tensors(&file("gradients")));
    let nodes = input["x"].shape()[0];

    let device = Device::flex();
    let layer = read(build(&mut Init::new(0, &device)), &file("weights"));
    let states = ["x", "e"].map(|name| Tensor::<2>::from_data(input[name].clone(), &device));
    let [x, e] = states;
    let edges = adjacency(&input["edges"], nodes, &device);
    let (y, f) = pass(&layer, (x, e), &edges, None);
    assert_close(y.into_data(), &expected["eval_x"], SMALL, name);
    if let Some(recorded) = expected.get("eval_e") {
        assert_close(f.into_data(), recorded, SMALL, name);
    }

    let device = device.autodiff();
    let layer = read(build(&mut Init::new(0, &device)), &file("weights"));
    let edges = adjacency(&input["edges"], nodes, &device);
    let recorded = [expected, gradients];
    check_training(
        name,
        &layer,
        &input,
        recorded,
        SMALL,
        |layer, states, noise| pass(layer, states, &edges, Some(noise)),
    );
}

const WIDTH: usize = 6;

#[test]
fn gated_gcn_equals_the_official_layer() {
    check_layer(
        "gated_gcn",
        |init| GatedGcn::new(init, WIDTH, 0.0),
        |layer, (x, e), edges, noise| layer.forward(x, e, edges, noise),
    );
}

#[test]
fn gcn_equals_that_of_torch_geometric() {
    check_layer(
        "gcn",
        |init| Gcn::new(init, WIDTH, WIDTH),
        |layer, (x, e), edges, _| (layer.forward(x, edges), e),
    );
}

#[test]
fn gin_equals_that_of_torch_geometric() {
    check_layer(
        "gin",
        |init| Gin::new(init, WIDTH, true),
        |layer, (x, e), edges, _| (layer.forward(x, edges), e),
    );
}

#[test]
fn gine_equals_that_of_torch_geometric() {
    check_layer(
        "gine",
        |init| Gine::new(init, WIDTH, true),
        |layer, (x, e), edges, _| (layer.forward(x, e.clone(), edges), e),
    );
}

/// The batch of `graph_mamba`, with recorded orders.
fn batch(input: &Named, orders: &[Vec<i32>], device: &Device) -> GraphInput {
    let of_node = ids(&input["graphs"]);
    let nodes = of_node.len();
    let graphs = *of_node.last().unwrap() as usize + 1;
    let up = |values: Vec<i32>| upload(values, device);
    // Graphs keep their places, whatever the order of their nodes.
    let starts = (0..nodes).map(|at| at == 0 || of_node[at] != of_node[at - 1]);
    let starts: Vec<bool> = starts.collect();
    let order = |order: &Vec<i32>| {
        let mut inverse = vec![0; nodes];
        for (place, &node) in (0..).zip(order) {
            inverse[node as usize] = place;
        }
        NodeOrder {
            places: Segments::reordering(up(order.clone()), up(inverse)),
            starts: Tensor::<2, Bool>::from_data(
                TensorData::new(starts.clone(), [1, nodes]),
                device,
            ),
        }
    };
    GraphInput {
        adjacency: adjacency(&input["edges"], nodes, device),
        graphs: Segments::new(up(of_node.clone()), up(pointers(&of_node, graphs)), None),
        node_features: Rows::Floats(Tensor::zeros([nodes, 1], device)),
        edge_features: None,
        eigen: None,
        walk: None,
        orders: orders.iter().map(order).collect(),
        draws: orders.len(),
        real_graphs: None,
        tokens: None,
        walks: None,
    }
}

/// Orders of so many nodes, one behind the other.
fn recorded_orders(orders: &TensorData, nodes: usize) -> Vec<Vec<i32>> {
    let orders = ids(orders);
    orders.chunks(nodes).map(<[i32]>::to_vec).collect()
}

fn check_gps(folder: &str, local: LocalKind, global: GlobalKind) {
    let case = case("graph_mamba");
    let input = tensors(&case.join("input.safetensors"));
    let file = |name: &str| case.join(folder).join(format!("{name}.safetensors"));
    let (expected, gradients) = (tensors(&file("expected")), tensors(&file("gradients")));
    let orders = tensors(&file("orders"));
    let nodes = input["x"].shape()[0];
    let of = |name: &str| recorded_orders(&orders[name], nodes);
    let config = GpsConfig {
        local,
        global,
        scan_norm: false,
        mamba: MambaConfig {
            expand: 1,
            ..MambaConfig::new(16)
        },
        dropout: 0.0,
    };

    let device = Device::flex();
    let layer = read(
        GpsLayer::new(&mut Init::new(0, &device), &config),
        &file("weights"),
    );
    let states = ["x", "e"].map(|name| Tensor::<2>::from_data(input[name].clone(), &device));
    let [x, e] = states;
    let (y, f) = layer.forward((x, e), &batch(&input, &of("eval"), &device), 0, None);
    assert_close(y.into_data(), &expected["eval_x"], LAYER, folder);
    assert_close(f.into_data(), &expected["eval_e"], LAYER, folder);

    let device = device.autodiff();
    let layer = read(
        GpsLayer::new(&mut Init::new(0, &device), &config),
        &file("weights"),
    );
    let graphs = batch(&input, &of("train"), &device);
    let recorded = [expected, gradients];
    check_training(
        folder,
        &layer,
        &input,
        recorded,
        LAYER,
        |layer, states, noise| layer.forward(states, &graphs, 0, Some(noise)),
    );
}

#[test]
fn a_layer_of_graph_mamba_equals_the_official_one() {
    check_gps("noise", LocalKind::GatedGcn, GlobalKind::Mamba);
}

#[test]
fn layers_of_its_baselines_equal_the_official_ones() {
    check_gps("stored_gine", LocalKind::Gine, GlobalKind::Mamba);
    check_gps("local", LocalKind::GatedGcn, GlobalKind::None);
}

/// `weighted_cross_entropy.py`: a class of n out of N nodes counts by `(N − n) / N`.
fn balanced_loss(scores: Tensor<2>, labels: &[i32]) -> Tensor<1> {
    let all = labels.len();
    let of_class = |class: i32| labels.iter().filter(|&&label| label == class).count();
    let weight = |&label: &i32| (all - of_class(label)) as f32 / all as f32;
    let weights: Vec<f32> = labels.iter().map(weight).collect();
    let sum: f32 = weights.iter().sum();
    let device = scores.device();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [all, 1]), &device);
    let labels = upload(labels.to_vec(), &device).unsqueeze_dim::<2>(1);
    let losses = log_softmax(scores, 1).gather(1, labels).neg();
    (losses * weights).sum() / sum
}

#[test]
fn a_network_of_graph_mamba_equals_the_official_layers_in_one() {
    let case = case("graph_mamba").join("network");
    let read_file = |name: &str| tensors(&case.join(format!("{name}.safetensors")));
    let [input, expected, gradients, orders] =
        ["input", "expected", "gradients", "orders"].map(read_file);
    let (nodes, labels) = (input["graphs"].shape()[0], ids(&input["labels"]));
    let encoder = EncoderConfig {
        width: 16,
        nodes: NodeFeatures::Floats(3),
        edges: EdgeFeatures::None,
        eigen_width: 4,
        walk_steps: 0,
        walk_width: 0,
        node_norm: false,
    };
    let head = HeadConfig {
        level: HeadLevel::Nodes,
        layers: 3,
        unit_rows: true,
        outputs: 4,
    };
    let config = GraphNetworkConfig::graph_mamba(encoder, 3, head);
    let on = |device: &Device, orders: &TensorData, draws: usize| {
        let of = |name: &str| Tensor::<2>::from_data(input[name].clone(), device);
        let network = GraphNetwork::new(&mut Init::new(0, device), &config);
        let graphs = GraphInput {
            node_features: Rows::Floats(of("features")),
            eigen: Some(Eigenvectors {
                vectors: of("vectors"),
                values: of("values"),
                mask: of("values").ones_like(),
            }),
            draws,
            ..batch(&input, &recorded_orders(orders, nodes), device)
        };
        (read(network, &case.join("weights.safetensors")), graphs)
    };

    let device = Device::flex();
    let (network, graphs) = on(&device, &orders["eval"], 5);
    let scores = network.forward(&graphs, None).into_data();
    assert_close(scores, &expected["eval_scores"], NETWORK, "evaluation");

    let device = device.autodiff();
    let (network, graphs) = on(&device, &orders["train"], 1);
    let mut noise = Noise::seeded(0, &device);
    let scores = network.forward(&graphs, Some(&mut noise));
    assert_close(scores.to_data(), &expected["scores"], NETWORK, "training");
    let loss = balanced_loss(scores, &labels);
    assert_close(loss.to_data(), &expected["loss"], NETWORK, "loss");
    let grads = (loss + noise.statistics().unwrap()).backward();
    check_parameters("network", &network, grads, [&expected, &gradients], NETWORK);
}

/// Rows by segment, in the order of the rows.
fn by(of_row: Vec<i32>, count: usize, device: &Device) -> Segments {
    let places = pointers(&of_row, count);
    let mut order: Vec<i32> = (0..of_row.len() as i32).collect();
    order.sort_by_key(|row| of_row[*row as usize]);
    let up = |values| upload(values, device);
    Segments::new(up(of_row), up(places), Some(up(order)))
}

/// The batch of `neural_walker`.
fn walked(input: &Named, device: &Device) -> GraphInput {
    let of = |name: &str| Tensor::<2>::from_data(input[name].clone(), device);
    let [nodes, edges] = ["x", "e"].map(|name| input[name].shape()[0]);
    let places = |name: &str, count: usize| {
        let none = |place: i32| if place < 0 { count as i32 } else { place };
        let places = ids(&input[name]).into_iter().map(none).collect();
        by(places, count + 1, device)
    };
    let relations = input["relations"].shape().clone();
    let flat = [relations[0] * relations[1], relations[2]];
    let related = Tensor::<3>::from_data(input["relations"].clone(), device);
    GraphInput {
        node_features: Rows::Floats(of("x")),
        edge_features: Some(Rows::Floats(of("e"))),
        orders: Vec::new(),
        walks: Some(WalkInput {
            length: relations[1],
            nodes: places("walk_nodes", nodes),
            edges: places("walk_edges", edges),
            relations: related.reshape(flat),
        }),
        ..batch(input, &[], device)
    }
}

#[test]
fn neural_walker_equals_the_official_model() {
    let case = case("neural_walker");
    let input = tensors(&case.join("input.safetensors"));
    let expected = tensors(&case.join("expected.safetensors"));
    let gradients = tensors(&case.join("gradients.safetensors"));
    let config = NeuralWalkerConfig {
        encoder: EncoderConfig {
            width: 8,
            nodes: NodeFeatures::Floats(3),
            edges: EdgeFeatures::Floats(2),
            eigen_width: 0,
            walk_steps: 0,
            walk_width: 0,
            node_norm: false,
        },
        layers: 2,
        window: 3,
        mamba: MambaConfig::new(8),
        virtual_node: true,
        dropout: 0.0,
        head: HeadConfig {
            level: HeadLevel::Nodes,
            layers: 2,
            unit_rows: false,
            outputs: 4,
        },
    };
    let weights = case.join("weights.safetensors");
    let on = |device: &Device| {
        let model = NeuralWalker::new(&mut Init::new(0, device), &config);
        read(model, &weights)
    };
    let device = Device::flex();
    let scores = on(&device).forward(&walked(&input, &device), None);
    assert_close(
        scores.into_data(),
        &expected["eval_scores"],
        LAYER,
        "evaluation",
    );

    let device = device.autodiff();
    let model = on(&device);
    let mut noise = Noise::seeded(0, &device);
    let scores = model.forward(&walked(&input, &device), Some(&mut noise));
    assert_close(scores.to_data(), &expected["scores"], LAYER, "training");
    let weight = Tensor::<2>::from_data(input["weight"].clone(), &device);
    let loss = (scores * weight).sum() + noise.statistics().unwrap();
    let grads = loss.backward();
    check_parameters(
        "neural_walker",
        &model,
        grads,
        [&expected, &gradients],
        LAYER,
    );
}
