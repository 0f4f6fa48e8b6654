//! Which data set a folder holds.

use std::fs;
use std::path::Path;

use elapid_config::{ConfigError, Plan, data_sets, parse};
use elapid_data::parse_card;

use super::super::PlanError;

/// Files and folders by which a layout is recognised, and its name; the first that fits.
const SIGNS: [(&str, &str); 17] = [
    ("wnids.txt", "tiny_imagenet"),
    ("tiny-imagenet-200", "tiny_imagenet"),
    ("meta/esc50.csv", "esc50"),
    ("metadata/UrbanSound8K.csv", "urbansound8k"),
    ("testing_list.txt", "speech_commands"),
    ("FashionMNIST/raw", "fashion_mnist"),
    ("MNIST/raw", "mnist"),
    ("train-images-idx3-ubyte", "mnist"),
    ("train-images-idx3-ubyte.gz", "mnist"),
    ("cifar-10-batches-bin", "cifar10"),
    ("data_batch_1.bin", "cifar10"),
    ("data_batch_1.bin.gz", "cifar10"),
    ("cifar-100-binary", "cifar100"),
    ("train.bin", "cifar100"),
    ("train.bin.gz", "cifar100"),
    ("objectInfo150.txt", "ade20k"),
    ("annotations/training", "mask_folder"),
];

/// The plans of the data in a folder, or in a file of ETT: one, or one for each file. They have a model only because every plan
/// has one.
///
/// # Errors
///
/// If nothing that is known has this layout.
pub fn recognised(path: &Path) -> Result<Vec<Plan>, PlanError> {
    let series = ett_files(path);
    if !series.is_empty() {
        let plan = |file: &String| plan("ett", Path::new(file));
        return series.iter().map(plan).collect();
    }
    let name = name(path).ok_or_else(|| PlanError(unknown(path)))?;
    Ok(vec![plan(name, path)?])
}

fn unknown(path: &Path) -> String {
    match path.exists() {
        false => format!("`{}` does not exist", path.display()),
        true => format!(
            "`{}` is laid out as no data set that is recognised; give a config that names it (`elapid data list` shows all)",
            path.display()
        ),
    }
}

fn name(folder: &Path) -> Option<&'static str> {
    let named = |name: &str| {
        let set = data_sets().into_iter().find(|set| set.name == name);
        set.map(|set| set.name)
    };
    // What `elapid data prepare` left tells what no layout does.
    let card = fs::read_to_string(folder.join("card.toml")).ok();
    if let Some(card) = card.and_then(|text| parse_card(&text).ok()) {
        return named(card.read_as.as_deref().unwrap_or(&card.name));
    }
    let mut signs = SIGNS.iter();
    let found = signs.find(|(sign, _)| folder.join(sign).exists());
    let found = found.map(|(_, name)| *name);
    found.or_else(|| by_endings(folder, 0)).and_then(named)
}

/// The kind of the first file with a known ending, at most three folders deep.
fn by_endings(folder: &Path, depth: usize) -> Option<&'static str> {
    let mut entries: Vec<_> = fs::read_dir(folder).ok()?.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| entry.path().is_dir());
    let of = |entry: &&fs::DirEntry| {
        let path = entry.path();
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "tar" if depth < 2 => Some("tar_shards"),
            "png" | "jpg" | "jpeg" | "webp" if depth > 0 => Some("image_folder"),
            "wav" | "wave" | "flac" | "mp3" | "ogg" | "oga" if depth > 0 => Some("audio_folder"),
            _ => None,
        }
    };
    let own = files.iter().find_map(of);
    own.or_else(|| {
        let mut folders = folders.iter().filter(|_| depth < 3);
        folders.find_map(|entry| by_endings(&entry.path(), depth + 1))
    })
}

/// The files of ETT.
const ETT: [&str; 4] = ["ETTh1.csv", "ETTh2.csv", "ETTm1.csv", "ETTm2.csv"];

/// The files of ETT in a folder, or the file itself.
fn ett_files(path: &Path) -> Vec<String> {
    let paths = match path.is_dir() {
        true => ETT.map(|name| path.join(name)).to_vec(),
        false if ETT.iter().any(|name| path.ends_with(name)) => vec![path.to_owned()],
        false => Vec::new(),
    };
    let found = paths.iter().filter(|path| path.is_file());
    found.map(|path| path.display().to_string()).collect()
}

/// A plan for a data set of this name and place.
fn plan(name: &str, path: &Path) -> Result<Plan, PlanError> {
    let samples = data_sets().into_iter().find(|set| set.name == name);
    let model = match samples.map(|set| set.samples) {
        Some("sounds") => "backbone = \"ssamba\"\n[task]\nkind = \"classify\"",
        Some("images with masks") => "backbone = \"vim\"\n[task]\nkind = \"segment\"",
        Some("series") => {
            "backbone = \"dlinear\"\nlookback = 96\nhorizon = 96\n[task]\nkind = \"forecast\""
        }
        _ => "backbone = \"vim\"\n[task]\nkind = \"classify\"",
    };
    // Nothing is held out: what is counted are the parts that there are.
    let held_out = match name {
        "ett" => "",
        _ => "valid_fraction = 0\n",
    };
    let text = format!(
        "[data]\nname = \"{name}\"\npath = {}\n{held_out}[model]\n{model}\n[train]\nsteps = 1\nbatch_size = 1\n",
        quoted(path)
    );
    let wrong = |error: ConfigError| PlanError(error.to_string());
    parse(&text, path).map_err(wrong)
}

/// A path as TOML has it.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}
