//! `elapid diagnose`.

use std::path::PathBuf;
use std::str::FromStr;

use burn::tensor::Device;
use elapid::diagnose::{self as inside, Diagnosis, Layer, Step, three_digits};
use elapid::registry::{self, AnyBatch, AnyTask, Data};
use elapid::train::checkpoint::{Checkpoint, CheckpointError};
use elapid::train::{NotFinite, Replayed, StepKey, Task, TrainError};
use serde_json::json;

use super::failure::Failure;
use super::run::{Built, OpenRun, build};
use super::{print, replay, table};

/// Look into every layer of a run during one step, or in evaluation: activations, gradients, step sizes, and what is not
/// finite first.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  elapid diagnose runs/vim_digits\n  elapid diagnose runs/vim_digits --checkpoint 100 --split valid --batch 2 --json"
)]
pub(crate) struct DiagnoseArgs {
    /// Directory of the run.
    run: PathBuf,
    /// The weights to look at: `best`, `last`, or the step of a checkpoint [default: those with which a failed run made
    /// the step that was not finite, else `last`].
    #[arg(long, value_name = "best|last|STEP")]
    checkpoint: Option<Which>,
    /// The part of the data; layers of a batch of `valid` compute what they do in evaluation.
    #[arg(long, default_value = "train")]
    split: Split,
    /// Number of the batch, counted from 0, over all epochs in `train` [default: the one that the run takes next; the
    /// first of `valid`].
    #[arg(long, value_name = "N")]
    batch: Option<u64>,
    /// Go to the last step that was not finite, even though the run went on without it.
    #[arg(long, conflicts_with_all = ["checkpoint", "batch", "split"])]
    not_finite: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Where to compute [default: the device or devices the run was started on].
    #[arg(long)]
    device: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Split {
    Train,
    Valid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Best,
    Last,
    Step(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(Self::Best),
            "last" => Ok(Self::Last),
            step => step
                .parse()
                .map(Self::Step)
                .map_err(|_| "expected `best`, `last`, or the step of a checkpoint".to_owned()),
        }
    }
}

pub(crate) fn diagnose(args: DiagnoseArgs) -> Result<(), Failure> {
    let mut open = OpenRun::open(&args.run)?;
    // A loss is of images as they are, and of as many as an evaluation takes at a time.
    let eval = &mut open.plan.eval;
    eval.batch_size = registry::samples_at_once(eval.batch_size, eval.views);
    eval.views = 1;
    let names = open.device_names(args.device.clone());
    let devices = registry::devices(&names).map_err(Failure::input)?;
    let Built { data, task } = build(&open.plan, &devices[0])?;
    let Moment {
        what,
        step,
        reached: Replayed { task, loss_scale },
    } = moment(&args, &open, data.as_ref(), &devices, task)?;
    let sources = data.sources(&open.plan).map_err(Failure::input)?;
    let per_epoch = sources.train.batches_per_epoch() as u64;
    let config = open.train_config(per_epoch)?;
    let (number, batch) = batch(&args, &open, data.as_ref(), step)?;
    let in_evaluation = args.split == Split::Valid;
    let split = if in_evaluation { "valid" } else { "train" };
    let samples = AnyTask::batch_len(&batch);
    let how = if in_evaluation { ", in evaluation" } else { "" };
    let plural = if samples == 1 { "" } else { "s" };
    let what = format!("{what}; batch {number} of {split}, {samples} sample{plural}{how}");
    // The parts in which several devices shared the batch out drew noise of their own.
    let share = (devices.len() > 1).then(|| samples.div_ceil(devices.len()));
    let micro_batch = config.micro_batch.samples().into_iter().chain(share).min();
    let at = Step {
        in_evaluation,
        number: step,
        key: StepKey::new(config.seed, step_of(args.split, number, step)),
        micro_batch,
        loss_scale,
    };
    let look = |at: &Step| {
        let rules = |task: &_| registry::param_rules(&open.plan, task, per_epoch);
        let device = devices[0].clone().autodiff();
        inside::diagnose(task.clone(), batch.clone(), at, rules, &device)
    };
    let mut found = look(&at);
    if in_evaluation && found.culprit.is_some() {
        let in_training = look(&Step {
            in_evaluation: false,
            ..at
        });
        found.verdict.extend(beside_training(&in_training));
    }
    if args.json {
        let result = json!({ "split": split, "batch": number, "step": step, "diagnosis": found });
        return print(&result.to_string());
    }
    print(&shown(&what, &found))
}

/// The weights to look at.
struct Moment {
    /// Which they are, in words.
    what: String,
    /// Steps made.
    step: u64,
    reached: Replayed<AnyTask>,
}

/// Reaches the step that was not finite, or loads a checkpoint.
fn moment(
    args: &DiagnoseArgs,
    open: &OpenRun,
    data: &dyn Data,
    devices: &[Device],
    task: AnyTask,
) -> Result<Moment, Failure> {
    if let Some(note) = wanted(args, open)? {
        open.check_data(data)?;
        return Ok(Moment {
            what: format!("step {}, whose {} was not finite", note.step, note.quantity),
            step: note.step - 1,
            reached: replay::before(open, data, note, devices, task)?,
        });
    }
    let found = checkpoint(open, args.checkpoint)?;
    let state = found.state();
    Ok(Moment {
        what: format!("weights after step {}", state.step),
        step: state.step,
        reached: Replayed {
            task: found.load_trained(task).map_err(Failure::run)?,
            loss_scale: state.scaler.map(|[scale, _]| scale),
        },
    })
}

/// The step to be reached again, if that is what is to be looked at.
fn wanted(args: &DiagnoseArgs, open: &OpenRun) -> Result<Option<NotFinite>, Failure> {
    let has_failed = open.manifest.get("status").is_some_and(|s| s == "failed");
    let is_free = args.checkpoint.is_none() && args.batch.is_none() && args.split == Split::Train;
    if !(args.not_finite || (has_failed && is_free)) {
        return Ok(None);
    }
    let note = NotFinite::of_run(&open.dir)?;
    if note.is_none() && args.not_finite {
        let path = open.dir.path().display();
        return Err(Failure::wrong(format!(
            "`{path}` has no step whose loss or gradient was not finite; leave out `--not-finite`"
        )));
    }
    Ok(note)
}

/// A checkpoint of the run.
fn checkpoint(open: &OpenRun, which: Option<Which>) -> Result<Checkpoint, Failure> {
    let checkpoints = open.dir.checkpoints();
    let latest = || checkpoints.latest().map(|found| found.checkpoint);
    let found = match which.unwrap_or(Which::Last) {
        Which::Last => latest(),
        Which::Best => checkpoints
            .best()
            .and_then(|best| best.map_or_else(latest, Ok)),
        Which::Step(step) => {
            let steps = checkpoints.steps().map_err(Failure::run)?;
            if !steps.contains(&step) {
                let steps: Vec<String> = steps.iter().map(u64::to_string).collect();
                return Err(Failure::wrong(format!(
                    "`{}` has no checkpoint of step {step}; it has {}",
                    open.dir.path().display(),
                    if steps.is_empty() {
                        "none".to_owned()
                    } else {
                        steps.join(", ")
                    }
                )));
            }
            Checkpoint::open(&checkpoints.path(step))
        }
    };
    found.map_err(|error: CheckpointError| TrainError::from(error).into())
}

/// The batch asked for and its number.
fn batch(
    args: &DiagnoseArgs,
    open: &OpenRun,
    data: &dyn Data,
    step: u64,
) -> Result<(u64, AnyBatch), Failure> {
    let (number, batch) = match args.split {
        Split::Train => {
            let number = args.batch.unwrap_or(step);
            let sources = data.sources(&open.plan).map_err(Failure::input)?;
            (number, sources.train.iter_from(number as usize).next())
        }
        Split::Valid => {
            let number = args.batch.unwrap_or(0);
            let batches = data.batches(elapid::data::Split::Valid, open.plan.eval.batch_size);
            let mut batches = batches.map_err(Failure::input)?.iter();
            (number, batches.nth(number as usize))
        }
    };
    let batch = batch.ok_or_else(|| {
        Failure::wrong(format!(
            "the validation data has no batch {number}; batches are counted from 0"
        ))
    })?;
    let batch = batch.map_err(|error| Failure::Run(anyhow::anyhow!(error)))?;
    Ok((number, batch))
}

/// The step whose noise is drawn: the one that a batch of the training data belongs to.
fn step_of(split: Split, number: u64, step: u64) -> u64 {
    match split {
        Split::Train => number,
        Split::Valid => step,
    }
}

fn shown(what: &str, found: &Diagnosis) -> String {
    let head = [
        "", "layer", "rms", "max", "adds", "|g|", "|w|", "Δ min", "median", "max", "A", "forgets",
        "keeps",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(found.layers.iter().map(row));
    let verdict = found.verdict.iter();
    let verdict: Vec<String> = verdict.map(|line| format!("- {line}")).collect();
    format!(
        "{what}\nloss {}, gradient norm {}\n\n{}\n\n{}",
        three_digits(found.loss),
        three_digits(found.grad_norm),
        table::align(rows),
        verdict.join("\n")
    )
}

/// What a step of training on a batch says of an evaluation of it that is not finite.
fn beside_training(step: &Diagnosis) -> Option<String> {
    step.culprit.is_none().then(|| {
        format!(
            "a step of training on this batch is finite (loss {}): batch norms hold its activations down by the batch's own means and variances, which an evaluation replaces by running ones. An earlier checkpoint may be better, or a lower `optim.lr`",
            three_digits(step.loss)
        )
    })
}

/// One row a layer; where it has several scans, the extremes of all.
fn row(layer: &Layer) -> Vec<String> {
    let scans = &layer.scans;
    let lowest = |of: fn(&inside::Scan) -> f64| scans.iter().map(of).reduce(f64::min);
    let highest = |of: fn(&inside::Scan) -> f64| scans.iter().map(of).reduce(f64::max);
    let mean = |of: fn(&inside::Scan) -> f64| {
        (!scans.is_empty()).then(|| scans.iter().map(of).sum::<f64>() / scans.len() as f64)
    };
    let per_cent = |share: Option<f64>| {
        share.map(|share| match share {
            ..10.0 => format!("{:.1} %", 100.0 * share),
            _ if share.is_nan() => "not finite".to_owned(),
            _ => format!("{} ×", three_digits(share)),
        })
    };
    let a = lowest(|scan| scan.a.0).zip(highest(|scan| scan.a.1));
    let not_finite: u64 = scans.iter().map(|scan| scan.delta_not_finite).sum();
    let delta_max = highest(|scan| scan.delta_max).map(|max| match not_finite {
        0 => three_digits(max),
        _ => "not finite".to_owned(),
    });
    let activation = layer.activation;
    let largest = activation.map(|values| match values.not_finite() {
        0 => three_digits(values.largest()),
        _ => "not finite".to_owned(),
    });
    let cells = [
        layer.depth.map(|depth| depth.to_string()),
        Some(layer.name.clone()),
        activation.map(|values| three_digits(values.rms())),
        largest,
        per_cent(layer.added),
        Some(three_digits(layer.grad.norm)),
        Some(three_digits(layer.weight.norm)),
        lowest(|scan| scan.delta_min).map(three_digits),
        mean(|scan| scan.delta_median).map(three_digits),
        delta_max,
        a.map(|(low, high)| format!("{} … {}", three_digits(low), three_digits(high))),
        per_cent(mean(|scan| scan.forgets)),
        per_cent(mean(|scan| scan.keeps)),
    ];
    cells
        .map(|cell| cell.unwrap_or_else(|| "–".to_owned()))
        .to_vec()
}
