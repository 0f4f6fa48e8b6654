use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::*;

#[derive(Module, Debug)]
struct One {
    weight: Param<Tensor<1>>,
}

fn write(checkpoints: &Checkpoints, step: u64) -> PathBuf {
    let weight = Tensor::<1>::full([1000], step as f32, &Device::flex());
    let model = One {
        weight: Param::from_tensor(weight),
    };
    let moments = vec![model.clone(), model.clone()];
    checkpoints
        .write(
            model.into_record(),
            None,
            moments.into_record(),
            &state(step),
        )
        .unwrap()
}

fn state(step: u64) -> State {
    State {
        step,
        seed: u64::MAX,
        best: Some(Best {
            step: 3,
            value: 0.1 + 0.2,
        }),
        stale: 0,
        evaluated: None,
        recovery: Recovery::default(),
        spikes: Default::default(),
        scaler: None,
        descent: Descent::default(),
        runners_up: Vec::new(),
        interval: vec![Observed {
            loss: 1.0 / 3.0,
            grad_norm: f64::INFINITY,
        }],
    }
}

/// Three checkpoints, the newest of which `damage` has worked on.
fn damaged(damage: impl Fn(&Path)) -> (tempfile::TempDir, Found) {
    let temp = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(temp.path().join("checkpoints"));
    for step in [5, 10, 15] {
        write(&checkpoints, step);
    }
    damage(&checkpoints.path(15));
    let found = checkpoints.latest().unwrap();
    (temp, found)
}

fn assert_skipped(damage: impl Fn(&Path), reason: &str) {
    let (_temp, found) = damaged(damage);
    assert_eq!(found.checkpoint.state().step, 10);
    assert_eq!(found.skipped.len(), 1);
    let message = found.skipped[0].to_string();
    assert!(message.contains("step-15`: "), "{message}");
    assert!(message.contains(reason), "{message}");
}

#[test]
fn newest_complete_checkpoint_is_found_with_its_state() {
    let (_temp, found) = damaged(|_| ());
    assert_eq!(found.checkpoint.state(), &state(15));
    assert!(found.skipped.is_empty());
}

#[test]
fn every_damage_is_noticed_and_named() {
    let edit = |name: &'static str, change: fn(&mut Vec<u8>)| {
        move |dir: &Path| {
            let mut bytes = fs::read(dir.join(name)).unwrap();
            change(&mut bytes);
            fs::write(dir.join(name), bytes).unwrap();
        }
    };
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    assert_skipped(remove(MANIFEST), "has no `manifest.json`");
    assert_skipped(remove(OPTIMISER), "`optim.bpk` cannot be read");
    assert_skipped(
        edit(MODEL, |bytes| bytes.truncate(100)),
        "has 100 bytes instead of",
    );
    assert_skipped(
        edit(MODEL, |bytes| bytes[600] ^= 1),
        "`model.bpk` does not have the SHA-256",
    );
    assert_skipped(
        edit(STATE, |bytes| bytes[20] ^= 1),
        "`state.json` does not have",
    );
    assert_skipped(
        edit(MANIFEST, |bytes| bytes.truncate(40)),
        "`manifest.json` does not parse",
    );
    let newer = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(bytes).replace("\"format\": 2", "\"format\": 3");
        *bytes = text.into_bytes();
    };
    assert_skipped(edit(MANIFEST, newer), "has format 3");
    let empty = |bytes: &mut Vec<u8>| *bytes = br#"{"format":2,"files":[]}"#.to_vec();
    assert_skipped(edit(MANIFEST, empty), "does not list `model.bpk`");
}

#[test]
fn names_that_are_no_checkpoints_are_passed_over() {
    let temp = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(temp.path().to_owned());
    write(&checkpoints, 9);
    write(&checkpoints, 10);
    for name in [".step-11.partial", "step-12.damaged", "step-", "notes"] {
        fs::create_dir(temp.path().join(name)).unwrap();
    }
    assert_eq!(checkpoints.steps().unwrap(), [9, 10]);
    checkpoints.prepare().unwrap();
    assert!(!temp.path().join(".step-11.partial").exists());
    assert!(temp.path().join("step-12.damaged").exists());
}

#[test]
fn best_is_named_and_the_outdated_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(temp.path().join("checkpoints"));
    assert!(checkpoints.best().unwrap().is_none());
    for step in [1, 2, 3] {
        write(&checkpoints, step);
    }
    checkpoints
        .perform(&[Action::MarkBest(2), Action::Delete(1)])
        .unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [2, 3]);
    assert_eq!(checkpoints.best().unwrap().unwrap().state().step, 2);
    assert_eq!(
        fs::read_to_string(temp.path().join("checkpoints/best")).unwrap(),
        "2\n"
    );
    assert_eq!(
        fs::read_dir(temp.path().join("checkpoints"))
            .unwrap()
            .count(),
        3
    );
}

#[test]
fn failed_write_leaves_nothing_and_names_the_place() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("checkpoints");
    fs::write(&dir, "a file in the way").unwrap();
    let model = One {
        weight: Param::from_tensor(Tensor::<1>::zeros([1], &Device::flex())),
    };
    let record = || model.clone().into_record();
    let written = Checkpoints::new(dir).write(record(), None, record(), &state(1));
    let message = written.unwrap_err().to_string();
    assert!(
        message.contains("checkpoints/.step-1.partial`"),
        "{message}"
    );
}
