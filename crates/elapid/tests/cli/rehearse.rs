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
