//! `elapid explain`.

use std::path::{Path, PathBuf};

use elapid::data::ImagePipeline;
use elapid::explain::{Explanation, explain as explained};
use elapid::picture::{Panel, heat_map, panels};
use elapid::registry::{self, Described};
use image::{Rgb, RgbImage};
use serde_json::json;

use super::failure::Failure;
use super::predict::{load, save};
use super::run::{Checkpoint, OpenRun};
use super::{print, table};

/// Show which parts of an image moved a decision, as a picture.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid explain runs/vim_digits photo.png --class 7\n\nRed cells spoke for the class, blue ones against it: integrated gradients of its log-odds. For a model with a class token the picture also shows the hidden attention of its scans."
)]
pub(crate) struct ExplainArgs {
    /// Directory of the run.
    run: PathBuf,
    /// PNG or JPEG file.
    image: PathBuf,
    /// The class to explain [default: the most probable one].
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Picture to write [default: explain/NAME_CLASS.png in the run].
    #[arg(long, value_name = "PNG")]
    output: Option<PathBuf>,
    /// Images between one of mean colour and this one that gradients are averaged over [default: until the sum is right
    /// to 5 %].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    steps: Option<u16>,
    /// The checkpoint of the run [default: the one that the plan's eval.weights names].
    #[arg(long)]
    checkpoint: Option<Checkpoint>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Where to compute [default: the device the run was started on].
    #[arg(long)]
    device: Option<String>,
}

/// Cells listed in words.
const LISTED: usize = 5;

pub(crate) fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let open = OpenRun::open(&args.run)?;
    let device = registry::device(&open.device_name(args.device)).map_err(Failure::input)?;
    let task = open.image_classification(&device, args.checkpoint, "explain")?;
    let pipeline = ImagePipeline {
        views: 1,
        ..open.image_pipeline()?
    };
    let batch = load(std::slice::from_ref(&args.image), &pipeline)?;
    let classes = task.classes();
    let class = args.class.as_deref().map(|name| named(name, classes));
    let class = class.transpose()?;
    let layout = registry::position_layout(&open.plan.model).map_err(Failure::input)?;
    let shape = registry::input_shape(&open.plan.model).map_err(Failure::input)?;
    let steps = args.steps.map(usize::from);
    let found = explained(
        &task.model,
        &batch.pixels,
        shape,
        layout,
        class,
        steps,
        &device,
    );
    let name = &classes[found.class];
    let output = args
        .output
        .unwrap_or_else(|| default_output(&args.run, &args.image, name));
    let picture = picture(
        &args.image,
        &found,
        classes,
        &seen(&batch.pixels, &pipeline),
    );
    save(&picture, &output)?;
    if args.json {
        let contributions = &found.contributions;
        return print(
            &json!({
                "image": args.image,
                "class": name,
                "probability": found.probabilities[found.class],
                "log_odds": contributions.log_odds,
                "log_odds_of_mean_colour": contributions.plain,
                "cells_per_side": found.side,
                "contributions": contributions.cells,
                "attention": found.attention,
                "picture": output,
            })
            .to_string(),
        );
    }
    print(&table::align(in_words(&found, name, &output)))
}

fn named(name: &str, classes: &[String]) -> Result<usize, Failure> {
    let found = classes.iter().position(|class| class == name);
    found.ok_or_else(|| {
        let known: Vec<_> = classes
            .iter()
            .take(20)
            .map(|class| format!("`{class}`"))
            .collect();
        let more = match classes.len().checked_sub(20) {
            Some(more) if more > 0 => format!(" and {more} more"),
            _ => String::new(),
        };
        Failure::wrong(format!(
            "the run has no class `{name}`; its classes are {}{more}",
            known.join(", ")
        ))
    })
}

/// `explain/NAME_CLASS.png` in the run, with nothing in it that a file name cannot have.
fn default_output(run: &Path, image: &Path, class: &str) -> PathBuf {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}_{class}");
    let plain = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    run.join("explain").join(format!("{name}.png"))
}

/// The image as the model takes it, cut and resized.
fn seen(pixels: &[f32], pipeline: &ImagePipeline) -> RgbImage {
    let (size, channels) = (pipeline.size, pipeline.channels);
    let level = |channel: usize, at: usize| {
        let channel = channel.min(channels - 1);
        let value = pixels[channel * size * size + at];
        let white = value * pipeline.std[channel] + pipeline.mean[channel];
        (255.0 * white).round().clamp(0.0, 255.0) as u8
    };
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let at = y as usize * size + x as usize;
        Rgb([0, 1, 2].map(|channel| level(channel, at)))
    })
}

fn picture(file: &Path, found: &Explanation, classes: &[String], image: &RgbImage) -> RgbImage {
    let name = &classes[found.class];
    let best = found.probabilities.iter().enumerate();
    let best = best
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map_or(0, |(class, _)| class);
    let percent = |class: usize| format!("{:.1}%", 100.0 * found.probabilities[class]);
    let file_name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut decision = format!("predicted {} ({})", classes[best], percent(best));
    if best != found.class {
        decision += &format!(", explained: {name} ({})", percent(found.class));
    }
    let odds = &found.contributions;
    let panel = |image: RgbImage, caption: &[&str]| Panel {
        image,
        caption: caption.iter().map(|line| (*line).to_owned()).collect(),
    };
    // Enlarged first, so that cells of a few pixels keep sharp edges and smooth images stay smooth.
    let large = enlarged(image);
    let mut shown = vec![
        panel(large.clone(), &["what the model sees"]),
        panel(
            heat_map(&large, &odds.cells, found.side),
            &[
                &format!("red: speaks for {name}, blue: against"),
                &format!(
                    "log-odds {:.2}; mean colour {:.2}",
                    odds.log_odds, odds.plain
                ),
            ],
        ),
    ];
    if let Some(attention) = &found.attention {
        shown.push(panel(
            heat_map(&large, attention, found.side),
            &[
                "hidden attention of the class token,",
                "mean of all layers and channels",
            ],
        ));
    }
    panels(&[file_name, decision], &shown)
}

/// By a whole factor to at least 320 pixels.
fn enlarged(image: &RgbImage) -> RgbImage {
    let side = image.width().max(1);
    let factor = 320_u32.div_ceil(side);
    let (width, height) = (image.width() * factor, image.height() * factor);
    image::imageops::resize(image, width, height, image::imageops::FilterType::Nearest)
}

fn in_words(found: &Explanation, name: &str, output: &Path) -> Vec<Vec<String>> {
    let odds = &found.contributions;
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    let mut rows = vec![
        row(
            "class",
            format!("{name}, {:.1} %", 100.0 * found.probabilities[found.class]),
        ),
        row(
            "log-odds",
            format!(
                "{:.3}; of an image of mean colour {:.3}",
                odds.log_odds, odds.plain
            ),
        ),
    ];
    let mut ranked: Vec<(usize, f64)> = odds.cells.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    for (cell, change) in ranked.into_iter().take(LISTED) {
        let (y, x) = (cell / found.side + 1, cell % found.side + 1);
        rows.push(row(
            "cell",
            format!("row {y}, column {x} of {0}: {change:+.3}", found.side),
        ));
    }
    let sum: f64 = odds.cells.iter().sum();
    rows.push(row("all cells", format!("{sum:+.3}")));
    rows.push(row("picture", output.display().to_string()));
    rows
}
