//! Our models against what the official code computed; see `tests/golden/README.md`.

mod golden_graphs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Gradients, Tensor, TensorData, s};
use elapid::models::checkpoint::{self, official_name};
use elapid::models::{
    ImageBackbone, ImageClassifier, SoundClassifier, TokenPool, Vim, named_params,
};
use elapid::nn::Init;
use elapid::nn::mixer::{Mamba, MambaConfig};
use elapid::registry;
use elapid_config::TaskSpec;
use elapid_tests::{files_below, root};

#[path = "golden/series.rs"]
mod series;
#[path = "golden/upernet.rs"]
mod upernet;

fn case(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

fn tensors(path: &Path) -> BTreeMap<String, TensorData> {
    checkpoint::read(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The model of a case, with the weights of one of its files.
fn model(case: &Path, weights: &str) -> ImageClassifier {
    model_on(case, weights, &Device::flex())
}

fn model_on(case: &Path, weights: &str, device: &Device) -> ImageClassifier {
    let (spec, task) = elapid_config::load_model(&case.join("model.toml")).unwrap();
    let Some(TaskSpec::Classify(task)) = task else {
        panic!("{}: no task", case.display())
    };
    let mut init = Init::new(0, device);
    let model = registry::image_classifier(&mut init, &spec, task.classes.unwrap()).unwrap();
    let path = case.join(weights);
    checkpoint::apply(model, tensors(&path), &path).unwrap_or_else(|error| panic!("{error}"))
}

fn input(case: &Path, name: &str) -> TensorData {
    tensors(&case.join("input.safetensors"))[name].clone()
}

/// Of `vim_micro`; measured: at most 0.6e-7.
const MICRO: f64 = 5e-7;
/// Of all other cases, for values, gradients and states alike; measured: at most 7e-7.
const SMALL: f64 = 5e-6;

/// Asserts `|got − expected| <= tolerance · (1 + |expected|)` everywhere.
fn assert_close(got: TensorData, expected: &TensorData, tolerance: f64, what: &str) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    for (i, (x, y)) in got.iter::<f64>().zip(expected.iter::<f64>()).enumerate() {
        let bound = tolerance * (1.0 + y.abs());
        assert!(
            (x - y).abs() <= bound,
            "{what}: element {i} is {x}, expected {y} (± {bound:.1e})"
        );
    }
}

fn check_logits(case: &Path, weights: &str) {
    let images = Tensor::<4>::from_data(input(case, "input"), &Device::flex());
    let logits = model(case, weights).forward(images, None).into_data();
    let expected = &tensors(&case.join("expected.safetensors"))["logits"];
    assert_close(logits, expected, SMALL, &case.display().to_string());
}

#[test]
fn vim_with_random_weights_equals_the_official_code() {
    check_logits(&case("vim_tiny_random"), "weights.pth");
}

#[test]
fn wrappers_of_training_scripts_are_seen_through() {
    check_logits(&case("vim_tiny_random"), "weights_module.safetensors");
}

#[test]
fn every_switch_equals_the_official_code() {
    let models = files_below(&case("vim_variants"), "model.toml");
    assert!(models.len() >= 8, "{models:?}");
    for variant in models.iter().filter_map(|model| model.parent()) {
        check_logits(variant, "weights.safetensors");
    }
}

/// Of sum(logits · loss_weight), by every parameter and by the images.
#[test]
fn every_gradient_equals_the_official_code() {
    let device = Device::flex().autodiff();
    let models = files_below(&case("vim_variants"), "model.toml");
    for case in models.iter().filter_map(|model| model.parent()) {
        let model = model_on(case, "weights.safetensors", &device);
        let images = Tensor::<4>::from_data(input(case, "input"), &device).require_grad();
        let weight = Tensor::<2>::from_data(input(case, "loss_weight"), &device);
        let loss = (model.forward(images.clone(), None) * weight).sum();
        let mut grads = loss.backward();
        let of_images = images.grad_remove(&mut grads).unwrap().into_data();
        let found = gradients(&model, grads);
        let expected = tensors(&case.join("gradients.safetensors"));
        assert_eq!(found.len() + 1, expected.len(), "{}", case.display());
        for (name, gradient) in found.into_iter().chain([("input".into(), of_images)]) {
            let what = format!("{}: {name}", case.display());
            assert_close(gradient, &expected[&name], SMALL, &what);
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
            3 => grads.get::<3>(param.id).map(Tensor::into_data),
            _ => grads.get::<4>(param.id).map(Tensor::into_data),
        };
        (official_name(&param.path), gradient.unwrap())
    });
    named.collect()
}

#[test]
fn the_micro_vector_holds_at_every_stage() {
    let case = case("vim_micro");
    let expected = tensors(&case.join("expected.safetensors"));
    let check = |got: TensorData, stage: &str| assert_close(got, &expected[stage], MICRO, stage);
    let model = model(&case, "weights.safetensors");
    let images = Tensor::<4>::from_data(input(&case, "input"), &Device::flex());
    let ImageBackbone::Vim(vim) = &model.backbone;

    let embedded = embed(vim, images.clone());
    let (mixed, stream) = vim.layers[0].forward(embedded.clone(), None, None);
    let (mixed_again, _) = vim.layers[1].forward(mixed.clone(), Some(stream), None);
    check(embedded.into_data(), "embedded");
    check(mixed.into_data(), "mixer_0");
    check(mixed_again.into_data(), "mixer_1");

    let feature = vim.forward(images.clone(), None).squeeze_dim::<2>(1);
    check(feature.into_data(), "feature");
    check(model.forward(images, None).into_data(), "logits");
}

/// Two patches, the class token, two patches, plus positions.
fn embed(vim: &Vim, images: Tensor<4>) -> Tensor<3> {
    let patches = vim.patch_embed.forward(images);
    let class_token = vim.cls_token.as_ref().unwrap().val();
    let [front, back] = [s![.., ..2, ..], s![.., 2.., ..]].map(|half| patches.clone().slice(half));
    Tensor::cat(vec![front, class_token, back], 1) + vim.pos_embed.as_ref().unwrap().val()
}

#[test]
fn exported_weights_of_ours_read_back() {
    let case = case("vim_micro");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bpk");
    let original = model(&case, "weights.safetensors");
    original.clone().into_record().save(&path).unwrap();
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
    assert_close(output.to_data(), &expected["output"], SMALL, "output");

    let mut grads = (output * weight).sum().backward();
    let expected = tensors(&case.join("gradients.safetensors"));
    assert_close(
        h.grad_remove(&mut grads).unwrap().into_data(),
        &expected["input"],
        SMALL,
        "input",
    );
    let found = gradients(&mixer, grads);
    assert_eq!(found.len() + 1, expected.len());
    for (name, gradient) in found {
        assert_close(gradient, &expected[&name], SMALL, &name);
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
    assert_close(output, &expected["step_output"], SMALL, "steps");
    assert_close(
        cache.scan.into_data(),
        &expected["ssm_state"],
        SMALL,
        "scan state",
    );
    // The official cache keeps K columns, channel-first; ours the K − 1 that matter, channel-last.
    let columns = Tensor::<3>::from_data(expected["conv_state"].clone(), &device);
    let columns = columns
        .slice([0..batch, 0..24, 1..4])
        .swap_dims(1, 2)
        .into_data();
    assert_close(cache.columns.into_data(), &columns, SMALL, "columns");
}

/// Of SSAMBA; measured: at most 1e-6.
const SSAMBA: f64 = 1e-5;

/// The model of a folder of `ssamba`, without weights.
fn ssamba(folder: &str, pool: TokenPool) -> SoundClassifier {
    let path = case("ssamba").join(folder).join("model.toml");
    let (spec, task) = elapid_config::load_model(&path).unwrap();
    let Some(TaskSpec::Classify(task)) = task else {
        panic!("{}: no task", path.display())
    };
    let mut init = Init::new(0, &Device::flex());
    let model = registry::sound_classifier(&mut init, &spec, task.pool, task.classes.unwrap());
    model.unwrap().pooled_by(pool)
}

const POOLS: [(TokenPool, &str); 2] = [
    (TokenPool::Mean, "ft_avgtok"),
    (TokenPool::ClassToken, "ft_cls"),
];

fn check_ssamba(folder: &str, weights: BTreeMap<String, TensorData>) {
    let case = case("ssamba").join(folder);
    let expected = tensors(&case.join("expected.safetensors"));
    for (pool, name) in POOLS {
        let model = ssamba(folder, pool);
        let model = checkpoint::apply(model, weights.clone(), &case)
            .unwrap_or_else(|error| panic!("{error}"));
        let sounds = Tensor::<3>::from_data(input(&case, "input"), &Device::flex());
        let logits = model.forward(sounds, None).into_data();
        assert_close(
            logits,
            &expected[name],
            SSAMBA,
            &format!("{folder}: {name}"),
        );
    }
}

const SSAMBA_FOLDERS: [&str; 4] = ["overlapping", "cut", "same", "longer"];

#[test]
fn ssamba_with_random_weights_equals_the_official_code() {
    for folder in SSAMBA_FOLDERS {
        let path = case("ssamba").join(folder).join("weights.safetensors");
        check_ssamba(folder, tensors(&path));
    }
}

/// The position table is cut or interpolated as the official fine-tuning does it; the head is that of the fine-tuned file.
#[test]
fn ssamba_fine_tuned_from_pretraining_starts_as_the_official_code_does() {
    let file = tensors(&case("ssamba/pretraining/weights.safetensors"));
    for folder in SSAMBA_FOLDERS {
        let tuned = tensors(&case("ssamba").join(folder).join("weights.safetensors"));
        let of_head = tuned.clone().into_iter();
        let of_head = of_head.filter(|(name, _)| name.starts_with("module.mlp_head."));
        let is_of_encoder =
            |name: &String| name.starts_with("module.v.") || name.ends_with("mask_embed");
        let of_encoder = file.clone().into_iter();
        let of_encoder = of_encoder.filter(|(name, _)| is_of_encoder(name));
        let mut weights: BTreeMap<_, _> = of_head.chain(of_encoder).collect();
        let resized = ssamba(folder, TokenPool::Mean).fit_positions(&mut weights);
        assert_eq!(resized.is_some(), folder != "same");
        let table = weights["module.v.pos_embed"].clone();
        assert_close(table, &tuned["module.v.pos_embed"], 1e-6, folder);
        weights.remove("module.mask_embed");
        check_ssamba(folder, weights);
    }
}

#[test]
fn ssamba_pretraining_losses_equal_the_official_code() {
    let case = case("ssamba/pretraining");
    let (spec, task) = elapid_config::load_model(&case.join("pretraining.toml")).unwrap();
    let Some(TaskSpec::PretrainPatches(task)) = task else {
        panic!("{}: no pretraining", case.display())
    };
    let device = Device::flex();
    let model = registry::patch_pretrainer(&mut Init::new(0, &device), &spec, &task).unwrap();
    let path = case.join("weights.safetensors");
    let model = checkpoint::apply(model, tensors(&path), &path).unwrap_or_else(|e| panic!("{e}"));
    let ids: Vec<usize> = input(&case, "masked")
        .iter::<f64>()
        .map(|x| x as usize)
        .collect();
    let masks = [0, 1].map(|pass| {
        let mut mask = vec![0.0_f32; 2 * 80];
        for (at, id) in ids[pass * 2 * 30..][..2 * 30].iter().enumerate() {
            mask[at / 30 * 80 + id] = 1.0;
        }
        Tensor::<2>::from_data(TensorData::new(mask, [2, 80]), &device)
    });
    let sounds = Tensor::<3>::from_data(input(&case, "input"), &device);
    let scores = model.scores(sounds.clone(), masks.clone());
    let expected = tensors(&case.join("expected.safetensors"));
    let check = |got: Tensor<1>, name| assert_close(got.into_data(), &expected[name], SSAMBA, name);
    check(scores.accuracy.mean(), "accuracy");
    check(scores.contrast.clone().mean(), "nce");
    check(scores.error.clone().mean(), "mse");
    let joint = scores.contrast.mean() + scores.error.mean() * 10.0;
    let loss = model.loss(sounds, masks, None).into_data();
    assert_close(loss, &joint.into_data(), SSAMBA, "joint");
}
