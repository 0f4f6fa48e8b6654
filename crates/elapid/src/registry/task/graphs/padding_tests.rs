//! Padding changes nothing but the shapes of tensors.

use std::collections::BTreeMap;
use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::Device;
use elapid_data::Split;
use elapid_kernels::random::random_key;
use elapid_models::named_params;
use elapid_nn::{Role, role_of};
use elapid_train::{Inputs, Task, evaluate};

use crate::diagnose::Watched;
use crate::registry::{AnyBatch, AnyTask, open_data, task};

const BACKBONES: [&str; 3] = [
    "backbone = \"graph_mamba\"\neigenvectors = 4\neigen_width = 4\nbuckets = 3\ndepth = 1",
    "backbone = \"graph_mamba\"\nlocal = \"gine\"\nglobal = \"none\"\nwalk_steps = 3\nwalk_width = 4\ndepth = 1",
    "backbone = \"neural_walker\"\nwalk_length = 6\nwindow = 2\ndepth = 1",
];

/// What a step and a test come to.
struct Found {
    /// Nodes and edges of the batch, with those of padding.
    size: [usize; 2],
    loss: f64,
    /// By the names of the parameters; of running statistics how far a step moves them.
    gradients: BTreeMap<String, Vec<f32>>,
    statistics: usize,
    test_loss: f64,
}

/// Of the first training batch of four graphs, and of a test of five, three and two at a time.
fn found(backbone: &str, padding: &str) -> Found {
    let text = format!(
        "[data]\nname = \"pattern\"\ntrain = 4\nvalid = 3\ntest = 5\n{padding}\n[model]\n{backbone}\nembed_dim = 16\ndropout = 0.0\n\
         [task]\nkind = \"classify_nodes\"\n[train]\nsteps = 2\nbatch_size = 4\n"
    );
    let plan = elapid_config::parse(&text, Path::new("plan.toml"));
    let plan = plan.unwrap_or_else(|error| panic!("{error}"));
    let device = Device::flex().autodiff();
    let data = open_data(&plan).unwrap();
    let task = task(&plan, &data.facts(), &device).unwrap();
    let mut batches = data.train().unwrap().iter_from(0);
    let (AnyTask::Graphs(graphs), AnyBatch::Graphs(batch)) =
        (&task, batches.next().unwrap().unwrap())
    else {
        panic!("a task on graphs")
    };
    let size = [batch.nodes, batch.edges];
    let inputs = Inputs::upload(graphs.inputs(batch), &device);
    let noise = elapid_nn::Noise::new(random_key(1, &device), 0);
    let loss = graphs.loss_with(&inputs, noise);
    let value = f64::from(loss.clone().inner().into_scalar::<f32>());
    let grads = GradientsParams::from_grads(loss.backward(), graphs);
    let (mut gradients, mut statistics) = (BTreeMap::new(), 0);
    for param in named_params(graphs) {
        let values = match param.shape.len() {
            1 => grads.get::<1>(param.id).map(|g| g.into_data()),
            2 => grads.get::<2>(param.id).map(|g| g.into_data()),
            _ => grads.get::<3>(param.id).map(|g| g.into_data()),
        };
        if let Some(values) = values {
            statistics += usize::from(role_of(&param.path) == Role::Statistic);
            gradients.insert(param.path, values.iter::<f32>().collect());
        }
    }
    let tests = data.batches(Split::Test, 3).unwrap();
    let metrics = evaluate(&task, tests.as_ref(), &device).unwrap().metrics;
    let test_loss = metrics.iter().find(|metric| metric.name == "loss");
    Found {
        size,
        loss: value,
        gradients,
        statistics,
        test_loss: test_loss.unwrap().value,
    }
}

#[test]
fn losses_gradients_and_statistics_are_those_without_padding() {
    for backbone in BACKBONES {
        let plain = found(backbone, "padding = \"none\"");
        assert!(plain.statistics > 0, "{backbone}");
        // Fitted; smaller than a batch, which then takes several multiples; far larger.
        for padding in [
            "",
            "pad_nodes = 100\npad_edges = 700",
            "pad_nodes = 3000\npad_edges = 60000",
        ] {
            let padded = found(backbone, padding);
            let place = format!(
                "{backbone}, {padding}, {:?} for {:?}",
                padded.size, plain.size
            );
            assert!(padded.size > plain.size, "{place}");
            let close = |what: &str, one: f64, other: f64, scale: f64| {
                let apart = (one - other).abs();
                assert!(
                    apart <= 1e-5 * scale.max(1.0),
                    "{place}: {what} {one} {other}"
                );
            };
            close("loss", plain.loss, padded.loss, plain.loss);
            close(
                "test loss",
                plain.test_loss,
                padded.test_loss,
                plain.test_loss,
            );
            assert_eq!(plain.statistics, padded.statistics);
            for (name, values) in &plain.gradients {
                let others = &padded.gradients[name];
                let largest = values.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
                for (one, other) in values.iter().zip(others) {
                    close(name, f64::from(*one), f64::from(*other), f64::from(largest));
                }
            }
        }
    }
}
