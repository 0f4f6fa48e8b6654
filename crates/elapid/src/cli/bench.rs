//! `elapid bench`.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device};
use elapid::config::{self, Plan, TaskSpec};
use elapid::{bench as timing, registry};

use super::failure::Failure;
use super::{print, table};

/// Time operators, models and data on this machine.
#[derive(clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Time the selective scan, forward and backward.
    #[command(after_help = "Example:\n  elapid bench scan --shape 8,384,197,16 --json")]
    Scan {
        /// Where to compute.
        #[arg(long, default_value = "auto")]
        device: String,
        /// Batch, channels, length, states; may be repeated.
        #[arg(long, value_name = "B,D,L,N", default_values = ["8,384,197,16", "4,768,512,16"])]
        shape: Vec<String>,
        /// Storage type of the activations.
        #[arg(long, default_value = "fp32")]
        dtype: Dtype,
        /// `auto`, `reference`, or a division of the work such as `chunks=4`; may be repeated.
        #[arg(long, value_name = "STRATEGY", default_values = ["auto", "reference"])]
        strategy: Vec<String>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Time a model's forward and backward pass on random input.
    #[command(
        after_help = "Example:\n  elapid bench model configs/vision/vim_tiny.toml --batch 128 --dtype bf16"
    )]
    Model {
        /// An experiment, or a file with just [model] and [task].
        config: PathBuf,
        /// Where to compute.
        #[arg(long, default_value = "auto")]
        device: String,
        /// Samples per batch; may be repeated.
        #[arg(long, default_values_t = [8])]
        batch: Vec<usize>,
        /// Time inference alone.
        #[arg(long)]
        inference: bool,
        /// Storage type of the activations.
        #[arg(long, default_value = "fp32")]
        dtype: Dtype,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Time the making of training batches: reading, decoding, augmentation.
    #[command(
        after_help = "Example:\n  elapid bench data configs/vision/vim_tiny_imagenet1k.toml --workers 1 --workers 16"
    )]
    Data {
        /// The experiment.
        config: PathBuf,
        /// Override an option; may be repeated.
        #[arg(long, value_name = "SECTION.KEY=VALUE")]
        set: Vec<String>,
        /// Threads; may be repeated. 0 does everything in one.
        #[arg(long, default_values_t = [0])]
        workers: Vec<usize>,
        /// Images of each of five rounds.
        #[arg(long, default_value_t = 2000)]
        images: usize,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Dtype {
    Fp32,
    Bf16,
}

impl Dtype {
    fn storage(self) -> DType {
        match self {
            Self::Fp32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

pub(crate) fn bench(command: BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Scan {
            device,
            shape,
            dtype,
            strategy,
            json,
        } => {
            let device = registry::device(&device).map_err(Failure::input)?;
            scan(&device, &shape, dtype.storage(), &strategy, json)
        }
        BenchCommand::Model {
            config,
            device,
            batch,
            inference,
            dtype,
            json,
        } => {
            let device = registry::device(&device).map_err(Failure::input)?;
            model(&config, &device, &batch, dtype.storage(), !inference, json)
        }
        BenchCommand::Data {
            config,
            set,
            workers,
            images,
            json,
        } => {
            let plan = config::load(&config, &set).map_err(Failure::input)?;
            data(&plan, &workers, images, json)
        }
    }
}

fn data(plan: &Plan, workers: &[usize], images: usize, json: bool) -> Result<(), Failure> {
    let head = ["workers", "batch", "images/s", "slowest", "fastest"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for &workers in workers {
        let timing = timing::data(plan, workers, images)
            .map_err(|error| Failure::wrong(error.to_string()))?;
        if json {
            print(&serde_json::to_string(&timing).map_err(Failure::run)?)?;
            continue;
        }
        let [slowest, fastest] = timing.range;
        let rates = [timing.images_per_s, slowest, fastest].map(|rate| format!("{rate:.0}"));
        let counts = [timing.workers, timing.batch].map(|count| count.to_string());
        rows.push(counts.into_iter().chain(rates).collect());
    }
    if json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
}

fn model(
    config: &Path,
    device: &Device,
    batches: &[usize],
    dtype: DType,
    training: bool,
    json: bool,
) -> Result<(), Failure> {
    let (spec, task) = config::load_model(config).map_err(Failure::input)?;
    let classes = match task {
        Some(TaskSpec::Classify(task)) => task.classes.unwrap_or(1000),
        _ => 1000,
    };
    let head = [
        "batch",
        "dtype",
        "inference ms",
        "MiB",
        "eager ms",
        "training ms",
        "samples/s",
        "first ms",
        "graph",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for &batch in batches {
        let timing = timing::model(device, &spec, classes, batch, dtype, training)
            .map_err(Failure::input)?;
        if json {
            print(&serde_json::to_string(&timing).map_err(Failure::run)?)?;
            continue;
        }
        let or_dash = |number: Option<f64>, digits: usize| {
            number.map_or("–".to_owned(), |number| format!("{number:.digits$}"))
        };
        let trained = timing.training.as_ref();
        let samples = trained.map(|t| batch as f64 * 1e3 / t.replayed_ms);
        rows.push(vec![
            batch.to_string(),
            timing.dtype.clone(),
            or_dash(Some(timing.forward_ms), 2),
            or_dash(timing.forward_mib, 0),
            or_dash(trained.map(|t| t.eager_ms), 2),
            or_dash(trained.map(|t| t.replayed_ms), 2),
            or_dash(samples, 0),
            or_dash(Some(trained.map_or(timing.first_ms, |t| t.first_ms)), 0),
            timing.graph.to_string(),
        ]);
    }
    if json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
}

fn scan(
    device: &Device,
    shape: &[String],
    dtype: DType,
    strategy: &[String],
    json: bool,
) -> Result<(), Failure> {
    let shapes = shape
        .iter()
        .map(|text| parse_shape(text))
        .collect::<Result<Vec<_>, _>>()?;
    let head = [
        "shape",
        "strategy",
        "forward ms",
        "GB/s",
        "byte bound",
        "exp bound",
        "backward ms",
        "GB/s",
        "byte bound",
        "exp bound",
        "first ms",
        "graph",
    ];
    let bench = timing::ScanBench::new(device);
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for shape in shapes {
        for strategy in strategy {
            let timing = bench.time(shape, dtype, strategy).map_err(Failure::wrong)?;
            if json {
                print(&serde_json::to_string(&timing).map_err(Failure::run)?)?;
            } else {
                let mut row = vec![format!("{:?}", timing.shape), timing.strategy.clone()];
                row.extend(pass(&timing.forward));
                row.extend(pass(&timing.backward));
                row.push(format!("{:.0}", timing.first_ms));
                row.push(timing.graph.to_string());
                rows.push(row);
            }
        }
    }
    if json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
}

/// Cells of one pass.
fn pass(pass: &timing::Pass) -> [String; 4] {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    [
        format!("{:.3}", pass.ms),
        format!("{:.0}", pass.gb_per_s),
        percent(pass.byte_bound),
        pass.exponential_bound.map_or("–".to_owned(), percent),
    ]
}

fn parse_shape(text: &str) -> Result<[usize; 4], Failure> {
    let sizes: Result<Vec<usize>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match sizes
        .ok()
        .and_then(|sizes| <[usize; 4]>::try_from(sizes).ok())
    {
        Some(shape) if shape.iter().all(|size| *size > 0) => Ok(shape),
        _ => Err(Failure::wrong(format!(
            "--shape {text}: expected four positive numbers B,D,L,N; write for example --shape 8,384,197,16"
        ))),
    }
}
