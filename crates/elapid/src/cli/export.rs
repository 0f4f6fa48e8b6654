//! `elapid export`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elapid::config::{ModelSpec, Ssamba, VimMixer};
use elapid::models::ClassToken;
use elapid::models::checkpoint::{self, Layout};
use elapid::nn::lora;
use elapid::registry;

use super::failure::Failure;
use super::import::counted;
use super::run::{Checkpoint, OpenRun};
use super::{print, table};

/// Write weights as the official code loads them.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  elapid export runs/vim_tiny --output vim_tiny.pth\n\n  and in Python:\n  model.load_state_dict(torch.load(\"vim_tiny.pth\")[\"model\"])"
)]
pub(crate) struct ExportArgs {
    /// Directory of a run, or a file of weights.
    source: PathBuf,
    /// File to write (.pth, .pt, .bin, or .safetensors).
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The official program that is to load it, where there are several: those of Vim. Models of sounds are written for SSAMBA's.
    #[arg(long = "for", value_enum, default_value_t = Program::Classification)]
    program: Program,
    /// The checkpoint of the run [default: the one that the plan's eval.weights names].
    #[arg(long)]
    checkpoint: Option<Checkpoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Program {
    /// `vim/`: backbone and head, under `model`.
    Classification,
    /// `seg/`: the backbone without class token, as `backbone.…` under `state_dict`, and UperNet beside it.
    Segmentation,
    /// `det/`: the backbone without class token and last norm, as `backbone.net.…` under `model`.
    Detection,
}

pub(crate) fn export(args: ExportArgs) -> Result<(), Failure> {
    if args.source.is_dir() {
        let open = OpenRun::open(&args.source)?;
        if let ModelSpec::Ssamba(model) = &open.plan.model {
            return export_ssamba(&args, &open, model);
        }
    }
    let (weights, class_token) = match args.source.is_dir() {
        true => of_run(&args.source, args.checkpoint)?,
        false => of_file(&args.source)?,
    };
    let layout = match args.program {
        Program::Classification => Layout::Classification,
        Program::Segmentation => Layout::Segmentation,
        Program::Detection => Layout::Detection,
    };
    let before = weights.len();
    let arranged = checkpoint::arrange(weights, layout, class_token);
    checkpoint::write(&args.output, &arranged, Some(layout.entry())).map_err(Failure::run)?;
    let output = args.output.display();
    let is_safetensors = args.output.extension().is_some_and(|e| e == "safetensors");
    let place = match (is_safetensors, layout.prefix()) {
        (true, "") => String::new(),
        (true, prefix) => format!(", as `{prefix}…`"),
        (false, prefix) => format!(", as `{prefix}…` under `{}`", layout.entry()),
    };
    let heads = arranged.keys().filter(|name| name.contains("_head."));
    let place = match heads.count() {
        0 => place,
        heads => format!("{place}; {heads} of them of the heads"),
    };
    let mut rows = vec![vec![
        "wrote".to_owned(),
        format!("{output}: {}{place}", counted(&arranged)),
    ]];
    let written = arranged.keys();
    let written = written.filter(|name| !name.ends_with("num_batches_tracked"));
    let left_out = before - written.count();
    if left_out > 0 {
        let why = "tensors that the official model of this kind lacks";
        rows.push(vec!["left out".to_owned(), format!("{left_out} {why}")]);
    }
    print(&table::align(rows))
}

/// Writes the run's encoder with its heads; such files hold the state dictionary itself.
fn export_ssamba(args: &ExportArgs, open: &OpenRun, model: &Ssamba) -> Result<(), Failure> {
    if model.mixer == VimMixer::Attention || !model.official_quirks {
        return Err(Failure::wrong(
            "the official code of SSAMBA computes what `official_quirks = true` and `mixer = \"mamba\"` say; \
             it would load these weights and make something else of them",
        ));
    }
    let task = open.trained(&Device::flex(), args.checkpoint, None)?;
    let weights = checkpoint::of_model(&lora::merged(task));
    let weights = below(weights, "model.");
    let arranged = checkpoint::arrange_ssamba(weights, [model.bins, model.frames]);
    checkpoint::write(&args.output, &arranged, None).map_err(Failure::run)?;
    let wrote = format!(
        "{}: {}, as `module.…`",
        args.output.display(),
        counted(&arranged)
    );
    print(&table::align(vec![vec!["wrote".to_owned(), wrote]]))
}

fn of_run(
    path: &Path,
    asked: Option<Checkpoint>,
) -> Result<(checkpoint::Checkpoint, ClassToken), Failure> {
    let open = OpenRun::open(path)?;
    if let ModelSpec::Vim(vim) = &open.plan.model
        && vim.mixer == VimMixer::Attention
    {
        return Err(Failure::wrong(
            "this run's model is a transformer (`mixer = \"attention\"`), which the official code of Vim does not know",
        ));
    }
    let task = open.trained(&Device::flex(), asked, None)?;
    let layout = registry::position_layout(&open.plan.model).map_err(Failure::input)?;
    let class_token = layout.class_token;
    let weights = checkpoint::of_model(&lora::merged(task));
    let prefix = checkpoint::locate(&weights, false, path).map_err(Failure::input)?;
    Ok((below(weights, &prefix), class_token))
}

/// A single class token in a file is taken to stand in the middle.
fn of_file(path: &Path) -> Result<(checkpoint::Checkpoint, ClassToken), Failure> {
    let file = checkpoint::read(path).map_err(Failure::input)?;
    let file = checkpoint::dense_weights(file);
    let prefix = checkpoint::locate(&file, false, path).map_err(Failure::input)?;
    let class_token = match checkpoint::describe(&file, &prefix) {
        Some(found) => found.config.class_token,
        None => ClassToken::None,
    };
    Ok((below(file, &prefix), class_token))
}

/// The tensors below a prefix, without it.
fn below(file: checkpoint::Checkpoint, prefix: &str) -> checkpoint::Checkpoint {
    let named = file.into_iter().filter_map(|(name, data)| {
        let name = name.strip_prefix(prefix)?;
        Some((name.to_owned(), data))
    });
    named.collect()
}
