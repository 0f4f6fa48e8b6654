//! Tensors into a model.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use super::error::Differences;
use super::{Checkpoint, CheckpointError, mmseg, official_name, series, ssamba};
use crate::named_params;

/// Names under which training scripts wrap the weights, alone or nested.
const WRAPPERS: [&str; 6] = [
    "",
    "model.",
    "state_dict.",
    "module.",
    "model.module.",
    "state_dict.module.",
];

/// The model with the checkpoint's weights. `path` is for messages.
///
/// The weights are looked for bare, under `model` or `state_dict`, and with the prefix `module.` that
/// PyTorch's data-parallel wrapper leaves; other entries of such a file (optimiser, averaged
/// weights) are ignored. Files of mmsegmentation, with backbone and heads side by side, fit models with a dense head.
///
/// # Errors
///
/// Any tensor that is missing, superfluous or of another shape.
pub fn apply<M: Module>(
    model: M,
    checkpoint: Checkpoint,
    path: &Path,
) -> Result<M, CheckpointError> {
    let params = named_params(&model);
    let expected: BTreeMap<String, &[usize]> = params
        .iter()
        .map(|p| (official_name(&p.path), p.shape.as_slice()))
        .collect();
    let mut weights = unwrap(checkpoint, &expected);
    let differences = compare(&expected, &weights);
    if !differences.is_empty() {
        return Err(CheckpointError::Mismatch {
            path: path.display().to_string(),
            differences,
        });
    }
    let by_id = params
        .iter()
        .filter_map(|p| {
            weights
                .remove(&official_name(&p.path))
                .map(|data| (p.id, data))
        })
        .collect();
    Ok(model.map(&mut Assign { by_id }))
}

/// The entries under the wrapper that holds most of the expected names, without it.
pub(super) fn unwrap(checkpoint: Checkpoint, expected: &BTreeMap<String, &[usize]>) -> Checkpoint {
    let checkpoint = match expected.keys().any(|name| mmseg::is_dense(name)) {
        true => mmseg::dense_weights(checkpoint),
        false => checkpoint,
    };
    let matches = |wrapper: &&str| {
        let names = checkpoint
            .keys()
            .filter_map(|name| name.strip_prefix(*wrapper));
        names.filter(|name| expected.contains_key(*name)).count()
    };
    // Of equal counts the first, shortest wrapper: `max_by_key` keeps the last.
    let wrapper = WRAPPERS
        .iter()
        .rev()
        .max_by_key(|w| matches(w))
        .copied()
        .unwrap_or_default();
    let strip = |(name, data): (String, TensorData)| {
        name.strip_prefix(wrapper)
            .map(|name| (name.to_owned(), data))
    };
    let mut weights: Checkpoint = checkpoint.into_iter().filter_map(strip).collect();
    ssamba::drop_unused(&mut weights);
    series::drop_unused(&mut weights, expected);
    weights
}

pub(super) fn compare(expected: &BTreeMap<String, &[usize]>, weights: &Checkpoint) -> Differences {
    let mut differences = Differences::default();
    for (name, shape) in expected {
        match weights.get(name) {
            None => differences.missing.push(name.clone()),
            Some(data) if data.shape().as_slice() != *shape => {
                let file = data.shape().to_vec();
                differences
                    .shapes
                    .push((name.clone(), shape.to_vec(), file));
            }
            Some(_) => {}
        }
    }
    let unexpected = weights.keys().filter(|name| !expected.contains_key(*name));
    differences.unexpected = unexpected.cloned().collect();
    differences
}

/// Replaces parameter values by identifier.
pub(super) struct Assign {
    pub(super) by_id: BTreeMap<ParamId, TensorData>,
}

impl ModuleMapper for Assign {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.by_id.remove(&param.id) {
            Some(data) => param.map(|old| {
                let new = Tensor::from_data(data, (&old.device(), old.dtype()));
                if old.is_require_grad() {
                    new.require_grad()
                } else {
                    new
                }
            }),
            None => param,
        }
    }
}
