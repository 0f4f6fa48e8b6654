//! The step of all parameters of a module.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;
use elapid_kernels::adamw::{Dials, Stepped, Steps};

use super::method::{Operands, Rule, Step, adamw_options};
use super::{Method, Pool, Table, filled, taken};
use crate::step::replaced;

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
        steps: None,
    };
    let module = module.map(&mut stepping);
    let mut stepped = Replacing {
        stepped: stepping
            .steps
            .map(Steps::finish)
            .into_iter()
            .flatten()
            .collect(),
        moments: stepping.new,
    };
    let module = module.map(&mut stepped);
    // Those of parameters without a gradient are still among the old ones.
    let kept = forms
        .into_iter()
        .zip(stepping.old)
        .map(|(form, old)| filled(form, old));
    let moments = kept
        .zip(stepped.moments)
        .map(|(form, new)| filled(form, new));
    (module, moments.collect())
}

impl Update<'_> {
    /// Where parameters wait that AdamW steps together.
    fn steps(&self, betas: (f64, f64), eps: f64) -> Steps<'_, ParamId> {
        let dials = Dials {
            grad_scale: self.grad_scale,
            table: self.numbers,
            first: 0,
        };
        Steps::new(dials, adamw_options(betas, eps, self.in_place))
    }
}

/// Steps parameters, or leaves anything in the place of those that wait for others.
struct Stepping<'a, 'b> {
    with: &'a Update<'b>,
    gradients: Pool,
    old: Vec<Pool>,
    new: Vec<Pool>,
    /// From the first parameter on that AdamW steps.
    steps: Option<Steps<'a, ParamId>>,
}

impl ModuleMapper for Stepping<'_, '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            // As a new leaf: burn's autodiff keeps everything that was ever computed from a leaf and did not reach the loss, and goes
            // through it after every backward pass.
            return replaced(param, |parameter| parameter);
        };
        let id = param.id;
        replaced(param, |parameter| self.stepped(id, parameter, gradient))
    }
}

impl Stepping<'_, '_> {
    fn stepped<const D: usize>(
        &mut self,
        id: ParamId,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
    ) -> Tensor<D> {
        let with = self.with;
        let moments = self.old.iter_mut().filter_map(|old| old.remove::<D>(id));
        let moments: Vec<Tensor<D>> = moments.collect();
        let step = Step {
            grad_scale: with.grad_scale,
            numbers: with.numbers,
            first: with.table.first(id),
            in_place: with.in_place,
        };
        let operands = Operands {
            parameter,
            gradient,
            moments,
        };
        let is_hidden_matrix = D == 2 && with.hidden_matrices.contains(&id);
        let (parameter, moments) = match with.method.rule(is_hidden_matrix) {
            Rule::AdamW { betas, eps } => {
                let steps = self.steps.get_or_insert_with(|| with.steps(betas, eps));
                let Operands {
                    parameter,
                    gradient,
                    moments,
                } = operands;
                let moments = moments
                    .try_into()
                    .expect("AdamW has two moments a parameter");
                steps.add(id, parameter, gradient, moments, step.first);
                // It takes no memory, as in `taken`.
                (with.grad_scale.clone().reshape([1; D]), Vec::new())
            }
            Rule::Adam { betas, eps } => step.adam(operands, betas, eps),
            Rule::Lion { betas } => step.lion(operands, betas),
            Rule::Muon { momentum } => step.muon(operands, momentum),
        };
        for (pool, moment) in self.new.iter_mut().zip(moments) {
            pool.register(id, moment);
        }
        parameter
    }
}

/// Puts parameters that were stepped together where they belong.
struct Replacing {
    stepped: BTreeMap<ParamId, Stepped>,
    moments: Vec<Pool>,
}

impl ModuleMapper for Replacing {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(stepped) = self.stepped.remove(&param.id) else {
            return param;
        };
        let (parameter, moments) = stepped.into_tensors::<D>();
        for (pool, moment) in self.moments.iter_mut().zip(moments) {
            pool.register(param.id, moment);
        }
        replaced(param, |_| parameter)
    }
}
