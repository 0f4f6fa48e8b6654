//! `[optim]`, `[schedule]`, `[train]`, `[eval]`, `[log]`: specification to trainer settings.

use burn::module::Module;
use elapid_config::{Best, OptimSpec, Plan, ScheduleSpec, Weights};
use elapid_models::named_params;
use elapid_nn::{Role, role_of};
use elapid_train::{Decay, ParamRule, Schedule, TestWeights, TrainConfig};

/// The trainer's settings, with every interval in steps.
pub fn train_config(plan: &Plan, steps_per_epoch: u64) -> TrainConfig {
    let steps = |interval: elapid_config::Interval| interval.in_steps(steps_per_epoch);
    let OptimSpec::AdamW(optim) = &plan.optim;
    let (warmup, warmup_lr, decay) = match &plan.schedule {
        ScheduleSpec::Cosine(s) => (s.warmup, s.warmup_lr, Decay::Cosine { min_lr: s.min_lr }),
        ScheduleSpec::Constant(s) => (s.warmup, s.warmup_lr, Decay::Constant),
    };
    TrainConfig {
        seed: plan.run.seed,
        total_steps: steps(plan.train.length()),
        schedule: Schedule {
            lr: optim.lr,
            warmup_steps: steps(warmup),
            warmup_lr,
            decay,
        },
        betas: (optim.betas[0], optim.betas[1]),
        eps: optim.eps,
        weight_decay: optim.weight_decay,
        grad_clip: optim.clip_norm(),
        eval_every: steps(plan.eval.every),
        checkpoint_every: steps(plan.train.checkpoint),
        keep_last: plan.train.keep_last,
        best_metric: match plan.eval.best {
            Best::Accuracy => "accuracy".to_owned(),
            Best::Loss => "loss".to_owned(),
        },
        test_weights: match plan.eval.weights {
            Weights::Best => TestWeights::Best,
            Weights::Last => TestWeights::Last,
        },
        log_every: steps(plan.log.every),
    }
}

/// Weight decay by role: see [`Role::decays`]; `A_log` too if the plan says so.
pub fn param_rules<M: Module>(plan: &Plan, module: &M) -> Vec<ParamRule> {
    let OptimSpec::AdamW(optim) = &plan.optim;
    let rule = |param: elapid_models::NamedParam| {
        let role = role_of(&param.path);
        let decay = role.decays()
            || (role == Role::SsmA && optim.decay_ssm_a)
            // The step-size projection is a matrix with a bias: one decays, the other does not.
            || (role == Role::Dt && param.shape.len() > 1);
        ParamRule {
            id: param.id,
            decay,
            lr_scale: 1.0,
        }
    };
    named_params(module).into_iter().map(rule).collect()
}
