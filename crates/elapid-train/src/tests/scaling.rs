//! Losses that are scaled.

use std::path::Path;

use super::resume::lines;
use super::toy::{
    Points, config, new_trainer, old_trainer_on, sources, sources_with, stopping, toy,
};
use crate::{BoxError, Ending, Method, RunDir, Sources, TrainConfig};

fn scaling() -> TrainConfig {
    TrainConfig {
        loss_scaling: true,
        ..config(30)
    }
}

/// Settings with Adam, which adds a part of the weights to gradients that are no longer scaled.
fn with_adam(config: TrainConfig) -> TrainConfig {
    let betas = (0.9, 0.99);
    TrainConfig {
        method: Method::Adam { betas, eps: 1e-8 },
        ..config
    }
}

/// Scale and good steps in the last checkpoint.
fn scaler(dir: &Path) -> Option<[f32; 2]> {
    let last = RunDir::open(dir).unwrap().checkpoints().latest().unwrap();
    last.checkpoint.state().scaler
}

/// The sources, with gradients in batch 5 that overflow only if they are scaled.
fn shaken() -> Sources<Points> {
    let shaken = |number, mut points: Points| -> Result<Points, BoxError> {
        if number == 5 {
            points.inputs[0] = 1e16;
        }
        Ok(points)
    };
    sources_with(shaken)
}

#[test]
fn powers_of_two_change_nothing() {
    for with in [std::convert::identity, with_adam] {
        let temp = tempfile::tempdir().unwrap();
        let (plain, scaled) = (temp.path().join("plain"), temp.path().join("scaled"));
        new_trainer(&plain, with(config(30)), sources())
            .fit(toy())
            .unwrap();
        new_trainer(&scaled, with(scaling()), sources())
            .fit(toy())
            .unwrap();
        assert_eq!(lines(&scaled), lines(&plain));
        assert_eq!(scaler(&plain), None);
        assert_eq!(scaler(&scaled), Some([65_536.0, 30.0]));
    }
}

#[test]
fn overflow_leaves_out_the_step_of_adam() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("run");
    let trainer = new_trainer(&dir, with_adam(scaling()), shaken());
    assert_eq!(trainer.fit(toy()).unwrap().ending, Ending::Finished);
    let [scale, good] = scaler(&dir).unwrap();
    assert!(
        scale < 65_536.0 && good < 30.0,
        "scale {scale}, good {good}"
    );
    assert!(lines(&dir).iter().all(|line| !line.contains("null")));
}

#[test]
fn overflow_leaves_out_the_step_and_is_resumed() {
    let temp = tempfile::tempdir().unwrap();
    let (through, stopped) = (temp.path().join("through"), temp.path().join("stopped"));
    let outcome = new_trainer(&through, scaling(), shaken())
        .fit(toy())
        .unwrap();
    assert_eq!(outcome.ending, Ending::Finished);
    // Steps of a batch that is seen again are left out again, until the scale is small enough.
    let [scale, good] = scaler(&through).unwrap();
    assert!(
        scale < 65_536.0 && good < 30.0,
        "scale {scale}, good {good}"
    );
    assert!(lines(&through).iter().all(|line| !line.contains("null")));

    let (sources, stop) = stopping(shaken(), 12);
    let trainer = new_trainer(&stopped, scaling(), sources).stop_on(stop);
    assert_eq!(trainer.fit(toy()).unwrap().ending, Ending::Interrupted(15));
    let trainer = old_trainer_on(&stopped, scaling(), shaken());
    trainer.resume(toy()).unwrap();
    assert_eq!(lines(&stopped), lines(&through));
    assert_eq!(scaler(&stopped), scaler(&through));
}
