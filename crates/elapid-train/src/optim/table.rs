//! What changes from step to step, as numbers in device memory.

use std::collections::BTreeMap;

use burn::module::ParamId;
use burn::tensor::Tensor;
use elapid_kernels::adamw;

use super::{Method, ParamRule};

/// Numbers of a group: those of AdamW, the learning rate, and the penalty on weights.
const STRIDE: usize = adamw::DIALS + 2;
/// Numbers behind those of the groups: how much of the average is kept, and what is added of the weights.
const AVERAGE: usize = 2;

/// Which number of the table belongs to what. Parameters that share decay and learning rate are a group.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    groups: Vec<Group>,
    of: BTreeMap<ParamId, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Group {
    weight_decay: f64,
    lr_scale: f64,
    trained_from: u64,
}

impl Table {
    /// Parameters without a rule decay and have the plain learning rate.
    pub(crate) fn new(weight_decay: f64, rules: &[ParamRule]) -> Self {
        let plain = Group {
            weight_decay,
            lr_scale: 1.0,
            trained_from: 0,
        };
        let mut groups = vec![plain];
        let mut of = BTreeMap::new();
        for rule in rules {
            let group = Group {
                weight_decay: if rule.decay { weight_decay } else { 0.0 },
                lr_scale: rule.lr_scale,
                trained_from: rule.trained_from,
            };
            let known = groups.iter().position(|other| *other == group);
            let index = known.unwrap_or_else(|| {
                groups.push(group);
                groups.len() - 1
            });
            of.insert(rule.id, index);
        }
        Self { groups, of }
    }

    /// The numbers of step `step`, counted from 0; `made` says how many of the steps before one were made.
    pub(crate) fn numbers(
        &self,
        method: &Method,
        [lr, keep]: [f64; 2],
        step: u64,
        made: impl Fn(u64) -> u64,
    ) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(self.groups.len() * STRIDE + AVERAGE);
        for group in &self.groups {
            let lr = lr * group.lr_scale;
            // Moments count from where they begin.
            let t = 1 + made(step) - made(group.trained_from.min(step));
            let [decay, penalty] = method.decays(group.weight_decay);
            numbers.extend(adamw::dials(lr, decay, method.betas(), t));
            numbers.extend([lr as f32, penalty as f32]);
        }
        numbers.extend([keep as f32, (1.0 - keep) as f32]);
        numbers
    }

    /// Where the numbers of a parameter begin.
    pub(crate) fn first(&self, id: ParamId) -> usize {
        self.of.get(&id).copied().unwrap_or(0) * STRIDE
    }

    /// Where the numbers of the average begin: how much of it is kept, and what is added of the weights.
    pub(crate) fn average(&self) -> usize {
        self.groups.len() * STRIDE
    }
}

/// The learning rate, `[1]`, in a parameter's numbers.
pub(super) fn rate(numbers: &Tensor<1>, first: usize) -> Tensor<1> {
    let at = first + adamw::DIALS;
    numbers.clone().slice(at..at + 1)
}

/// What part of a parameter is added to its gradient, `[1]`, in its numbers.
pub(super) fn penalty(numbers: &Tensor<1>, first: usize) -> Tensor<1> {
    let at = first + adamw::DIALS + 1;
    numbers.clone().slice(at..at + 1)
}

/// What weight decay leaves of a parameter, `[1]`, in its numbers.
pub(super) fn decay(numbers: &Tensor<1>, first: usize) -> Tensor<1> {
    numbers.clone().slice(first..first + 1)
}
