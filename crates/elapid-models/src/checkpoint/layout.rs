//! How the official programs name the weights of a backbone.

use super::positions::{PositionLayout, PositionRule, resize_positions};
use super::{Checkpoint, mmseg};
use crate::ClassToken;

/// The program that is to load a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `vim/`: backbone and head, in files of PyTorch under `model`.
    Classification,
    /// `seg/`, on mmsegmentation: the backbone with the prefix `backbone.`, heads that it knows beside it, under `state_dict`.
    Segmentation,
    /// `det/`, on detectron2: the backbone with the prefix `backbone.net.`, without the last norm, under `model`.
    Detection,
}

impl Layout {
    /// The entry that holds the weights in a file of PyTorch.
    pub fn entry(self) -> &'static str {
        match self {
            Self::Classification | Self::Detection => "model",
            Self::Segmentation => "state_dict",
        }
    }

    /// What stands in front of the names of the backbone's parameters.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Classification => "",
            Self::Segmentation => "backbone.",
            Self::Detection => "backbone.net.",
        }
    }

    /// Whether the official model of this layout has a parameter.
    fn has(self, name: &str) -> bool {
        match self {
            Self::Classification => true,
            Self::Segmentation => !is_of_classifier(name),
            Self::Detection => !is_of_classifier(name) && !name.starts_with("norm_f."),
        }
    }
}

/// Head and class tokens. The official backbones delete them, with the rows of the position table.
fn is_of_classifier(name: &str) -> bool {
    name.starts_with("head.") || name.starts_with("cls_token")
}

/// Weights named, and cut down, as the official model of a layout has them. `class_token` says which rows of the position
/// table belong to class tokens.
///
/// Only the segmentation code has a use for dense heads, and for no other than its own.
pub fn arrange(weights: Checkpoint, layout: Layout, class_token: ClassToken) -> Checkpoint {
    let keeps_dense = layout == Layout::Segmentation && mmseg::has_official_head(&weights);
    let arranged = weights
        .into_iter()
        .filter(|(name, _)| match mmseg::is_dense(name) {
            true => keeps_dense,
            false => layout.has(name),
        });
    let arranged = arranged.flat_map(|(name, data)| {
        if mmseg::is_dense(&name) {
            return mmseg::arranged(name, data);
        }
        let is_table = name == "pos_embed" && layout != Layout::Classification;
        let from = PositionLayout::of_rows(data.shape().get(1).copied().unwrap_or(0), class_token);
        let data = match from.filter(|_| is_table) {
            None => data,
            Some(from) => {
                let class_token = ClassToken::None;
                let to = PositionLayout {
                    class_token,
                    ..from
                };
                resize_positions(&data, from, to, PositionRule::InPlace)
            }
        };
        vec![(format!("{}{name}", layout.prefix()), data)]
    });
    arranged.collect()
}
