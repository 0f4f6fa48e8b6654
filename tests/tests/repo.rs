//! Configs, cards, documentation and crate edges stay consistent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use burn::module::Module;
use burn::tensor::Device;
use elapid::registry::{self, SeriesFacts};
use elapid_config::{Samples, TaskSpec};
use elapid_tests::{files_below, root};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_config_resolves_and_its_model_builds() {
    let configs = files_below(&root().join("configs"), ".toml");
    assert!(configs.len() > 1);
    let is_sweep = |path: &Path| path.starts_with(root().join("configs/sweeps"));
    let (sweeps, experiments): (Vec<_>, Vec<_>) =
        configs.into_iter().partition(|path| is_sweep(path));
    for path in sweeps {
        let sweep = elapid_config::load_sweep(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(sweep.trials.len() > 1, "{}", path.display());
    }
    for path in experiments {
        let plan = elapid_config::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        let again = elapid_config::parse(&plan.to_toml(), &path).unwrap();
        assert_eq!(plan, again, "{}", path.display());
        let facts = registry::Facts {
            classes: vec!["one".to_owned(), "other".to_owned()],
            series: matches!(plan.data.samples, Samples::Series(_)).then(|| SeriesFacts {
                columns: vec!["one".to_owned(), "other".to_owned()],
                targets: 2,
                marks: 4,
                steps: 24,
                step: None,
            }),
            graphs: Some(elapid::data::graph::GraphFacts {
                node_width: 3,
                values: 2,
                ..elapid::data::graph::GraphFacts::default()
            }),
            ..registry::Facts::default()
        };
        let mut plan = plan;
        // Every head can have two classes.
        match &mut plan.task {
            TaskSpec::Classify(task) => task.classes = None,
            TaskSpec::MultiLabel(task) => task.classes = None,
            _ => {}
        }
        let task = registry::task(&plan, &facts, &Device::flex());
        let task = task.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(task.num_params() > 0);
    }
}

/// The sweeps that the guide shows.
#[test]
fn sweeps_of_the_guide_resolve() {
    let guide = read(&root().join("docs/guide/sweep.md"));
    let blocks = guide.split("```toml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    let place = root().join("docs/rates.toml");
    let runs: Vec<usize> = blocks
        .into_iter()
        .map(|text| elapid_config::parse_sweep(text, &place))
        .map(|sweep| sweep.unwrap_or_else(|error| panic!("{error}")).trials.len())
        .collect();
    assert_eq!(runs, [12, 40]);
}

#[test]
fn every_card_is_registered() {
    let cards = elapid::data::cards().unwrap();
    let registered: BTreeSet<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    let files = files_below(&root().join("datasets"), "card.toml");
    let folder = |path: &Path| path.parent()?.file_name()?.to_str().map(str::to_owned);
    let found: BTreeSet<String> = files.iter().filter_map(|path| folder(path)).collect();
    assert_eq!(registered, found.iter().map(String::as_str).collect());
}

#[test]
fn the_schema_is_fresh() {
    let path = root().join("docs/reference/experiment.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&read(&path)).expect("JSON");
    assert!(
        schema == elapid_config::json_schema(),
        "the schema is stale: run `elapid config schema > docs/reference/experiment.schema.json`"
    );
}

#[test]
fn the_reference_page_is_fresh() {
    let path = root().join("docs/reference/config.md");
    // Both texts are pages long, so they are not printed.
    assert!(
        read(&path).trim_end() == elapid_config::reference().trim_end(),
        "the page is stale: run `elapid config reference > docs/reference/config.md`"
    );
}

#[test]
fn crate_edges_are_those_of_the_architecture_page() {
    let page = read(&root().join("docs/architecture.md"));
    let section = page
        .split("## Dependencies")
        .nth(1)
        .expect("a section on dependencies");
    let block = section
        .split("```text")
        .nth(1)
        .and_then(|text| text.split("```").next());
    let listed: BTreeSet<String> = block
        .expect("a text block")
        .trim()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(edges(), listed);
}

/// `crate -> dependency` for every normal dependency between crates of the workspace.
fn edges() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut edges = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name");
            if dependency["kind"].is_null() && names.contains(name) {
                edges.insert(format!(
                    "{} -> {name}",
                    package["name"].as_str().expect("a name")
                ));
            }
        }
    }
    edges
}

#[test]
fn relative_links_lead_somewhere() {
    for path in files_below(root(), ".md") {
        let folder = path.parent().expect("a folder");
        for link in read(&path)
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            assert!(
                folder.join(file).exists(),
                "{}: dead link {link}",
                path.display()
            );
        }
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let hidden = files_below(&root().join(".ci"), "");
    for path in files_below(root(), "").into_iter().chain(hidden) {
        // What is not UTF-8 is an image or a recorded tensor.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for word in machine {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}
