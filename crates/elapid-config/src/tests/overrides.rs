use super::MINIMAL;
use crate::{ConfigError, OptimSpec, Plan};

fn load(overrides: &[&str]) -> Result<Plan, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.toml");
    std::fs::write(&path, MINIMAL).unwrap();
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    crate::load(&path, &overrides)
}

#[test]
fn overrides_are_toml_or_bare_words() {
    let plan = load(&[
        "optim.lr=1",
        "optim.lr = 3e-4",
        "optim.betas=[0.8, 0.9]",
        "run.name=first",
        "eval.every=2 epochs",
        "log.every=\"5 steps\"",
        "data.augment.hflip=true",
        "data.path=p",
        "data.name=mnist",
    ])
    .unwrap();
    let OptimSpec::AdamW(optim) = &plan.optim else {
        panic!("{:?}", plan.optim)
    };
    assert_eq!((optim.lr, optim.betas), (3e-4, [0.8, 0.9]));
    assert_eq!(plan.run.name, "first");
    assert_eq!(plan.eval.every.to_string(), "2 epochs");
    assert_eq!(plan.log.every.to_string(), "5 steps");
    assert!(plan.data.images().unwrap().augment.hflip);
    assert_eq!(plan.data.source.name(), "mnist");
}

#[test]
fn mistakes_name_the_override() {
    for (text, message) in [
        (
            "optim.lr=abc",
            "--set optim.lr=abc: expected a number for `lr` in [optim], got the string \"abc\"; \
             write for example `lr = 1e-3`",
        ),
        (
            "optm.lr=1",
            "--set optm.lr=1: unknown section [optm]; did you mean `optim`? Valid sections: \
             `run`, `data`, `data.audio`, `data.augment`, `model`, `task`, `optim`, `schedule`, `train`, \
             `lora`, `eval`, `log`",
        ),
        (
            "log.evry=1",
            "--set log.evry=1: unknown key `evry` in [log]; did you mean `every`? Valid keys: \
             `every`, `spikes`, `csv`, `tensorboard`",
        ),
        (
            "train.epochs",
            "--set train.epochs: an override needs `=`; write for example `--set optim.lr=3e-4`",
        ),
        (
            "lr=3",
            "--set lr=3: an override names a section and a key, with a point between; write for \
             example `--set optim.lr=3e-4`",
        ),
        (
            "extends=base.toml",
            "--set extends=base.toml: an override names a section and a key, with a point \
             between; write for example `--set optim.lr=3e-4`",
        ),
        (
            "train.keep_last.x=3",
            "--set train.keep_last.x=3: expected an integer for `keep_last` in [train], got a \
             table; write for example `keep_last = 2`",
        ),
    ] {
        assert_eq!(load(&[text]).unwrap_err().to_string(), message);
    }
    assert!(load(&["optim..lr=3"]).is_err());
    assert!(load(&["run.name=1\nseed = 3"]).is_err());
    assert!(load(&["train.steps=3", "train.epochs=3"]).is_err());
}
