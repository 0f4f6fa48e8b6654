//! `elapid params`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::{self, ModelSpec, Plan, TaskSpec};
use elapid::models::checkpoint::official_name;
use elapid::models::{NamedParam, Ssamba, named_params};
use elapid::nn::{Init, Role, role_of};
use elapid::registry::{self, Facts, PlanError, SeriesFacts};

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
    let params = match takes_graphs(&spec) {
        true => of_graphs(&args.config)?,
        false => of_model(&args.config, &spec, task.as_ref()).map_err(Failure::input)?,
    };
    let trained = match &task {
        Some(TaskSpec::Segment(_)) => None,
        _ if takes_graphs(&spec) => None,
        task => trained(&args, classes(&args.config, task.as_ref())),
    };
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
    let names = (0..classes.unwrap_or(0)).map(|class| class.to_string());
    let facts = Facts {
        classes: names.collect(),
        series: series(&plan),
        ..Facts::default()
    };
    let task = registry::task(&plan, &facts, &Device::flex()).ok()?;
    let rules = registry::param_rules(&plan, &task, 1);
    let params = named_params(&task);
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

/// Facts of series as the model states them; `None` where it takes none.
fn series(plan: &Plan) -> Option<SeriesFacts> {
    let is_of_images = registry::input_shape(&plan.model).is_ok();
    let is_of_sounds = registry::sound_encoder(&plan.model).is_ok();
    let input = registry::stated_input(&plan.model).ok()?;
    (!is_of_images && !is_of_sounds).then(|| SeriesFacts {
        columns: (0..input.variates).map(|c| c.to_string()).collect(),
        targets: input.variates,
        marks: input.marks,
        steps: input.steps,
        step: None,
    })
}

/// The parameters of the model with the head of its task; without one, of the backbone alone.
fn of_model(
    config: &Path,
    spec: &ModelSpec,
    task: Option<&TaskSpec>,
) -> Result<Vec<NamedParam>, PlanError> {
    let init = &mut Init::new(0, &Device::flex());
    if let Some(TaskSpec::PretrainPatches(task)) = task {
        return Ok(named_params(&registry::patch_pretrainer(init, spec, task)?));
    }
    let classes = classes(config, task);
    if let (Some(TaskSpec::Segment(task)), Some(classes)) = (task, classes) {
        return Ok(named_params(&registry::image_segmenter(
            init, spec, task, classes,
        )?));
    }
    Ok(match (spec, classes) {
        (ModelSpec::Vim(_), Some(classes)) => {
            named_params(&registry::image_classifier(init, spec, classes)?)
        }
        (ModelSpec::Vim(_), None) => named_params(&registry::image_backbone(init, spec)?),
        (ModelSpec::Ssamba(_), Some(classes)) => {
            named_params(&registry::sound_classifier(init, spec, None, classes)?)
        }
        (ModelSpec::Ssamba(_), None) => {
            named_params(&Ssamba::new(init, &registry::sound_encoder(spec)?))
        }
        (ModelSpec::MambaSl(_), classes) => {
            let classes = classes.ok_or_else(|| registry::no_classes(spec))?;
            let input = registry::stated_input(spec)?;
            named_params(&registry::series_classifier(init, spec, input, classes)?)
        }
        // Counted with their data.
        (ModelSpec::GraphMamba(_) | ModelSpec::Gmn(_) | ModelSpec::NeuralWalker(_), _) => {
            Vec::new()
        }
        (_, _) => {
            let input = registry::stated_input(spec)?;
            named_params(&match task {
                Some(TaskSpec::Detect(_) | TaskSpec::Impute(_)) => {
                    registry::reconstructor(init, spec, input)?
                }
                _ => registry::forecaster(init, spec, input)?,
            })
        }
    })
}

/// Those of a network on graphs, whose features are only known from the data. Running statistics are none.
fn of_graphs(config: &Path) -> Result<Vec<NamedParam>, Failure> {
    let plan = config::load(config, &[]).map_err(Failure::input)?;
    let data = registry::open_data(&plan).map_err(Failure::input)?;
    let task = registry::task(&plan, &data.facts(), &Device::flex()).map_err(Failure::input)?;
    let params = named_params(&task).into_iter();
    Ok(params
        .filter(|param| role_of(&param.path) != Role::Statistic)
        .collect())
}

fn takes_graphs(spec: &ModelSpec) -> bool {
    registry::graph_demands(spec).is_ok()
}

/// Classes of the head: the task's, or those of the data set's card. Without either the backbone
/// is counted alone.
pub(crate) fn classes(config: &Path, task: Option<&TaskSpec>) -> Option<usize> {
    let wanted = match task? {
        TaskSpec::Classify(task) => task.classes,
        TaskSpec::MultiLabel(task) => task.classes,
        TaskSpec::Segment(_) => None,
        _ => return None,
    };
    wanted.or_else(|| {
        let plan = config::load(config, &[]).ok()?;
        let card = elapid::data::card(plan.data.source.name()).ok()?;
        Some(card.classes.len()).filter(|classes| *classes > 0)
    })
}
