//! Runs that classify pixels: training, resuming, predicting, and what does not fit together.

use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, root, succeed};

fn smoke() -> PathBuf {
    root().join("configs/smoke/vim_shapes.toml")
}

fn train(out: &Path, set: &[&str]) -> Command {
    let mut command = elapid(["train"]);
    command.arg(smoke()).arg("--out").arg(out);
    for value in set {
        command.args(["--set", value]);
    }
    command
}

#[test]
fn shapes_are_trained_reported_and_drawn() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &[]));
    let lines = metrics(&run);
    for name in ["loss", "pixel_accuracy", "mean_iou"] {
        let is_test = |line: &&serde_json::Value| line["name"] == name && line["split"] == "test";
        let value = lines.iter().find(is_test).unwrap()["value"].as_f64();
        assert!(value.unwrap() >= 0.0, "{name}");
    }
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("Mean IoU") && report.contains(">IoU</th>"));

    let data = folder.path().join("shapes");
    let counts = ["--size", "40", "--train", "2", "--test", "3"];
    succeed(elapid(["data", "synth", "shapes"]).arg(&data).args(counts));
    let images = data.join("images/validation");
    let sheet = folder.path().join("sheet.png");
    let mut command = elapid(["predict"]);
    command.arg(&run).arg(&images).arg("--sheet").arg(&sheet);
    let said = succeed(&mut command);
    assert!(said.contains("000002.png") && said.contains(" %"), "{said}");
    let sheet: RgbImage = image::open(sheet).unwrap().into_rgb8();
    assert!(sheet.width() > 700 && sheet.height() > 400);

    let (code, said) = fail(elapid(["explain"]).arg(&run).arg(images.join("000000.png")));
    assert_eq!(code, Some(2));
    assert!(said.contains("this run does not classify images"), "{said}");

    // The same run sees larger images, and images of several sizes, through windows.
    let wide = folder.path().join("wide.png");
    RgbImage::new(90, 41).save(&wide).unwrap();
    let windows = folder.path().join("windows");
    let set = [
        "data.size=40",
        "data.view=windows",
        "data.window_side=40",
        "data.window_stride=16",
        "data.test=5",
    ];
    succeed(&mut train(&windows, &set));
    let lines = metrics(&windows);
    let is_test = |line: &&serde_json::Value| line["name"] == "mean_iou" && line["split"] == "test";
    assert!(lines.iter().any(|line| is_test(&line)));
    let mut command = elapid(["predict", "--json"]);
    let said = succeed(command.arg(&windows).arg(&wide).arg(&images));
    assert_eq!(said.lines().count(), 4, "{said}");

    // What was drawn can be read as a set of files, and trained on with the other head.
    let path = format!("data.path={}", data.display());
    let set = [
        "data.name=mask_folder",
        path.as_str(),
        "data.valid_fraction=0.5",
        "task.head=light",
        "train.steps=2",
        "train.batch_size=1",
        "eval.every=2",
        "train.checkpoint=2",
    ];
    succeed(&mut train(&folder.path().join("files"), &set));
}

#[test]
fn a_stopped_run_goes_on_as_if_it_had_not_been() {
    let folder = tempdir().unwrap();
    let mut command = elapid(["verify-resume"]);
    command
        .arg(smoke())
        .args(["--kills", "1", "--device", "cpu"]);
    let said = succeed(command.arg("--out").arg(folder.path().join("runs")));
    assert!(said.contains("equal"), "{said}");
}

#[test]
fn tasks_and_data_of_different_kinds_are_refused() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let (code, said) = fail(&mut train(&out, &["data.window_stride=8"]));
    assert_eq!(code, Some(2));
    assert!(
        said.contains("`window_stride` in [data] is for `view = \"windows\"`"),
        "{said}"
    );
    let (code, said) = fail(&mut train(
        &out,
        &["data.view=windows", "data.window_stride=25"],
    ));
    assert_eq!(code, Some(2));
    assert!(
        said.contains("window_stride is 25, expected from 1 to 24"),
        "{said}"
    );
    let (code, said) = fail(&mut train(&out, &["task.kind=classify"]));
    assert_eq!(code, Some(2));
    assert!(
        said.contains("has one a pixel; use `kind = \"segment\"`"),
        "{said}"
    );
    let digits = ["data.name=digits", "model.channels=1"];
    let (code, said) = fail(&mut train(&out, &digits));
    assert_eq!(code, Some(2));
    assert!(said.contains("needs images with masks"), "{said}");
    assert!(!out.exists());
}
