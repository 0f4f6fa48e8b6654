//! `elapid forward`.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Tensor, TensorData};
use elapid::config::{self, ModelSpec, TaskSpec, TokenPool};
use elapid::nn::Init;
use elapid::registry;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::failure::Failure;
use super::run::{load_sound_weights, load_weights};

/// Run a model on raw tensors, to compare it with other code.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid forward --model model.toml --weights vim.pth \\\n      --input in.safetensors --output out.safetensors"
)]
pub(crate) struct ForwardArgs {
    /// TOML file with a [model] table, and [task] for the head.
    #[arg(long, value_name = "TOML")]
    model: PathBuf,
    /// Checkpoint, official or ours (.safetensors, .pth, .pt, .bin, .bpk).
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// File with a tensor `input`: images [batch, channels, height, width], or spectrograms [batch, frames, bins].
    #[arg(long, value_name = "SAFETENSORS")]
    input: PathBuf,
    /// File to write, with a tensor `logits`, [batch, classes].
    #[arg(long, value_name = "SAFETENSORS")]
    output: PathBuf,
    /// Where to compute.
    #[arg(long, default_value = "auto")]
    device: String,
}

pub(crate) fn forward(args: ForwardArgs) -> Result<(), Failure> {
    let (spec, task) = config::load_model(&args.model).map_err(Failure::input)?;
    let (classes, pool) = head(&args.model, task)?;
    let device = registry::device(&args.device).map_err(Failure::input)?;
    let mut init = Init::new(0, &device);
    let logits = match &spec {
        ModelSpec::Vim(_) => {
            let [channels, height, width] = registry::input_shape(&spec).map_err(Failure::input)?;
            let input = read_input(&args.input, &[channels, height, width])?;
            let model = registry::image_classifier(&mut init, &spec, classes);
            let model = load_weights(model.map_err(Failure::input)?, &args.weights)?;
            model.forward(Tensor::from_data(input, &device), None)
        }
        ModelSpec::Ssamba(ssamba) => {
            let input = read_input(&args.input, &[ssamba.frames, ssamba.bins])?;
            let model = registry::sound_classifier(&mut init, &spec, pool, classes);
            let model = load_sound_weights(model.map_err(Failure::input)?, &args.weights)?;
            model.forward(Tensor::from_data(input, &device), None)
        }
    };
    write_logits(&args.output, logits.into_data())
}

/// Classes of the head, and how tokens are pooled in front of it.
fn head(path: &Path, task: Option<TaskSpec>) -> Result<(usize, Option<TokenPool>), Failure> {
    let head = match task {
        Some(TaskSpec::Classify(task)) => task.classes.map(|classes| (classes, task.pool)),
        Some(TaskSpec::MultiLabel(task)) => task.classes.map(|classes| (classes, task.pool)),
        Some(TaskSpec::Segment(_) | TaskSpec::PretrainPatches(_)) | None => None,
    };
    head.ok_or_else(|| {
        Failure::wrong(format!(
            "`{}` does not say how many classes the head has; add\n  [task]\n  kind = \"classify\"\n  classes = 1000",
            path.display()
        ))
    })
}

/// The tensor `input`, `[batch, sizes…]`.
fn read_input(path: &Path, sizes: &[usize]) -> Result<TensorData, Failure> {
    let shown = path.display();
    let wrong = |reason: String| Failure::wrong(format!("`{shown}`: {reason}"));
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| wrong(format!("not a safetensors file: {e}")))?;
    let view = file.tensor("input").map_err(|_| {
        let names = file
            .names()
            .into_iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>();
        wrong(format!(
            "has no tensor `input`; it has {}",
            names.join(", ")
        ))
    })?;
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => {
            return Err(wrong(format!(
                "`input` is {other:?}, expected floating point"
            )));
        }
    };
    match view.shape() {
        [batch, rest @ ..] if *batch > 0 && rest == sizes => {}
        shape => {
            let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
            return Err(wrong(format!(
                "`input` is {shape:?}, expected [batch, {}] for this model",
                sizes.join(", ")
            )));
        }
    }
    let bytes = burn::tensor::Bytes::from_bytes_vec(view.data().to_vec());
    Ok(TensorData::from_bytes(bytes, view.shape().to_vec(), dtype).convert_dtype(DType::F32))
}

fn write_logits(path: &Path, logits: TensorData) -> Result<(), Failure> {
    let shape = logits.shape().to_vec();
    let bytes: Vec<u8> = logits.iter::<f32>().flat_map(f32::to_le_bytes).collect();
    let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(Failure::run)?;
    safetensors::serialize_to_file([("logits", view)], None, path)
        .map_err(|e| Failure::run(anyhow::anyhow!("cannot write `{}`: {e}", path.display())))
}
