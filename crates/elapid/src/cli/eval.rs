//! `elapid eval`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use elapid::registry;
use elapid::train::evaluate;
use serde_json::json;

use super::by_class::by_class;
use super::failure::{Failure, warn};
use super::run::{Built, Checkpoint, OpenRun, build};
use super::split::SplitName;
use super::{print, train};

/// Evaluate a run on one of its splits.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid eval runs/vim_digits --split valid")]
pub(crate) struct EvalArgs {
    /// Directory of the run.
    run: PathBuf,
    /// The part of the data.
    #[arg(long, default_value = "test")]
    split: SplitName,
    /// The checkpoint of the run [default: the one that the plan's eval.weights names].
    #[arg(long, conflicts_with = "weights")]
    checkpoint: Option<Checkpoint>,
    /// Weights from a file instead (.safetensors, .pth, .pt, .bin, .bpk).
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Views of each image to average over [default: the plan's eval.views].
    #[arg(long)]
    views: Option<NonZeroUsize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Where to compute [default: the device the run was started on].
    #[arg(long)]
    device: Option<String>,
}

pub(crate) fn eval(args: EvalArgs) -> Result<(), Failure> {
    let mut open = OpenRun::open(&args.run)?;
    if let Some(views) = args.views {
        open.plan.eval.views = views.get();
    }
    let device = registry::device(&open.device_name(args.device)).map_err(Failure::input)?;
    let Built { data, .. } = build(&open.plan, &device)?;
    let task = open.trained(&device, args.checkpoint, args.weights.as_deref())?;
    let split = args.split.split();
    let batches = data.planned(split, &open.plan).map_err(Failure::input)?;
    let evaluation = evaluate(&task, batches.as_ref(), &device)?;
    warn(&batches.warnings());
    if args.json {
        let metrics: serde_json::Map<_, _> = evaluation
            .metrics
            .iter()
            .map(|m| (m.name.to_owned(), json!(m.value)))
            .collect();
        let mut result =
            json!({"split": split.name(), "samples": evaluation.samples, "metrics": metrics});
        if let Some(confusion) = evaluation.confusion {
            result["confusion"] = json!({"classes": confusion.classes, "counts": confusion.counts});
        }
        return print(&result.to_string());
    }
    let (split, samples, unit) = (split.name(), evaluation.samples, data.unit());
    let head = match open.plan.eval.views {
        1 => format!("{split}, {samples} {unit}"),
        views => format!("{split}, {samples} {unit}, {views} views of each"),
    };
    let metrics = train::measured(&evaluation.metrics);
    let classes = evaluation.confusion.as_ref().and_then(by_class);
    let classes = classes.map_or_else(String::new, |table| format!("\n\n{table}"));
    print(&format!("{head}\n{metrics}{classes}"))
}
