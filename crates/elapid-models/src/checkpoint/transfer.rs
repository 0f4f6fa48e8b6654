//! Some tensors of a file into a model for another task.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use burn::module::Module;
use burn::tensor::TensorData;
use elapid_nn::{Place, Role, place_of, role_of};

use super::apply::{Assign, compare, unwrap};
use super::error::list;
use super::{Checkpoint, CheckpointError, official_name};
use crate::named_params;

/// What became of the tensors of a file, by official name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Loaded as they are.
    pub loaded: Vec<String>,
    /// Loaded with another number of rows: name, shape in the file, shape in the model.
    pub resized: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Of the model's head, and drawn: the file has none, or one of another shape.
    pub new: Vec<String>,
    /// In the file, and of no use to the model.
    pub left_out: Vec<String>,
}

/// The model with those weights of a checkpoint that it can start from, and what became of each. `path` is for messages.
///
/// All but the head must be there. A head of another shape, as for other classes, stays as it is, and so do adapters.
/// `positions` makes a table of positions fit, or gives `None`. Tensors that the model lacks are left out. Wrappers of
/// names are seen through as by [`apply`](super::apply()).
///
/// # Errors
///
/// [`CheckpointError::Adapters`] if the file holds adapters beside its weights; [`CheckpointError::Mismatch`] if a tensor outside of
/// the head is missing or of another shape.
pub fn transfer<M: Module>(
    model: M,
    checkpoint: Checkpoint,
    path: &Path,
    positions: impl Fn(&TensorData) -> Option<TensorData>,
) -> Result<(M, Transfer), CheckpointError> {
    let mut params = named_params(&model);
    params.retain(|param| role_of(&param.path) != Role::Adapter);
    let expected: BTreeMap<String, &[usize]> = params
        .iter()
        .map(|param| (official_name(&param.path), param.shape.as_slice()))
        .collect();
    let mut weights = unwrap(checkpoint, &expected);
    if weights.keys().any(|name| role_of(name) == Role::Adapter) {
        return Err(CheckpointError::Adapters {
            path: path.display().to_string(),
        });
    }
    let mut done = Transfer::default();
    let mut of_params = BTreeMap::new();
    let mut lacking = expected.clone();
    for param in &params {
        let name = official_name(&param.path);
        let found = weights.remove(&name);
        let fits = |data: &TensorData| data.shape().as_slice() == param.shape.as_slice();
        let data = match found {
            Some(data) if fits(&data) => {
                done.loaded.push(name.clone());
                data
            }
            Some(data) if role_of(&name) == Role::Position => match positions(&data).filter(fits) {
                Some(resized) => {
                    let (from, to) = (data.shape().to_vec(), param.shape.clone());
                    done.resized.push((name.clone(), from, to));
                    resized
                }
                None => {
                    weights.insert(name, data);
                    continue;
                }
            },
            // Of other classes, or of no classes at all.
            _ if place_of(&param.path) == Place::Head => {
                lacking.remove(&name);
                done.new.push(name);
                continue;
            }
            Some(data) => {
                weights.insert(name, data);
                continue;
            }
            None => continue,
        };
        lacking.remove(&name);
        of_params.insert(param.id, data);
    }
    let mut differences = compare(&lacking, &weights);
    done.left_out = std::mem::take(&mut differences.unexpected);
    if !differences.is_empty() {
        return Err(CheckpointError::Mismatch {
            path: path.display().to_string(),
            differences,
        });
    }
    let model = model.map(&mut Assign { by_id: of_params });
    Ok((model, done))
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect();
        let resized = self
            .resized
            .iter()
            .map(|(name, from, to)| format!("`{name}` from {from:?} to {to:?}"));
        write!(f, "{} tensors as they are", self.loaded.len())?;
        list(f, "resized", resized.collect())?;
        list(f, "of the head drawn anew", quoted(&self.new))?;
        list(f, "of the file left out", quoted(&self.left_out))
    }
}
