//! Official checkpoints in and out; see `tests/golden/vim_checkpoints`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use elapid::models::ClassToken;
use elapid::models::ImageClassifier;
use elapid::models::checkpoint::{
    self, Checkpoint, Imported, Layout, PositionRule, Target, arrange, describe, import, locate,
    read,
};
use elapid::nn::Init;
use elapid::registry;
use elapid_config::{ModelSpec, TaskSpec};
use elapid_tests::root;

fn file(name: &str) -> PathBuf {
    root().join("tests/golden/vim_checkpoints").join(name)
}

fn tensors(name: &str) -> Checkpoint {
    read(&file(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn spec(name: &str) -> (ModelSpec, usize) {
    let (spec, task) = elapid_config::load_model(&file(name)).unwrap();
    let Some(TaskSpec::Classify(task)) = task else {
        panic!("{name}: no task")
    };
    (spec, task.classes.unwrap())
}

fn classifier(spec: &ModelSpec, classes: usize) -> ImageClassifier {
    registry::image_classifier(&mut Init::new(0, &Device::flex()), spec, classes).unwrap()
}

/// A checkpoint, made to fit the classifier of a `model.toml`.
fn imported(name: &str, model: &str, averaged: bool, rule: PositionRule) -> Imported {
    let (spec, classes) = spec(model);
    let target = Target::new(
        &classifier(&spec, classes),
        registry::position_layout(&spec).unwrap(),
    );
    let tensors = tensors(name);
    let prefix = locate(&tensors, averaged, &file(name)).unwrap();
    import(tensors, &prefix, &target, rule)
}

fn logits(model: &str, weights: Checkpoint) -> TensorData {
    let (spec, classes) = spec(model);
    let path = file("official.pth");
    let model = checkpoint::apply(classifier(&spec, classes), weights, &path);
    let images = tensors("input.safetensors")["input"].clone();
    let images = Tensor::<4>::from_data(images, &Device::flex());
    model.unwrap().forward(images, None).into_data()
}

/// Logits and resized tables; measured: at most 3e-7.
fn assert_close(got: &TensorData, expected: &TensorData, what: &str) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    for (x, y) in got.iter::<f64>().zip(expected.iter::<f64>()) {
        assert!(
            (x - y).abs() <= 2e-6 * (1.0 + y.abs()),
            "{what}: {x}, expected {y}"
        );
    }
}

/// The tensors below a prefix, without it.
fn below(checkpoint: &Checkpoint, prefix: &str) -> Checkpoint {
    let named = checkpoint.iter().filter_map(|(name, data)| {
        let name = name.strip_prefix(prefix)?;
        Some((name.to_owned(), data.clone()))
    });
    named.collect()
}

#[test]
fn the_training_scripts_checkpoint_is_taken_as_it_is() {
    let found = imported("official.pth", "model.toml", false, PositionRule::InPlace);
    assert!(found.differences.is_empty(), "{}", found.differences);
    assert_eq!(found.prefix, "model.");
    let others: Vec<_> = found.others.iter().collect();
    let tensors_of = found.weights.len();
    assert!(
        others.contains(&(&"model_ema".to_owned(), &tensors_of)),
        "{others:?}"
    );
    assert!(found.others.contains_key("optimizer"), "{others:?}");
    assert!(found.resized.is_none() && found.left_out.is_empty());
    let expected = &tensors("expected.safetensors")["logits"];
    assert_close(&logits("model.toml", found.weights), expected, "logits");
}

#[test]
fn averaged_weights_are_taken_if_asked_for() {
    let raw = imported("official.pth", "model.toml", false, PositionRule::InPlace).weights;
    let averaged = imported("official.pth", "model.toml", true, PositionRule::InPlace);
    assert!(averaged.differences.is_empty());
    for (name, data) in raw {
        let half: Vec<f32> = data.iter::<f32>().map(|x| 0.5 * x).collect();
        let found: Vec<f32> = averaged.weights[&name].iter::<f32>().collect();
        assert_eq!(found, half, "{name}");
    }
}

#[test]
fn the_model_is_told_from_its_weights() {
    let found = describe(&tensors("official.pth"), "model.").unwrap();
    let config = &found.config;
    assert_eq!(found.classes, Some(5));
    assert_eq!(found.registered(), None);
    let sizes = [
        config.image_size,
        config.patch_size,
        config.stride,
        config.depth,
    ];
    assert_eq!(sizes, [56, 4, 4, 2]);
    assert_eq!((config.embed_dim(), config.mamba.d_state), (8, 4));
    assert_eq!(config.class_token, ClassToken::Middle);
    assert!(describe(&tensors("input.safetensors"), "").is_none());
}

/// On the finer grid, by the official rule, and with the class token's row where it belongs.
#[test]
fn positions_on_another_grid_equal_the_official_ones() {
    let tables = tensors("positions.safetensors");
    let expected = tensors("expected.safetensors");
    for (rule, name) in [
        (PositionRule::Official, "official"),
        (PositionRule::InPlace, "in_place"),
    ] {
        let found = imported("official.pth", "model_stride2.toml", false, rule);
        assert!(found.differences.is_empty(), "{}", found.differences);
        let (from, to) = found.resized.unwrap();
        assert_eq!((from.side, to.side), (14, 27));
        assert_close(&found.weights["pos_embed"], &tables[name], name);
        let logits = logits("model_stride2.toml", found.weights);
        assert_close(&logits, &expected[&format!("logits_{name}")], name);
    }
}

/// The official segmentation backbone loads a classifier's table, then drops its first row with the class token.
#[test]
fn positions_of_a_segmentation_backbone_equal_the_official_ones() {
    let (mut spec, _) = spec("model_stride2.toml");
    let ModelSpec::Vim(vim) = &mut spec else {
        panic!("{spec:?}")
    };
    vim.class_token = elapid_config::ClassToken::None;
    let backbone = registry::image_backbone(&mut Init::new(0, &Device::flex()), &spec).unwrap();
    let target = Target::new(&backbone, registry::position_layout(&spec).unwrap());
    let found = import(
        tensors("official.pth"),
        "model.",
        &target,
        PositionRule::Official,
    );
    assert!(found.differences.is_empty(), "{}", found.differences);
    let left_out: Vec<_> = found
        .left_out
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(left_out, ["cls_token", "head.bias", "head.weight"]);
    let expected = &tensors("positions.safetensors")["segmentation"];
    assert_close(&found.weights["pos_embed"], expected, "segmentation");
}

#[test]
fn files_of_the_segmentation_and_detection_code_give_their_backbones() {
    let (mut spec, _) = spec("model.toml");
    let ModelSpec::Vim(vim) = &mut spec else {
        panic!("{spec:?}")
    };
    vim.class_token = elapid_config::ClassToken::None;
    let backbone = registry::image_backbone(&mut Init::new(0, &Device::flex()), &spec).unwrap();
    let target = Target::new(&backbone, registry::position_layout(&spec).unwrap());
    for (name, prefix, missing) in [
        ("segmentation.pth", "state_dict.backbone.", &[][..]),
        (
            "detection.pth",
            "model.backbone.net.",
            &["norm_f.weight"][..],
        ),
    ] {
        let file_tensors = tensors(name);
        let found_prefix = locate(&file_tensors, false, &file(name)).unwrap();
        assert_eq!(found_prefix, prefix);
        let found = import(file_tensors, prefix, &target, PositionRule::InPlace);
        assert_eq!(found.differences.missing, missing, "{name}");
        assert!(found.differences.unexpected.is_empty(), "{name}");
        assert!(!found.others.is_empty(), "{name}");
    }
}

/// What is exported for a program has the names, shapes and numbers of what that program wrote.
#[test]
fn every_layout_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (name, prefix, layout, class_token) in [
        (
            "official.pth",
            "model.",
            Layout::Classification,
            ClassToken::Middle,
        ),
        (
            "segmentation.pth",
            "state_dict.backbone.",
            Layout::Segmentation,
            ClassToken::None,
        ),
        (
            "detection.pth",
            "model.backbone.net.",
            Layout::Detection,
            ClassToken::None,
        ),
    ] {
        let original = tensors(name);
        let weights = below(&original, prefix);
        let arranged = arrange(weights.clone(), layout, class_token);
        for extension in ["pth", "safetensors"] {
            let path = folder.path().join(name).with_extension(extension);
            checkpoint::write(&path, &arranged, Some(layout.entry())).unwrap();
            let entry = match extension {
                "pth" => format!("{}.", layout.entry()),
                _ => String::new(),
            };
            let written = below(
                &read(&path).unwrap(),
                &format!("{entry}{}", layout.prefix()),
            );
            assert_eq!(written, weights, "{name} as {extension}");
        }
    }
}

/// A classifier's weights, arranged for a backbone without class token, have the names and shapes of that backbone.
#[test]
fn a_classifier_exports_as_a_backbone() {
    let weights = below(&tensors("official.pth"), "model.");
    for (name, prefix, layout) in [
        ("segmentation.pth", "state_dict.", Layout::Segmentation),
        ("detection.pth", "model.", Layout::Detection),
    ] {
        let shapes = |of: Checkpoint| -> BTreeMap<String, Vec<usize>> {
            let backbone = of
                .into_iter()
                .filter(|(name, _)| name.starts_with(layout.prefix()) && !name.contains("simfp"));
            backbone
                .map(|(name, data)| (name, data.shape().to_vec()))
                .collect()
        };
        let arranged = arrange(weights.clone(), layout, ClassToken::Middle);
        let official = below(&tensors(name), prefix);
        assert_eq!(shapes(arranged), shapes(official), "{name}");
    }
}
