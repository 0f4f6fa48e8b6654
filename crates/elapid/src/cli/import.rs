//! `elapid import`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::{self, TaskSpec};
use elapid::models::ClassToken;
use elapid::models::checkpoint::{
    self, Checkpoint, CheckpointError, Description, Imported, PositionLayout, PositionRule, Target,
};
use elapid::nn::Init;
use elapid::nn::mixer::{BackwardBranch, MambaConfig};
use elapid::registry;

use super::failure::Failure;
use super::{params, print, table};

/// Make an official checkpoint fit a model, and say what was done to it.
///
/// Reads the files of the official classification, segmentation and detection code.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid import vim_t_midclstok_76p1acc.pth --output vim_tiny.safetensors\n  elapid import vim_tiny.safetensors --model finetune.toml --partial --output start.safetensors"
)]
pub(crate) struct ImportArgs {
    /// Checkpoint (.pth, .pt, .bin, .safetensors, .bpk).
    weights: PathBuf,
    /// File to write (.safetensors, or .pth, .pt, .bin).
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The model to fit: an experiment, or a file with just [model] and [task] [default: what the tensors tell, which is
    /// printed].
    #[arg(long, value_name = "TOML")]
    model: Option<PathBuf>,
    /// Take the averaged weights (`model_ema`).
    #[arg(long)]
    averaged: bool,
    /// Which rows of the position embedding are interpolated when the grid differs.
    #[arg(long, value_enum, default_value_t = Positions::InPlace)]
    positions: Positions,
    /// Write what fits even if the model has more, to start a training from.
    #[arg(long)]
    partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Positions {
    /// Those of the patches; the class token's goes along.
    InPlace,
    /// All but the first, as the official fine-tuning does wherever its class token stands.
    Official,
}

pub(crate) fn import(args: ImportArgs) -> Result<(), Failure> {
    let mut file = checkpoint::read(&args.weights).map_err(Failure::input)?;
    let mut prefix =
        checkpoint::locate(&file, args.averaged, &args.weights).map_err(Failure::input)?;
    if prefix.ends_with("v.") {
        return Err(Failure::wrong(format!(
            "`{}` is a checkpoint of SSAMBA, which needs no import: `elapid forward` and `elapid eval --weights` read it as it is, and bring its positions to the model's grid",
            args.weights.display()
        )));
    }
    let found = checkpoint::describe(&file, &prefix);
    let Fit {
        target,
        text,
        is_dense,
    } = target(&args, found.as_ref())?;
    if is_dense {
        file = checkpoint::dense_weights(file);
        prefix = checkpoint::locate(&file, args.averaged, &args.weights).map_err(Failure::input)?;
    }
    let rule = match args.positions {
        Positions::InPlace => PositionRule::InPlace,
        Positions::Official => PositionRule::Official,
    };
    let imported = checkpoint::import(file, &prefix, &target, rule);
    let mut rows = report(&args, &imported, found.as_ref());
    if !imported.differences.is_empty() && !args.partial {
        print(&table::align(rows))?;
        return Err(refused(&args.weights, imported));
    }
    checkpoint::write(&args.output, &imported.weights, None).map_err(Failure::run)?;
    let written = args.output.display();
    rows.push(row(
        "wrote",
        format!("{written}: {}", counted(&imported.weights)),
    ));
    let model = text.map(|text| format!("\n\nas a model:\n\n{text}"));
    print(&(table::align(rows) + &model.unwrap_or_default()))
}

/// The model to fit.
struct Fit {
    target: Target,
    /// Its tables, if they were told from the weights.
    text: Option<String>,
    /// It has a dense head, which the file has as well.
    is_dense: bool,
}

fn target(args: &ImportArgs, found: Option<&Description>) -> Result<Fit, Failure> {
    let text = match (&args.model, found) {
        (Some(_), _) => None,
        (None, Some(found)) => Some(model_text(found)),
        (None, None) => {
            return Err(Failure::wrong(format!(
                "cannot tell from the tensors of `{}` what Vision Mamba they are of; describe the model with `--model`",
                args.weights.display()
            )));
        }
    };
    let (path, loaded) = match (&args.model, &text) {
        (Some(path), _) => (path.as_path(), config::load_model(path)),
        (None, text) => {
            let text = text.as_deref().unwrap_or_default();
            (
                Path::new("weights"),
                config::parse_model(text, Path::new("weights")),
            )
        }
    };
    let (spec, task) = loaded.map_err(Failure::input)?;
    let positions = registry::position_layout(&spec).map_err(Failure::input)?;
    let mut init = Init::new(0, &Device::flex());
    let decoder = found.and_then(|found| found.decoder);
    if let (Some(TaskSpec::Segment(task)), Some(decoder)) = (&task, decoder) {
        let model = registry::image_segmenter(&mut init, &spec, task, decoder.classes);
        return Ok(Fit {
            target: Target::new(&model.map_err(Failure::input)?, positions),
            text,
            is_dense: true,
        });
    }
    let classes = match &task {
        // The file has no head for this task.
        Some(TaskSpec::Segment(_)) => None,
        task => params::classes(path, task.as_ref()).or(found.and_then(|found| found.classes)),
    };
    let target = match classes {
        Some(classes) => registry::image_classifier(&mut init, &spec, classes)
            .map(|model| Target::new(&model, positions)),
        None => {
            registry::image_backbone(&mut init, &spec).map(|model| Target::new(&model, positions))
        }
    };
    Ok(Fit {
        target: target.map_err(Failure::input)?,
        text,
        is_dense: false,
    })
}

fn report(args: &ImportArgs, imported: &Imported, found: Option<&Description>) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut add = |what: &str, text: String| rows.push(row(what, text));
    add("read", args.weights.display().to_string());
    if let Some(name) = found.and_then(Description::registered) {
        add("model", name.to_owned());
    }
    if !imported.prefix.is_empty() {
        add("renamed", format!("`{}…` to `…`", imported.prefix));
    }
    for (part, tensors) in &imported.others {
        add("not used", format!("`{part}`, tensors: {tensors}"));
    }
    for (name, why) in &imported.left_out {
        add("left out", format!("`{name}`: {why}"));
    }
    if let Some((from, to)) = imported.resized {
        add(
            "resized",
            format!("`pos_embed`: {}", resized(from, to, args.positions)),
        );
    }
    if args.partial && !imported.differences.is_empty() {
        let differences = imported.differences.to_string();
        for line in differences.trim_start().lines() {
            add("differs", line.trim_end().to_owned());
        }
    }
    rows
}

fn resized(from: PositionLayout, to: PositionLayout, rule: Positions) -> String {
    let grid = |layout: PositionLayout| format!("{0} × {0}", layout.side);
    let class = |layout: PositionLayout| match layout.class_token {
        ClassToken::Middle => "class token in the middle",
        ClassToken::Head => "class token in front",
        ClassToken::Double => "class tokens at both ends",
        ClassToken::None => "no class token",
    };
    let rule = match rule {
        Positions::InPlace => "",
        Positions::Official => "; the first rows taken for those of class tokens",
    };
    format!(
        "{} patches, {}, to {}, {}{rule}",
        grid(from),
        class(from),
        grid(to),
        class(to)
    )
}

fn refused(path: &Path, imported: Imported) -> Failure {
    let mismatch = CheckpointError::Mismatch {
        path: path.display().to_string(),
        differences: imported.differences,
    };
    Failure::wrong(format!(
        "{mismatch}\n  `--partial` writes the {} tensors that fit",
        imported.weights.len()
    ))
}

/// Tensors and numbers of a checkpoint.
pub(crate) fn counted(weights: &Checkpoint) -> String {
    let numbers: usize = weights.values().map(|data| data.num_elements()).sum();
    format!("{} tensors, {numbers} numbers", weights.len())
}

fn row(what: &str, text: String) -> Vec<String> {
    vec![what.to_owned(), text]
}

/// The `[model]` and `[task]` tables of a described model: everything that differs from the defaults.
fn model_text(found: &Description) -> String {
    let config = &found.config;
    let mamba = &config.mamba;
    let usual = MambaConfig::new(mamba.d_model);
    let mut text = "[model]\nbackbone = \"vim\"\n".to_owned();
    let mut line = |line: String| text.extend([line.as_str(), "\n"]);
    let size = match (mamba.d_model, config.depth) {
        (192, 24) => Some("tiny"),
        (384, 24) => Some("small"),
        (768, 24) => Some("base"),
        _ => None,
    };
    match size {
        Some(size) => line(format!("size = \"{size}\"")),
        None => line(format!(
            "embed_dim = {}\ndepth = {}",
            mamba.d_model, config.depth
        )),
    }
    let numbers = [
        ("image_size", config.image_size, 224),
        ("patch_size", config.patch_size, 16),
        ("stride", config.stride, config.patch_size),
        ("channels", config.channels, 3),
        ("d_state", mamba.d_state, usual.d_state),
        ("d_conv", mamba.d_conv, usual.d_conv),
        ("expand", mamba.expand, usual.expand),
        ("dt_rank", mamba.dt_rank.unwrap_or(0), 0),
    ];
    for (name, value, default) in numbers {
        if value != default {
            line(format!("{name} = {value}"));
        }
    }
    let switches = [
        ("conv_bias", mamba.conv_bias, true),
        ("bias", mamba.bias, false),
        ("abs_pos_embed", config.abs_pos_embed, true),
        ("rms_norm", config.rms_norm, true),
    ];
    for (name, value, default) in switches {
        if value != default {
            line(format!("{name} = {value}"));
        }
    }
    match config.backward {
        Some(BackwardBranch::OwnParameters { .. }) => {}
        Some(BackwardBranch::SharedParameters) => line("bimamba = \"v1\"".to_owned()),
        None => line("bimamba = \"none\"".to_owned()),
    }
    match config.class_token {
        ClassToken::Middle => {}
        ClassToken::Head => line("class_token = \"head\"".to_owned()),
        ClassToken::Double => line("class_token = \"double\"".to_owned()),
        ClassToken::None => line("class_token = \"none\"".to_owned()),
    }
    if let Some(scale) = mamba.layer_scale {
        line(format!("init_layer_scale = {scale:?}"));
    }
    if let Some(decoder) = found.decoder {
        line("\n[task]\nkind = \"segment\"\nhead = \"upernet\"".to_owned());
        // Nor is that in the weights; the official tiny model reads it.
        line("tap_value = \"hidden\"".to_owned());
        line(format!("width = {}", decoder.width));
        if let Some(width) = decoder.auxiliary {
            line(format!("aux_weight = 0.4\naux_width = {width}"));
        }
    }
    if let Some(classes) = found.classes {
        line(format!(
            "\n[task]\nkind = \"classify\"\nclasses = {classes}"
        ));
    }
    text
}
