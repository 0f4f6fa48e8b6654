//! `elapid bench`.

use burn::tensor::DType;
use elapid::{bench as timing, registry};

use super::failure::Failure;
use super::{print, table};

/// Time operators on this machine.
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
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Dtype {
    Fp32,
    Bf16,
}

pub(crate) fn bench(command: BenchCommand) -> Result<(), Failure> {
    let BenchCommand::Scan {
        device,
        shape,
        dtype,
        strategy,
        json,
    } = command;
    let device = registry::device(&device).map_err(Failure::input)?;
    let shapes = shape
        .iter()
        .map(|text| parse_shape(text))
        .collect::<Result<Vec<_>, _>>()?;
    let dtype = match dtype {
        Dtype::Fp32 => DType::F32,
        Dtype::Bf16 => DType::BF16,
    };
    let head = [
        "shape",
        "strategy",
        "forward ms",
        "backward ms",
        "first ms",
        "graph",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for shape in shapes {
        for strategy in &strategy {
            let timing = timing::scan(&device, shape, dtype, strategy).map_err(Failure::wrong)?;
            if json {
                print(&serde_json::to_string(&timing).map_err(Failure::run)?)?;
            } else {
                let times = [timing.forward_ms, timing.backward_ms].map(|ms| format!("{ms:.3}"));
                let [forward, backward] = times;
                let shape = format!("{:?}", timing.shape);
                let first = format!("{:.0}", timing.first_ms);
                let graph = timing.graph.to_string();
                rows.push(vec![
                    shape,
                    timing.strategy.clone(),
                    forward,
                    backward,
                    first,
                    graph,
                ]);
            }
        }
    }
    if json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
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
