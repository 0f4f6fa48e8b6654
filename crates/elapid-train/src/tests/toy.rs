//! A classifier of points by the quadrant they lie in, small enough to train in milliseconds.

use std::path::Path;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::{Device, Tensor, TensorData};
use elapid_kernels::random::keep_factors;
use serde_json::Map;

use crate::{
    Batches, BoxError, Confusion, Decay, EvalSource, Inputs, Line, Lines, Measured, Method,
    MicroBatch, Noise, Packing, ParamRule, Picture, RunDir, Schedule, Shows, Sources, StepKey,
    StopFlag, Tally, Task, TestWeights, TrainConfig, TrainSource, Trainer,
};

pub(super) const BATCH: usize = 16;
pub(super) const BATCHES_PER_EPOCH: usize = 6;

/// Two layers and dropout-like noise on the hidden one.
#[derive(Module, Debug)]
pub(super) struct Toy {
    hidden: Linear,
    activation: Relu,
    output: Linear,
    noisy: bool,
}

/// Points, `[BATCH, 2]`, and the quadrant of each.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) inputs: Vec<f32>,
    targets: Vec<i32>,
}

impl Toy {
    /// Weights that are the same every time; burn's generator is shared by all threads.
    pub(super) fn new(device: &Device) -> Self {
        Self {
            hidden: linear([2, 8], 1, device),
            activation: Relu::new(),
            output: linear([8, 4], 2, device),
            noisy: true,
        }
    }

    /// The same without noise.
    pub(super) fn quiet(self) -> Self {
        Self {
            noisy: false,
            ..self
        }
    }

    /// Biases are not decayed, and the output layer learns more slowly.
    pub(super) fn rules(&self) -> Vec<ParamRule> {
        let mut rules = Vec::new();
        for (layer, lr_scale) in [(&self.hidden, 1.0), (&self.output, 0.5)] {
            let biases = layer.bias.iter().map(|bias| bias.id);
            for (id, decay) in biases
                .map(|id| (id, false))
                .chain([(layer.weight.id, true)])
            {
                rules.push(ParamRule {
                    id,
                    decay,
                    lr_scale,
                    trained_from: 0,
                    hidden_matrix: decay,
                    running: None,
                });
            }
        }
        rules
    }

    fn logits(&self, points: Tensor<2>, noise: Option<&Noise>) -> Tensor<2> {
        let hidden = self.activation.forward(self.hidden.forward(points));
        let hidden = match noise.filter(|_| self.noisy) {
            None => hidden,
            Some(noise) => {
                let first = noise.first_draw();
                hidden.clone() * keep_factors(&noise.key(), first, hidden.dims(), 0.1)
            }
        };
        self.output.forward(hidden)
    }
}

impl Task for Toy {
    type Batch = Points;
    type Tally = Hits;

    fn packing(&self) -> Packing<Points> {
        Arc::new(|batch| {
            let points = batch.targets.len();
            let inputs = TensorData::new(batch.inputs, [points, 2]);
            vec![inputs, TensorData::new(batch.targets, [points])]
        })
    }

    fn loss(&self, inputs: &Inputs, noise: &Noise) -> Tensor<1> {
        let logits = self.logits(inputs.float(0), Some(noise));
        CrossEntropyLossConfig::new()
            .init(&logits.device())
            .forward(logits, inputs.int(1))
    }

    fn tally(&self) -> Hits {
        Hits::default()
    }

    fn observe(&self, batch: &Points, device: &Device, tally: &mut Hits) {
        assert!(!device.is_autodiff());
        let points = Tensor::<1>::from_floats(batch.inputs.as_slice(), device);
        let chosen = self.logits(points.reshape([-1, 2]), None).argmax(1);
        let chosen: Vec<i32> = chosen.try_into_vec_as().unwrap();
        for (target, chosen) in batch.targets.iter().zip(chosen) {
            tally.counts[*target as usize][chosen as usize] += 1;
        }
    }

    fn batch_len(batch: &Points) -> usize {
        batch.targets.len()
    }

    fn split(batch: Points, samples: usize) -> Vec<Points> {
        let inputs = batch.inputs.chunks(2 * samples);
        let parts = inputs.zip(batch.targets.chunks(samples));
        parts
            .map(|(inputs, targets)| Points {
                inputs: inputs.to_vec(),
                targets: targets.to_vec(),
            })
            .collect()
    }
}

/// How often each quadrant was taken for each other.
#[derive(Default)]
pub(super) struct Hits {
    counts: [[u64; 4]; 4],
}

impl Tally for Hits {
    fn metrics(&self) -> Vec<Measured> {
        let all: u64 = self.counts.iter().flatten().sum();
        let right: u64 = (0..4).map(|class| self.counts[class][class]).sum();
        vec![Measured::score("accuracy", right as f64 / all as f64)]
    }

    fn is_finite(&self) -> bool {
        true
    }

    fn pictures(&self) -> Vec<Picture> {
        let values = (0..4).map(|class| self.counts[class][class] as f64);
        vec![Picture::Lines(Lines {
            title: "Right of each quadrant".to_owned(),
            over: "quadrant".to_owned(),
            lines: vec![Line {
                label: "right".to_owned(),
                shows: Shows::Predicted,
                first: 0,
                values: values.collect(),
            }],
            mark: None,
        })]
    }

    fn confusion(&self) -> Option<Confusion> {
        Some(Confusion {
            classes: ["++", "+-", "-+", "--"].map(str::to_owned).to_vec(),
            counts: self.counts.map(|row| row.to_vec()).to_vec(),
            ious: false,
        })
    }
}

/// Batches from a seed; `flaw` can spoil one, or act when it is asked for.
pub(super) struct Source {
    seed: u64,
    batches: usize,
    flaw: fn(usize, Points) -> Result<Points, BoxError>,
}

impl Source {
    fn batch(seed: u64, number: usize) -> Points {
        let inputs = uniform(StepKey::new(seed, number as u64).word(0), 2 * BATCH);
        let inputs: Vec<f32> = inputs.iter().map(|value| 2.0 * value - 1.0).collect();
        let quadrant = |point: &[f32]| 2 * i32::from(point[0] < 0.0) + i32::from(point[1] < 0.0);
        let targets = inputs.chunks_exact(2).map(quadrant).collect();
        Points { inputs, targets }
    }
}

impl TrainSource<Points> for Source {
    fn batches_per_epoch(&self) -> usize {
        self.batches
    }

    fn iter_from(&self, first: usize) -> Batches<Points> {
        let (seed, flaw) = (self.seed, self.flaw);
        Box::new((first..).map(move |number| flaw(number, Self::batch(seed, number))))
    }
}

impl EvalSource<Points> for Source {
    fn iter(&self) -> Batches<Points> {
        Box::new(self.iter_from(0).take(self.batches))
    }
}

/// Train, validation and test batches that have nothing in common.
pub(super) fn sources() -> Sources<Points> {
    sources_with(|_, points| Ok(points))
}

/// As [`sources`], with a flaw in the training batches.
pub(super) fn sources_with(flaw: fn(usize, Points) -> Result<Points, BoxError>) -> Sources<Points> {
    let sound = |seed| -> Option<Box<dyn EvalSource<Points>>> {
        Some(Box::new(Source {
            seed,
            batches: 2,
            flaw: |_, points| Ok(points),
        }))
    };
    Sources {
        train: Box::new(Source {
            seed: 1,
            batches: BATCHES_PER_EPOCH,
            flaw,
        }),
        valid: sound(2),
        test: sound(3),
    }
}

/// A training batch that makes the loss overflow.
pub(super) fn overflowing(mut points: Points) -> Points {
    points.inputs.fill(f32::MAX);
    points
}

/// Settings in which logging, evaluation and checkpoints fall on different steps.
pub(crate) fn config(total_steps: u64) -> TrainConfig {
    TrainConfig {
        seed: 7,
        total_steps,
        schedule: Schedule {
            lr: 0.05,
            warmup_steps: 3,
            warmup_lr: 1e-4,
            decay: Decay::Cosine { min_lr: 1e-3 },
        },
        method: Method::AdamW {
            betas: (0.9, 0.99),
            eps: 1e-8,
        },
        weight_decay: 0.01,
        grad_clip: Some(1.0),
        eval_every: 7,
        checkpoint_every: 5,
        keep_last: 2,
        keep_best: 1,
        keep_every: None,
        best_metric: "accuracy".to_owned(),
        test_weights: TestWeights::Best,
        max_skips: 0,
        log_every: 4,
        spike_factor: Some(4.0),
        copies: Vec::new(),
        ema: None,
        micro_batch: MicroBatch::Whole,
        loss_scaling: false,
        graphs: true,
        patience: None,
        max_duration: None,
    }
}

/// A trainer in a new run directory.
pub(super) fn new_trainer(
    dir: &Path,
    config: TrainConfig,
    sources: Sources<Points>,
) -> Trainer<Toy> {
    let run = RunDir::create(dir, "", "", Map::new()).unwrap();
    Trainer::new(run, config, Device::flex(), sources).with_rules(Toy::rules)
}

/// A trainer in the directory of an earlier run.
pub(super) fn old_trainer(dir: &Path, config: TrainConfig) -> Trainer<Toy> {
    old_trainer_on(dir, config, sources())
}

/// As [`old_trainer`], with data of one's own.
pub(super) fn old_trainer_on(
    dir: &Path,
    config: TrainConfig,
    sources: Sources<Points>,
) -> Trainer<Toy> {
    let run = RunDir::open(dir).unwrap();
    Trainer::new(run, config, Device::flex(), sources).with_rules(Toy::rules)
}

/// A new toy on the device that all tests use.
pub(super) fn toy() -> Toy {
    Toy::new(&Device::flex().autodiff())
}

/// A source that asks to stop while batch `number` is made, and the flag that it sets.
pub(super) fn sources_stopping_at(number: usize) -> (Sources<Points>, StopFlag) {
    stopping(sources(), number)
}

/// As [`sources_stopping_at`], with data of one's own.
pub(super) fn stopping(sources: Sources<Points>, number: usize) -> (Sources<Points>, StopFlag) {
    let stop = StopFlag::default();
    let train = Box::new(Stopping {
        inner: sources.train,
        number,
        stop: stop.clone(),
    });
    (Sources { train, ..sources }, stop)
}

struct Stopping {
    inner: Box<dyn TrainSource<Points>>,
    number: usize,
    stop: StopFlag,
}

impl TrainSource<Points> for Stopping {
    fn batches_per_epoch(&self) -> usize {
        BATCHES_PER_EPOCH
    }

    fn iter_from(&self, first: usize) -> Batches<Points> {
        let (stop, at) = (self.stop.clone(), self.number);
        let batches = (first..).zip(self.inner.iter_from(first));
        Box::new(batches.map(move |(number, batch)| {
            if number == at {
                stop.request(15);
            }
            batch
        }))
    }
}

fn linear([inputs, outputs]: [usize; 2], seed: u64, device: &Device) -> Linear {
    let mut linear = LinearConfig::new(inputs, outputs).init(device);
    let weights = uniform(seed, inputs * outputs);
    let weights = Tensor::<1>::from_floats(weights.as_slice(), device).sub_scalar(0.5);
    linear.weight = Param::from_tensor(weights.reshape([inputs, outputs]).detach());
    linear.bias = Some(Param::from_tensor(Tensor::<1>::zeros([outputs], device)));
    linear
}

/// Numbers in [0, 1) that follow from a seed.
fn uniform(seed: u64, count: usize) -> Vec<f32> {
    let numbers = (0..count as u64).map(|at| StepKey::new(seed, at).word(0) >> 40);
    numbers
        .map(|bits| bits as f32 / (1_u32 << 24) as f32)
        .collect()
}
