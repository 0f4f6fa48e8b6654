//! `elapid predict` on sounds.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use elapid::config::Samples;
use elapid::data::audio::{AudioPipeline, Frames, decode};
use elapid::registry::{self, AnyTask, Described};
use serde_json::json;

use super::failure::Failure;
use super::predict::{PredictArgs, files_below, most_probable};
use super::predict_patches::predict_patches;
use super::run::OpenRun;
use super::{print, table};

/// File extensions of sounds.
const SOUNDS: [&str; 4] = ["wav", "flac", "mp3", "ogg"];

/// A part of a sound as long as the model's input, from a second to another.
struct Window {
    values: Vec<f32>,
    seconds: [f64; 2],
}

/// Prints the classes of each sound, and of each part of those that are longer than the model's input.
pub(super) fn predict(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    let name = open.device_name(args.device.clone());
    let device = registry::device(&name).map_err(Failure::input)?;
    let pipeline = open.sound_pipeline()?;
    let files = files_below(&args.inputs, &SOUNDS)?;
    let task = open.trained(&device, args.checkpoint, None)?;
    if let AnyTask::PretrainPatches(task) = &task {
        return predict_patches(open, task, &files, args, &device);
    }
    if args.sheet.is_some() {
        return Err(Failure::wrong(
            "`--sheet` is for images and for sounds of a pretraining run; leave it out",
        ));
    }
    let mut rows = Vec::new();
    for file in files {
        let windows = windows(&file, &pipeline, open.frame_shift())?;
        let several = windows.len() > 1;
        for window in windows {
            let scores = probabilities(&task, &pipeline, window.values, &device);
            let best = most_probable(&scores, args.top);
            let classes = task.classes();
            let [from, to] = window.seconds;
            if args.json {
                let classes: Vec<_> = best
                    .iter()
                    .map(|(class, p)| json!({"class": classes[*class], "probability": p}))
                    .collect();
                let line = json!({"sound": file, "from": from, "to": to, "classes": classes});
                print(&line.to_string())?;
                continue;
            }
            let mut row = vec![file.display().to_string()];
            if several {
                row.push(format!("{from:.1} to {to:.1} s"));
            }
            let named = best.iter();
            row.extend(named.map(|(class, p)| format!("{} {:.1} %", classes[*class], 100.0 * p)));
            rows.push(row);
        }
    }
    match args.json {
        true => Ok(()),
        false => print(&table::align(rows)),
    }
}

impl OpenRun {
    /// Seconds from a frame to the next.
    fn frame_shift(&self) -> f64 {
        match &self.plan.data.samples {
            Samples::Sounds(sounds) => sounds.audio.frame_shift / 1000.0,
            Samples::Images(_) | Samples::Masks(_) | Samples::Series(_) | Samples::Graphs(_) => 0.0,
        }
    }
}

/// The frames of a sound.
pub(super) fn filterbank(file: &Path, pipeline: &AudioPipeline) -> Result<Frames, Failure> {
    let unreadable = |reason: String| {
        Failure::wrong(format!(
            "cannot read the sound `{}`: {reason}",
            file.display()
        ))
    };
    let bytes = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let recording = decode(file, &bytes).map_err(unreadable)?;
    pipeline.filterbank(recording.waveform).map_err(unreadable)
}

/// The parts of a sound, one behind the other; the last is padded, and left out where it is less than a tenth.
fn windows(file: &Path, pipeline: &AudioPipeline, shift: f64) -> Result<Vec<Window>, Failure> {
    let frames = filterbank(file, pipeline)?;
    let (bins, length) = (frames.bins, pipeline.frames);
    let parts = frames.values.chunks(length * bins).enumerate();
    // What is left behind the last whole window may be a few frames, which say nothing.
    let heard = parts.filter(|(number, values)| *number == 0 || values.len() * 10 >= length * bins);
    let windows = heard.map(|(number, values)| {
        let from = number * length;
        let to = from + values.len() / bins;
        let values = values.to_vec();
        Window {
            values: pipeline.finish(Frames { values, bins }, None).values,
            seconds: [from, to].map(|frame| frame as f64 * shift),
        }
    });
    Ok(windows.collect())
}

/// The probability of each class.
fn probabilities(
    task: &AnyTask,
    pipeline: &AudioPipeline,
    values: Vec<f32>,
    device: &Device,
) -> Vec<f64> {
    let shape = [1, pipeline.frames, pipeline.bins()];
    let sound = Tensor::<3>::from_data(TensorData::new(values, shape), device);
    let probabilities = match task {
        AnyTask::ClassifySounds(task) => task.probabilities(sound),
        AnyTask::TagSounds(task) => task.probabilities(sound),
        // Refused before.
        _ => return Vec::new(),
    };
    probabilities.into_data().iter::<f64>().collect()
}
