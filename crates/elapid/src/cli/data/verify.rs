//! `elapid data verify`.

use std::io::IsTerminal;
use std::path::PathBuf;

use elapid::config::{self, Plan};
use elapid::registry::{self, Counts, Inspected, Inspection, Look};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::failure::{Failure, warn};
use crate::cli::{print, table};

/// Samples that cannot be read and are named, of each part; the others are counted.
const NAMED: usize = 100;
/// Classes that have a line of their own; of more, the smallest and the largest are told.
const LISTED: usize = 20;

/// Read a whole data set once: counts of parts and classes, files that cannot be read, fingerprints.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  elapid data verify configs/vision/vim_tiny_imagenet1k.toml\n  elapid data verify data/mnist"
)]
pub(crate) struct VerifyArgs {
    /// An experiment, or the folder of a data set whose layout is recognised.
    path: PathBuf,
    /// Only list the files; read none.
    #[arg(long)]
    quick: bool,
    /// Change one value of the experiment, for example data.path=elsewhere; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn verify(args: VerifyArgs) -> Result<(), Failure> {
    let mut unreadable = 0;
    for plan in plans(&args)? {
        let inspection = inspect(&plan, args.quick)?;
        print(&describe(&plan, &inspection, args.quick))?;
        if let Some(Counts::Differ(how)) = &inspection.counts {
            warn(std::slice::from_ref(how));
        }
        let parts = inspection.parts.iter();
        unreadable += parts.map(|part| part.unreadable.len()).sum::<usize>();
    }
    match unreadable {
        0 => Ok(()),
        _ => Err(Failure::run(anyhow::Error::msg(format!(
            "{unreadable} samples cannot be read; repair or remove them, or train with `corrupt = \"skip\"` where the data set has it"
        )))),
    }
}

/// What is to be looked through.
fn plans(args: &VerifyArgs) -> Result<Vec<Plan>, Failure> {
    let is_config = args.path.extension().is_some_and(|ending| ending == "toml");
    if is_config {
        let plan = config::load(&args.path, &args.set).map_err(Failure::input)?;
        return Ok(vec![plan]);
    }
    if !args.set.is_empty() {
        return Err(Failure::wrong(
            "`--set` changes values of an experiment, and a folder has none; leave it out",
        ));
    }
    registry::recognised(&args.path).map_err(Failure::input)
}

fn inspect(plan: &Plan, quick: bool) -> Result<Inspection, Failure> {
    let bar = match std::io::stderr().is_terminal() && !quick {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} samples  {per_sec}") {
        bar.set_style(style);
    }
    let done = || bar.inc(1);
    let look = match quick {
        true => Look::Listing,
        false => Look::Samples(&done),
    };
    let inspection = registry::inspect(plan, look).map_err(Failure::input);
    bar.finish_and_clear();
    inspection
}

fn describe(plan: &Plan, inspection: &Inspection, quick: bool) -> String {
    let Inspection {
        card, unit, parts, ..
    } = inspection;
    let name = plan.data.source.name();
    let mut lines = vec![format!("{} (name = \"{name}\")", card.title)];
    let rows = parts.iter().map(|part| {
        let bad = match (quick, part.unreadable.len()) {
            (true, _) => "not read".to_owned(),
            (false, 0) => "all readable".to_owned(),
            (false, bad) => format!("{bad} unreadable"),
        };
        let samples = format!("{} {unit}", part.samples);
        let print = format!("fingerprint {}", part.fingerprint);
        vec![part.split.name().to_owned(), samples, bad, print]
    });
    lines.push(table::align(rows.collect()));
    lines.extend(classes(parts));
    if let Some(Counts::Agree(how)) = &inspection.counts {
        lines.push(how.clone());
    }
    for part in parts {
        lines.extend(part.unreadable.iter().take(NAMED).cloned());
        if let Some(more @ 1..) = part.unreadable.len().checked_sub(NAMED) {
            lines.push(format!("and {more} more of {}", part.split.name()));
        }
    }
    lines.join("\n")
}

/// Counts of the classes of all parts.
fn classes(parts: &[Inspected]) -> Option<String> {
    let first = &parts.first()?.classes;
    if first.is_empty() {
        return None;
    }
    if first.len() > LISTED {
        let of = |part: &Inspected| {
            let counts = part.classes.iter().map(|(_, count)| *count);
            let range = (counts.clone().min(), counts.max());
            let (least, most) = (range.0.unwrap_or(0), range.1.unwrap_or(0));
            let said = match least == most {
                true => format!("{least} each"),
                false => format!("{least} to {most}"),
            };
            format!("{said} in {}", part.split.name())
        };
        let counts: Vec<String> = parts.iter().map(of).collect();
        return Some(format!("{} classes: {}", first.len(), counts.join(", ")));
    }
    let head = parts.iter().map(|part| part.split.name().to_owned());
    let mut rows = vec![[vec!["class".to_owned()], head.collect()].concat()];
    for (at, (name, _)) in first.iter().enumerate() {
        let counts = parts.iter().map(|part| {
            let count = part.classes.get(at).map_or(0, |(_, count)| *count);
            count.to_string()
        });
        rows.push([vec![name.clone()], counts.collect()].concat());
    }
    Some(table::align(rows))
}
