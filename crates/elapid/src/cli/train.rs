//! `elapid train` and `elapid resume`.

use std::fs;
use std::path::PathBuf;

use elapid::config::{self, Plan};
use elapid::registry::{self, AnyBatch, AnyTask};
use elapid::train::{Ending, Measured, RunDir, Sources, StopFlag, TrainConfig, Trainer};

use super::abort::abort_before;
use super::failure::Failure;
use super::run::{self, Built, OpenRun};
use super::{find_lr, init_from, print, profile, rehearse, table};

/// Train a model as a TOML file says.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid train configs/vision/vim_digits.toml --set train.epochs=10"
)]
pub(crate) struct TrainArgs {
    /// The experiment.
    config: PathBuf,
    /// Change one value of the experiment, for example optim.lr=3e-4; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Directory of the run [default: the first free one of runs/NAME, runs/NAME-2, …].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to compute: auto, cpu, or a GPU backend of this build; several devices, with commas between, share every batch.
    #[arg(long, default_value = "auto", value_name = "DEVICE[,DEVICE…]")]
    device: String,
    /// Check everything and make one step, with a table of parameters; keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Train on the first batch alone, to see that the model can learn; keep nothing.
    #[arg(long, conflicts_with = "dry_run")]
    overfit_one_batch: bool,
    /// Measure the phases of N steps; keep nothing.
    #[arg(long, value_name = "N", conflicts_with_all = ["dry_run", "overfit_one_batch"], value_parser = clap::value_parser!(u32).range(1..))]
    profile: Option<u32>,
    /// Speed of the device's matrix products, to compare the profile with.
    #[arg(long, value_name = "TFLOP/S", requires = "profile", value_parser = positive)]
    peak_tflops: Option<f64>,
    /// Print the profile as one JSON object.
    #[arg(long, requires = "profile")]
    json: bool,
    #[command(flatten)]
    lr_find: find_lr::Args,
    /// End the process without warning in front of this step; `elapid verify-resume` does so.
    #[arg(long, hide = true, value_name = "STEP")]
    abort_before: Option<u64>,
}

/// Go on with an interrupted run from its newest complete checkpoint.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid resume runs/vim_digits")]
pub(crate) struct ResumeArgs {
    /// Directory of the run.
    run: PathBuf,
    /// Where to compute [default: the device or devices the run was started on].
    #[arg(long, value_name = "DEVICE[,DEVICE…]")]
    device: Option<String>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0, for example 989".to_owned()),
    }
}

pub(crate) fn train(args: TrainArgs) -> Result<(), Failure> {
    let plan = config::load(&args.config, &args.set).map_err(Failure::input)?;
    let device_name = registry::resolve(&args.device);
    let devices = registry::devices(device_name).map_err(Failure::input)?;
    let Built { data, task } = run::build(&plan, &devices[0])?;
    let (task, init) = init_from::start(&plan, task, &devices[0])?;
    let built = Built { data, task };
    built.data.check().map_err(Failure::input)?;
    tracing::info!(device = device_name, data = %built.data.manifest(), "data opened");
    if args.dry_run {
        return rehearse::dry_run(&plan, built, devices);
    }
    if args.overfit_one_batch {
        return rehearse::overfit_one_batch(&plan, built, devices);
    }
    if let Some(steps) = args.profile {
        let how = profile::Options {
            steps: steps as usize,
            peak_tflops: args.peak_tflops,
            json: args.json,
        };
        let device = registry::device(device_name).map_err(Failure::input)?;
        return profile::profile(&plan, built, device, &how);
    }
    if let Some(range) = args.lr_find.range()? {
        return find_lr::find_lr(&plan, built, devices, range, args.out);
    }
    let path = run::new_run_path(args.out, &plan.run.name);
    let text = fs::read_to_string(&args.config).map_err(Failure::input)?;
    let base = run::base(&args.config, &args.set, &plan);
    let mut manifest = run::manifest(&built, device_name, base);
    if let Some(init) = &init {
        manifest.insert("init".into(), init_from::record(init));
    }
    let mut trainer_data = built.data.sources(&plan).map_err(Failure::input)?;
    if let Some(step) = args.abort_before {
        trainer_data = abort_before(trainer_data, step);
    }
    // Nothing has started yet: a directory that cannot be made is the wrong place to ask for.
    let dir = RunDir::create(&path, &plan.to_toml(), &text, manifest).map_err(Failure::input)?;
    let mut trainer = trainer(dir, &plan, devices, trainer_data)?;
    if let (Some(init), Some(from)) = (&init, &plan.train.init_from) {
        trainer = trainer.saying(format!("starting from `{from}`: {init}"));
    }
    finish(&path, trainer.fit(built.task)?)
}

pub(crate) fn resume(args: ResumeArgs) -> Result<(), Failure> {
    let open = OpenRun::open(&args.run)?;
    let devices = registry::devices(&open.device_names(args.device)).map_err(Failure::input)?;
    let Built { data, task } = run::build(&open.plan, &devices[0])?;
    open.check_data(data.as_ref())?;
    let sources = data.sources(&open.plan).map_err(Failure::input)?;
    let trainer = trainer(open.dir, &open.plan, devices, sources)?;
    finish(&args.run, trainer.resume(task)?)
}

fn trainer(
    dir: RunDir,
    plan: &Plan,
    devices: Vec<burn::tensor::Device>,
    sources: Sources<AnyBatch>,
) -> Result<Trainer<AnyTask>, Failure> {
    let config = registry::train_config(plan, sources.train.batches_per_epoch() as u64);
    trainer_with(dir, config, plan, devices, sources)
}

/// A trainer that signals stop, with settings of one's own.
pub(crate) fn trainer_with(
    dir: RunDir,
    config: TrainConfig,
    plan: &Plan,
    devices: Vec<burn::tensor::Device>,
    sources: Sources<AnyBatch>,
) -> Result<Trainer<AnyTask>, Failure> {
    let stop = StopFlag::on_signals().map_err(Failure::run)?;
    let plan = plan.clone();
    let is_gpu = registry::is_gpu(&devices[0]);
    let per_epoch = sources.train.batches_per_epoch() as u64;
    let trainer = Trainer::new(dir, config, devices[0].clone(), sources)
        .shared_with(devices[1..].iter().cloned())
        .with_rules(move |task| registry::param_rules(&plan, task, per_epoch))
        .stop_on(stop);
    Ok(if is_gpu {
        trainer.preparing(
            "compiling and tuning GPU kernels; they are kept, so the next run starts at once",
        )
    } else {
        trainer
    })
}

fn finish(path: &std::path::Path, outcome: elapid::train::Outcome) -> Result<(), Failure> {
    let path = path.display();
    match outcome.ending {
        Ending::Finished => {
            let report = format!("report   {path}/report.html");
            print(&format!("{}\n{report}", measured(&outcome.metrics)))
        }
        // The session has said so, and how to go on.
        Ending::TimeUp => Ok(()),
        Ending::Interrupted(signal) => Err(Failure::Interrupted {
            signal,
            message: format!(
                "interrupted after step {}, checkpoint written; go on with `elapid resume {path}`",
                outcome.steps
            ),
        }),
    }
}

/// Metrics as a small table: shares in per cent.
pub(crate) fn measured(metrics: &[Measured]) -> String {
    let rows = metrics.iter().map(|metric| {
        let value = table::metric(metric.name, metric.value);
        vec![metric.name.to_owned(), value]
    });
    table::align(rows.collect())
}
