//! What goes wrong under a running process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::RgbImage;
use tempfile::tempdir;

use crate::support::{elapid, fail, succeed, timeless, train};

/// Two classes of 12 images each.
fn images(root: &Path) -> PathBuf {
    let images = root.join("images");
    for (class, red) in [("dark", 10), ("light", 200)] {
        fs::create_dir_all(images.join(class)).unwrap();
        for i in 0..12_u8 {
            let image = RgbImage::from_pixel(8, 8, image::Rgb([red + i, 4 * i, 0]));
            let path = images.join(class).join(format!("{i}.png"));
            image.save(path).unwrap();
        }
    }
    images
}

/// A run on them that lasts until it is disturbed, if `steps` are many.
fn train_on(images: &Path, run: &Path, steps: u64) -> Command {
    let path = format!("data.path={:?}", images.to_str().unwrap());
    let steps = format!("train.steps={steps}");
    let set = [
        "data.name=image_folder",
        &path,
        &steps,
        "train.batch_size=4",
        "train.checkpoint=10",
        "eval.every=1000",
        "log.every=1",
        "schedule.kind=constant",
    ];
    train(run, &set)
}

#[test]
fn damaged_images_end_a_run_or_are_passed_over() {
    let folder = tempdir().unwrap();
    let (images, run) = (images(folder.path()), folder.path().join("run"));
    for broken in ["dark/3.png", "light/0.png", "light/7.png"] {
        fs::write(images.join(broken), "not an image").unwrap();
    }
    let (code, message) = fail(&mut train_on(&images, &run, 12));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("cannot be loaded: "), "{message}");

    let skip = |run: &Path| {
        let mut command = train_on(&images, run, 12);
        command.arg("--set").arg("data.corrupt=skip");
        command
    };
    succeed(&mut skip(&run));
    let log = fs::read_to_string(run.join("log.txt")).unwrap();
    for broken in ["dark/3.png", "light/0.png", "light/7.png"] {
        let named = log.lines().filter(|line| line.contains(broken)).count();
        assert_eq!(named, 1, "{broken} in\n{log}");
    }
    // The same is passed over every time.
    let again = folder.path().join("again");
    succeed(&mut skip(&again));
    assert_eq!(timeless(&again), timeless(&run));
    succeed(elapid(["eval"]).arg(&run).args(["--split", "train"]));
}

#[test]
fn data_file_that_vanishes_in_mid_epoch() {
    let folder = tempdir().unwrap();
    let (images, run) = (images(folder.path()), folder.path().join("run"));
    let mut command = train_on(&images, &run, 1_000_000);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !run.join("checkpoints/step-10").is_dir() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the run makes no progress"
        );
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        sleep(Duration::from_millis(2));
    }
    let (dark, aside) = (images.join("dark"), folder.path().join("aside"));
    fs::rename(&dark, &aside).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("images/dark/"), "{message}");
    assert!(!message.contains("panicked"), "{message}");

    // Without the files there is nothing to go on with; with them, the run goes on as if nothing had been.
    let (code, message) = fail(elapid(["resume"]).arg(&run));
    assert_eq!(code, Some(2), "{message}");
    fs::rename(&aside, &dark).unwrap();
    let plan = fs::read_to_string(run.join("plan.toml")).unwrap();
    let made = last_step(&run);
    let steps = made + 5;
    fs::write(
        run.join("plan.toml"),
        plan.replace("steps = 1000000", &format!("steps = {steps}")),
    )
    .unwrap();
    succeed(elapid(["resume"]).arg(&run));
    let through = folder.path().join("through");
    succeed(&mut train_on(&images, &through, steps));
    let losses = |run: &Path| {
        let lines = timeless(run).into_iter();
        lines
            .filter(|line| line.contains("\"loss\"") && line.contains("\"train\""))
            .collect::<Vec<_>>()
    };
    assert_eq!(losses(&run), losses(&through));
}

fn last_step(run: &Path) -> u64 {
    let lines = timeless(run);
    let last = lines.last().and_then(|line| line.split([':', ',']).nth(1));
    last.and_then(|step| step.parse().ok()).unwrap()
}
