//! Wrong input: one clear message, exit code 2, nothing written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use tempfile::tempdir;

use crate::support::{elapid, fail, root, train};

/// Asserts exit code 2, one paragraph with all `words`, no trace of a panic.
fn refused(command: &mut Command, words: &[&str]) {
    let (code, message) = fail(command);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert!(!message.contains("\n\n"), "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is missing in: {message}");
    }
    for trace in ["panicked", "stack backtrace", "defect in elapid"] {
        assert!(!message.contains(trace), "{message}");
    }
}

/// Asserts that training with a setting is refused and leaves no directory.
fn refused_setting(set: &[&str], words: &[&str]) {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    refused(&mut train(&out, set), words);
    assert!(!out.exists());
}

#[test]
fn settings() {
    refused_setting(
        &["model.patchsize=4"],
        &["unknown key `patchsize`", "did you mean `patch_size`"],
    );
    refused_setting(&["model.bimamba=v3"], &["did you mean `v1` or `v2`"]);
    refused_setting(&["data.name=digts"], &["did you mean `digits`"]);
    refused_setting(&["model.depth=\"four\""], &["expected an integer"]);
    refused_setting(&["model.depth=-4"], &["at least 1", "got -4"]);
    refused_setting(
        &["task.classes=5"],
        &["`classes` in [task] is 5", "10 classes"],
    );
    refused_setting(&["model.patch_size=32"], &["`image_size` 16", "32"]);
}

#[test]
fn files_with_mistakes_name_the_line() {
    let folder = tempdir().unwrap();
    let config = folder.path().join("x.toml");
    fs::write(&config, "[data]\nname = \"digits\"\nvalid_fractoin = 0.1\n").unwrap();
    refused(
        elapid(["train"]).arg(&config),
        &["x.toml:3:1", "did you mean `valid_fraction`"],
    );
    refused(
        elapid(["train"]).arg(folder.path().join("none.toml")),
        &["none.toml", "No such file"],
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_command_that_does_not_exist() {
    let (code, message) = fail(&mut elapid(["trian"]));
    assert_eq!(code, Some(2), "{message}");
    assert!(
        message.contains("'trian'") && message.contains("'train'"),
        "{message}"
    );
}

#[test]
fn devices_that_are_not_there() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let refused_device = |device: &str, words: &[&str]| {
        refused(train(&out, &[]).args(["--device", device]), words);
    };
    refused_device("gpu", &["unknown device `gpu`", "auto, cpu"]);
    refused_device("auto:0", &["`auto` takes no number"]);
    if cfg!(not(feature = "cuda")) {
        refused_device("cuda", &["--features cuda"]);
    }
    assert!(!out.exists());
}

#[test]
fn a_file_where_the_run_should_go() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for out in [file.clone(), file.join("run")] {
        refused(&mut train(&out, &[]), &["a file stands where"]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// A folder of 4 red and 4 green images.
fn image_folder(root: &Path) -> PathBuf {
    let images = root.join("images");
    for (class, colour) in [("green", [0, 255, 0]), ("red", [255, 0, 0])] {
        fs::create_dir_all(images.join(class)).unwrap();
        for i in 0..4 {
            let image = RgbImage::from_pixel(8, 8, image::Rgb(colour));
            image
                .save(images.join(class).join(format!("{i}.png")))
                .unwrap();
        }
    }
    images
}

fn train_on(images: &Path, out: &Path) -> Command {
    let path = format!("data.path={:?}", images.to_str().unwrap());
    train(
        out,
        &[
            "data.name=image_folder",
            &path,
            "train.batch_size=2",
            "train.steps=2",
        ],
    )
}

#[test]
fn image_folders() {
    let folder = tempdir().unwrap();
    let (images, out) = (image_folder(folder.path()), folder.path().join("run"));
    let broken = images.join("red/9.png");
    fs::write(&broken, "no image").unwrap();
    refused(&mut train_on(&images, &out), &["9.png"]);
    fs::remove_file(broken).unwrap();
    fs::rename(images.join("red"), folder.path().join("red")).unwrap();
    refused(&mut train_on(&images, &out), &["class"]);
    refused(
        &mut train_on(&folder.path().join("nowhere"), &out),
        &["nowhere"],
    );
    assert!(!out.exists());
    fs::rename(folder.path().join("red"), images.join("red")).unwrap();
    assert!(train_on(&images, &out).output().unwrap().status.success());
}

#[test]
fn a_label_that_no_class_has() {
    let folder = tempdir().unwrap();
    let (data, out) = (folder.path().join("mnist"), folder.path().join("run"));
    fs::create_dir(&data).unwrap();
    for part in ["train", "t10k"] {
        let number = |n: u32| n.to_be_bytes();
        let head = [number(2051), number(20), number(28), number(28)].concat();
        let images = [head, vec![7; 20 * 28 * 28]].concat();
        fs::write(data.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let labels = [[number(2049), number(20)].concat(), vec![12; 20]].concat();
        fs::write(data.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    let path = format!("data.path={:?}", data.to_str().unwrap());
    refused(
        &mut train(&out, &["data.name=mnist", &path]),
        &["label 12", "0 to 9"],
    );
    assert!(!out.exists());
}

/// `elapid forward` on recorded cases.
fn forward(model: &str, weights: &str, input: &str, output: &Path) -> Command {
    let golden = root().join("tests/golden");
    let mut command = elapid(["forward"]);
    command
        .arg("--model")
        .arg(golden.join(model))
        .arg("--weights")
        .arg(golden.join(weights));
    command
        .arg("--input")
        .arg(golden.join(input))
        .arg("--output")
        .arg(output);
    command
}

#[test]
fn tensors_that_do_not_fit() {
    let folder = tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let (model, weights) = ("vim_micro/model.toml", "vim_micro/weights.safetensors");
    let input = "vim_micro/input.safetensors";
    let other = "vim_tiny_random/weights.pth";
    refused(
        &mut forward(model, other, input, &output),
        &["`cls_token` is [1, 1, 48] in the file, [1, 1, 4] in the model"],
    );
    refused(
        &mut forward(model, weights, "vim_tiny_random/input.safetensors", &output),
        &["expected [batch, 3, 8, 8]"],
    );
    refused(
        &mut forward(model, weights, weights, &output),
        &["has no tensor `input`"],
    );
    refused(
        &mut forward(model, "none.pth", input, &output),
        &["none.pth"],
    );
    refused(
        &mut forward(model, "vim_micro/model.toml", input, &output),
        &[".safetensors"],
    );
    assert!(!output.exists());
    assert!(
        forward(model, weights, input, &output)
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(output.exists());
}

#[test]
fn a_run_that_is_not_what_it_was() {
    let folder = tempdir().unwrap();
    let images = folder.path().join("images");
    for (class, shade) in [("dark", 20), ("light", 230)] {
        let class = images.join(class);
        fs::create_dir_all(&class).unwrap();
        for number in 0..8 {
            let image = RgbImage::from_pixel(16, 16, image::Rgb([shade + number, shade, shade]));
            image.save(class.join(format!("{number}.png"))).unwrap();
        }
    }
    let run = folder.path().join("run");
    let data = format!("data.path={:?}", images.display().to_string());
    let set = [
        "data.name=image_folder",
        &data,
        "data.valid_fraction=0.0",
        "train.batch_size=4",
        "train.steps=2",
        "train.checkpoint=1 steps",
    ];
    crate::support::succeed(&mut train(&run, &set));

    fs::remove_file(images.join("dark/3.png")).unwrap();
    refused(
        elapid(["resume"]).arg(&run),
        &["the data is not what", "images in `train`", "put it back"],
    );

    fs::write(run.join("manifest.json"), "{\"name\": ").unwrap();
    refused(
        elapid(["eval"]).arg(&run),
        &["manifest.json` is damaged", "put back the file"],
    );

    let empty = folder.path().join("empty");
    fs::create_dir_all(empty.join("checkpoints")).unwrap();
    crate::support::succeed(&mut train(&folder.path().join("other"), &["train.steps=1"]));
    for file in ["plan.toml", "manifest.json", "config.toml"] {
        fs::copy(folder.path().join("other").join(file), empty.join(file)).unwrap();
    }
    for command in ["resume", "eval"] {
        refused(
            elapid([command]).arg(&empty),
            &["holds no complete checkpoint"],
        );
    }
}

#[test]
fn data_that_cannot_be_made() {
    let folder = tempdir().unwrap();
    let commands = |out: &Path, speakers: &str| {
        let mut command = elapid(["data", "synth", "commands", "--speakers", speakers]);
        command.arg(out);
        command
    };
    let out = folder.path().join("new");
    let words = ["speakers is 9, expected 10 to 96"];
    refused(&mut commands(&out, "9"), &words);
    fs::write(folder.path().join("a"), "").unwrap();
    let words = ["not an empty folder; name another one"];
    refused(&mut commands(folder.path(), "10"), &words);
    assert!(!out.exists());
}
