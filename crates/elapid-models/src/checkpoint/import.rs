//! An official checkpoint made to fit a model.

use std::collections::BTreeMap;

use burn::module::Module;

use super::error::Differences;
use super::locate::taken;
use super::positions::{PositionLayout, PositionRule, resize_positions};
use super::{Checkpoint, apply, official_name};
use crate::{ClassToken, named_params};

/// What an imported checkpoint is for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Shape of every parameter, by official name.
    shapes: BTreeMap<String, Vec<usize>>,
    positions: PositionLayout,
}

impl Target {
    /// The parameters of `model`, whose position table, if it has one, has this layout.
    pub fn new<M: Module>(model: &M, positions: PositionLayout) -> Self {
        let params = named_params(model).into_iter();
        Self {
            shapes: params
                .map(|param| (official_name(&param.path), param.shape))
                .collect(),
            positions,
        }
    }
}

/// Weights for a model, and what was done to them.
#[derive(Debug)]
pub struct Imported {
    /// Tensors of the model by official name; all of them if there are no `differences`.
    pub weights: Checkpoint,
    /// What stood in front of their names in the file.
    pub prefix: String,
    /// Other parts of the file, with the number of their tensors.
    pub others: BTreeMap<String, usize>,
    /// Tensors of the backbone that were left out, and why.
    pub left_out: Vec<(String, String)>,
    /// Layouts of the position table in the file and now, where they differ.
    pub resized: Option<(PositionLayout, PositionLayout)>,
    /// What still keeps the weights from fitting the model.
    pub differences: Differences,
}

/// Takes the weights below `prefix` (see [`super::locate`]) and makes them fit: the position table is brought to the
/// model's grid, and what only belongs to other tasks is left out: a head for other classes, the
/// pyramid of a segmentation model, class tokens where the model has none.
pub fn import(file: Checkpoint, prefix: &str, target: &Target, rule: PositionRule) -> Imported {
    let (mut weights, others) = taken(file, prefix);
    let resized = fit_positions(&mut weights, target, rule);
    let left_out = leave_out(&mut weights, target);
    let expected = target.shapes.iter();
    let expected = expected.map(|(name, shape)| (name.clone(), shape.as_slice()));
    let differences = apply::compare(&expected.collect(), &weights);
    weights.retain(|name, data| {
        target
            .shapes
            .get(name)
            .is_some_and(|shape| data.shape()[..] == shape[..])
    });
    Imported {
        weights,
        prefix: prefix.to_owned(),
        others,
        left_out,
        resized,
        differences,
    }
}

fn fit_positions(
    weights: &mut Checkpoint,
    target: &Target,
    rule: PositionRule,
) -> Option<(PositionLayout, PositionLayout)> {
    let to = target.positions;
    let class_token = class_token(|name| weights.contains_key(name), to.class_token);
    let table = weights.get_mut("pos_embed")?;
    let shape = target.shapes.get("pos_embed")?;
    let [1, rows, width] = table.shape()[..] else {
        return None;
    };
    let from = PositionLayout::of_rows(rows, class_token)?;
    if from == to || shape[2] != width {
        return None;
    }
    *table = resize_positions(table, from, to, rule);
    Some((from, to))
}

/// Where class tokens stand in a file. A single one does not tell: as in the model, or else in the middle.
pub(super) fn class_token(has: impl Fn(&str) -> bool, in_model: ClassToken) -> ClassToken {
    if has("cls_token_head") {
        ClassToken::Double
    } else if !has("cls_token") {
        ClassToken::None
    } else if in_model == ClassToken::Head {
        ClassToken::Head
    } else {
        ClassToken::Middle
    }
}

/// Removes what the model cannot have and does not need, with the reasons.
fn leave_out(weights: &mut Checkpoint, target: &Target) -> Vec<(String, String)> {
    let mut left_out = Vec::new();
    let mut reason = |name: &String, shape: &[usize]| {
        let expected = target.shapes.get(name);
        let why = match (name.as_str(), expected) {
            ("head.weight" | "head.bias", Some(model)) if model[0] != shape[0] => {
                format!("{} classes, the model has {}", shape[0], model[0])
            }
            ("head.weight" | "head.bias", None) => "the model has no head".to_owned(),
            (name, None) if name.starts_with("cls_token") => {
                "the model has no such class token".to_owned()
            }
            ("pos_embed", None) => "the model has no position embedding".to_owned(),
            (name, None) if name.starts_with("fpn") => {
                "part of a segmentation model's pyramid".to_owned()
            }
            _ => return true,
        };
        left_out.push((name.clone(), why));
        false
    };
    weights.retain(|name, data| reason(name, &data.shape()[..]));
    left_out
}
