//! `import` and `export`.

use std::path::{Path, PathBuf};

use elapid::models::checkpoint::{Checkpoint, read};
use tempfile::tempdir;

use crate::support::{elapid, fail, root, succeed, train};

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden/vim_checkpoints").join(name)
}

fn tensors(path: &Path) -> Checkpoint {
    read(path).unwrap()
}

#[test]
fn an_official_checkpoint_becomes_weights_and_a_model() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("vim.safetensors");
    let mut command = elapid(["import"]);
    let said = succeed(
        command
            .arg(golden("official.pth"))
            .arg("--output")
            .arg(&output),
    );
    for words in [
        "`model.…` to `…`",
        "`model_ema`",
        "`optimizer`",
        "41 tensors",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // The printed tables are a model that the weights fit.
    let (_, model) = said.split_once("as a model:").unwrap();
    let config = folder.path().join("model.toml");
    std::fs::write(&config, model).unwrap();
    let logits = folder.path().join("out.safetensors");
    let mut command = elapid(["forward", "--model"]);
    command.arg(&config).arg("--weights").arg(&output);
    command.arg("--input").arg(golden("input.safetensors"));
    succeed(command.arg("--output").arg(&logits));
    let (found, expected) = (tensors(&logits), tensors(&golden("expected.safetensors")));
    let pairs = found["logits"]
        .iter::<f64>()
        .zip(expected["logits"].iter::<f64>());
    for (x, y) in pairs {
        assert!((x - y).abs() < 2e-6, "{x} {y}");
    }
}

#[test]
fn what_the_model_needs_and_the_file_lacks_is_refused_unless_asked_for() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("vim.safetensors");
    let model = folder.path().join("model.toml");
    let text = std::fs::read_to_string(golden("model_stride2.toml")).unwrap();
    std::fs::write(&model, text.replace("classes = 5", "classes = 3")).unwrap();
    let import = || {
        let mut command = elapid(["import"]);
        command
            .arg(golden("official.pth"))
            .arg("--output")
            .arg(&output);
        command.arg("--model").arg(&model);
        command
    };
    let (code, message) = fail(&mut import());
    assert_eq!(code, Some(2));
    for words in ["`head.weight`", "the file lacks", "--partial"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(!output.exists());
    let said = succeed(import().arg("--partial"));
    for words in ["5 classes, the model has 3", "14 × 14 patches", "27 × 27"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let written = tensors(&output);
    assert_eq!(written["pos_embed"].shape()[..], [1, 730, 8]);
    assert!(!written.contains_key("head.weight"));
}

/// Backbone, UperNet and auxiliary head, told from the file; then the scores of pixels, and the file as it was.
#[test]
fn a_file_of_mmsegmentation_becomes_a_segmenter_and_goes_out_again() {
    let golden = |name: &str| root().join("tests/golden/upernet").join(name);
    let folder = tempdir().unwrap();
    let output = folder.path().join("segmenter.safetensors");
    let mut command = elapid(["import"]);
    command.arg(golden("weights.pth"));
    let said = succeed(command.arg("--output").arg(&output));
    for absent in ["not used", "left out", "differs"] {
        assert!(!said.contains(absent), "{said}");
    }
    let (_, model) = said.split_once("as a model:").unwrap();
    assert!(
        model.contains("head = \"upernet\"") && model.contains("aux_width = 6"),
        "{said}"
    );
    let config = folder.path().join("model.toml");
    std::fs::write(&config, model).unwrap();

    // Scores from the imported file and from the official one are the same.
    let expected = tensors(&golden("expected.safetensors"))["eval"].clone();
    for weights in [&output, &golden("weights.pth")] {
        let scores = folder.path().join("out.safetensors");
        let mut command = elapid(["forward", "--model"]);
        command.arg(&config).arg("--weights").arg(weights);
        command.arg("--input").arg(golden("input.safetensors"));
        succeed(command.arg("--output").arg(&scores));
        let found = tensors(&scores)["logits"].clone();
        assert_eq!(found.shape()[..], [2, 5, 64, 64]);
        let found: Vec<f64> = found.iter().collect();
        let rows = (0..2 * 5 * 64).filter(|row| (row % 64) % 7 == 0);
        let found = rows.flat_map(|row| found[64 * row..][..64].iter().step_by(7));
        for (x, y) in found.zip(expected.iter::<f64>()) {
            assert!((x - y).abs() < 2e-4, "{x} {y}");
        }
    }

    let again = folder.path().join("again.pth");
    let mut command = elapid(["export"]);
    command.arg(&output).arg("--output").arg(&again);
    let said = succeed(command.args(["--for", "segmentation"]));
    assert!(
        said.contains("of the heads") && !said.contains("left out"),
        "{said}"
    );
    assert_eq!(tensors(&again), tensors(&golden("weights.pth")));
}

#[test]
fn a_backbone_of_detectron2_lacks_its_last_norm() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("backbone.safetensors");
    let model = folder.path().join("model.toml");
    let text = std::fs::read_to_string(golden("model.toml")).unwrap();
    let (text, _) = text.split_once("[task]").unwrap();
    std::fs::write(&model, format!("{text}class_token = \"none\"\n")).unwrap();
    let import = || {
        let mut command = elapid(["import"]);
        command.arg(golden("detection.pth"));
        command.arg("--model").arg(&model);
        command.arg("--output").arg(&output);
        command
    };
    let (code, message) = fail(&mut import());
    assert_eq!(code, Some(2));
    assert!(
        message.contains("1 tensors that the file lacks") && message.contains("`norm_f.weight`"),
        "{message}"
    );
    let said = succeed(import().arg("--partial"));
    for words in [
        "`model.backbone.net.…` to `…`",
        "`model.roi_heads`",
        "`model.backbone.simfp_2`",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(tensors(&output).contains_key("layers.0.mixer.A_log"));
}

#[test]
fn a_file_without_a_backbone_is_refused() {
    let folder = tempdir().unwrap();
    let mut command = elapid(["import"]);
    command.arg(golden("input.safetensors"));
    let (code, message) = fail(command.arg("--output").arg(folder.path().join("w.pth")));
    assert_eq!(code, Some(2));
    assert!(
        message.contains("no tensor `patch_embed.proj.weight`"),
        "{message}"
    );
}

#[test]
fn a_run_goes_out_and_comes_back() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=2"]));
    let export = |output: &Path, program: &str| {
        let mut command = elapid(["export"]);
        command.arg(&run).arg("--output").arg(output);
        succeed(command.args(["--for", program]))
    };
    let (pth, plain) = (
        folder.path().join("w.pth"),
        folder.path().join("w.safetensors"),
    );
    let said = export(&pth, "classification");
    assert!(said.contains("under `model`"), "{said}");
    export(&plain, "classification");
    let under_model = tensors(&plain).into_iter();
    let under_model = under_model.map(|(name, data)| (format!("model.{name}"), data));
    assert_eq!(tensors(&pth), under_model.collect());

    // The run's own weights, from the file: the same metrics.
    let eval = |weights: Option<&Path>| {
        let mut command = elapid(["eval", "--json"]);
        command.arg(&run);
        if let Some(weights) = weights {
            command.arg("--weights").arg(weights);
        }
        succeed(&mut command)
    };
    assert_eq!(eval(Some(&pth)), eval(None));

    let segmentation = folder.path().join("s.pth");
    let said = export(&segmentation, "segmentation");
    assert!(said.contains("left out"), "{said}");
    let names: Vec<_> = tensors(&segmentation).into_keys().collect();
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("state_dict.backbone.")),
        "{names:?}"
    );
    // A file can be exported like a run.
    let again = folder.path().join("again.safetensors");
    succeed(elapid(["export"]).arg(&pth).arg("--output").arg(&again));
    assert_eq!(tensors(&again), tensors(&plain));
}
