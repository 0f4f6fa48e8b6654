//! `elapid predict`.

use std::path::{Path, PathBuf};

use elapid::data::{ImageBatch, ImagePipeline, PixelImage};
use elapid::registry::{self, AnyTask, Described};
use serde_json::json;

use super::failure::Failure;
use super::run::{Checkpoint, OpenRun};
use super::{print, table};

/// Classify images: a file, several, or whole folders.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid predict runs/vim_digits photo.png scans/")]
pub(crate) struct PredictArgs {
    /// Directory of the run.
    run: PathBuf,
    /// PNG or JPEG files, or folders of them.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Classes to show for each image, most probable first.
    #[arg(long, default_value_t = 3)]
    top: usize,
    /// The checkpoint of the run [default: the one that the plan's eval.weights names].
    #[arg(long)]
    checkpoint: Option<Checkpoint>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Where to compute [default: the device the run was started on].
    #[arg(long)]
    device: Option<String>,
}

/// Images classified together.
const BATCH: usize = 32;

pub(crate) fn predict(args: PredictArgs) -> Result<(), Failure> {
    let open = OpenRun::open(&args.run)?;
    let device = registry::device(&open.device_name(args.device)).map_err(Failure::input)?;
    let pipeline = open.image_pipeline()?;
    let files = image_files(&args.inputs)?;
    let AnyTask::Classify(task) = open.trained(&device, args.checkpoint, None)?;
    let classes = task.classes();
    let mut rows = Vec::new();
    for files in files.chunks(BATCH) {
        let batch = load(files, &pipeline)?;
        let scores = task.probabilities(&batch, &device).into_data();
        let scores: Vec<f64> = scores.iter::<f64>().collect();
        for (file, scores) in files.iter().zip(scores.chunks(classes.len())) {
            let best = most_probable(scores, args.top);
            if args.json {
                let classes: Vec<_> = best
                    .iter()
                    .map(|(class, p)| json!({"class": classes[*class], "probability": p}))
                    .collect();
                print(&json!({"image": file, "classes": classes}).to_string())?;
            } else {
                let mut row = vec![file.display().to_string()];
                row.extend(
                    best.iter()
                        .map(|(c, p)| format!("{} {:.1} %", classes[*c], 100.0 * p)),
                );
                rows.push(row);
            }
        }
    }
    if args.json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
}

/// The `count` largest scores with their classes, largest first.
fn most_probable(scores: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count.max(1));
    ranked
}

fn load(files: &[PathBuf], pipeline: &ImagePipeline) -> Result<ImageBatch, Failure> {
    let mut pixels = Vec::with_capacity(files.len() * pipeline.values());
    for file in files {
        let image = image::ImageReader::open(file)
            .and_then(image::ImageReader::with_guessed_format)
            .map_err(|e| unreadable(file, &e))?
            .decode()
            .map_err(|e| unreadable(file, &e))?;
        pixels.extend(pipeline.apply(&PixelImage::from(image), None));
    }
    let shape = [files.len(), pipeline.channels, pipeline.size, pipeline.size];
    Ok(ImageBatch {
        pixels,
        labels: vec![0; files.len()],
        partners: None,
        shape,
    })
}

fn unreadable(file: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!(
        "cannot read the image `{}`: {reason}",
        file.display()
    ))
}

/// All inputs, folders replaced by the images below them in byte order.
fn image_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        match input.is_dir() {
            true => collect(input, &mut files)?,
            false => files.push(input.clone()),
        }
    }
    match files.is_empty() {
        true => Err(Failure::wrong(
            "no .png, .jpg or .jpeg file in the given folders",
        )),
        false => Ok(files),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unlisted = |e: std::io::Error| unreadable(folder, &e);
    let entries = std::fs::read_dir(folder).map_err(unlisted)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unlisted)?;
    paths.sort();
    for path in paths {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_lowercase);
        match extension.as_deref() {
            _ if path.is_dir() => collect(&path, files)?,
            Some("png" | "jpg" | "jpeg") => files.push(path),
            _ => {}
        }
    }
    Ok(())
}
