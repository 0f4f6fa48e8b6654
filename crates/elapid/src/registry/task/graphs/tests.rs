//! Every backbone and task, from a plan over its data to a loss, gradients and metrics.

use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use elapid_config::Plan;
use elapid_data::Split;
use elapid_data::graph::GraphTargets;
use elapid_kernels::random::random_key;
use elapid_models::named_params;
use elapid_nn::{Role, role_of};
use elapid_train::{Inputs, Measured, Task, evaluate};

use crate::diagnose::Watched;
use crate::registry::{AnyBatch, AnyTask, open_data, task};

/// Shallow ones: what is not trained has running statistics that keep nothing in bounds.
const BACKBONES: [&str; 5] = [
    "backbone = \"graph_mamba\"\neigenvectors = 4\neigen_width = 4\nwalk_steps = 3\nwalk_width = 4\nbuckets = 3\ndepth = 2",
    "backbone = \"graph_mamba\"\nlocal = \"gine\"\nglobal = \"bidirectional\"\ndegree_profile = true\npre_layers = 1\ndepth = 2",
    "backbone = \"gmn\"\nhops = 2\ntoken_encoder = \"gated_gcn\"\ntoken_layers = 1\nlocal_layers = 1",
    "backbone = \"gmn\"\nhops = 0\ntoken_layers = 1",
    "backbone = \"neural_walker\"\nwalk_length = 6\nwindow = 2\ndepth = 2",
];

fn plan(data: &str, model: &str, kind: &str) -> Plan {
    plan_of(data, model, &format!("kind = \"{kind}\""))
}

fn plan_of(data: &str, model: &str, task: &str) -> Plan {
    let text = format!(
        "[data]\n{data}\n[model]\n{model}\nembed_dim = 16\n[task]\n{task}\n[train]\nsteps = 2\nbatch_size = 4\n"
    );
    elapid_config::parse(&text, Path::new("plan.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// Loss of the first training batch, how many parameters have a gradient that is not zero, and metrics of the test.
fn tried(plan: &Plan) -> (f64, usize, Vec<Measured>) {
    let device = Device::flex().autodiff();
    let data = open_data(plan).unwrap_or_else(|error| panic!("{error}"));
    let task = task(plan, &data.facts(), &device).unwrap_or_else(|error| panic!("{error}"));
    let mut batches = data.train().unwrap().iter_from(0);
    let batch = batches.next().unwrap().unwrap();
    let AnyTask::Graphs(graphs) = &task else {
        panic!("a task on graphs")
    };
    let AnyBatch::Graphs(batch) = batch else {
        panic!("a batch of graphs")
    };
    let inputs = Inputs::upload(graphs.inputs(batch), &device);
    let noise = elapid_nn::Noise::new(random_key(1, &device), 0);
    let loss = graphs.loss_with(&inputs, noise);
    let value = f64::from(loss.clone().inner().into_scalar::<f32>());
    let moved = moved(graphs, GradientsParams::from_grads(loss.backward(), graphs));
    let tests = data.batches(Split::Test, 3).unwrap();
    let found = evaluate(&task, tests.as_ref(), &device).unwrap();
    (value, moved, found.metrics)
}

/// Statistics excepted.
fn moved<M: Module>(module: &M, grads: GradientsParams) -> usize {
    let is_moved = |size: usize, id| {
        let largest = match size {
            1 => grads
                .get::<1>(id)
                .map(|g| g.abs().max().into_scalar::<f32>()),
            2 => grads
                .get::<2>(id)
                .map(|g| g.abs().max().into_scalar::<f32>()),
            _ => grads
                .get::<3>(id)
                .map(|g| g.abs().max().into_scalar::<f32>()),
        };
        largest.is_some_and(|largest| {
            assert!(largest.is_finite());
            largest > 0.0
        })
    };
    let params = named_params(module).into_iter();
    let params = params.filter(|param| role_of(&param.path) != Role::Statistic);
    params
        .filter(|param| is_moved(param.shape.len(), param.id))
        .count()
}

fn value(metrics: &[Measured], name: &str) -> f64 {
    let found = metrics.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("no {name}")).value
}

const PATTERN: &str = "name = \"pattern\"\ntrain = 4\nvalid = 3\ntest = 5\n";

#[test]
fn every_backbone_learns_from_every_parameter_and_padding_changes_nothing() {
    for backbone in BACKBONES {
        let of = |padding: &str| {
            let data = format!("{PATTERN}padding = \"{padding}\"");
            tried(&plan(&data, backbone, "classify_nodes"))
        };
        let (plain, padded) = (of("none"), of("fitted"));
        assert!(
            (plain.0 - padded.0).abs() < 1e-4,
            "{backbone}: {plain:?} {padded:?}"
        );
        assert!(plain.1 > 20, "{backbone}: {} parameters", plain.1);
        assert_eq!(plain.1, padded.1, "{backbone}");
        for (one, other) in plain.2.iter().zip(&padded.2) {
            assert!(one.value.is_finite(), "{backbone}: {one:?}");
            assert!(
                (one.value - other.value).abs() < 2e-3,
                "{backbone}: {one:?} {other:?}"
            );
        }
    }
}

#[test]
fn sets_of_nodes_have_their_metrics() {
    for (data, classes) in [
        ("name = \"karate\"", 2),
        (
            "name = \"ring_transfer\"\ntrain = 8\nvalid = 4\ntest = 4",
            5,
        ),
        ("name = \"minesweeper\"\nside = 12", 2),
        ("name = \"tree_neighbors_match\"\ndepth = 2", 4),
    ] {
        let (loss, _, metrics) = tried(&plan(data, BACKBONES[1], "classify_nodes"));
        assert!(loss.is_finite(), "{data}");
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
        assert_eq!(
            names[..4],
            ["loss", "accuracy", "balanced_accuracy", "macro_f1"]
        );
        assert_eq!(names.len(), if classes == 2 { 5 } else { 4 }, "{data}");
        let accuracy = value(&metrics, "accuracy");
        assert!((0.0..=1.0).contains(&accuracy), "{data}");
    }
}

/// Twelve paths and rings, in tables.
fn tables(folder: &Path, told: &str) -> String {
    let (mut edges, mut graphs) = (
        "graph,src,dst\n".to_owned(),
        format!("graph,split,{told}\n"),
    );
    for graph in 0..12_usize {
        let split = ["train", "train", "valid", "test"][graph % 4];
        let (nodes, is_ring) = (4 + graph % 3, graph.is_multiple_of(2));
        for node in 1..nodes {
            edges += &format!("{graph},{},{node}\n", node - 1);
        }
        if is_ring {
            edges += &format!("{graph},{},0\n", nodes - 1);
        }
        let told = match told {
            "label" => u8::from(is_ring).to_string(),
            // One is unknown.
            _ if graph == 1 => format!("{},", u8::from(is_ring)),
            _ => format!("{},{}", u8::from(is_ring), (graph / 4) % 2),
        };
        graphs += &format!("{graph},{split},{told}\n");
    }
    std::fs::write(folder.join("edges.csv"), edges).unwrap();
    std::fs::write(folder.join("graphs.csv"), graphs).unwrap();
    format!(
        "name = \"graph_csv\"\npath = \"{}\"\ngraphs = \"graphs.csv\"",
        folder.display()
    )
}

#[test]
fn graphs_are_classified_labelled_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    for pool in ["mean", "sum", "max"] {
        let model = format!("{}\npool = \"{pool}\"", BACKBONES[1]);
        let data = tables(folder.path(), "label");
        let (loss, _, metrics) = tried(&plan(&data, &model, "classify_graphs"));
        assert!(loss.is_finite() && value(&metrics, "accuracy") <= 1.0);
        let data = tables(folder.path(), "ring,high");
        let (loss, _, metrics) = tried(&plan(&data, &model, "label_graphs"));
        assert!(loss.is_finite() && value(&metrics, "loss") > 0.0);
        let (loss, _, metrics) = tried(&plan(&data, &model, "regress_graphs"));
        assert!(loss.is_finite() && value(&metrics, "mae") > 0.0);
    }
}

const COMMUNITIES: &str = "name = \"communities\"\nnodes = 60\nedges = 240\ncommunities = 3\n";

#[test]
fn edges_are_classified_and_links_predicted_by_every_backbone() {
    for backbone in BACKBONES {
        for (kind, names) in [
            (
                "classify_edges",
                &[
                    "loss",
                    "accuracy",
                    "balanced_accuracy",
                    "macro_f1",
                    "auc",
                    "ap",
                ][..],
            ),
            (
                "predict_links",
                &["loss", "mrr", "hits_1", "hits_3", "hits_10", "auc", "ap"],
            ),
        ] {
            let of = |padding: &str| {
                let data = format!("{COMMUNITIES}padding = \"{padding}\"");
                tried(&plan(&data, backbone, kind))
            };
            let (plain, padded) = (of("none"), of("fitted"));
            let found: Vec<&str> = plain.2.iter().map(|metric| metric.name).collect();
            assert_eq!(found, names);
            assert!(
                (plain.0 - padded.0).abs() < 1e-4,
                "{backbone}, {kind}: {plain:?} {padded:?}"
            );
            assert_eq!(plain.1, padded.1, "{backbone}, {kind}");
            for (one, other) in plain.2.iter().zip(&padded.2) {
                let distance = (one.value - other.value).abs();
                assert!(distance < 2e-3, "{backbone}, {kind}: {one:?} {other:?}");
            }
        }
    }
}

#[test]
fn decoders_of_links() {
    for decoder in ["concat", "symmetric", "dot"] {
        let task = format!("kind = \"predict_links\"\ndecoder = \"{decoder}\"\nranked_among = 0");
        let (loss, moved, metrics) = tried(&plan_of("name = \"karate\"", BACKBONES[1], &task));
        assert!(loss.is_finite() && moved > 10, "{decoder}");
        assert!(value(&metrics, "mrr") > 0.0 && value(&metrics, "hits_10") <= 1.0);
    }
}

/// Messages travel neither along the links of the test nor, in a step, along those that it asks for.
#[test]
fn no_batch_shows_what_it_asks() {
    let plan = plan("name = \"karate\"", BACKBONES[1], "predict_links");
    let data = open_data(&plan).unwrap();
    let check = |batch: AnyBatch| {
        let AnyBatch::Graphs(batch) = batch else {
            panic!("a batch of graphs")
        };
        let GraphTargets::Pairs(pairs) = &batch.targets else {
            panic!("pairs of nodes")
        };
        let mut asked = 0;
        for ((from, to), label) in pairs.from.iter().zip(&pairs.to).zip(&pairs.labels) {
            let mut edges = batch.src.iter().zip(&batch.dst);
            let is_seen = edges.any(|ends| ends == (from, to) || ends == (to, from));
            asked += usize::from(*label == 1);
            assert!(*label < 0 || !is_seen, "{from} {to} {label}");
        }
        asked
    };
    for batch in data.train().unwrap().iter_from(0).take(3) {
        assert!(check(batch.unwrap()) > 10);
    }
    for split in [Split::Valid, Split::Test] {
        let batches = data.batches(split, 1).unwrap();
        for batch in batches.iter() {
            assert!(check(batch.unwrap()) > 4);
        }
    }
}

#[test]
fn what_does_not_fit_together_is_said() {
    let of = |data: &str, model: &str, kind: &str| {
        let plan = plan(data, model, kind);
        match open_data(&plan) {
            Err(error) => error.to_string(),
            Ok(data) => {
                let built = task(&plan, &data.facts(), &Device::flex());
                built.expect_err("an error").to_string()
            }
        }
    };
    let message = of("name = \"karate\"", BACKBONES[1], "classify_edges");
    assert!(
        message.contains("`graph_csv` or `communities`"),
        "{message}"
    );
    let nodes = "name = \"karate\"\nbatching = \"nodes\"";
    let message = of(nodes, BACKBONES[1], "predict_links");
    assert!(message.contains("data.batching"), "{message}");
    let message = of("name = \"karate\"", BACKBONES[1], "regress_graphs");
    assert!(message.contains("needs values of graphs"), "{message}");
    let message = of("name = \"karate\"", BACKBONES[1], "classify");
    assert!(message.contains("classify_nodes"), "{message}");
    let vim = "backbone = \"vim\"\nimage_size = 16\npatch_size = 4";
    let message = of("name = \"karate\"", vim, "classify_nodes");
    assert!(message.contains("graph_mamba"), "{message}");
    let message = of("name = \"digits\"", BACKBONES[1], "classify_nodes");
    assert!(
        message.contains("is for graphs") || message.contains("images"),
        "{message}"
    );
}
