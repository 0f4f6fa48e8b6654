use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::MINIMAL;
use crate::{ConfigError, Sweep, parse_sweep};

const GRID: &str = r#"experiment = "base.toml"
kind = "grid"

[axes]
"run.seed" = [0, 1]
"optim.lr" = [1e-3, 3e-4]
"#;

const RANDOM: &str = r#"experiment = "base.toml"
kind = "random"
trials = 5

[axes]
optim.lr = { min = 1e-4, max = 1e-2, scale = "log" }
model.depth = { min = 2, max = 4 }
"#;

/// A folder with `base.toml`, the shortest experiment there is.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("base.toml"), MINIMAL).unwrap();
    let path = folder.path().join("rates.toml");
    (folder, path)
}

fn parse(text: &str) -> Result<Sweep, ConfigError> {
    let (_folder, path) = folder();
    parse_sweep(text, &path)
}

fn names(sweep: &Sweep) -> Vec<&str> {
    sweep
        .trials
        .iter()
        .map(|trial| trial.name.as_str())
        .collect()
}

#[test]
fn a_grid_is_every_combination_with_the_seed_last() {
    let sweep = parse(GRID).unwrap();
    assert_eq!(sweep.name, "rates");
    assert_eq!(sweep.axes, ["optim.lr", "run.seed"]);
    let expected = [
        "lr=0.001,seed=0",
        "lr=0.001,seed=1",
        "lr=0.0003,seed=0",
        "lr=0.0003,seed=1",
    ];
    assert_eq!(names(&sweep), expected);
    let last = &sweep.trials[3];
    assert_eq!((last.plan.optim.common().lr, last.plan.run.seed), (3e-4, 1));
    assert_eq!(last.plan.run.name, "base");
    assert_eq!(
        last.overrides(&sweep.axes),
        ["optim.lr=0.0003", "run.seed=1"]
    );
}

#[test]
fn overrides_give_the_same_plan() {
    let (_folder, path) = folder();
    let axes = "\"optim.kind\" = [\"adamw\", \"lion\"]\n\"optim.betas\" = [[0.9, 0.99]]\n\
                \"eval.every\" = [\"2 epochs\"]\n\"data.augment.hflip\" = [true]\n";
    let sweep = parse_sweep(&format!("{GRID}{axes}"), &path).unwrap();
    assert_eq!(sweep.trials.len(), 8);
    for trial in &sweep.trials {
        let plan = crate::load(&sweep.experiment, &trial.overrides(&sweep.axes)).unwrap();
        assert_eq!(plan, trial.plan, "{}", trial.name);
    }
    assert!(
        names(&sweep)
            .contains(&"lr=0.001,kind=lion,betas=0.9-0.99,every=2-epochs,hflip=true,seed=0")
    );
}

#[test]
fn draws_lie_in_their_ranges_and_do_not_depend_on_their_number() {
    let few = parse(RANDOM).unwrap();
    let many = parse(&RANDOM.replace("trials = 5", "trials = 50")).unwrap();
    assert_eq!(names(&few), names(&many)[..5]);
    let other = parse(&RANDOM.replace("trials = 5", "trials = 5\nseed = 1")).unwrap();
    assert_ne!(names(&few), names(&other));
    let rates: Vec<f64> = many
        .trials
        .iter()
        .map(|trial| trial.plan.optim.common().lr)
        .collect();
    assert!(rates.iter().all(|lr| (1e-4..=1e-2).contains(lr)));
    // Half of a logarithmic range lies below its geometric mean.
    let low = rates.iter().filter(|lr| **lr < 1e-3).count();
    assert!((15..=35).contains(&low), "{low}");
    let depths: Vec<&str> = many.trials.iter().map(|t| t.values[1].as_str()).collect();
    for depth in ["2", "3", "4"] {
        assert!(depths.contains(&depth), "{depth}");
    }
    assert!(depths.iter().all(|depth| ["2", "3", "4"].contains(depth)));
}

#[test]
fn every_draw_is_made_with_every_seed() {
    let sweep = parse(&format!("{RANDOM}run.seed = [0, 1, 2]\n")).unwrap();
    assert_eq!(sweep.trials.len(), 15);
    for three in sweep.trials.chunks(3) {
        assert_eq!(three[0].values[..2], three[2].values[..2]);
        assert_eq!(three[2].plan.run.seed, 2);
    }
}

#[test]
fn names_are_unambiguous() {
    let axes = "\"data.name\" = [\"digits\"]\n\"run.name\" = [\"a b\", \"a/b\"]\n";
    let error = parse(&format!("{GRID}{axes}")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`name` in [run] must be made of")
    );
    let axes = "\"data.name\" = [\"digits\"]\n\"run.name\" = [\"a\", \"b\"]\n";
    let sweep = parse(&format!("{GRID}{axes}")).unwrap();
    assert_eq!(
        names(&sweep)[0],
        "lr=0.001,data.name=digits,run.name=a,seed=0"
    );
    // A name that says it all would be longer than file systems take.
    let long = format!(
        "\"data.path\" = [{:?}]\n\"data.name\" = [\"mnist\"]\n",
        "x/".repeat(99)
    );
    let sweep = parse(&format!("{GRID}{long}")).unwrap();
    assert_eq!(names(&sweep), ["run-1", "run-2", "run-3", "run-4"]);
}

#[test]
fn messages_are_pinned() {
    let cases = [
        (
            GRID.replace("optim.lr", "optim.lrr"),
            "rates.toml:6:1: unknown key `lrr` in [optim]; did you mean `lr`? Valid keys: `kind`, `lr`, `betas`, \
             `eps`, `weight_decay`, `decay_ssm_a`, `grad_clip`",
        ),
        (
            GRID.replace("[1e-3, 3e-4]", "[1e-3, -1]"),
            "rates.toml:6:14: `lr` in [optim] must be greater than 0, got -1 (in the run `lr=-1,seed=0`)",
        ),
        (
            GRID.replace("[1e-3, 3e-4]", "1e-3"),
            "rates.toml:6:14: expected values for the axis `optim.lr`, got the float 0.001; an axis is a list or a \
             range; write for example `\"optim.lr\" = [0.001]`",
        ),
        (
            GRID.replace("[1e-3, 3e-4]", "[1e-3, 0.001]"),
            "rates.toml:6:14: the axis `optim.lr` lists 0.001 twice; list each value once",
        ),
        (
            GRID.replace("[1e-3, 3e-4]", "[]"),
            "rates.toml:6:14: the axis `optim.lr` has no values; give at least one, or remove the axis",
        ),
        (
            GRID.replace("[1e-3, 3e-4]", "{ min = 1e-4, max = 1 }"),
            "rates.toml:6:14: `optim.lr` is a range, and a grid has no draws; list the values, or write \
             `kind = \"random\"`",
        ),
        (
            GRID.replace("grid", "gird"),
            "rates.toml:2:8: unknown value `gird` for `kind` of a sweep; did you mean `grid`? Valid values: `grid`, \
             `random`",
        ),
        (
            GRID.replace("[axes]", "trials = 3\n[axes]"),
            "rates.toml:4:1: `trials` belongs to `kind = \"random\"`; leave it out",
        ),
        (
            GRID.replace("kind", "knd"),
            "rates.toml:2:1: unknown key `knd` of a sweep; did you mean `kind`? Valid keys: `name`, `experiment`, \
             `kind`, `trials`, `seed`, `axes`",
        ),
        (
            GRID.replace("[axes]", ""),
            "rates.toml:6:1: unknown key `optim.lr` of a sweep; axes stand below `[axes]`. Valid keys: `name`, \
             `experiment`, `kind`, `trials`, `seed`, `axes`",
        ),
        (
            RANDOM.replace("trials = 5\n", ""),
            "rates.toml: missing key `trials` of a sweep; add `trials = 20`",
        ),
        (
            RANDOM.replace("scale", "scael"),
            "rates.toml:6:38: unknown key `scael` of a range; did you mean `scale`? Valid keys: `min`, `max`, `scale`",
        ),
        (
            RANDOM.replace("min = 1e-4", "min = 0"),
            "rates.toml:6:20: a logarithmic range must lie above 0, but that of `optim.lr` starts at 0.0",
        ),
        (
            RANDOM.replace("min = 2", "min = 2.5"),
            "rates.toml:7:23: `model.depth` is a whole number, so its range must go from one to another, got 2.5 to 4.0",
        ),
        (
            RANDOM.replace("model.depth", "run.seed"),
            "rates.toml:7:12: `run.seed` cannot be a range: every draw is made with each listed seed; write for \
             example `\"run.seed\" = [0, 1, 2]`",
        ),
        (
            RANDOM.replace("optim.lr = { min = 1e-4, max = 1e-2, scale = \"log\" }", ""),
            "rates.toml:3:10: `trials` of a sweep is 5, but the axes give only 3 different settings; lower it, or \
             write `kind = \"grid\"`",
        ),
    ];
    for (text, expected) in cases {
        let message = parse(&text).expect_err(&text).to_string();
        let at = message.find("rates.toml").unwrap_or(0);
        assert_eq!(&message[at..], expected);
    }
}

#[test]
fn a_missing_experiment_is_told_where_it_is_named() {
    let error = parse_sweep(GRID, Path::new("no/such/rates.toml")).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("no/such/rates.toml:1:14: cannot read the config `no/such/base.toml`")
    );
    assert!(message.ends_with("`experiment` takes a path from the folder of the sweep file"));
}
