//! `train --dry-run` and `train --overfit-one-batch`.

use tempfile::tempdir;

use crate::support::{fail, succeed, train};

#[test]
fn a_dry_run_checks_everything_and_keeps_nothing() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let output = succeed(train(&run, &["train.ema=0.9"]).arg("--dry-run"));
    for word in [
        "1365 train",
        "[32, 1, 16, 16]",
        "average",
        "SsmA",
        "gradient norm",
        "nothing was kept",
    ] {
        assert!(output.contains(word), "`{word}` is missing in: {output}");
    }
    assert!(!run.exists());
}

#[test]
fn one_batch_is_learnt_by_heart_or_the_command_fails() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let output = succeed(train(&run, &[]).arg("--overfit-one-batch"));
    assert!(output.contains("the model learns"), "{output}");
    let (code, message) = fail(train(&run, &["optim.lr=1e-7"]).arg("--overfit-one-batch"));
    assert_eq!(code, Some(1));
    assert!(message.contains("learning rate (0.0000001)"), "{message}");
    assert!(!run.exists());
}

#[test]
fn a_learning_rate_is_found() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("found");
    let output = succeed(train(&out, &["schedule.warmup=3"]).arg("--lr-find"));
    let suggested = output
        .lines()
        .find_map(|line| line.strip_prefix("steepest descent"));
    let suggested: f64 = suggested.unwrap().trim().parse().unwrap();
    // The smoke experiment learns at 2e-3, and not any more at 1.
    assert!((1e-4..0.5).contains(&suggested), "{output}");
    let mut files: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["lr_find.csv", "lr_find.html"]);

    for (options, words) in [
        (
            &["--lr-find", "--lr-range", "1,1e-3"][..],
            "`--lr-range` goes from 1 to 0.001",
        ),
        (&["--lr-find", "--lr-steps", "3"], "fewer than 20 steps"),
        (
            &["--lr-find", "--lr-range", "1e-5"],
            "expected two learning rates",
        ),
        (&["--lr-steps", "50"], "--lr-find"),
        (&["--lr-find", "--dry-run"], "cannot be used with"),
    ] {
        let (code, message) = fail(train(&folder.path().join("none"), &[]).args(options));
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert!(!folder.path().join("none").exists());
}
