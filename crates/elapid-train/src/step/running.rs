//! Running statistics of batch norms, which follow the batches and are not optimised.
//!
//! A task adds a term to its loss that is zero and whose gradient with respect to a running statistic is that of the batch (see
//! `elapid_nn::graph::BatchNorm`). So the statistics of the parts of a batch, and of the shares of several devices, are
//! added up as gradients are, each by its share of the samples; what remains to be done is here.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use elapid_kernels::blend::blend;

use super::weights::replaced;
use crate::ParamRule;
use crate::optim::Pool;

/// Which parameters are running statistics, and how much of the batch's each takes over.
#[derive(Clone, Debug)]
pub(crate) struct Running(BTreeMap<ParamId, f64>);

/// How the statistics of a step are to be taken.
pub(super) struct Follow<'a> {
    /// What the loss was multiplied by, `[1]`.
    pub(super) loss_scale: Option<&'a Tensor<1>>,
    /// Factor of the gradients, `[1]`, below 0 where the step is not made.
    pub(super) grad_scale: &'a Tensor<1>,
    /// Statistics are written where they lie.
    pub(super) in_place: bool,
}

impl Running {
    pub(crate) fn new(rules: &[ParamRule]) -> Self {
        let running = rules.iter();
        Self(
            running
                .filter_map(|rule| Some((rule.id, rule.running?)))
                .collect(),
        )
    }

    /// Numbers of a module that are parameters, and not running statistics.
    pub(super) fn parameters<M: Module>(&self, module: &M) -> usize {
        let mut count = Count {
            running: self,
            numbers: 0,
        };
        module.visit(&mut count);
        count.numbers
    }

    /// Takes the statistics of a batch from among the gradients.
    pub(super) fn taken<M: Module>(&self, module: &M, gradients: &mut Pool) -> Pool {
        let mut take = Take {
            running: self,
            gradients,
            seen: Pool::new(),
        };
        if !self.0.is_empty() {
            module.visit(&mut take);
        }
        take.seen
    }

    /// The module, whose running statistics took `seen` in: `r ← (1 − m) r + m s`.
    pub(super) fn followed<M: Module>(&self, module: M, seen: Pool, how: &Follow<'_>) -> M {
        if self.0.is_empty() {
            return module;
        }
        module.map(&mut Following {
            running: self,
            seen,
            how,
            factors: Vec::new(),
        })
    }
}

struct Count<'a> {
    running: &'a Running,
    numbers: usize,
}

impl ModuleVisitor for Count<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.running.0.contains_key(&param.id) {
            self.numbers += param.val().dims().iter().product::<usize>();
        }
    }
}

struct Take<'a> {
    running: &'a Running,
    gradients: &'a mut Pool,
    seen: Pool,
}

impl ModuleVisitor for Take<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.running.0.contains_key(&param.id)
            && let Some(seen) = self.gradients.remove::<D>(param.id)
        {
            self.seen.register(param.id, seen);
        }
    }
}

struct Following<'a, 'b> {
    running: &'a Running,
    seen: Pool,
    how: &'a Follow<'b>,
    /// Of every momentum that was met: how much is kept of a running statistic, and what is added of a batch's.
    factors: Vec<(f64, Tensor<1>)>,
}

impl Following<'_, '_> {
    /// `[2]`; made on the device, as whether the step is made is known there only.
    fn factors(&mut self, momentum: f64) -> Tensor<1> {
        let known = self.factors.iter().find(|(of, _)| *of == momentum);
        if let Some((_, factors)) = known {
            return factors.clone();
        }
        let is_off = self.how.grad_scale.clone().lower_elem(0.0);
        let taken = self.how.grad_scale.ones_like() * momentum;
        let taken = taken.mask_fill(is_off, 0.0);
        let kept = taken.clone().neg().add_scalar(1.0);
        let added = match self.how.loss_scale {
            Some(scale) => taken / scale.clone(),
            None => taken,
        };
        let factors = Tensor::cat(vec![kept, added], 0);
        self.factors.push((momentum, factors.clone()));
        factors
    }
}

impl ModuleMapper for Following<'_, '_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let momentum = self.running.0.get(&param.id);
        let (Some(momentum), Some(seen)) = (momentum, self.seen.remove::<D>(param.id)) else {
            return param;
        };
        let factors = self.factors(*momentum);
        let in_place = self.how.in_place;
        replaced(param, |old| blend(old, seen, &factors, 0, in_place))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Two {
        weight: Param<Tensor<1>>,
        running: Param<Tensor<1>>,
    }

    fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    fn step(grad_scale: f32, seen: f32, in_place: bool) -> (usize, f32, f32) {
        let module = Two {
            weight: Param::from_tensor(row(&[5.0])),
            running: Param::from_tensor(row(&[1.0])),
        };
        let rule = |id, running| ParamRule {
            id,
            decay: false,
            lr_scale: 1.0,
            trained_from: 0,
            hidden_matrix: false,
            running,
        };
        let rules = [
            rule(module.weight.id, None),
            rule(module.running.id, Some(0.1)),
        ];
        let running = Running::new(&rules);
        let mut gradients = Pool::new();
        gradients.register::<1>(module.weight.id, row(&[7.0]));
        gradients.register::<1>(module.running.id, row(&[seen]));
        assert_eq!(running.parameters(&module), 1);
        let seen = running.taken(&module, &mut gradients);
        let how = Follow {
            loss_scale: Some(&row(&[2.0])),
            grad_scale: &row(&[grad_scale]),
            in_place,
        };
        let module = running.followed(module, seen, &how);
        let value = |param: Param<Tensor<1>>| param.val().into_scalar::<f32>();
        (gradients.len(), value(module.weight), value(module.running))
    }

    #[test]
    fn statistics_are_followed_and_leave_the_gradients() {
        for in_place in [false, true] {
            let (gradients, weight, running) = step(1.0, 6.0, in_place);
            assert_eq!((gradients, weight), (1, 5.0));
            // 0.9 · 1 + 0.1 · 6 / 2
            assert!((running - 1.2).abs() < 1e-6);
        }
    }

    #[test]
    fn a_step_that_is_not_made_leaves_them_alone() {
        for seen in [6.0, f32::NAN, f32::INFINITY] {
            assert_eq!(step(-1.0, seen, false).2, 1.0);
        }
    }
}
