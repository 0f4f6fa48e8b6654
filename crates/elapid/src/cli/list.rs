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
        row("task", "classify", "one class an image or sound"),
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
