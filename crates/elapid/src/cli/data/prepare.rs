//! `elapid data prepare`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use elapid::data::{Card, card, card_text};
use elapid::prepare::{Preparation, PrepareError, by_hand};
use elapid::registry;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::failure::Failure;
use crate::cli::print;

/// Fetch a published data set, check and unpack it; or say how it is got by hand.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  elapid data prepare mnist\n  elapid data prepare tiny_imagenet /data/tiny\n\nWhat has been fetched stays when it is interrupted; the same command goes on from there."
)]
pub(crate) struct PrepareArgs {
    /// Name of the data set; `elapid data list` shows all.
    name: String,
    /// Where it is put [default: data/NAME].
    folder: Option<PathBuf>,
    /// An address that has all files under their own names, to be asked instead of the publishers.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

pub(crate) fn prepare(args: PrepareArgs) -> Result<(), Failure> {
    let (name, card) = (&args.name, card(&args.name).map_err(Failure::input)?);
    let known = registry::known_data().map_err(Failure::run)?;
    let read_as = known.iter().find(|known| known.card.name == *name);
    let Some(set) = read_as.map(|known| known.set) else {
        return Err(Failure::wrong(format!(
            "`{name}` is no data set of a config"
        )));
    };
    if !set.is_read {
        return print(&format!(
            "`{name}` comes with elapid or is made by it: `name = \"{name}\"` needs no files"
        ));
    }
    let default = || Path::new("data").join(name);
    let folder = args.folder.clone().unwrap_or_else(default);
    if card.downloads.is_empty() {
        let steps = by_hand(&card, &folder);
        return Err(Failure::wrong(format!(
            "`{name}` is not fetched by elapid\n{steps}"
        )));
    }
    fetch(&args, &card, &folder)?;
    let place = folder.display();
    print(&format!(
        "{place}: {}, ready for `name = \"{}\"`; `elapid data verify {place}` reads all of it once",
        card.title, set.name
    ))
}

fn fetch(args: &PrepareArgs, card: &Card, folder: &Path) -> Result<(), Failure> {
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new(0),
        false => ProgressBar::hidden(),
    };
    let template = "{bar:24} {bytes} of {total_bytes}  {bytes_per_sec}  eta {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let say = |text: &str| {
        bar.suspend(|| {
            // If standard error is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
        bar.reset();
    };
    let progress = |bytes, total: Option<u64>| {
        bar.set_length(total.unwrap_or(bytes));
        bar.set_position(bytes);
    };
    let preparation = Preparation {
        card,
        text: card_text(&card.name).unwrap_or_default(),
        folder,
        mirror: args.mirror.as_deref(),
        say: &say,
        progress: &progress,
    };
    let result = preparation.run();
    bar.finish_and_clear();
    result.map_err(|error| {
        let is_unreachable = matches!(
            error,
            PrepareError::Unreachable { .. } | PrepareError::Refused { .. }
        );
        match is_unreachable {
            true => Failure::run(anyhow::Error::msg(format!(
                "{error}\n{}",
                by_hand(card, folder)
            ))),
            false => Failure::run(error),
        }
    })
}
