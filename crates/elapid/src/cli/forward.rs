//! `elapid forward`.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData};
use elapid::config::{self, ModelSpec, TaskSpec, TokenPool};
use elapid::models::checkpoint;
use elapid::nn::Init;
use elapid::registry::{self, SeriesInput};
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
    /// File with a tensor `input`: images [batch, channels, height, width], spectrograms [batch, frames, bins], or series
    /// [batch, lookback, variates]; beside series perhaps `marks` [batch, lookback, marks], or `lengths` [batch] where
    /// they are to be classified.
    #[arg(long, value_name = "SAFETENSORS")]
    input: PathBuf,
    /// File to write, with a tensor `logits`, [batch, classes] or [batch, classes, height, width] for pixels, or `forecast`, [batch, horizon, variates].
    #[arg(long, value_name = "SAFETENSORS")]
    output: PathBuf,
    /// Where to compute.
    #[arg(long, default_value = "auto")]
    device: String,
}

pub(crate) fn forward(args: ForwardArgs) -> Result<(), Failure> {
    let (spec, task) = config::load_model(&args.model).map_err(Failure::input)?;
    let device = registry::device(&args.device).map_err(Failure::input)?;
    let tensors = Tensors::read(&args.input)?;
    if registry::series_shape(&spec).is_ok() {
        let forecast = forecast(&args, &spec, task.as_ref(), &tensors, &device)?;
        return write(&args.output, "forecast", forecast);
    }
    let mut init = Init::new(0, &device);
    if let Some(TaskSpec::Segment(task)) = &task {
        let scores = of_pixels(&args, &spec, task, &tensors, &mut init)?;
        return write(&args.output, "logits", scores);
    }
    let (classes, pool) = head(&args.model, task)?;
    let logits = match &spec {
        ModelSpec::Ssamba(ssamba) => {
            let sizes = [ssamba.frames, ssamba.bins].map(Some);
            let input = tensors.get("input", &sizes)?;
            let model = registry::sound_classifier(&mut init, &spec, pool, classes);
            let model = load_sound_weights(model.map_err(Failure::input)?, &args.weights)?;
            model.forward(Tensor::from_data(input, &device), None)
        }
        ModelSpec::MambaSl(_) => classes_of_series(&args, &spec, classes, &tensors, &device)?,
        ModelSpec::GraphMamba(_) | ModelSpec::Gmn(_) | ModelSpec::NeuralWalker(_) => {
            return Err(Failure::wrong(format!(
                "`elapid forward` takes images, sounds and series, and the backbone `{}` takes graphs; use `elapid eval`",
                spec.name()
            )));
        }
        _ => {
            let sizes = registry::input_shape(&spec).map_err(Failure::input)?;
            let input = tensors.get("input", &sizes.map(Some))?;
            let model = registry::image_classifier(&mut init, &spec, classes);
            let model = load_weights(model.map_err(Failure::input)?, &args.weights)?;
            model.forward(Tensor::from_data(input, &device), None)
        }
    };
    write(&args.output, "logits", logits.into_data())
}

/// Scores of every pixel, `[batch, classes, height, width]` as mmsegmentation has them. The weights tell the number of classes.
fn of_pixels(
    args: &ForwardArgs,
    spec: &ModelSpec,
    task: &config::Segment,
    tensors: &Tensors,
    init: &mut Init,
) -> Result<TensorData, Failure> {
    let sizes = registry::input_shape(spec).map_err(Failure::input)?;
    let input = tensors.get("input", &sizes.map(Some))?;
    let weights = checkpoint::read(&args.weights).map_err(Failure::input)?;
    let last = ["decode_head.conv_seg.weight", "decode_head.scores.weight"];
    let mut named = weights.iter();
    let found = named.find(|(name, _)| last.iter().any(|last| name.ends_with(last)));
    let classes = found.and_then(|(_, data)| data.shape().first().copied());
    let classes = classes.ok_or_else(|| {
        Failure::wrong(format!(
            "`{}` has no tensor `{}`, so no weights of a dense head",
            args.weights.display(),
            last[0]
        ))
    })?;
    let device = init.device().clone();
    let model = registry::image_segmenter(init, spec, task, classes);
    let model = load_weights(model.map_err(Failure::input)?, &args.weights)?;
    let scores = model.forward(Tensor::from_data(input, &device), None).main;
    Ok(scores.permute([0, 3, 1, 2]).into_data())
}

/// What follows the series, `[batch, horizon, variates]`; of tasks that reconstruct, the series themselves.
fn forecast(
    args: &ForwardArgs,
    spec: &ModelSpec,
    task: Option<&TaskSpec>,
    tensors: &Tensors,
    device: &Device,
) -> Result<TensorData, Failure> {
    let shape = registry::series_shape(spec).map_err(Failure::input)?;
    let input = tensors.get("input", &[Some(shape.lookback), None])?;
    let [batch, lookback, variates] = input.shape()[..] else {
        unreachable!("`get` has checked the number of axes")
    };
    let marks = match tensors.has("marks")? {
        true => Some(tensors.get("marks", &[Some(lookback), None])?),
        false => None,
    };
    if let Some(marks) = marks.as_ref().filter(|marks| marks.shape()[0] != batch) {
        return Err(tensors.wrong(format!(
            "`marks` is {:?}, expected [{batch}, {lookback}, marks] beside this `input`",
            marks.shape()
        )));
    }
    let sizes = SeriesInput {
        variates,
        marks: marks.as_ref().map_or(0, |marks| marks.shape()[2]),
        steps: lookback,
    };
    let init = &mut Init::new(0, device);
    let model = match task {
        Some(TaskSpec::Detect(_) | TaskSpec::Impute(_)) => {
            registry::reconstructor(init, spec, sizes)
        }
        _ => registry::forecaster(init, spec, sizes),
    };
    let model = load_weights(model.map_err(Failure::input)?, &args.weights)?;
    let marks = marks.map(|marks| Tensor::from_data(marks, device));
    let forecast = model.forward(Tensor::from_data(input, device), marks, None);
    Ok(forecast.into_data())
}

/// Scores of whole series, `[batch, classes]`.
fn classes_of_series(
    args: &ForwardArgs,
    spec: &ModelSpec,
    classes: usize,
    tensors: &Tensors,
    device: &Device,
) -> Result<Tensor<2>, Failure> {
    let input = tensors.get("input", &[None, None])?;
    let [batch, steps, variates] = input.shape()[..] else {
        unreachable!("`get` has checked the number of axes")
    };
    let lengths = match tensors.has("lengths")? {
        true => tensors.get("lengths", &[])?.iter::<f64>().collect(),
        false => vec![steps as f64; batch],
    };
    if lengths.len() != batch {
        return Err(tensors.wrong(format!(
            "`lengths` is [{}], expected [{batch}] beside this `input`",
            lengths.len()
        )));
    }
    let within = |length: f64| (0..steps).map(move |step| f32::from((step as f64) < length));
    let mask: Vec<f32> = lengths.into_iter().flat_map(within).collect();
    let mask = Tensor::<2>::from_data(TensorData::new(mask, [batch, steps]), device);
    let sizes = SeriesInput {
        variates,
        marks: 0,
        steps,
    };
    let init = &mut Init::new(0, device);
    let model = registry::series_classifier(init, spec, sizes, classes);
    let model = load_weights(model.map_err(Failure::input)?, &args.weights)?;
    Ok(model.forward(Tensor::from_data(input, device), mask, None))
}

/// Classes of the head, and how tokens are pooled in front of it.
fn head(path: &Path, task: Option<TaskSpec>) -> Result<(usize, Option<TokenPool>), Failure> {
    let head = match task {
        Some(TaskSpec::Classify(task)) => task.classes.map(|classes| (classes, task.pool)),
        Some(TaskSpec::MultiLabel(task)) => task.classes.map(|classes| (classes, task.pool)),
        Some(_) | None => None,
    };
    head.ok_or_else(|| {
        Failure::wrong(format!(
            "`{}` does not say how many classes the head has; add\n  [task]\n  kind = \"classify\"\n  classes = 1000",
            path.display()
        ))
    })
}

/// The tensors of a file.
struct Tensors<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
}

impl<'a> Tensors<'a> {
    fn read(path: &'a Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|e| Failure::wrong(format!("`{}`: {e}", path.display())))?;
        Ok(Self { path, bytes })
    }

    fn wrong(&self, reason: String) -> Failure {
        Failure::wrong(format!("`{}`: {reason}", self.path.display()))
    }

    fn file(&self) -> Result<SafeTensors<'_>, Failure> {
        SafeTensors::deserialize(&self.bytes)
            .map_err(|e| self.wrong(format!("not a safetensors file: {e}")))
    }

    fn has(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.file()?.tensor(name).is_ok())
    }

    /// The tensor of a name, `[batch, sizes…]`, where `None` stands for any size.
    fn get(&self, name: &str, sizes: &[Option<usize>]) -> Result<TensorData, Failure> {
        let file = self.file()?;
        let view = file.tensor(name).map_err(|_| {
            let names = file
                .names()
                .into_iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>();
            self.wrong(format!(
                "has no tensor `{name}`; it has {}",
                names.join(", ")
            ))
        })?;
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                return Err(self.wrong(format!("`{name}` is {other:?}, expected floating point")));
            }
        };
        let fits = |size: &usize, expected: &Option<usize>| match expected {
            Some(expected) => size == expected,
            None => *size > 0,
        };
        match view.shape() {
            [batch, rest @ ..]
                if *batch > 0
                    && rest.len() == sizes.len()
                    && rest
                        .iter()
                        .zip(sizes)
                        .all(|(size, expected)| fits(size, expected)) => {}
            shape => {
                let any = || "any".to_owned();
                let sizes = sizes
                    .iter()
                    .map(|size| size.map_or_else(any, |n| n.to_string()));
                let sizes: Vec<_> = std::iter::once("batch".to_owned()).chain(sizes).collect();
                return Err(self.wrong(format!(
                    "`{name}` is {shape:?}, expected [{}] for this model",
                    sizes.join(", ")
                )));
            }
        }
        let bytes = burn::tensor::Bytes::from_bytes_vec(view.data().to_vec());
        Ok(TensorData::from_bytes(bytes, view.shape().to_vec(), dtype).convert_dtype(DType::F32))
    }
}

fn write(path: &Path, name: &str, values: TensorData) -> Result<(), Failure> {
    let shape = values.shape().to_vec();
    let bytes: Vec<u8> = values.iter::<f32>().flat_map(f32::to_le_bytes).collect();
    let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(Failure::run)?;
    safetensors::serialize_to_file([(name, view)], None, path)
        .map_err(|e| Failure::run(anyhow::anyhow!("cannot write `{}`: {e}", path.display())))
}
