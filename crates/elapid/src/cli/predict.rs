//! `elapid predict`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::Samples;
use elapid::data::{ImageBatch, ImagePipeline, PixelImage};
use elapid::picture::{Tile, contact_sheet};
use elapid::registry::{self, AnyTask, Described, ImageClassification};
use image::{DynamicImage, RgbImage};
use serde_json::json;

use super::failure::Failure;
use super::predict_masks::predict_masks;
use super::run::{Checkpoint, OpenRun};
use super::{follow_series, predict_graphs, predict_series, predict_sounds, print, table};

/// Classify images, their pixels, or sounds: a file, several, or whole folders; forecast what follows a table; or tell what the
/// nodes of a graph are, or the graph.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid predict runs/vim_digits photo.png scans/\n  elapid predict runs/vim_digits test/ --sheet sheet.png\n  elapid predict runs/smamba_csv mine.csv > forecast.csv\n  elapid predict runs/smamba_csv --follow growing.csv\n  elapid predict runs/karate edges.csv nodes.csv --json\n  elapid predict runs/links edges.csv --pairs pairs.csv"
)]
pub(crate) struct PredictArgs {
    /// Directory of the run.
    pub(super) run: PathBuf,
    /// PNG or JPEG files, or WAV, FLAC, MP3 and Ogg Vorbis, as the run was trained on; or folders of them.
    /// For a run on series one CSV or Parquet file, from whose last rows is forecast. For a run on graphs a table of edges and, if
    /// the run reads features, one of nodes; or a folder with `edges.csv` and `nodes.csv`; or a GraphML file.
    #[arg(required = true)]
    pub(super) inputs: Vec<PathBuf>,
    /// Classes to show for each image, most probable, or of most pixels, first.
    #[arg(long, default_value_t = 3)]
    pub(super) top: usize,
    /// The checkpoint of the run [default: the one that the plan's eval.weights names].
    #[arg(long)]
    pub(super) checkpoint: Option<Checkpoint>,
    /// Draw a contact sheet: the images with their classes, and whether they are right where an image's folder is
    /// called like a class; or with the classes of their pixels as colours. Of a graph, its nodes or edges in the colours of their
    /// classes.
    #[arg(long, value_name = "PNG")]
    pub(super) sheet: Option<PathBuf>,
    /// For a run on edges or links: a table with the columns `src` and `dst` of the pairs of nodes that are asked for [default: the
    /// edges].
    #[arg(long, value_name = "CSV")]
    pub(super) pairs: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(super) json: bool,
    /// Go on: forecast again whenever rows arrive at the end of a CSV file, until Ctrl-C. Models with a state carry it,
    /// others look back on the last rows.
    #[arg(long, conflicts_with = "sheet")]
    pub(super) follow: bool,
    /// Where to compute [default: the device the run was started on].
    #[arg(long)]
    pub(super) device: Option<String>,
}

/// File extensions of images.
const IMAGES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Images classified together.
const BATCH: usize = 32;
/// Images on a sheet; what comes after them is left out.
pub(super) const ON_SHEET: usize = 240;

pub(crate) fn predict(args: PredictArgs) -> Result<(), Failure> {
    let open = OpenRun::open(&args.run)?;
    match open.plan.data.samples {
        Samples::Series(_) if args.follow => return follow_series::follow(&args, &open),
        _ if args.follow => {
            return Err(Failure::wrong(
                "`--follow` is for runs on series; leave it out",
            ));
        }
        Samples::Graphs(_) => return predict_graphs::predict(&args, &open),
        _ if args.pairs.is_some() => {
            return Err(Failure::wrong(
                "`--pairs` is for runs on edges of graphs; leave it out",
            ));
        }
        Samples::Sounds(_) => return predict_sounds::predict(&args, &open),
        Samples::Series(_) => return predict_series::predict(&args, &open),
        Samples::Images(_) | Samples::Masks(_) => {}
    }
    let device =
        registry::device(&open.device_name(args.device.clone())).map_err(Failure::input)?;
    let files = files_below(&args.inputs, &IMAGES)?;
    match open.trained(&device, args.checkpoint, None)? {
        AnyTask::Segment(task) => predict_masks(&open, &task, &files, &args, &device),
        task => predict_classes(
            &open,
            &open.classifies_images(task, "predict")?,
            &files,
            &args,
            &device,
        ),
    }
}

/// Classes of whole images.
fn predict_classes(
    open: &OpenRun,
    task: &ImageClassification,
    files: &[PathBuf],
    args: &PredictArgs,
    device: &Device,
) -> Result<(), Failure> {
    let pipeline = open.image_pipeline()?;
    let classes = task.classes();
    let (mut rows, mut tiles) = (Vec::new(), Vec::new());
    for files in files.chunks(registry::samples_at_once(BATCH, pipeline.views)) {
        let batch = load(files, &pipeline)?;
        let scores = task.probabilities(&batch, device).into_data();
        let scores: Vec<f64> = scores.iter::<f64>().collect();
        for (file, scores) in files.iter().zip(scores.chunks(classes.len())) {
            let best = most_probable(scores, args.top);
            if args.sheet.is_some() && tiles.len() < ON_SHEET {
                tiles.push(tile(file, &best, classes)?);
            }
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
    if let Some(sheet) = &args.sheet {
        let title = title(&args.run, &tiles, files.len());
        save(&contact_sheet(&title, &tiles), sheet)?;
        rows.push(vec![
            sheet.display().to_string(),
            "contact sheet".to_owned(),
        ]);
    }
    if args.json {
        Ok(())
    } else {
        print(&table::align(rows))
    }
}

/// An image for the sheet. Its folder is the truth if it is called like a class.
fn tile(file: &Path, best: &[(usize, f64)], classes: &[String]) -> Result<Tile, Failure> {
    let image = open_image(file)?.into_rgb8();
    let folder = file.parent().and_then(Path::file_name);
    let folder = folder.unwrap_or_default().to_string_lossy();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    Ok(Tile {
        image: thumbnail(image),
        name: name.into_owned(),
        classes: best
            .iter()
            .map(|(class, p)| (classes[*class].clone(), *p))
            .collect(),
        truth: classes.iter().find(|class| **class == folder).cloned(),
    })
}

/// Photographs are kept at the size of a sheet's images.
pub(super) fn thumbnail(image: RgbImage) -> RgbImage {
    const LARGEST: u32 = 512;
    let (width, height) = image.dimensions();
    match width.max(height) {
        0..=LARGEST => image,
        longer => {
            let scaled = |side: u32| (side * LARGEST / longer).max(1);
            image::imageops::thumbnail(&image, scaled(width), scaled(height))
        }
    }
}

fn title(run: &Path, tiles: &[Tile], images: usize) -> String {
    let shown = shown(run, tiles.len(), images);
    let judged = tiles.iter().filter_map(Tile::is_right);
    let (right, known) = judged.fold((0, 0), |(right, known), is_right| {
        (right + usize::from(is_right), known + 1)
    });
    match known {
        0 => shown,
        known => format!("{shown}, {right} of {known} right"),
    }
}

/// What of a run's images is on a sheet.
pub(super) fn shown(run: &Path, tiles: usize, images: usize) -> String {
    let run = run.file_name().unwrap_or_default().to_string_lossy();
    match images == tiles {
        true => format!("{run}: {images} images"),
        false => format!("{run}: the first {tiles} of {images} images"),
    }
}

/// Writes a picture, and the folders above it.
pub(crate) fn save(picture: &RgbImage, path: &Path) -> Result<(), Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    let saved = made
        .map_err(image::ImageError::from)
        .and_then(|()| picture.save(path));
    saved.map_err(|error| {
        Failure::run(anyhow::anyhow!(
            "cannot write `{}`: {error}",
            path.display()
        ))
    })
}

/// The `count` largest scores with their classes, largest first.
pub(super) fn most_probable(scores: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count.max(1));
    ranked
}

pub(crate) fn load(files: &[PathBuf], pipeline: &ImagePipeline) -> Result<ImageBatch, Failure> {
    let mut batch = ImageBatch::for_evaluation(pipeline, files.len());
    for file in files {
        batch.look_at(pipeline, &PixelImage::from(open_image(file)?), 0);
    }
    Ok(batch)
}

pub(super) fn open_image(file: &Path) -> Result<DynamicImage, Failure> {
    let bytes = std::fs::read(file).map_err(|e| unreadable(file, &e))?;
    elapid::data::decode_image(&bytes).map_err(|e| unreadable(file, &e))
}

fn unreadable(file: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::wrong(format!(
        "cannot read the image `{}`: {reason}",
        file.display()
    ))
}

/// All inputs, folders replaced by the files below them with one of the extensions, in byte order.
pub(super) fn files_below(
    inputs: &[PathBuf],
    extensions: &[&str],
) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for input in inputs {
        match input.is_dir() {
            true => collect(input, extensions, &mut files)?,
            false => files.push(input.clone()),
        }
    }
    match files.is_empty() {
        true => {
            let known: Vec<_> = extensions.iter().map(|e| format!(".{e}")).collect();
            let message = format!("no {} file in the given folders", known.join(", "));
            Err(Failure::wrong(message))
        }
        false => Ok(files),
    }
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unlisted = |e: std::io::Error| {
        Failure::wrong(format!(
            "cannot list the folder `{}`: {e}",
            folder.display()
        ))
    };
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
            _ if path.is_dir() => collect(&path, extensions, files)?,
            Some(extension) if extensions.contains(&extension) => files.push(path),
            _ => {}
        }
    }
    Ok(())
}
