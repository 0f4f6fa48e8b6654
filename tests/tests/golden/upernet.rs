//! UperNet with its auxiliary head against what mmsegmentation computed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData, s};
use elapid::data::{Interpolation, MaskPipeline, PixelImage, Windows};
use elapid::models::checkpoint::{
    self, Checkpoint, Layout, PositionRule, Target, arrange, dense_weights, describe, import,
    locate, of_model, official_name,
};
use elapid::models::{ClassToken, ImageSegmenter, named_params, stitched};
use elapid::nn::graph::BATCH_NORM_MOMENTUM;
use elapid::nn::{Init, Noise, resize_grid};
use elapid::registry;
use elapid_config::{ModelSpec, Segment, TapValue, TaskSpec};

use super::{assert_close, case, tensors};

/// Of scores, losses and statistics; measured: at most 4.2e-6 in training, 9.4e-7 in evaluation.
const SCORES: f64 = 5e-5;
/// Of gradients; measured: at most 5.0e-7.
const GRADIENTS: f64 = 5e-6;
/// Every so many pixels are recorded.
const APART: usize = 7;
const CLASSES: usize = 5;

fn file(name: &str) -> PathBuf {
    case("upernet").join(name)
}

fn spec(value: TapValue) -> (ModelSpec, Segment) {
    let (spec, task) = elapid_config::load_model(&file("model.toml")).unwrap();
    let Some(TaskSpec::Segment(task)) = task else {
        panic!("no task")
    };
    let task = Segment {
        tap_value: value,
        ..task
    };
    (spec, task)
}

fn drawn(value: TapValue, device: &Device) -> ImageSegmenter {
    let (spec, task) = spec(value);
    registry::image_segmenter(&mut Init::new(0, device), &spec, &task, CLASSES).unwrap()
}

/// The segmenter with the weights of mmsegmentation's file, which is taken as it is.
fn segmenter(value: TapValue, device: &Device) -> ImageSegmenter {
    let path = file("weights.pth");
    let applied = checkpoint::apply(drawn(value, device), tensors(&path), &path);
    applied.unwrap_or_else(|error| panic!("{error}"))
}

/// What is recorded of scores `[B, H, W, classes]`.
fn apart(scores: Tensor<4>) -> TensorData {
    let step = APART as isize;
    let scores = scores.permute([0, 3, 1, 2]);
    scores.slice(s![.., .., ..;step, ..;step]).into_data()
}

fn images(device: &Device) -> Tensor<4> {
    Tensor::from_data(tensors(&file("input.safetensors"))["input"].clone(), device)
}

#[test]
fn scores_with_running_statistics_equal_the_official_ones() {
    let device = Device::flex();
    let expected = tensors(&file("expected.safetensors"));
    for (value, name) in [(TapValue::Hidden, "eval"), (TapValue::Residual, "residual")] {
        let scores = segmenter(value, &device).forward(images(&device), None);
        assert!(scores.auxiliary.is_none());
        assert_close(apart(scores.main), &expected[name], SCORES, name);
    }
}

/// With the batch's statistics, both heads, the loss that ignores level 255, and what the running statistics become.
#[test]
fn a_training_pass_equals_the_official_one() {
    let device = Device::flex().autodiff();
    let model = segmenter(TapValue::Hidden, &device);
    let expected = tensors(&file("expected.safetensors"));
    let mut noise = Noise::seeded(0, &device);
    let scores = model.forward(images(&device), Some(&mut noise));
    let auxiliary = scores.auxiliary.unwrap();
    let check = |found: TensorData, name: &str| assert_close(found, &expected[name], SCORES, name);
    check(apart(scores.main.clone()), "train");
    check(apart(auxiliary.clone()), "auxiliary");

    let labels = labels(&device);
    let main = registry::pixel_loss(scores.main, labels.clone());
    let helping = registry::pixel_loss(auxiliary, labels) * 0.4;
    check(main.to_data(), "loss_main");
    check(helping.to_data(), "loss_auxiliary");

    let loss = main + helping + noise.statistics().unwrap();
    let found = gradients(&model, GradientsParams::from_grads(loss.backward(), &model));
    for (name, gradient) in tensors(&file("gradients.safetensors")) {
        let ours = name.strip_prefix("backbone.").unwrap_or(&name);
        let shape = found[ours].shape().clone();
        let gradient = TensorData::new(gradient.iter::<f32>().collect::<Vec<_>>(), shape);
        assert_close(found[ours].clone(), &gradient, GRADIENTS, ours);
    }
    let before = of_model(&model);
    let after = expected.iter();
    let after = after.filter_map(|(name, data)| Some((name.strip_prefix("after.")?, data)));
    for (name, after) in after {
        let ours = name.strip_prefix("backbone.").unwrap_or(name);
        let pairs = before[ours].iter::<f64>().zip(found[ours].iter::<f64>());
        let followed: Vec<f64> = pairs
            .map(|(old, seen)| old + BATCH_NORM_MOMENTUM * (seen - old))
            .collect();
        let followed = TensorData::new(followed, after.shape().clone());
        assert_close(followed, after, SCORES, name);
    }
}

/// Classes of the pixels, `[B, H, W]`, below 0 where mmsegmentation has 255.
fn labels(device: &Device) -> Tensor<3, Int> {
    let labels = &tensors(&file("input.safetensors"))["labels"];
    let classes = labels.iter::<f32>().map(|level| match level as i32 {
        255 => -1,
        class => class,
    });
    let classes: Vec<i32> = classes.collect();
    Tensor::from_data(TensorData::new(classes, labels.shape().clone()), device)
}

/// Gradients by official name, of the parameters that have one.
fn gradients(model: &ImageSegmenter, grads: GradientsParams) -> BTreeMap<String, TensorData> {
    struct Of(GradientsParams, BTreeMap<u64, TensorData>);
    impl ModuleVisitor for Of {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.insert(param.id.val(), gradient.into_data());
            }
        }
    }
    let mut of = Of(grads, BTreeMap::new());
    model.visit(&mut of);
    let named = named_params(model).into_iter();
    let named = named.filter_map(|param| {
        let gradient = of.1.remove(&param.id.val())?;
        Some((official_name(&param.path), gradient))
    });
    named.collect()
}

/// Nothing of the file is left over, nothing is missing.
#[test]
fn the_import_of_a_file_of_mmsegmentation_is_complete() {
    let (spec, task) = spec(TapValue::Hidden);
    let original = tensors(&file("weights.pth"));
    let prefix = locate(&original, false, &file("weights.pth")).unwrap();
    let found = describe(&original, &prefix).unwrap().decoder.unwrap();
    assert_eq!((found.classes, found.width), (CLASSES, task.width.unwrap()));
    assert_eq!(found.auxiliary, Some(task.aux_width));

    let flat = dense_weights(original.clone());
    let prefix = locate(&flat, false, &file("weights.pth")).unwrap();
    let model = drawn(TapValue::Hidden, &Device::flex());
    let positions = registry::position_layout(&spec).unwrap();
    let target = Target::new(&model, positions);
    let imported = import(flat, &prefix, &target, PositionRule::InPlace);
    assert!(imported.differences.is_empty(), "{}", imported.differences);
    assert!(imported.others.is_empty() && imported.left_out.is_empty());
    assert_eq!(imported.weights.len(), original.len());
}

/// What is exported has the names, shapes and numbers of what mmsegmentation wrote.
#[test]
fn the_export_is_the_file_that_came_in() {
    let original = tensors(&file("weights.pth"));
    let model = segmenter(TapValue::Hidden, &Device::flex());
    let arranged = arrange(of_model(&model), Layout::Segmentation, ClassToken::None);
    let counts = arranged.keys();
    let counts = counts.filter(|name| name.ends_with(".num_batches_tracked"));
    assert_eq!(counts.count(), 14);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("segmenter.pth");
    checkpoint::write(&path, &arranged, Some(Layout::Segmentation.entry())).unwrap();
    let written: Checkpoint = tensors(&path);
    assert_eq!(written.len(), original.len());
    for (name, data) in &original {
        assert_eq!(written[name], *data, "{name}");
    }
    // The other programs have no use for the heads.
    for layout in [Layout::Classification, Layout::Detection] {
        let arranged = arrange(of_model(&model), layout, ClassToken::None);
        let of_heads = |name: &&String| name.contains("fpn") || name.contains("_head.");
        assert_eq!(arranged.keys().filter(of_heads).count(), 0);
    }
}

/// An image by formula, `[1, 3, H, W]`.
fn picture(height: usize, width: usize, device: &Device) -> Tensor<4> {
    let places =
        (0..3).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))));
    let levels = places.map(|(c, y, x)| (29 * c + 13 * y + 7 * x + x * y) % 97);
    let values: Vec<f32> = levels.map(|level| level as f32 / 48.0 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, height, width]), device)
}

/// Windows of the network's size, two thirds of it apart: in one direction, in both, and a single one.
#[test]
fn windows_over_larger_images_equal_slide_inference() {
    let device = Device::flex();
    let model = segmenter(TapValue::Hidden, &device);
    let expected = tensors(&file("expected.safetensors"));
    let pipeline = MaskPipeline {
        size: 64,
        channels: 3,
        mean: vec![0.5; 3],
        std: vec![0.5; 3],
        interpolation: Interpolation::Linear,
        augment: None,
        windows: None,
    };
    for (name, [height, width], stored) in [
        ("wide", [64, 130], [80, 163]),
        ("both", [100, 77], [100, 77]),
        ("same", [64, 64], [50, 50]),
    ] {
        let blank = PixelImage::new(width, height, 3, vec![0; 3 * height * width]);
        let windows = Windows {
            side: height.min(width),
            stride: 43,
        };
        let (_, frame) = pipeline.frame(&blank, windows);
        assert_eq!(frame.scaled, [height, width]);
        let image = picture(height, width, &device);
        let part = |&[top, left]: &[usize; 2]| {
            let part = s![.., .., top..top + 64, left..left + 64];
            image.clone().slice(part)
        };
        let parts = Tensor::cat(frame.windows.iter().map(part).collect(), 0);
        let scores = model.forward(parts, None).main;
        let whole = stitched(scores, &frame.windows, frame.scaled);
        let rescaled = resize_grid(whole.clone(), stored[0], stored[1]);
        let of = |name: &str| &expected[name];
        let slide = format!("slide_{name}");
        assert_close(apart(whole), of(&slide), SCORES, &slide);
        let slide = format!("{slide}_rescaled");
        assert_close(apart(rescaled), of(&slide), SCORES, &slide);
    }
}
