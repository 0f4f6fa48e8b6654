//! `elapid list`.

use super::failure::Failure;
use super::{print, table};

/// List what this build can do: models, tasks, data sets, devices.
#[derive(clap::Args)]
pub(crate) struct ListArgs {}

pub(crate) fn list(_: ListArgs) -> Result<(), Failure> {
    let mut rows = vec![
        row(
            "model",
            "vim",
            "Vision Mamba, bidirectional Mamba-1 on image patches (arXiv 2401.09417)",
        ),
        row(
            "model",
            "ssamba",
            "SSAMBA, bidirectional Mamba-1 on patches of spectrograms (arXiv 2405.11831)",
        ),
        row(
            "model",
            "smamba",
            "S-Mamba, forecasts by bidirectional Mamba-1 over variates (arXiv 2403.11144)",
        ),
        row(
            "model",
            "rlinear",
            "RLinear, forecasts by one linear map of the normalised lookback (arXiv 2305.10721)",
        ),
        row(
            "model",
            "dlinear",
            "DLinear, forecasts by linear maps of trend and remainder (arXiv 2205.13504)",
        ),
        row(
            "model",
            "timemachine",
            "TimeMachine, forecasts by four Mambas at two resolutions (arXiv 2403.09898)",
        ),
        row(
            "model",
            "causal_mamba",
            "forecasts by causal Mamba-1 over patches of time, whose state can be carried on",
        ),
        row(
            "model",
            "mambasl",
            "MambaSL, classes of whole series by a single Mamba layer (openreview YDl4vqQqGP)",
        ),
        row("task", "classify", "one class an image, sound or series"),
        row(
            "task",
            "segment",
            "one class a pixel, by cross-entropy; heads light and upernet (arXiv 1807.10221)",
        ),
        row(
            "task",
            "multi_label",
            "any number of classes a sound, by binary cross-entropy",
        ),
        row(
            "task",
            "pretrain_patches",
            "masked patches of a sound's spectrogram, told apart and reconstructed",
        ),
        row("task", "forecast", "what follows a window of a series"),
        row(
            "task",
            "detect",
            "anomalies: steps of a series that a model cannot reconstruct",
        ),
        row("task", "impute", "values of a series that are missing"),
    ];
    for card in elapid::data::cards().map_err(Failure::run)? {
        rows.push(row("data", &card.name, &card.title));
    }
    for name in elapid::registry::device_names() {
        rows.push(row("device", name, ""));
    }
    print(&table::align(rows))
}

fn row(kind: &str, name: &str, what: &str) -> Vec<String> {
    [kind, name, what].map(str::to_owned).to_vec()
}
