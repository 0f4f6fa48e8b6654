//! `elapid data list`.

use elapid::registry::{self, KnownData};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::print;

/// List all data sets: what they read, and where they come from.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  elapid data list")]
pub(crate) struct ListArgs {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn list(args: ListArgs) -> Result<(), Failure> {
    let known = registry::known_data().map_err(Failure::run)?;
    if args.json {
        return known.iter().try_for_each(|known| print(&object(known)));
    }
    let width = known.iter().map(|known| known.card.name.len()).max();
    let mut lines: Vec<String> = Vec::new();
    let mut samples = "";
    for known in &known {
        if known.set.samples != samples {
            samples = known.set.samples;
            let gap = if lines.is_empty() { "" } else { "\n" };
            lines.push(format!("{gap}{samples}"));
        }
        let width = width.unwrap_or(0);
        lines.push(format!("  {:width$}  {}", known.card.name, reads(known)));
        lines.push(format!("  {:width$}  {}", "", origin(known)));
    }
    print(&lines.join("\n"))
}

/// Title of the data, and what is read.
fn reads(known: &KnownData) -> String {
    let (set, card) = (known.set, &known.card);
    match card.name == set.name {
        true => format!("{}: {}", card.title, set.doc),
        false => format!("{}: read as `{}`", card.title, set.name),
    }
}

fn origin(known: &KnownData) -> String {
    let (name, homepage) = (&known.card.name, &known.card.homepage);
    match (known.set.is_read, &known.card.by_hand) {
        (false, _) => "comes with elapid, or is made by it".to_owned(),
        (true, Some(_)) => format!("{homepage}; `elapid data prepare {name}` says what to do"),
        (true, None) if !known.card.downloads.is_empty() => {
            format!("{homepage}; fetched by `elapid data prepare {name}`")
        }
        (true, None) => homepage.clone(),
    }
}

fn object(known: &KnownData) -> String {
    let (set, card) = (known.set, &known.card);
    json!({
        "name": card.name,
        "data.name": set.name,
        "samples": set.samples,
        "title": card.title,
        "reads": set.doc,
        "homepage": card.homepage,
        "licence": card.licence,
        "is_read_from_disk": set.is_read,
        "is_fetched": !card.downloads.is_empty(),
    })
    .to_string()
}
