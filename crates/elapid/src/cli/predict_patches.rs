//! `elapid predict` for runs that were pretrained on masked patches of sounds.

use burn::tensor::{Device, Tensor, TensorData};
use elapid::data::audio::{Frames, PatchMask};
use elapid::picture::{Panel, panels, spectrogram, usual_range, with_hidden};
use elapid::registry::{self, PatchPretraining};
use image::{Rgb, RgbImage};
use serde_json::json;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::predict::{PredictArgs, save};
use super::predict_sounds::filterbank;
use super::run::OpenRun;
use super::{print, table};

/// What hides a masked patch.
const HIDDEN: Rgb<u8> = Rgb([215, 215, 215]);

/// A spectrogram, `[frames, bins]`, what the model makes of its masked patches, and which those are.
struct Rebuilt {
    values: Vec<f32>,
    made: Vec<f32>,
    mask: Vec<f32>,
    error: f64,
}

/// Hides patches of the beginning of each sound, as evaluation does, and says how well the model fills them in; the sheet shows the first
/// sounds.
pub(super) fn predict_patches(
    open: &OpenRun,
    task: &PatchPretraining,
    files: &[PathBuf],
    args: &PredictArgs,
    device: &Device,
) -> Result<(), Failure> {
    /// Sounds on a sheet.
    const SHOWN: usize = 6;
    let pipeline = open.sound_pipeline()?;
    let mask = registry::patch_mask(&open.plan).map_err(Failure::input)?;
    let patch = task.model.v.patch();
    let (mut rows, mut sheet) = (Vec::new(), Vec::new());
    for (number, file) in (0..).zip(files) {
        let Frames { mut values, bins } = filterbank(file, &pipeline)?;
        values.truncate(pipeline.frames * bins);
        let values = pipeline.finish(Frames { values, bins }, None).values;
        let rebuilt = rebuilt(task, values, bins, mask.numbered(number), device);
        if args.json {
            print(&json!({"sound": file, "mse": rebuilt.error}).to_string())?;
        }
        rows.push(vec![
            file.display().to_string(),
            format!("squared error of the hidden patches {:.4}", rebuilt.error),
        ]);
        if args.sheet.is_some() && sheet.len() < SHOWN {
            sheet.push(row(file, &rebuilt, bins, patch, &mask));
        }
    }
    if let Some(path) = &args.sheet {
        save(&stacked(&sheet), path)?;
        let what = "spectrograms, hidden patches, and what was made of them";
        rows.push(vec![path.display().to_string(), what.to_owned()]);
    }
    match args.json {
        true => Ok(()),
        false => print(&table::align(rows)),
    }
}

fn rebuilt(
    task: &PatchPretraining,
    values: Vec<f32>,
    bins: usize,
    mask: Vec<f32>,
    device: &Device,
) -> Rebuilt {
    let frames = values.len() / bins;
    let sound = TensorData::new(values.clone(), [1, frames, bins]);
    let hidden = TensorData::new(mask.clone(), [1, mask.len()]);
    let hidden = Tensor::<2>::from_data(hidden, device);
    let made = task.reconstruct(Tensor::from_data(sound, device), &hidden);
    let made: Vec<f32> = made.into_data().iter::<f32>().collect();
    let [height, width] = task.model.v.patch();
    let columns = frames / width;
    let (mut filled, mut error, mut count) = (values.clone(), 0.0, 0);
    for (number, patch) in made.chunks(height * width).enumerate() {
        if mask[number] == 0.0 {
            continue;
        }
        let (row, column) = (number / columns, number % columns);
        for (at, value) in patch.iter().enumerate() {
            let (bin, frame) = (row * height + at / width, column * width + at % width);
            let place = frame * bins + bin;
            error += f64::from(value - values[place]).powi(2);
            count += 1;
            filled[place] = *value;
        }
    }
    Rebuilt {
        values,
        made: filled,
        mask,
        error: error / f64::from(count.max(1)),
    }
}

/// The three pictures of a sound.
fn row(
    file: &Path,
    rebuilt: &Rebuilt,
    bins: usize,
    patch: [usize; 2],
    mask: &PatchMask,
) -> RgbImage {
    let range = usual_range(&rebuilt.values);
    let picture = |values: &[f32]| spectrogram(values, bins, range);
    let hides = |row: usize, column: usize| {
        let [rows, columns] = mask.grid;
        row < rows && column < columns && rebuilt.mask[row * columns + column] > 0.0
    };
    let panel = |image: RgbImage, caption: String| Panel {
        image,
        caption: vec![caption],
    };
    let hidden = rebuilt.mask.iter().filter(|x| **x > 0.0).count();
    let all = rebuilt.mask.len();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let title = [name.into_owned()];
    panels(
        &title,
        &[
            panel(picture(&rebuilt.values), "as it is".to_owned()),
            panel(
                with_hidden(picture(&rebuilt.values), patch, HIDDEN, hides),
                format!("what the model sees: {hidden} of {all} patches hidden"),
            ),
            panel(
                picture(&rebuilt.made),
                format!("filled in, squared error {:.3}", rebuilt.error),
            ),
        ],
    )
}

/// Pictures below each other.
fn stacked(pictures: &[RgbImage]) -> RgbImage {
    let width = pictures.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = pictures.iter().map(RgbImage::height).sum::<u32>().max(1);
    let mut sheet = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let mut top = 0;
    for picture in pictures {
        image::imageops::replace(&mut sheet, picture, 0, top);
        top += i64::from(picture.height());
    }
    sheet
}
