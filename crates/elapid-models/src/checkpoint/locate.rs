//! Where in a file the weights of a backbone stand.

use std::collections::BTreeMap;

use super::{Checkpoint, CheckpointError};

/// The first parameter of every image backbone.
const LANDMARK: &str = "patch_embed.proj.weight";
/// The entry in which the official training script keeps averaged weights.
const AVERAGED: &str = "model_ema.";

/// What stands in front of the weights' names: nothing, `model.` in a file of the official training script,
/// `model_ema.` for its averaged weights, `state_dict.backbone.` in one of mmsegmentation, `model.backbone.net.` in one of
/// detectron2, and `module.` anywhere in between.
///
/// # Errors
///
/// No, or no averaged, weights of a vision backbone. `path` is for the message.
pub fn locate(
    checkpoint: &Checkpoint,
    averaged: bool,
    path: &std::path::Path,
) -> Result<String, CheckpointError> {
    let prefixes = checkpoint
        .keys()
        .filter_map(|name| name.strip_suffix(LANDMARK))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .filter(|prefix| prefix.starts_with(AVERAGED) == averaged);
    let shortest = prefixes.min_by_key(|prefix| prefix.len());
    shortest.map(str::to_owned).ok_or_else(|| {
        let entry = match averaged {
            true => " below `model_ema`",
            false => "",
        };
        CheckpointError::unreadable(
            path,
            format!(
                "it has no tensor `{LANDMARK}`{entry}, so no weights of a vision backbone{}",
                found(checkpoint)
            ),
        )
    })
}

/// What the file has instead.
fn found(checkpoint: &Checkpoint) -> String {
    match checkpoint.keys().next() {
        None => "; it has no tensors at all".to_owned(),
        Some(name) => format!("; its first tensor is `{name}`"),
    }
}

/// The weights below `prefix`, without it, and how many tensors other parts of the file have, by the names that tell
/// them from the weights.
pub(super) fn taken(checkpoint: Checkpoint, prefix: &str) -> (Checkpoint, BTreeMap<String, usize>) {
    let mut weights = Checkpoint::new();
    let mut others = BTreeMap::new();
    for (name, data) in checkpoint {
        match name.strip_prefix(prefix) {
            Some(rest) => {
                weights.insert(rest.to_owned(), data);
            }
            None => *others.entry(part(&name, prefix)).or_insert(0) += 1,
        }
    }
    (weights, others)
}

/// As much of `name` as tells it from `prefix`.
fn part(name: &str, prefix: &str) -> String {
    let mut prefix = prefix.split('.');
    let mut part = Vec::new();
    for piece in name.split('.') {
        part.push(piece);
        if prefix.next() != Some(piece) {
            break;
        }
    }
    part.join(".")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::tensor::TensorData;

    use super::*;

    fn file(names: &[&str]) -> Checkpoint {
        let empty = || TensorData::new(vec![0.0_f32], [1]);
        names
            .iter()
            .map(|name| ((*name).to_owned(), empty()))
            .collect()
    }

    #[test]
    fn weights_are_found_behind_every_wrapper() {
        let of = |names: &[&str], averaged| locate(&file(names), averaged, Path::new("f.pth"));
        let script = [
            "model.patch_embed.proj.weight",
            "model_ema.patch_embed.proj.weight",
        ];
        assert_eq!(of(&script, false).unwrap(), "model.");
        assert_eq!(of(&script, true).unwrap(), "model_ema.");
        assert_eq!(of(&["patch_embed.proj.weight"], false).unwrap(), "");
        let detection = ["model.backbone.net.patch_embed.proj.weight"];
        assert_eq!(of(&detection, false).unwrap(), "model.backbone.net.");
        let message = of(&["conv1.weight"], false).unwrap_err().to_string();
        assert!(
            message.contains("its first tensor is `conv1.weight`"),
            "{message}"
        );
        assert!(of(&detection, true).is_err());
    }

    #[test]
    fn other_parts_are_counted_by_what_tells_them_apart() {
        let names = [
            "model.backbone.net.norm_f.weight",
            "model.backbone.simfp_2.0.weight",
            "model.backbone.simfp_2.1.weight",
            "model.roi_heads.mask.bias",
            "optimizer.state.0.exp_avg",
        ];
        let (weights, others) = taken(file(&names), "model.backbone.net.");
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["norm_f.weight"]);
        let others: Vec<_> = others
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        let expected = [
            ("model.backbone.simfp_2", 2),
            ("model.roi_heads", 1),
            ("optimizer", 1),
        ];
        assert_eq!(others, expected);
    }
}
