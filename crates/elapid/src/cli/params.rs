//! `elapid params`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::{self, TaskSpec};
use elapid::models::checkpoint::official_name;
use elapid::models::named_params;
use elapid::nn::Init;
use elapid::registry;

use super::failure::Failure;
use super::{print, table};

/// Count a model's parameters.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid params configs/vision/vim_digits.toml")]
pub(crate) struct ParamsArgs {
    /// An experiment, or a file with just [model] and [task].
    config: PathBuf,
    /// List every tensor with its official name and shape.
    #[arg(long)]
    all: bool,
}

pub(crate) fn params(args: ParamsArgs) -> Result<(), Failure> {
    let (spec, task) = config::load_model(&args.config).map_err(Failure::input)?;
    let device = Device::flex();
    let mut init = Init::new(0, &device);
    let classes = classes(&args.config, task);
    let params = match classes {
        Some(classes) => named_params(&registry::image_classifier(&mut init, &spec, classes)),
        None => named_params(&registry::image_backbone(&mut init, &spec)),
    };
    let trained = trained(&args, classes);
    let mut rows = Vec::new();
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0;
    for param in params {
        let (name, count) = (
            official_name(&param.path),
            param.shape.iter().product::<usize>(),
        );
        let group = name.split('.').next().unwrap_or_default().to_owned();
        rows.push(vec![name, format!("{:?}", param.shape), count.to_string()]);
        *groups.entry(group).or_default() += count;
        total += count;
    }
    if !args.all {
        rows = groups
            .into_iter()
            .map(|(name, n)| vec![name, n.to_string()])
            .collect();
    }
    rows.push(vec![
        "total".into(),
        if args.all {
            String::new()
        } else {
            total.to_string()
        },
    ]);
    if let (true, Some(last)) = (args.all, rows.last_mut()) {
        last.push(total.to_string());
    }
    if let Some(trained) = trained.filter(|trained| *trained != total) {
        let mut row = vec!["trained, with adapters".into(), trained.to_string()];
        if args.all {
            row.insert(1, String::new());
        }
        rows.push(row);
    }
    print(&table::align(rows))
}

/// How many numbers a run of the experiment trains from its first step on, adapters included; `None` for a file that is no whole
/// experiment.
fn trained(args: &ParamsArgs, classes: Option<usize>) -> Option<usize> {
    let plan = config::load(&args.config, &[]).ok()?;
    let device = Device::flex();
    let model = registry::image_classifier(&mut Init::new(0, &device), &plan.model, classes?);
    let model = registry::with_adapters(&plan, model, &device);
    let rules = registry::param_rules(&plan, &model, 1);
    let params = named_params(&model);
    let trained = params
        .iter()
        .zip(rules)
        .filter(|(_, rule)| rule.trained_from == 0);
    Some(
        trained
            .map(|(param, _)| param.shape.iter().product::<usize>())
            .sum(),
    )
}

/// Classes of the head: the task's, or those of the data set's card. Without either the backbone
/// is counted alone.
pub(crate) fn classes(config: &Path, task: Option<TaskSpec>) -> Option<usize> {
    let TaskSpec::Classify(task) = task?;
    task.classes.or_else(|| {
        let plan = config::load(config, &[]).ok()?;
        let card = elapid::data::card(plan.data.source.name()).ok()?;
        Some(card.classes.len()).filter(|classes| *classes > 0)
    })
}
