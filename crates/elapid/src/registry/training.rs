//! `[optim]`, `[schedule]`, `[train]`, `[eval]`, `[log]`: specification to trainer settings.

use std::time::Duration;

use burn::module::Module;
use elapid_config::{Best, Graph, OptimSpec, Plan, ScheduleSpec, Weights};
use elapid_models::named_params;
use elapid_nn::{Role, role_of};
use elapid_train::{Decay, Method, MirrorFormat, ParamRule, Schedule, TestWeights, TrainConfig};

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
        best_metric: match plan.eval.best {
            Best::Accuracy => "accuracy".to_owned(),
            Best::Loss => "loss".to_owned(),
        },
        test_weights: match plan.eval.weights {
            Weights::Best => TestWeights::Best,
            Weights::Last => TestWeights::Last,
        },
        log_every: steps(plan.log.every),
        copies: [
            (plan.log.csv, MirrorFormat::Csv),
            (plan.log.tensorboard, MirrorFormat::TensorBoard),
        ]
        .into_iter()
        .filter_map(|(wanted, format)| wanted.then_some(format))
        .collect(),
        max_skips: plan.train.max_skips,
        ema: plan.train.ema,
        micro_batch: plan.train.micro_batch,
        graphs: plan.train.graph == Graph::Auto,
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
            let (min_lr, power) = (s.min_lr, 1.0);
            let decay = Decay::Polynomial { min_lr, power };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Polynomial(s) => {
            let (min_lr, power) = (s.min_lr, s.power);
            let decay = Decay::Polynomial { min_lr, power };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Wsd(s) => {
            let (steps, min_lr) = (steps(s.decay), s.min_lr);
            let decay = Decay::Wsd { steps, min_lr };
            (Some((s.warmup, s.warmup_lr)), decay)
        }
        ScheduleSpec::Step(s) => {
            let (every, gamma) = (steps(s.every), s.gamma);
            let decay = Decay::Step { every, gamma };
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

/// Weight decay by role: see [`Role::decays`]; `A_log` too if the plan says so.
pub fn param_rules<M: Module>(plan: &Plan, module: &M) -> Vec<ParamRule> {
    let optim = plan.optim.common();
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
            // The head reads hidden states, but writes none.
            hidden_matrix: role == Role::Matrix && !param.path.starts_with("model.head"),
        }
    };
    named_params(module).into_iter().map(rule).collect()
}
