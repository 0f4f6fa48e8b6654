//! What encodings of small graphs and sampling of a large one cost:
//! `cargo run --release -p elapid-data --example graphs [encodings | sampling | epochs] [NODES]`.

#![expect(clippy::print_stdout, reason = "the result is what it prints")]

use std::time::Instant;

use elapid_data::graph::synth::{communities, sbm};
use elapid_data::graph::{
    EncodingSettings, GraphSettings, GraphSplits, NodeBatcher, OrderSettings, PreparedGraphs,
    Ranking, TokenSettings, Tokens, WalkSettings, Walks,
};
use elapid_data::{Batcher, Order, TrainLoader};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Nodes whose walks are there at once.
const BLOCK: usize = 10_000;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let nodes = arguments
        .get(1)
        .map_or(Ok(1_000_000), |text| text.parse())?;
    match arguments.first().map(String::as_str) {
        Some("encodings") => encodings(),
        Some("sampling") => sampling(nodes),
        Some("epochs") => epochs(nodes),
        _ => {
            encodings()?;
            sampling(nodes)?;
            epochs(nodes)
        }
    }
}

/// The 14,000 graphs of PATTERN, made and encoded.
fn encodings() -> Outcome {
    let splits = sbm::pattern(sbm::pattern_counts())?;
    let start = Instant::now();
    for index in 0..1000 {
        std::hint::black_box(splits.train.get(index)?);
    }
    println!(
        "PATTERN: {:.3} ms a graph to make",
        start.elapsed().as_secs_f64()
    );
    let sixteen = EncodingSettings {
        eigenvectors: 16,
        ..EncodingSettings::default()
    };
    let twenty = EncodingSettings {
        walk_steps: 20,
        ..EncodingSettings::default()
    };
    for (name, settings) in [("16 eigenvectors", sixteen), ("20 steps of walks", twenty)] {
        let start = Instant::now();
        let sets = [
            Some(&splits.train),
            splits.valid.as_ref(),
            Some(&splits.test),
        ];
        let mut graphs = 0;
        for set in sets.into_iter().flatten() {
            PreparedGraphs::new(settings, Ranking::Degree, set.len()).fill(&**set)?;
            graphs += set.len();
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("PATTERN: {name} of {graphs} graphs in {seconds:.1} s");
    }
    Ok(())
}

/// A graph with ten edges a node, each of which is there both ways.
fn made(nodes: usize) -> Result<GraphSplits, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let splits = communities::splits(&communities::Settings {
        nodes,
        edges: 10 * nodes,
        communities: 10,
        within: 0.5,
        features: 16,
        seed: 0,
    })?;
    let graph = splits.train.get(0)?.graph;
    graph.out();
    let edges = graph.edges();
    println!(
        "{nodes} nodes, {edges} directed edges: made in {:.1} s, {} MiB",
        start.elapsed().as_secs_f64(),
        peak()
    );
    Ok(splits)
}

/// Walks and tokens from every node, on one thread.
fn sampling(nodes: usize) -> Outcome {
    let graph = made(nodes)?.train.get(0)?.graph;
    let walks = WalkSettings {
        length: 50,
        window: 8,
        rate: 1.0,
    };
    let tokens = TokenSettings {
        hops: 4,
        walks: 2,
        repeats: 2,
        append_self: true,
        edges: false,
    };
    let start = Instant::now();
    for first in (0..nodes).step_by(BLOCK) {
        let block = first..(first + BLOCK).min(nodes);
        std::hint::black_box(Walks::sample_of(&graph, block, &walks, 1));
    }
    report("walks of 50 nodes", start, nodes, nodes);
    let start = Instant::now();
    for first in (0..nodes).step_by(BLOCK) {
        let block = first..(first + BLOCK).min(nodes);
        std::hint::black_box(Tokens::sample_of(&graph, block, &tokens, 1));
    }
    report("tokens with m = 4, M = 2, s = 2", start, nodes, nodes);
    Ok(())
}

/// All batches of the training nodes.
fn epochs(nodes: usize) -> Outcome {
    let splits = made(nodes)?;
    epoch(
        &splits,
        None,
        "an epoch of training nodes with 10 and 5 neighbours",
    )?;
    let walks = WalkSettings {
        length: 20,
        window: 8,
        rate: 0.5,
    };
    epoch(&splits, Some(walks), "the same with walks of 20 nodes")
}

/// Batches of all training nodes, by two workers.
fn epoch(splits: &GraphSplits, walks: Option<WalkSettings>, what: &str) -> Outcome {
    let settings = GraphSettings {
        order: OrderSettings {
            by: Ranking::DegreeNoise,
            layers: 4,
            draws: 5,
            buckets: 1,
        },
        padding: None,
        tokens: None,
        walks,
        links: None,
    };
    let prepared = PreparedGraphs::new(EncodingSettings::default(), Ranking::DegreeNoise, 0);
    let batcher = NodeBatcher::new(&*splits.train, vec![10, 5], prepared, settings)?;
    let samples = batcher.samples();
    let loader = TrainLoader::new(batcher, Order::plain(256, 0), 2)?;
    let start = Instant::now();
    for batch in loader.iter_from(0).take(loader.batches_per_epoch()) {
        std::hint::black_box(batch?);
    }
    report(what, start, samples, splits.train.get(0)?.graph.nodes());
    Ok(())
}

fn report(what: &str, start: Instant, samples: usize, nodes: usize) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{nodes} nodes: {what}: {seconds:.1} s, {:.2} µs a node, peak {} MiB",
        1e6 * seconds / samples as f64,
        peak()
    );
}

/// Largest resident memory so far, in MiB; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or(0) / 1024
}
