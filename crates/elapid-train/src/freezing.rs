//! Parameters that are not trained, for good or until some step.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

use crate::ParamRule;

/// From which step on each parameter is trained; those that are from the start are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freezing(BTreeMap<ParamId, u64>);

impl Freezing {
    pub(crate) fn new(rules: &[ParamRule]) -> Self {
        let frozen = rules.iter().filter(|rule| rule.trained_from > 0);
        Self(frozen.map(|rule| (rule.id, rule.trained_from)).collect())
    }

    /// Whether step `step` trains other parameters than the one before.
    pub(crate) fn changes_at(&self, step: u64) -> bool {
        self.0.values().any(|from| *from == step)
    }

    /// The module as step `step` trains it.
    pub(crate) fn applied<M: Module>(&self, module: M, step: u64) -> M {
        if self.0.is_empty() {
            return module;
        }
        module.map(&mut At {
            from: &self.0,
            step,
        })
    }
}

/// The module as step `step`, counted from 0, trains it: parameters that are frozen at that step get no gradient.
pub fn trained_at<M: Module>(module: M, rules: &[ParamRule], step: u64) -> M {
    Freezing::new(rules).applied(module, step)
}

struct At<'a> {
    from: &'a BTreeMap<ParamId, u64>,
    step: u64,
}

impl ModuleMapper for At<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.from.get(&param.id) {
            Some(from) => param.set_require_grad(*from <= self.step),
            None => param,
        }
    }
}
