//! Runs on graphs: what they say of a graph of one's own, the picture in the report, and what is wrong with files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{elapid, fail, succeed};

const MODEL: &str =
    "[model]\nbackbone = \"graph_mamba\"\nembed_dim = 16\ndepth = 1\ndropout = 0.0\n";
const TRAIN: &str = "[train]\nsteps = 20\nbatch_size = 1\n[optim]\nlr = 3e-3\n[eval]\nevery = 20\n";

fn train(folder: &Path, data: &str, kind: &str) -> Command {
    let config = folder.join("plan.toml");
    let text = format!("[data]\n{data}\n{MODEL}[task]\nkind = \"{kind}\"\n{TRAIN}");
    fs::write(&config, text).unwrap();
    let mut command = elapid(["train"]);
    command.arg(config).arg("--out").arg(folder.join("run"));
    command
}

/// The folder with a file for each name and text.
fn written(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Asserts exit code 2, one paragraph with all `words`, no trace of a panic.
fn refused(command: &mut Command, words: &[&str]) {
    let (code, said) = fail(command);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.starts_with("error: ") && !said.contains("panicked"),
        "{said}"
    );
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

fn predict(run: &Path, files: &[&Path]) -> Command {
    let mut command = elapid(["predict"]);
    command.arg(run).args(files);
    command
}

fn lines(command: &mut Command) -> Vec<Value> {
    let said = succeed(command.arg("--json"));
    let lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn the_club_is_told_from_its_tables() {
    let folder = tempdir().unwrap();
    succeed(&mut train(
        folder.path(),
        "name = \"karate\"",
        "classify_nodes",
    ));
    let run = folder.path().join("run");
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(
        report.contains("graph of 34 nodes"),
        "no picture in the report"
    );
    assert_eq!(report.matches("class=\"edge\"").count(), 78);
    let data = folder.path().join("karate");
    succeed(elapid(["data", "synth", "graphs", "karate"]).arg(&data));
    let files = ["edges.csv", "nodes.csv"].map(|name| data.join(name));
    let found = lines(&mut predict(&run, &[&files[0], &files[1]]));
    assert_eq!(found.len(), 34);
    let confusion = fs::read_to_string(run.join("pictures.json")).unwrap();
    let pictures: Vec<Value> = serde_json::from_str(&confusion).unwrap();
    let classes = pictures[0]["classes"].as_array().unwrap();
    for (node, line) in found.iter().enumerate() {
        assert_eq!(line["node"], node.to_string());
        let best = &line["classes"][0];
        let predicted = pictures[0]["predicted"][node].as_u64().unwrap() as usize;
        // The report was drawn from the same weights and graph.
        assert_eq!(best["class"], classes[predicted]);
        let sum: f64 = [0, 1]
            .map(|at| line["classes"][at]["probability"].as_f64().unwrap())
            .iter()
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{line}");
    }
    // The folder says as much as its files.
    assert_eq!(lines(&mut predict(&run, &[&data])), found);
    let text = succeed(predict(&run, &[&data]).args(["--top", "1"]));
    assert_eq!(text.lines().count(), 34);
    refused(
        &mut predict(&run, &[&files[0]]),
        &["a table of edges alone", "34 features of each node"],
    );
    let other = written(&[
        ("edges.csv", "src,dst\na,b\n"),
        ("dangling.csv", "src,dst\na,c\n"),
        ("nodes.csv", "node,x\na,1\nb,2\n"),
        ("empty.csv", ""),
    ]);
    let own = |name: &str| other.path().join(name);
    let nodes = own("nodes.csv");
    refused(
        &mut predict(&run, &[&own("edges.csv"), &nodes]),
        &["nodes.csv", "1 features (`x`)", "34 features of each node"],
    );
    refused(
        &mut predict(&run, &[&own("empty.csv"), &files[1]]),
        &["empty.csv", "the file is empty"],
    );
    refused(
        &mut predict(&run, &[&own("none.csv"), &files[1]]),
        &["none.csv"],
    );
    refused(
        &mut predict(&run, &[&own("dangling.csv"), &files[1]]),
        &["line 2", "node `a`"],
    );
}

const PEOPLE: &str = "node,label,split,age,kind\nann,red,train,31,0\nbob,blue,train,40,1\ncy,red,valid,9,1\ndi,blue,test,5,0\nel,,,1,0\n";
const EDGES: &str = "src,dst\nann,bob\nbob,cy\ncy,di\nann,di\n";

fn csv(folder: &TempDir, more: &str) -> String {
    format!(
        "name = \"graph_csv\"\npath = \"{}\"\nnodes = \"nodes.csv\"\n{more}",
        folder.path().display()
    )
}

#[test]
fn columns_of_ones_own_graph_are_found_by_their_names() {
    let data = written(&[("edges.csv", EDGES), ("nodes.csv", PEOPLE)]);
    let folder = tempdir().unwrap();
    succeed(&mut train(folder.path(), &csv(&data, ""), "classify_nodes"));
    let run = folder.path().join("run");
    let other = written(&[
        ("edges.csv", "src,dst\nx,y\n"),
        ("one.csv", "kind,city,node,age\n0,Ulm,x,31\n1,Jena,y,40\n"),
        ("two.csv", "kind,node\n0,x\n1,y\n"),
        (
            "own.graphml",
            "<graphml><key id=\"a\" for=\"node\" attr.name=\"age\" attr.type=\"int\"/><key id=\"k\" for=\"node\" attr.name=\"kind\" attr.type=\"int\"/><graph edgedefault=\"undirected\"><node id=\"x\"><data key=\"a\">31</data></node><node id=\"y\"><data key=\"a\">40</data><data key=\"k\">1</data></node><edge source=\"x\" target=\"y\"/></graph></graphml>",
        ),
    ]);
    let own = |name: &str| other.path().join(name);
    let edges = own("edges.csv");
    let found = lines(&mut predict(&run, &[&edges, &own("one.csv")]));
    assert_eq!(found[1]["node"], "y");
    assert_eq!(lines(&mut predict(&run, &[&own("own.graphml")])), found);
    refused(
        &mut predict(&run, &[&edges, &own("two.csv")]),
        &["two.csv", "no column `age`"],
    );
    refused(
        &mut predict(&run, &[&edges]),
        &["of each node `age`, `kind`"],
    );
}

#[test]
fn an_edge_list_suffices_and_unknown_categories_do_not() {
    let data = written(&[
        ("edges.csv", EDGES),
        (
            "nodes.csv",
            "node,label,split\nann,red,train\nbob,blue,train\ncy,red,valid\ndi,blue,test\n",
        ),
        (
            "kinds.csv",
            "node,label,split,kind\nann,red,train,0\nbob,blue,train,1\ncy,red,valid,1\ndi,blue,test,0\n",
        ),
        ("own.csv", "src,dst\nx,y\ny,z\n"),
        ("own_kinds.csv", "node,kind\nx,0\ny,1\nz,2\n"),
    ]);
    let own = |name: &str| data.path().join(name);
    let plain = tempdir().unwrap();
    succeed(&mut train(plain.path(), &csv(&data, ""), "classify_nodes"));
    let found = lines(&mut predict(&plain.path().join("run"), &[&own("own.csv")]));
    assert_eq!(found.len(), 3);
    let kinds = tempdir().unwrap();
    let set = csv(&data, "node_categories = true").replace("nodes.csv", "kinds.csv");
    succeed(&mut train(kinds.path(), &set, "classify_nodes"));
    refused(
        &mut predict(
            &kinds.path().join("run"),
            &[&own("own.csv"), &own("own_kinds.csv")],
        ),
        &["node `z`", "column `kind` has the category 2", "0 to 1"],
    );
}

#[test]
fn what_is_wrong_with_a_graph_is_said_before_anything_is_started() {
    let said = |files: &[(&str, &str)], more: &str, words: &[&str]| {
        let (data, folder) = (written(files), tempdir().unwrap());
        refused(
            &mut train(folder.path(), &csv(&data, more), "classify_nodes"),
            words,
        );
        assert!(!folder.path().join("run").exists());
    };
    let with = |edges: &'static str| [("edges.csv", edges), ("nodes.csv", PEOPLE)];
    said(
        &with("src,dst\nann,bob\nbob,eve\n"),
        "",
        &["line 3", "node `eve`", "nodes.csv"],
    );
    said(
        &with("src,dst\nann,bob\nbob,bob\n"),
        "self_loops = \"error\"",
        &["line 3", "an edge to itself", "`self_loops`"],
    );
    said(
        &with("src,dst\nann,bob\nbob,cy\nann,bob\n"),
        "multi_edges = \"error\"",
        &["line 4", "`multi_edges`"],
    );
    said(&with(""), "", &["edges.csv", "the file is empty"]);
    let no_nodes = [
        ("edges.csv", "src,dst\n"),
        ("nodes.csv", "node,label,split\n"),
    ];
    said(&no_nodes, "", &["no graph in it"]);
    let twice = "node,label,split\nann,red,train\nann,red,test\n";
    said(
        &[("edges.csv", "src,dst\n"), ("nodes.csv", twice)],
        "",
        &["line 3", "node `ann` is there twice"],
    );
}

#[test]
fn special_edges_and_isolated_nodes_are_legal() {
    let edges = "src,dst\nann,bob\nbob,bob\nann,bob\nbob,ann\ncy,di\n";
    for more in ["", "self_loops = \"drop\"\nmulti_edges = \"keep\""] {
        let data = written(&[("edges.csv", edges), ("nodes.csv", PEOPLE)]);
        let folder = tempdir().unwrap();
        succeed(&mut train(
            folder.path(),
            &csv(&data, more),
            "classify_nodes",
        ));
    }
}

#[test]
fn splits_that_overlap_and_labels_out_of_range_are_refused() {
    let said = |label: &str, test: &str, words: &[&str]| {
        let data = written(&[
            ("raw/edge.csv", "0,1\n1,2\n"),
            ("raw/num-node-list.csv", "3\n"),
            ("raw/num-edge-list.csv", "2\n"),
            ("raw/node-label.csv", &format!("{label}\n0\n1\n")),
            ("split/time/train.csv", "0\n"),
            ("split/time/valid.csv", "1\n"),
            ("split/time/test.csv", &format!("{test}\n")),
        ]);
        let folder = tempdir().unwrap();
        let path: PathBuf = data.path().to_owned();
        let set = format!(
            "name = \"ogb\"\npath = \"{}\"\nsplit = \"time\"",
            path.display()
        );
        refused(&mut train(folder.path(), &set, "classify_nodes"), words);
        assert!(!folder.path().join("run").exists());
    };
    said(
        "0",
        "0",
        &["number 0 is in the splits of both", "must not overlap"],
    );
    said("-2", "2", &["class -2, expected 0 to 1"]);
    said("0", "7", &["number 7 is in a split, expected 0 to 2"]);
}

/// Friends of two kinds: those of one club, and those across.
fn friends() -> String {
    let mut text = "src,dst,label,split\n".to_owned();
    for one in 0..16_usize {
        for step in [1, 2, 5] {
            let other = (one + step) % 16;
            let kind = if (one < 8) == (other < 8) {
                "same"
            } else {
                "across"
            };
            let split = ["train", "train", "train", "valid", "test"][(one * 3 + step) % 5];
            text += &format!("p{one},p{other},{kind},{split}\n");
        }
    }
    text
}

#[test]
fn edges_are_told_from_their_table() {
    let data = written(&[("edges.csv", &friends())]);
    let set = format!("name = \"graph_csv\"\npath = \"{}\"", data.path().display());
    let folder = tempdir().unwrap();
    succeed(&mut train(folder.path(), &set, "classify_edges"));
    let run = folder.path().join("run");
    let edges = data.path().join("edges.csv");
    let found = lines(&mut predict(&run, &[&edges]));
    assert_eq!(found.len(), 48);
    assert_eq!(
        (&found[0]["src"], &found[0]["dst"]),
        (&"p0".into(), &"p1".into())
    );
    let classes = found[0]["classes"].as_array().unwrap();
    let sum: f64 = classes
        .iter()
        .map(|class| class["probability"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    let own = written(&[
        ("pairs.csv", "src,dst\np0,p9\np3,p3\n"),
        ("odd.csv", "src,dst\np0,p99\n"),
    ]);
    let pairs = own.path().join("pairs.csv");
    let sheet = folder.path().join("sheet.png");
    let mut command = predict(&run, &[&edges]);
    command
        .arg("--pairs")
        .arg(&pairs)
        .arg("--sheet")
        .arg(&sheet);
    assert_eq!(lines(&mut command).len(), 2);
    let picture = image::open(&sheet).unwrap();
    assert!(picture.width() > 700 && picture.height() > 100);
    let odd = own.path().join("odd.csv");
    refused(
        predict(&run, &[&edges]).arg("--pairs").arg(odd),
        &["line 2", "node `p99` is not in the graph"],
    );
    let unlabelled = written(&[("edges.csv", "src,dst\na,b\nb,c\n")]);
    let set = format!(
        "name = \"graph_csv\"\npath = \"{}\"",
        unlabelled.path().display()
    );
    refused(
        &mut train(folder.path(), &set, "classify_edges"),
        &["no column `label`"],
    );
}

#[test]
fn links_are_predicted_for_pairs() {
    let folder = tempdir().unwrap();
    succeed(&mut train(
        folder.path(),
        "name = \"communities\"\nnodes = 40\nedges = 120\nfeatures = 2",
        "predict_links",
    ));
    let run = folder.path().join("run");
    let own = written(&[
        ("edges.csv", "src,dst\na,b\nb,c\n"),
        ("nodes.csv", "node,x,y\na,1,0\nb,0,1\nc,2,2\n"),
        ("pairs.csv", "src,dst\na,c\n"),
    ]);
    let [edges, nodes, pairs] =
        ["edges.csv", "nodes.csv", "pairs.csv"].map(|name| own.path().join(name));
    let found = lines(predict(&run, &[&edges, &nodes]).arg("--pairs").arg(&pairs));
    let probability = found[0]["probability"].as_f64().unwrap();
    assert!(
        found.len() == 1 && (0.0..=1.0).contains(&probability),
        "{found:?}"
    );
    refused(
        &mut predict(&run, &[&edges, &nodes]),
        &["--pairs pairs.csv"],
    );
    let mut drawn = predict(&run, &[&edges, &nodes]);
    drawn
        .arg("--pairs")
        .arg(&pairs)
        .arg("--sheet")
        .arg(own.path().join("x.png"));
    refused(&mut drawn, &["`--sheet` draws classes"]);
}

#[test]
fn nodes_are_drawn() {
    let folder = tempdir().unwrap();
    succeed(&mut train(
        folder.path(),
        "name = \"karate\"",
        "classify_nodes",
    ));
    let run = folder.path().join("run");
    let data = folder.path().join("karate");
    succeed(elapid(["data", "synth", "graphs", "karate"]).arg(&data));
    let sheet = folder.path().join("club.png");
    let said = succeed(predict(&run, &[&data]).arg("--sheet").arg(&sheet));
    assert!(said.contains("club.png"), "{said}");
    assert!(image::open(&sheet).unwrap().width() > 700);
    refused(
        predict(&run, &[&data])
            .arg("--pairs")
            .arg(data.join("edges.csv")),
        &["`--pairs` is for runs on edges or links"],
    );
}
