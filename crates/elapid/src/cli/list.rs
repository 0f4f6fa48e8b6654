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
        row("task", "classify", "one class an image, by cross-entropy"),
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
