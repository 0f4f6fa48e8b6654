//! Models of series against what the official code computed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use elapid::models::checkpoint::{self, official_name};
use elapid::models::{Forecaster, MambaSl, named_params};
use elapid::nn::Init;
use elapid::registry::{self, SeriesInput};
use elapid_config::{ModelSpec, TaskSpec};

use super::{assert_close, case, tensors};

/// Of outputs; measured: at most 2e-6.
const OUTPUT: f64 = 2e-5;
/// Of gradients; measured: at most 1e-5.
const GRADIENT: f64 = 1e-4;

/// A case of a model: its specification, and its recorded tensors.
struct Case {
    what: String,
    spec: ModelSpec,
    task: Option<TaskSpec>,
    weights: PathBuf,
    input: BTreeMap<String, TensorData>,
    expected: BTreeMap<String, TensorData>,
}

impl Case {
    fn open(model: &str, name: &str, weights: &str) -> Self {
        let folder = case("series").join(model);
        let file = |name: String| folder.join(name);
        let (spec, task) = elapid_config::load_model(&file(format!("{name}.toml"))).unwrap();
        Self {
            what: format!("{model}/{name}"),
            spec,
            task,
            weights: file(format!("{weights}.safetensors")),
            input: tensors(&file(format!("{name}_input.safetensors"))),
            expected: tensors(&file(format!("{name}_expected.safetensors"))),
        }
    }

    fn sizes(&self) -> SeriesInput {
        SeriesInput {
            variates: self.input["input"].shape()[2],
            marks: 0,
            steps: self.input["input"].shape()[1],
        }
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Option<Tensor<D>> {
        let data = self.input.get(name)?.clone();
        Some(Tensor::from_data(data, device))
    }

    fn loaded<M: Module>(&self, model: M) -> M {
        let loaded = checkpoint::apply(model, tensors(&self.weights), &self.weights);
        loaded.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Holds an output, and the gradients of its weighted sum, against what was recorded.
    fn check<M: Module, const D: usize>(&self, model: &M, output: Tensor<D>, name: &str) {
        let device = output.device();
        assert_close(output.to_data(), &self.expected[name], OUTPUT, &self.what);
        let weight = self.tensor::<D>("loss_weight", &device).unwrap();
        let found = gradients(model, (output * weight).sum().backward());
        let recorded = self.expected.iter();
        let recorded: BTreeMap<_, _> = recorded
            .filter_map(|(name, data)| Some((name.strip_prefix("gradient.")?, data)))
            .collect();
        let names = |name: &String| recorded.contains_key(name.as_str());
        assert_eq!(found.len(), recorded.len(), "{}", self.what);
        assert!(found.keys().all(names), "{}", self.what);
        for (name, gradient) in found {
            let what = format!("{}: {name}", self.what);
            assert_close(gradient, recorded[name.as_str()], GRADIENT, &what);
        }
    }
}

/// Gradients by official name.
fn gradients<M: Module>(model: &M, grads: Gradients) -> BTreeMap<String, TensorData> {
    let grads = GradientsParams::from_grads(grads, model);
    let named = named_params(model).into_iter().map(|param| {
        let gradient = match param.shape.len() {
            1 => grads.get::<1>(param.id).map(Tensor::into_data),
            2 => grads.get::<2>(param.id).map(Tensor::into_data),
            _ => grads.get::<3>(param.id).map(Tensor::into_data),
        };
        let name = official_name(&param.path);
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        (name, gradient)
    });
    named.collect()
}

fn check_forecast(model: &str, name: &str, weights: &str) {
    let case = Case::open(model, name, weights);
    let device = Device::flex().autodiff();
    let init = &mut Init::new(0, &device);
    let built = registry::forecaster(init, &case.spec, case.sizes()).unwrap();
    let network: Forecaster = case.loaded(built);
    let input = case.tensor("input", &device).unwrap();
    let output = network.forward(input, case.tensor("marks", &device), None);
    case.check(&network, output, "forecast");
}

/// With marks and norm, and without either; the official file holds modules that are never called.
#[test]
fn smamba_equals_the_official_code_in_output_and_every_gradient() {
    for name in ["marks", "plain"] {
        check_forecast("smamba", name, "weights");
    }
}

#[test]
fn time_machine_equals_the_official_code_in_output_and_every_gradient() {
    for name in ["independent", "tokens"] {
        check_forecast("time_machine", name, name);
    }
}

#[test]
fn dlinear_equals_the_official_code_in_output_and_every_gradient() {
    for name in ["shared", "individual"] {
        check_forecast("dlinear", name, name);
    }
}

/// Series of two lengths; embeddings with odd and even numbers of taps.
#[test]
fn mambasl_equals_the_official_code_in_output_and_every_gradient() {
    for name in ["varying", "constant", "mixed"] {
        let case = Case::open("mambasl", name, name);
        let device = Device::flex().autodiff();
        let Some(TaskSpec::Classify(task)) = &case.task else {
            panic!("{}: no task", case.what)
        };
        let init = &mut Init::new(0, &device);
        let classes = task.classes.unwrap();
        let built = registry::series_classifier(init, &case.spec, case.sizes(), classes);
        let network: MambaSl = case.loaded(built.unwrap());
        let input = case.tensor::<3>("input", &device).unwrap();
        let [batch, steps, _] = input.dims();
        let lengths = case.input["lengths"].iter::<f32>();
        let mask = lengths.flat_map(|n| (0..steps).map(move |t| f32::from((t as f32) < n)));
        let mask = TensorData::new(mask.collect::<Vec<_>>(), [batch, steps]);
        let output = network.forward(input, Tensor::from_data(mask, &device), None);
        case.check(&network, output, "logits");
    }
}
