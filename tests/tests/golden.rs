//! Our models against what the official code computed; see `tests/golden/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use elapid::models::checkpoint::{self, official_name};
use elapid::models::{ImageClassifier, named_params};
use elapid::nn::Init;
use elapid::nn::mixer::{Mamba, MambaConfig};
use elapid::registry;
use elapid_config::TaskSpec;
use elapid_tests::root;

fn case(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn tensors(path: &Path) -> BTreeMap<String, TensorData> {
    checkpoint::read(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The model of a case, with the weights of one of its files.
fn model(case: &Path, weights: &str) -> ImageClassifier {
    let (spec, task) = elapid_config::load_model(&case.join("model.toml")).unwrap();
    let Some(TaskSpec::Classify(task)) = task else {
        panic!("{}: no task", case.display())
    };
    let mut init = Init::new(0, &Device::flex());
    let model = registry::image_classifier(&mut init, &spec, task.classes.unwrap());
    let path = case.join(weights);
    checkpoint::apply(model, tensors(&path), &path).unwrap_or_else(|error| panic!("{error}"))
}

fn input(case: &Path, name: &str) -> TensorData {
    tensors(&case.join("input.safetensors"))[name].clone()
}

/// Asserts `|got − expected| <= absolute + relative · |expected|` everywhere.
fn assert_close(got: TensorData, expected: &TensorData, relative: f64, absolute: f64, what: &str) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    for (i, (x, y)) in got.iter::<f64>().zip(expected.iter::<f64>()).enumerate() {
        let bound = absolute + relative * y.abs();
        assert!(
            (x - y).abs() <= bound,
            "{what}: element {i} is {x}, expected {y} (± {bound:.1e})"
        );
    }
}

/// Logits within the tolerance of `case.toml`, 1e-5 + 1e-4 relative. Measured: below 1e-6.
fn check_logits(name: &str, weights: &str) {
    let case = case(name);
    let images = Tensor::<4>::from_data(input(&case, "input"), &Device::flex());
    let logits = model(&case, weights).forward(images, None).into_data();
    let expected = &tensors(&case.join("expected.safetensors"))["logits"];
    assert_close(logits, expected, 1e-4, 1e-5, name);
}

#[test]
fn vim_with_random_weights_equals_the_official_code() {
    check_logits("vim_tiny_random", "weights.pth");
}

#[test]
fn wrappers_of_training_scripts_are_seen_through() {
    check_logits("vim_tiny_random", "weights_module.safetensors");
}

#[test]
fn every_switch_equals_the_official_code() {
    for variant in [
        "bimamba_v1",
        "class_token_double",
        "class_token_head",
        "class_token_none",
        "layer_scale",
        "overlapping_stride",
        "undivided",
    ] {
        check_logits(&format!("vim_variants/{variant}"), "weights.safetensors");
    }
}

#[test]
fn the_micro_vector_holds() {
    check_logits("vim_micro", "weights.safetensors");
    let case = case("vim_micro");
    let images = Tensor::<4>::from_data(input(&case, "input"), &Device::flex());
    let feature = model(&case, "weights.safetensors")
        .backbone
        .forward(images, None);
    let expected = &tensors(&case.join("expected.safetensors"))["feature"];
    let feature = feature.squeeze_dim::<2>(1).into_data();
    assert_close(feature, expected, 1e-5, 2e-6, "feature");
}

#[test]
fn exported_weights_of_ours_read_back() {
    let case = case("vim_micro");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bpk");
    let original = model(&case, "weights.safetensors");
    burn::module::Module::into_record(original.clone())
        .save(&path)
        .unwrap();
    let read = tensors(&path);
    assert_eq!(read, tensors(&case.join("weights.safetensors")));
}

#[test]
fn a_checkpoint_of_another_model_is_refused_with_the_differences() {
    let (micro, path) = (
        case("vim_micro"),
        case("vim_tiny_random").join("weights.pth"),
    );
    let model = model(&micro, "weights.safetensors");
    let message = checkpoint::apply(model, tensors(&path), &path)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("`cls_token` is [1, 1, 48] in the file, [1, 1, 4] in the model"),
        "{message}"
    );
    assert!(
        message.contains("tensors that the model lacks"),
        "{message}"
    );
}

/// The mixer of the case, and its recorded tensors.
fn mixer(device: &Device) -> (Mamba, PathBuf) {
    let case = case("mamba1_mixer");
    let config = MambaConfig {
        d_state: 5,
        dt_rank: Some(1),
        ..MambaConfig::new(12)
    };
    let mixer = Mamba::new(&mut Init::new(0, device), &config);
    let path = case.join("weights.safetensors");
    let mixer = checkpoint::apply(mixer, tensors(&path), &path).unwrap();
    (mixer, case)
}

#[test]
fn mamba_equals_the_official_mixer_in_output_and_every_gradient() {
    let device = Device::flex().autodiff();
    let (mixer, case) = mixer(&device);
    let h = Tensor::<3>::from_data(input(&case, "input"), &device).require_grad();
    let weight = Tensor::<3>::from_data(input(&case, "loss_weight"), &device);
    let output = mixer.forward(h.clone(), None);
    let expected = tensors(&case.join("expected.safetensors"));
    assert_close(output.to_data(), &expected["output"], 1e-4, 1e-5, "output");

    let mut grads = (output * weight).sum().backward();
    let expected = tensors(&case.join("gradients.safetensors"));
    assert_close(
        h.grad_remove(&mut grads).unwrap().into_data(),
        &expected["input"],
        1e-4,
        1e-4,
        "input",
    );
    let grads = GradientsParams::from_grads(grads, &mixer);
    let params = named_params(&mixer);
    assert_eq!(params.len() + 1, expected.len());
    for param in params {
        let name = official_name(&param.path);
        let grad = match param.shape.len() {
            1 => grads.get::<1>(param.id).map(Tensor::into_data),
            2 => grads.get::<2>(param.id).map(Tensor::into_data),
            _ => grads.get::<3>(param.id).map(Tensor::into_data),
        };
        assert_close(grad.unwrap(), &expected[&name], 1e-4, 1e-4, &name);
    }
}

#[test]
fn mamba_steps_equal_the_official_steps_and_caches() {
    let device = Device::flex();
    let (mixer, case) = mixer(&device);
    let h = Tensor::<3>::from_data(input(&case, "input"), &device);
    let [batch, length, _] = h.dims();
    let mut cache = mixer.empty_cache(batch);
    let mut outputs = Vec::new();
    for t in 0..length {
        let token = h.clone().slice([0..batch, t..t + 1]).squeeze_dim::<2>(1);
        let (y, next) = mixer.step(token, cache);
        outputs.push(y.unsqueeze_dim::<3>(1));
        cache = next;
    }
    let expected = tensors(&case.join("expected.safetensors"));
    let output = Tensor::cat(outputs, 1).into_data();
    assert_close(output, &expected["step_output"], 1e-4, 1e-5, "steps");
    assert_close(
        cache.scan.into_data(),
        &expected["ssm_state"],
        1e-4,
        1e-5,
        "scan state",
    );
    // The official cache keeps K columns, channel-first; ours the K − 1 that matter, channel-last.
    let columns = Tensor::<3>::from_data(expected["conv_state"].clone(), &device);
    let columns = columns
        .slice([0..batch, 0..24, 1..4])
        .swap_dims(1, 2)
        .into_data();
    assert_close(cache.columns.into_data(), &columns, 1e-4, 1e-5, "columns");
}

#[test]
fn parameters_start_trainable() {
    let (mixer, _) = mixer(&Device::flex().autodiff());
    let weights = [&mixer.projections.in_proj, &mixer.projections.out_proj];
    assert!(
        weights
            .iter()
            .all(|linear| Param::val(&linear.weight).is_require_grad())
    );
}
