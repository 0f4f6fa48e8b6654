//! `runs`.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, succeed, train};

#[test]
fn runs_are_listed_and_compared() {
    let folder = tempdir().unwrap();
    let runs = folder.path().join("runs");
    for (name, set) in [("a", "optim.lr=0.125"), ("nested/b", "optim.lr=0.25")] {
        succeed(&mut train(&runs.join(name), &["train.steps=4", set]));
    }
    let broken = runs.join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("manifest.json"), "{\"status\": \"fin").unwrap();

    let table = succeed(elapid(["runs"]).arg(&runs));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("run "), "{table}");
    let row = |name: &str| lines.iter().find(|line| line.starts_with(name)).unwrap();
    for word in ["finished", "4/4", "accuracy", " % at 4", "cpu", "UTC"] {
        assert!(row("a ").contains(word), "{word}: {table}");
        assert!(row("nested/b").contains(word), "{word}: {table}");
    }
    assert!(row("broken").contains("damaged"), "{table}");
    assert!(table.contains("broken: `manifest.json` is not a JSON object"));
    assert!(!table.contains("optim.lr"), "{table}");

    let compared = succeed(elapid(["runs"]).args([runs.join("a"), runs.join("nested/b")]));
    let line = compared.lines().find(|line| line.starts_with("optim.lr"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(words, ["optim.lr", "0.125", "0.25"]);
    assert!(!compared.contains("train.steps"), "{compared}");

    let text =
        succeed(elapid(["runs", "--json"]).args([runs.join("a"), runs.join("nested"), broken]));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 3);
    let valid = &json["runs"][0]["valid"];
    let best = metrics(&runs.join("a"))
        .into_iter()
        .find(|line| line["split"] == "valid" && line["name"] == "accuracy")
        .unwrap();
    assert_eq!(valid["value"], best["value"]);
    assert_eq!(json["runs"][2]["status"], "damaged");
    let second = runs.join("nested/b").display().to_string();
    assert_eq!(json["differences"]["optim.lr"][second.as_str()], "0.25");
}

#[test]
fn places_without_runs() {
    let folder = tempdir().unwrap();
    let output = succeed(elapid(["runs"]).arg(folder.path()));
    assert!(output.starts_with("no runs in"), "{output}");
    let (code, message) = fail(elapid(["runs"]).arg(folder.path().join("none")));
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("cannot list the runs in"), "{message}");
}
