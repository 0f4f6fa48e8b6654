//! AdamW with a weight decay and a learning rate for each parameter.

use std::collections::BTreeMap;

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ParamGroup, ParamId};
use burn::optim::{AdamW, AdamWConfig, GradientsParams, ModuleOptimizer, OptimizerRecord};

use crate::TrainConfig;

/// How one parameter is optimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamRule {
    /// The parameter.
    pub id: ParamId,
    /// Whether weight decay applies to it.
    pub decay: bool,
    /// What its learning rate is multiplied by.
    pub lr_scale: f64,
}

/// AdamW over a whole module. Parameters without a rule decay and have the plain learning rate.
#[derive(Clone)]
pub(crate) struct Optimiser {
    adamw: ModuleOptimizer,
    /// Parameters whose learning rate is scaled, by their scale.
    scaled: Vec<(f64, ParamGroup)>,
}

impl Optimiser {
    pub(crate) fn new(config: &TrainConfig, rules: &[ParamRule]) -> Self {
        let exempt = rules.iter().filter(|rule| !rule.decay);
        let exempt = ParamGroup::from_ids(exempt.map(|rule| rule.id).collect());
        let adamw = ModuleOptimizer::from(adamw(config, config.weight_decay)).with_group(
            exempt,
            adamw(config, 0.0),
            None,
        );
        // Equal scales share a group; their bits can be a key where the numbers cannot.
        let mut scaled: BTreeMap<u64, Vec<ParamId>> = BTreeMap::new();
        for rule in rules.iter().filter(|rule| rule.lr_scale != 1.0) {
            let group = scaled.entry(rule.lr_scale.to_bits()).or_default();
            group.push(rule.id);
        }
        let scaled = scaled
            .into_iter()
            .map(|(bits, ids)| (f64::from_bits(bits), ParamGroup::from_ids(ids)))
            .collect();
        Self { adamw, scaled }
    }

    /// Updates the parameters that have a gradient.
    pub(crate) fn step<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> M {
        self.adamw.step(self.rates(lr), module, gradients)
    }

    /// The moments of every parameter, copied to host memory.
    pub(crate) fn to_record(&self) -> OptimizerRecord {
        self.adamw.to_record()
    }

    /// Restores moments, or gives `None` where some of them belong to no parameter of this
    /// optimiser, which burn would pass over in silence.
    pub(crate) fn load_record(self, record: OptimizerRecord) -> Option<Self> {
        let tensors = record.len();
        let adamw = self.adamw.load_record(record);
        (adamw.to_record().len() == tensors).then_some(Self {
            adamw,
            scaled: self.scaled,
        })
    }

    fn rates(&self, lr: f64) -> ModuleLearningRate {
        let plain = ModuleLrScheduler::new(lr);
        self.scaled
            .iter()
            .fold(plain, |rates, (scale, group)| {
                rates.with_group(group.clone(), lr * scale)
            })
            .step()
    }
}

fn adamw(config: &TrainConfig, weight_decay: f64) -> AdamW {
    // Burn's own defaults differ from everyone else's, so every field is given.
    AdamWConfig::new()
        .with_beta_1(config.betas.0 as f32)
        .with_beta_2(config.betas.1 as f32)
        .with_epsilon(config.eps as f32)
        .with_weight_decay(weight_decay as f32)
        .with_cautious_weight_decay(false)
        .with_amsgrad(false)
        .with_grad_clipping(None)
        .build()
}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::tests::config;

    const LR: f64 = 0.01;
    const GRADIENTS: [f64; 5] = [0.5, -1.0, 2.0, 0.25, 3.0];

    #[derive(Module, Debug)]
    struct Three {
        decayed: Param<Tensor<1>>,
        exempt: Param<Tensor<1>>,
        scaled: Param<Tensor<1>>,
    }

    fn three(device: &Device) -> Three {
        let param = || Param::from_tensor(Tensor::<1>::from_floats([1.5], device).require_grad());
        Three {
            decayed: param(),
            exempt: param(),
            scaled: param(),
        }
    }

    fn settings() -> TrainConfig {
        TrainConfig {
            betas: (0.9, 0.95),
            eps: 1e-8,
            weight_decay: 0.1,
            ..config(5)
        }
    }

    fn rules(three: &Three) -> [ParamRule; 3] {
        let rule = |id, decay, lr_scale| ParamRule {
            id,
            decay,
            lr_scale,
        };
        [
            rule(three.decayed.id, true, 1.0),
            rule(three.exempt.id, false, 1.0),
            rule(three.scaled.id, true, 0.25),
        ]
    }

    fn step(optimiser: &mut Optimiser, three: Three, gradient: f64) -> Three {
        let device = Device::flex();
        let mut gradients = GradientsParams::new();
        for id in [three.decayed.id, three.exempt.id, three.scaled.id] {
            gradients.register(id, Tensor::<1>::from_floats([gradient], &device));
        }
        optimiser.step(LR, three, gradients)
    }

    fn value(param: &Param<Tensor<1>>) -> f64 {
        f64::from(param.val().inner().into_scalar::<f32>())
    }

    /// AdamW as in Loshchilov and Hutter (2019), Algorithm 2.
    fn reference(weight_decay: f64, lr: f64) -> f64 {
        let (beta_1, beta_2): (f64, f64) = (0.9, 0.95);
        let (mut x, mut m, mut v) = (1.5, 0.0, 0.0);
        for (step, gradient) in (1..).zip(GRADIENTS) {
            m = beta_1 * m + (1.0 - beta_1) * gradient;
            v = beta_2 * v + (1.0 - beta_2) * gradient * gradient;
            let m_hat = m / (1.0 - beta_1.powi(step));
            let v_hat: f64 = v / (1.0 - beta_2.powi(step));
            x = x * (1.0 - lr * weight_decay) - lr * m_hat / (v_hat.sqrt() + 1e-8);
        }
        x
    }

    #[test]
    fn five_steps_equal_the_algorithm_for_every_rule() {
        let mut three = three(&Device::flex().autodiff());
        let mut optimiser = Optimiser::new(&settings(), &rules(&three));
        for gradient in GRADIENTS {
            three = step(&mut optimiser, three, gradient);
        }
        for (found, expected) in [
            (value(&three.decayed), reference(0.1, LR)),
            (value(&three.exempt), reference(0.0, LR)),
            (value(&three.scaled), reference(0.1, LR * 0.25)),
        ] {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn moments_survive_a_record() {
        let three = three(&Device::flex().autodiff());
        let mut optimiser = Optimiser::new(&settings(), &rules(&three));
        let three = step(&mut optimiser, three, 0.5);
        let record = optimiser.to_record();
        let fresh = Optimiser::new(&settings(), &rules(&three));
        let mut restored = fresh.load_record(record).unwrap();

        let through = step(&mut optimiser, three.clone(), -1.0);
        let resumed = step(&mut restored, three, -1.0);
        assert_eq!(value(&through.decayed), value(&resumed.decayed));
        assert_eq!(value(&through.exempt), value(&resumed.exempt));
        assert_eq!(value(&through.scaled), value(&resumed.scaled));
    }
}
