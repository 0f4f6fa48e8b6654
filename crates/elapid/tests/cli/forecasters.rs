//! Models of series from the command line: official weights, counts, and forecasts of a table.

use std::path::{Path, PathBuf};

use elapid::models::checkpoint::{Checkpoint, read};
use tempfile::tempdir;

use crate::support::{elapid, fail, root, succeed};

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden/series").join(name)
}

fn tensors(path: &Path) -> Checkpoint {
    read(path).unwrap()
}

/// The outputs of `elapid forward` against the recorded ones, within 1e-4.
fn check_forward(model: &str, case: &str, weights: &str, name: &str) {
    let folder = tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let file = |name: String| golden(model).join(name);
    let mut command = elapid(["forward", "--model"]);
    command
        .arg(file(format!("{case}.toml")))
        .arg("--weights")
        .arg(file(format!("{weights}.safetensors")))
        .arg("--input")
        .arg(file(format!("{case}_input.safetensors")))
        .arg("--output")
        .arg(&output);
    succeed(&mut command);
    let found = tensors(&output);
    let expected = tensors(&file(format!("{case}_expected.safetensors")));
    assert_eq!(found[name].shape(), expected[name].shape());
    let pairs = found[name].iter::<f64>().zip(expected[name].iter::<f64>());
    for (x, y) in pairs {
        assert!((x - y).abs() < 1e-4, "{model}/{case}: {x} {y}");
    }
}

#[test]
fn official_weights_of_series_give_the_official_outputs() {
    check_forward("smamba", "marks", "weights", "forecast");
    check_forward("smamba", "plain", "weights", "forecast");
    check_forward("time_machine", "independent", "independent", "forecast");
    check_forward("dlinear", "individual", "individual", "forecast");
    check_forward("mambasl", "mixed", "mixed", "logits");
}

#[test]
fn series_that_do_not_fit_the_model_are_refused() {
    let folder = tempdir().unwrap();
    let model = folder.path().join("model.toml");
    let text = std::fs::read_to_string(golden("smamba/marks.toml")).unwrap();
    std::fs::write(&model, text.replace("lookback = 16", "lookback = 17")).unwrap();
    let mut command = elapid(["forward", "--model"]);
    command
        .arg(&model)
        .arg("--weights")
        .arg(golden("smamba/weights.safetensors"))
        .arg("--input")
        .arg(golden("smamba/marks_input.safetensors"))
        .arg("--output")
        .arg(folder.path().join("out.safetensors"));
    let (code, said) = fail(&mut command);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("`input` is [2, 16, 3], expected [batch, 17, any] for this model"),
        "{said}"
    );
}

#[test]
fn parameters_are_counted_without_data() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("model.toml");
    let count = |text: &str| {
        std::fs::write(&path, text).unwrap();
        succeed(elapid(["params"]).arg(&path))
    };
    let task = "[task]\nkind = \"forecast\"\n";
    // The published settings of ETT.
    let said = count(&format!(
        "[model]\nbackbone = \"smamba\"\nd_model = 256\nd_state = 2\n{task}"
    ));
    assert!(said.contains("1145696"), "{said}");
    let said = count(&format!(
        "[model]\nbackbone = \"timemachine\"\nvariates = 7\n{task}"
    ));
    assert!(said.contains("revin_layer  14"), "{said}");
    std::fs::write(
        &path,
        format!("[model]\nbackbone = \"timemachine\"\n{task}"),
    )
    .unwrap();
    let (code, said) = fail(elapid(["params"]).arg(&path));
    assert!(code == Some(2) && said.contains("set `variates`"), "{said}");
}

#[test]
fn a_run_forecasts_what_follows_a_table() {
    let folder = tempdir().unwrap();
    let table = folder.path().join("load.csv");
    let rows = (0..300).map(|n| {
        let day = f64::from(n % 24) / 24.0 * std::f64::consts::TAU;
        format!(
            "2024-01-{:02} {:02}:00:00,{},{}\n",
            n / 24 + 1,
            n % 24,
            50.0 + 10.0 * day.sin(),
            7 + n % 24
        )
    });
    std::fs::write(
        &table,
        format!("date,load,hour\n{}", rows.collect::<String>()),
    )
    .unwrap();
    let config = folder.path().join("forecast.toml");
    std::fs::write(
        &config,
        format!(
            "[data]\nname = \"csv\"\npath = {table:?}\ntarget = \"load\"\nfeatures = \"MS\"\n\
             [model]\nbackbone = \"rlinear\"\nlookback = 24\nhorizon = 6\n\
             [task]\nkind = \"forecast\"\n\
             [optim]\nkind = \"adamw\"\nlr = 0.02\nweight_decay = 0.0\n\
             [train]\nepochs = 30\nbatch_size = 32\n[eval]\nevery = \"10 epochs\"\n"
        ),
    )
    .unwrap();
    let run = folder.path().join("run");
    succeed(
        elapid(["train", "--device", "cpu"])
            .arg(&config)
            .arg("--out")
            .arg(&run),
    );
    let said = succeed(elapid(["predict"]).arg(&run).arg(&table));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 7, "{said}");
    assert_eq!(lines[0], "date,load");
    // Row 300 is the thirteenth day's twelfth hour, where the sine crosses its mean downwards.
    let (date, value) = lines[1].split_once(',').unwrap();
    assert_eq!(date, "2024-01-13 12:00:00");
    let value: f64 = value.parse().unwrap();
    assert!((value - 50.0).abs() < 3.0, "{said}");
    let json = succeed(elapid(["predict", "--json"]).arg(&run).arg(&table));
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let apart = first["forecast"]["load"].as_f64().unwrap() - value;
    assert!(apart.abs() < 1e-3, "{json}");
}
