//! `[optim]`, `[schedule]`, `[train]`, `[eval]`, `[log]`: specification to trainer settings.

use std::time::Duration;

use burn::module::Module;
use elapid_config::{Frozen, Graph, OptimSpec, Plan, Precision, ScheduleSpec, Weights};
use elapid_models::named_params;
use elapid_nn::graph::BATCH_NORM_MOMENTUM;
use elapid_nn::{Place, Role, place_of, role_of};
use elapid_train::{
    Decay, Method, MicroBatch, MirrorFormat, ParamRule, Plateau, Schedule, TestWeights, TrainConfig,
};

use super::lora;

/// The trainer's settings, with every interval in steps.
pub fn train_config(plan: &Plan, steps_per_epoch: u64) -> TrainConfig {
    let steps = |interval: elapid_config::Interval| interval.in_steps(steps_per_epoch);
    let optim = plan.optim.common();
    TrainConfig {
        seed: plan.run.seed,
        total_steps: steps(plan.train.length()),
        schedule: schedule(&plan.schedule, optim.lr, steps),
        method: method(&plan.optim),
        weight_decay: optim.weight_decay,
        grad_clip: optim.clip_norm,
        eval_every: steps(plan.eval.every),
        checkpoint_every: steps(plan.train.checkpoint),
        keep_last: plan.train.keep_last,
        keep_best: plan.train.keep_best,
        keep_every: plan.train.keep_every.map(steps),
        best_metric: plan.eval.best.to_string(),
        test_weights: match plan.eval.weights {
            Weights::Best => TestWeights::Best,
            Weights::Last => TestWeights::Last,
        },
        log_every: steps(plan.log.every),
        spike_factor: Some(plan.log.spikes).filter(|factor| *factor > 0.0),
        copies: [
            (plan.log.csv, MirrorFormat::Csv),
            (plan.log.tensorboard, MirrorFormat::TensorBoard),
        ]
        .into_iter()
        .filter_map(|(wanted, format)| wanted.then_some(format))
        .collect(),
        max_skips: plan.train.max_skips,
        ema: plan.train.ema,
        micro_batch: match plan.train.micro_batch {
            None => MicroBatch::Whole,
            Some(elapid_config::MicroBatch::Of(samples)) => MicroBatch::Of(samples),
            Some(elapid_config::MicroBatch::Auto) => MicroBatch::Auto,
        },
        loss_scaling: plan.train.precision == Precision::Fp16,
        graphs: plan.train.graph == Graph::Auto,
        patience: plan.train.patience,
        max_duration: plan
            .train
            .max_minutes
            .map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
    }
}

fn method(spec: &OptimSpec) -> Method {
    let pair = |[a, b]: [f64; 2]| (a, b);
    match spec {
        OptimSpec::AdamW(o) => Method::AdamW {
            betas: pair(o.betas),
            eps: o.eps,
        },
        OptimSpec::Adam(o) => Method::Adam {
            betas: pair(o.betas),
            eps: o.eps,
        },
        OptimSpec::Lion(o) => Method::Lion {
            betas: pair(o.betas),
        },
        OptimSpec::Muon(o) => Method::Muon {
            momentum: o.momentum,
            betas: pair(o.betas),
            eps: o.eps,
        },
    }
}

fn schedule(
    spec: &ScheduleSpec,
    lr: f64,
    steps: impl Fn(elapid_config::Interval) -> u64,
) -> Schedule {
    let (warmup, decay) = match spec {
        ScheduleSpec::Cosine(s) => {
            let decay = Decay::Cosine { min_lr: s.min_lr };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Constant(s) => (Some((s.warmup, s.warmup_lr)), Decay::Constant),
        ScheduleSpec::Linear(s) => {
            let decay = Decay::Polynomial {
                min_lr: s.min_lr,
                power: 1.0,
                whole_run: false,
            };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Polynomial(s) => {
            let decay = Decay::Polynomial {
                min_lr: s.min_lr,
                power: s.power,
                whole_run: s.whole_run,
            };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Wsd(s) => {
            let (steps, min_lr) = (steps(s.decay), s.min_lr);
            let decay = Decay::Wsd { steps, min_lr };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Step(s) => {
            let decay = Decay::Step {
                first: steps(s.first.unwrap_or(s.every)),
                every: steps(s.every),
                gamma: s.gamma,
            };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Plateau(s) => {
            let decay = Decay::Plateau(Plateau {
                factor: s.factor,
                patience: s.patience,
                threshold: s.threshold,
                min_lr: s.min_lr,
            });
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::OneCycle(s) => {
            let decay = Decay::OneCycle {
                rise: s.rise,
                div_factor: s.div_factor,
                final_div_factor: s.final_div_factor,
            };
            (None, decay)
        }
    };
    Schedule {
        lr,
        warmup_steps: warmup.map_or(0, |(length, _)| steps(length)),
        warmup_lr: warmup.map_or(0.0, |(_, lr)| lr),
        decay,
    }
}

/// What the plan has the optimiser do with each parameter.
///
/// Weight decay is by role, see [`Role::decays`]; `A_log` too, or everything, if the plan says so. The head may learn at a rate of
/// its own, layers further from it more slowly where there is a layer decay, and frozen parameters are trained from some step on, or never.
pub fn param_rules<M: Module>(plan: &Plan, module: &M, steps_per_epoch: u64) -> Vec<ParamRule> {
    let params = named_params(module);
    let places = params.iter().map(|param| place_of(&param.path));
    let blocks = places.filter_map(|place| match place {
        Place::Block(block) => Some(block + 1),
        _ => None,
    });
    let blocks = blocks.max().unwrap_or(0);
    let thaw = plan.train.unfreeze;
    let thaw = thaw.map_or(u64::MAX, |interval| interval.in_steps(steps_per_epoch));
    let rule = |param: elapid_models::NamedParam| ParamRule {
        id: param.id,
        decay: decays(plan, &param),
        lr_scale: lr_scale(plan, place_of(&param.path), blocks),
        trained_from: match is_frozen(plan, &param.path) {
            _ if lora::is_frozen(plan, &param.path) => u64::MAX,
            true => thaw,
            false => 0,
        },
        // The head reads hidden states, but writes none.
        hidden_matrix: matches!(role_of(&param.path), Role::Matrix | Role::Adapter)
            && place_of(&param.path) != Place::Head,
        running: (role_of(&param.path) == Role::Statistic).then_some(BATCH_NORM_MOMENTUM),
    };
    params.into_iter().map(rule).collect()
}

fn decays(plan: &Plan, param: &elapid_models::NamedParam) -> bool {
    let role = role_of(&param.path);
    plan.optim.common().decay_all
        || role.decays()
        || (role == Role::SsmA && plan.optim.common().decay_ssm_a)
        // The step-size projection is a matrix with a bias: one decays, the other does not.
        || (role == Role::Dt && param.shape.len() > 1)
}

/// The head and the input each learn at a rate of their own, and every layer in front of the head more slowly where there is a layer
/// decay, as in BEiT's and MAE's fine-tuning.
fn lr_scale(plan: &Plan, place: Place, blocks: usize) -> f64 {
    let (from_head, factor) = match place {
        Place::Input => (blocks + 1, plan.train.input_lr_factor),
        Place::Block(block) => (blocks - block, 1.0),
        Place::Output => (0, 1.0),
        Place::Head => (0, plan.train.head_lr_factor),
    };
    let decay = plan.train.layer_decay;
    factor * decay.map_or(1.0, |decay| decay.powi(from_head as i32))
}

fn is_frozen(plan: &Plan, path: &str) -> bool {
    let (role, place) = (role_of(path), place_of(path));
    match plan.train.freeze {
        None => false,
        Some(Frozen::Backbone) => place != Place::Head,
        Some(Frozen::Input) => place == Place::Input,
        Some(Frozen::Ssm) => matches!(role, Role::SsmA | Role::SsmD | Role::Dt),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plan for digits with lines of [train].
    fn plan(train: &str) -> Plan {
        let text = format!(
            "[data]\nname = \"digits\"\n[model]\nbackbone = \"vim\"\n[task]\nkind = \"classify\"\n\
             [train]\nepochs = 1\nbatch_size = 16\n{train}\n"
        );
        elapid_config::parse(&text, std::path::Path::new("test.toml")).unwrap()
    }

    #[test]
    fn layers_far_from_the_head_learn_slowly() {
        let decaying = plan("layer_decay = 0.5");
        let scale = |place| lr_scale(&decaying, place, 3);
        assert_eq!(scale(Place::Head), 1.0);
        assert_eq!(scale(Place::Output), 1.0);
        assert_eq!(scale(Place::Block(2)), 0.5);
        assert_eq!(scale(Place::Block(0)), 0.125);
        assert_eq!(scale(Place::Input), 0.0625);
        assert_eq!(lr_scale(&plan(""), Place::Input, 3), 1.0);
        let slow = plan("layer_decay = 0.5\ninput_lr_factor = 0.5");
        assert_eq!(lr_scale(&slow, Place::Input, 3), 0.03125);
        assert_eq!(
            lr_scale(&plan("input_lr_factor = 0.5"), Place::Block(0), 3),
            1.0
        );
    }

    #[test]
    fn heads_may_learn_at_a_rate_of_their_own() {
        let plan = plan("head_lr_factor = 3.0");
        assert_eq!(lr_scale(&plan, Place::Head, 3), 3.0);
        assert_eq!(lr_scale(&plan, Place::Output, 3), 1.0);
    }
}
