//! The step of all parameters of a module.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

use super::method::{Operands, Step};
use super::{Method, Pool, Table, filled, taken};

/// What an update reads besides weights and gradients.
pub(crate) struct Update<'a> {
    pub(crate) method: Method,
    pub(crate) table: &'a Table,
    pub(crate) hidden_matrices: &'a BTreeSet<ParamId>,
    /// The table's numbers for this step, in device memory.
    pub(crate) numbers: &'a Tensor<1>,
    /// Factor of all gradients, `[1]`.
    pub(crate) grad_scale: &'a Tensor<1>,
    pub(crate) in_place: bool,
}

/// The module and its moments after a step. Parameters without a gradient stay as they are.
pub(crate) fn update<M: Module>(
    module: M,
    moments: Vec<M>,
    gradients: Pool,
    with: &Update,
) -> (M, Vec<M>) {
    let (forms, old): (Vec<M>, Vec<Pool>) = moments.into_iter().map(taken).unzip();
    let mut stepping = Stepping {
        with,
        gradients,
        new: old.iter().map(|_| Pool::new()).collect(),
        old,
    };
    let module = module.map(&mut stepping);
    // Those of parameters without a gradient are still among the old ones.
    let kept = forms
        .into_iter()
        .zip(stepping.old)
        .map(|(form, old)| filled(form, old));
    let moments = kept.zip(stepping.new).map(|(form, new)| filled(form, new));
    (module, moments.collect())
}

struct Stepping<'a, 'b> {
    with: &'a Update<'b>,
    gradients: Pool,
    old: Vec<Pool>,
    new: Vec<Pool>,
}

impl ModuleMapper for Stepping<'_, '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let with = self.with;
        let (id, tensor, mapper) = param.consume();
        let is_trained = tensor.is_require_grad();
        let is_tracked = tensor.device().is_autodiff();
        let step = Step {
            method: with.method,
            grad_scale: with.grad_scale,
            numbers: with.numbers,
            first: with.table.first(id),
            hidden_matrix: with.hidden_matrices.contains(&id),
            in_place: with.in_place,
        };
        let moments = self.old.iter_mut().filter_map(|old| old.remove::<D>(id));
        let (tensor, moments) = step.make(Operands {
            moments: moments.collect(),
            parameter: tensor.inner(),
            gradient,
        });
        for (pool, moment) in self.new.iter_mut().zip(moments) {
            pool.register(id, moment);
        }
        let tensor = match is_tracked {
            true => Tensor::from_inner(tensor),
            false => tensor,
        };
        let tensor = match is_trained {
            true => tensor.require_grad(),
            false => tensor,
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}
