//! `elapid train --dry-run` and `--overfit-one-batch`: runs in a directory that is thrown away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use elapid::config::Plan;
use elapid::data::Split;
use elapid::models::named_params;
use elapid::nn::role_of;
use elapid::registry::{self, AnyBatch, AnyTask};
use elapid::train::{
    Batches, Decay, Ending, Outcome, RunDir, Schedule, Sources, Task, TrainConfig, TrainSource,
};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::run::Built;
use super::train::trainer_with;
use super::{print, table};

/// Steps on the same batch, and how far the loss has to fall.
const STEPS: u64 = 100;
const SHARE: f64 = 0.5;

/// Does everything that a run does, once: one step, one checkpoint, one batch of each split. Keeps nothing.
pub(crate) fn dry_run(plan: &Plan, built: Built, devices: Vec<Device>) -> Result<(), Failure> {
    let mut rows = vec![data(&built)];
    let sources = built.data.sources(plan).map_err(Failure::input)?;
    let per_epoch = sources.train.batches_per_epoch();
    let config = registry::train_config(plan, per_epoch as u64);
    let batch = first_batch(&sources)?;
    rows.push(vec![
        "steps".into(),
        format!("{}, {per_epoch} an epoch", config.total_steps),
    ]);
    rows.push(vec!["batch".into(), shapes(&built.task, batch.clone())]);
    let parameters = parameters(plan, &built.task, per_epoch as u64);
    rows.push(vec!["memory".into(), memory(&built.task, &config)]);
    let config = TrainConfig {
        total_steps: 1,
        log_every: 1,
        ..config
    };
    let one = Repeated(batch);
    let sources = Sources {
        train: Box::new(one.clone()),
        valid: sources
            .valid
            .is_some()
            .then(|| Box::new(one.clone()) as Box<_>),
        test: Some(Box::new(one)),
    };
    let (_, run) = rehearse(plan, config, devices, sources, built.task)?;
    let number = |name| run.first(name).unwrap_or(f64::NAN);
    rows.push(vec![
        "step".into(),
        format!(
            "loss {:.4}, gradient norm {:.3}, {:.0} ms with what is compiled once",
            number("loss"),
            number("grad_norm"),
            number("step_ms")
        ),
    ]);
    rows.push(vec![
        "checkpoint".into(),
        format!("{:.1} MB", run.checkpoint_bytes as f64 / 1e6),
    ]);
    if let Some(peak) = peak_memory() {
        rows.push(vec![
            "peak".into(),
            format!("{:.0} MB of main memory", peak / 1e6),
        ]);
    }
    let text = format!("{}\n\n{parameters}\n\nnothing was kept", table::align(rows));
    print(&text)
}

/// Trains on the first batch alone, which any sound model and learning rate can learn by heart.
pub(crate) fn overfit_one_batch(
    plan: &Plan,
    built: Built,
    devices: Vec<Device>,
) -> Result<(), Failure> {
    let sources = built.data.sources(plan).map_err(Failure::input)?;
    let config = registry::train_config(plan, sources.train.batches_per_epoch() as u64);
    let config = TrainConfig {
        total_steps: STEPS,
        schedule: Schedule {
            warmup_steps: 0,
            decay: Decay::Constant,
            ..config.schedule
        },
        log_every: STEPS / 20,
        eval_every: STEPS,
        checkpoint_every: STEPS,
        ema: None,
        max_skips: 0,
        ..config
    };
    let lr = config.schedule.lr;
    let batch = first_batch(&sources)?;
    let samples = AnyTask::batch_len(&batch);
    let sources = Sources {
        train: Box::new(Repeated(batch)),
        valid: None,
        test: None,
    };
    let (outcome, run) = rehearse(plan, config, devices, sources, built.task)?;
    if outcome.ending != Ending::Finished {
        return print("stopped early; nothing was kept");
    }
    let (first, last) = (run.first("loss"), run.last("loss"));
    let (first, last) = (first.unwrap_or(f64::NAN), last.unwrap_or(f64::NAN));
    let what = format!("{STEPS} steps on the same {samples} samples: loss {first:.4} → {last:.4}");
    if last < SHARE * first {
        return print(&format!("{what}; the model learns; nothing was kept"));
    }
    Err(Failure::run(anyhow::anyhow!(
        "{what}, which is not below a half; the learning rate ({}), dropout, label smoothing or a defect of the model keep it from learning a single batch",
        lr
    )))
}

/// What a rehearsal left, read before it was thrown away.
struct Traces {
    /// Name and value of every line of the training log, in order.
    lines: Vec<(String, f64)>,
    checkpoint_bytes: u64,
}

impl Traces {
    fn first(&self, name: &str) -> Option<f64> {
        self.named(name).next()
    }

    fn last(&self, name: &str) -> Option<f64> {
        self.named(name).last()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = f64> {
        let found = self.lines.iter().filter(move |(at, _)| at == name);
        found.map(|(_, value)| *value)
    }

    fn read(dir: &RunDir) -> Result<Self, Failure> {
        let text = fs::read_to_string(dir.path().join("metrics.jsonl")).map_err(Failure::run)?;
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines = lines.filter(|line| line["split"] == "train");
        let lines = lines.filter_map(|line| {
            let name = line["name"].as_str()?.to_owned();
            Some((name, line["value"].as_f64().unwrap_or(f64::NAN)))
        });
        let lines = lines.collect();
        let latest = dir.checkpoints().latest().map_err(Failure::run)?;
        let checkpoint_bytes = bytes_in(latest.checkpoint.path());
        Ok(Self {
            lines,
            checkpoint_bytes,
        })
    }
}

fn rehearse(
    plan: &Plan,
    config: TrainConfig,
    devices: Vec<Device>,
    sources: Sources<AnyBatch>,
    task: AnyTask,
) -> Result<(Outcome, Traces), Failure> {
    let place = tempfile::tempdir().map_err(Failure::run)?;
    let path = place.path().join(&plan.run.name);
    let dir = RunDir::create(&path, &plan.to_toml(), "", Map::new())?;
    let outcome = trainer_with(dir, config, plan, devices, sources)?.fit(task)?;
    let traces = Traces::read(&RunDir::open(&path)?)?;
    Ok((outcome, traces))
}

/// The same batch for ever; once in an evaluation.
#[derive(Clone)]
struct Repeated(AnyBatch);

impl TrainSource<AnyBatch> for Repeated {
    fn batches_per_epoch(&self) -> usize {
        1
    }

    fn iter_from(&self, _first: usize) -> Batches<AnyBatch> {
        let batch = self.0.clone();
        Box::new(std::iter::repeat_with(move || Ok(batch.clone())))
    }
}

impl elapid::train::EvalSource<AnyBatch> for Repeated {
    fn iter(&self) -> Batches<AnyBatch> {
        Box::new(std::iter::once(Ok(self.0.clone())))
    }
}

/// The shapes of what travels to the device.
fn shapes(task: &AnyTask, batch: AnyBatch) -> String {
    let inputs = task.inputs(batch).into_iter();
    let shapes: Vec<String> = inputs
        .map(|input| format!("{:?}", input.shape().to_vec()))
        .collect();
    shapes.join(", ")
}

fn first_batch(sources: &Sources<AnyBatch>) -> Result<AnyBatch, Failure> {
    let first = sources.train.iter_from(0).next();
    let first = first.ok_or_else(|| Failure::wrong("the training data is empty"))?;
    first.map_err(|error| Failure::Input(anyhow::anyhow!(error)))
}

pub(super) fn data(built: &Built) -> Vec<String> {
    let data = built.data.as_ref();
    let count = |split: Split| {
        let part = data.part(split)?;
        Some(format!("{} {}", part.samples, split.name()))
    };
    let counts: Vec<String> = Split::ALL.into_iter().filter_map(count).collect();
    let (name, unit) = (data.name(), data.unit());
    vec![
        "data".into(),
        format!("{name}, {unit}: {}", counts.join(", ")),
    ]
}

/// Parameters by role, with what the optimiser does with them.
fn parameters(plan: &Plan, task: &AnyTask, per_epoch: u64) -> String {
    let rules = registry::param_rules(plan, task, per_epoch);
    let mut groups: BTreeMap<(String, bool, u64), (usize, usize)> = BTreeMap::new();
    for (param, rule) in named_params(task).iter().zip(&rules) {
        let role = format!("{:?}", role_of(&param.path));
        let group = groups
            .entry((role, rule.decay, rule.trained_from))
            .or_default();
        group.0 += 1;
        group.1 += param.shape.iter().product::<usize>();
    }
    let head = ["role", "tensors", "parameters", "trained", "weight decay"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(
        groups
            .into_iter()
            .map(|((role, decays, from), (tensors, n))| {
                let trained = match from {
                    _ if role == "Statistic" => "follows batches".to_owned(),
                    0 => "yes".to_owned(),
                    u64::MAX => "no".to_owned(),
                    from => format!("from step {from}"),
                };
                let decay = if decays { "yes" } else { "no" };
                vec![
                    role,
                    tensors.to_string(),
                    n.to_string(),
                    trained,
                    decay.into(),
                ]
            }),
    );
    table::align(rows)
}

/// What the parameters take; activations come on top.
fn memory(task: &AnyTask, config: &TrainConfig) -> String {
    use burn::module::Module;
    let weights = 4.0 * task.num_params() as f64;
    let copies = 4.0 + f64::from(u8::from(config.ema.is_some()));
    let average = match config.ema {
        Some(_) => ", average",
        None => "",
    };
    format!(
        "{:.1} MB: weights, gradients, two moments{average}; and activations",
        copies * weights / 1e6
    )
}

/// The most that the process has held, in bytes, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024.0 * kilobytes)
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| entry.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}
