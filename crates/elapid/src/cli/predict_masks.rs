//! `elapid predict` for runs that classify pixels.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use elapid::data::transform::Region;
use elapid::data::{Mask, MaskPipeline, PixelImage, Windows};
use elapid::picture::{Masked, overlay_sheet};
use elapid::registry::{Described, ImageSegmentation};
use serde_json::json;

use super::failure::Failure;
use super::predict::{ON_SHEET, PredictArgs, open_image, save, shown, thumbnail};
use super::run::OpenRun;
use super::{print, table};

/// Images of which the classes are found together; their scores take much memory.
const BATCH: usize = 8;

/// Shares of the classes in each image, and the sheet if one is asked for.
pub(super) fn predict_masks(
    open: &OpenRun,
    task: &ImageSegmentation,
    files: &[PathBuf],
    args: &PredictArgs,
    device: &Device,
) -> Result<(), Failure> {
    let pipeline = open.mask_pipeline()?;
    let classes = task.classes();
    let (mut rows, mut tiles) = (Vec::new(), Vec::new());
    for files in files.chunks(BATCH) {
        let images = files.iter().map(|file| open_image(file));
        let images = images.collect::<Result<Vec<_>, _>>()?;
        let stored: Vec<_> = images.iter().cloned().map(PixelImage::from).collect();
        let masks = masks(task, &stored, &pipeline, device);
        for ((file, image), mask) in files.iter().zip(images).zip(masks) {
            let shares = shares(&mask, classes.len());
            if args.sheet.is_some() && tiles.len() < ON_SHEET {
                let image = thumbnail(image.into_rgb8());
                let mask = mask.resized(image.width() as usize, image.height() as usize);
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                tiles.push(Masked {
                    image,
                    classes: mask.ids().iter().copied().map(usize::from).collect(),
                    name: name.into_owned(),
                });
            }
            let shares = shares.iter().take(args.top.max(1));
            if args.json {
                let classes: Vec<_> = shares
                    .map(|(class, share)| json!({"class": classes[*class], "share": share}))
                    .collect();
                print(&json!({"image": file, "classes": classes}).to_string())?;
            } else {
                let mut row = vec![file.display().to_string()];
                row.extend(shares.map(|(c, p)| format!("{} {:.1} %", classes[*c], 100.0 * p)));
                rows.push(row);
            }
        }
    }
    if let Some(sheet) = &args.sheet {
        let title = shown(&args.run, tiles.len(), files.len());
        save(&overlay_sheet(&title, &tiles, classes), sheet)?;
        let path = sheet.display().to_string();
        rows.push(vec![path, "images with their classes".to_owned()]);
    }
    match args.json {
        true => Ok(()),
        false => print(&table::align(rows)),
    }
}

/// The classes of all pixels of each image, at the image's own size.
fn masks(
    task: &ImageSegmentation,
    images: &[PixelImage],
    pipeline: &MaskPipeline,
    device: &Device,
) -> Vec<Mask> {
    if let Some(windows) = pipeline.windows {
        let of_image = |image| mask_by_windows(task, image, pipeline, windows, device);
        return images.iter().map(of_image).collect();
    }
    let size = pipeline.size;
    let pixels: Vec<f32> = images
        .iter()
        .flat_map(|image| pipeline.input(image))
        .collect();
    let shape = [images.len(), pipeline.channels, size, size];
    let input = Tensor::from_data(TensorData::new(pixels, shape), device);
    let predicted = task.predicted(input).into_data();
    let ids: Vec<u16> = predicted.iter::<i64>().map(|class| class as u16).collect();
    let of_images = images.iter().zip(ids.chunks(size * size));
    of_images
        .map(|(image, ids)| {
            let (width, height) = pipeline.fitted(image.width(), image.height());
            let seen = Region {
                left: 0,
                top: 0,
                width,
                height,
            };
            let mask = Mask::new(size, size, ids.to_vec()).cut(seen);
            mask.resized(image.width(), image.height())
        })
        .collect()
}

/// The classes of all pixels of an image that is seen part by part.
fn mask_by_windows(
    task: &ImageSegmentation,
    image: &PixelImage,
    pipeline: &MaskPipeline,
    windows: Windows,
    device: &Device,
) -> Mask {
    let (pixels, frame) = pipeline.frame(image, windows);
    let (count, size) = (frame.windows.len(), pipeline.size);
    let shape = [count, pipeline.channels, size, size];
    let input = Tensor::from_data(TensorData::new(pixels, shape), device);
    let classes = task.scores_of_frame(input, &frame).argmax(3).into_data();
    let ids = classes.iter::<i64>().map(|class| class as u16).collect();
    Mask::new(image.width(), image.height(), ids)
}

/// Classes with their shares of the pixels, the largest first; those without a pixel are left out.
fn shares(mask: &Mask, classes: usize) -> Vec<(usize, f64)> {
    let mut counts = vec![0_usize; classes];
    for &id in mask.ids() {
        counts[usize::from(id)] += 1;
    }
    let all = mask.ids().len() as f64;
    let shares = counts.into_iter().map(|count| count as f64 / all);
    let mut shares: Vec<_> = shares
        .enumerate()
        .filter(|(_, share)| *share > 0.0)
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}
