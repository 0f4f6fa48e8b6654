//! Runs on series: generated ones, tables, and what is wrong with tables.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, root, succeed};

fn smoke(name: &str) -> PathBuf {
    root().join("configs/smoke").join(name)
}

fn train(config: &Path, out: &Path, set: &[&str]) -> Command {
    let mut command = elapid(["train"]);
    command.arg(config).arg("--out").arg(out);
    for value in set {
        command.args(["--set", value]);
    }
    command
}

fn measured(run: &Path, name: &str) -> f64 {
    let lines = metrics(run);
    let is_test = |line: &&serde_json::Value| line["name"] == name && line["split"] == "test";
    lines.iter().find(is_test).unwrap()["value"]
        .as_f64()
        .unwrap()
}

#[test]
fn generated_series_are_forecast_classified_and_watched() {
    let folder = tempdir().unwrap();
    for (config, metric) in [
        ("smamba_seasonal.toml", "mse"),
        ("mambasl_rhythms.toml", "accuracy"),
        ("rlinear_faults.toml", "loss"),
    ] {
        let run = folder.path().join(config);
        succeed(&mut train(&smoke(config), &run, &[]));
        assert!(measured(&run, metric) >= 0.0, "{config}");
    }
}

#[test]
fn a_table_of_ones_own_simply_works() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("seasonal");
    let sizes = ["--rows", "400", "--variates", "2", "--horizon", "6"];
    let said = succeed(elapid(["data", "synth", "seasonal"]).arg(&data).args(sizes));
    assert!(said.contains("400 rows of 2 series"), "{said}");
    let optimum = std::fs::read_to_string(data.join("seasonal.optimum.json")).unwrap();
    assert!(optimum.contains("mse_up_to_step"));
    let path = format!("data.path={}", data.join("seasonal.csv").display());
    let set = [
        "data.target=s1",
        "model.lookback=24",
        "model.horizon=6",
        "model.d_model=16",
        "train.steps=6",
        "train.batch_size=8",
        "train.checkpoint=6",
        "eval.every=6",
        path.as_str(),
    ];
    let run = folder.path().join("run");
    let config = root().join("configs/timeseries/smamba_csv.toml");
    succeed(&mut train(&config, &run, &set));
    assert!(measured(&run, "mse") > 0.0);
    // Units and names are known without the data.
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    assert!(
        manifest.contains("\"s2\"") && manifest.contains("\"std\""),
        "{manifest}"
    );
}

#[test]
fn what_is_wrong_with_a_table_is_said_before_anything_is_started() {
    let folder = tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let config = root().join("configs/timeseries/smamba_csv.toml");
    let path = format!("data.path={}", table.display());
    let said = |text: &str, more: &[&str]| {
        std::fs::write(&table, text).unwrap();
        let set: Vec<&str> = more.iter().copied().chain([path.as_str()]).collect();
        let run = folder.path().join("run");
        let (code, said) = fail(&mut train(&config, &run, &set));
        assert_eq!(code, Some(2), "{said}");
        assert!(!run.exists());
        said
    };
    let text = said("date,a\n2020-01-01,1\n2020-01-02,wet\n", &[]);
    assert!(
        text.contains("row 2 (line 3): column `a` has `wet`"),
        "{text}"
    );
    assert!(said("a,b\n1,2\n", &[]).contains("no column is called date"));
    let text = said("date,a\n2020-01-02,1\n2020-01-01,2\n", &[]);
    assert!(
        text.contains("row 2: the date 2020-01-01 00:00:00 is before"),
        "{text}"
    );
    let text = said("date,a\n2020,1\n2021,2\n", &["data.target=b"]);
    assert!(
        text.contains("data.target is `b`, expected a column"),
        "{text}"
    );
    let text = said("date,a\n2020,1\n2021,2\n", &[]);
    assert!(text.contains("lower model.lookback"), "{text}");
}

#[test]
fn a_stopped_forecast_goes_on_as_if_it_had_not_been() {
    let folder = tempdir().unwrap();
    let mut command = elapid(["verify-resume"]);
    command
        .arg(smoke("smamba_seasonal.toml"))
        .args(["--kills", "1", "--device", "cpu"]);
    let said = succeed(command.arg("--out").arg(folder.path().join("runs")));
    assert!(said.contains("equal"), "{said}");
}
