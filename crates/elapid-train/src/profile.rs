//! Where the time of a step goes.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde::Serialize;

use crate::micro_batch::choose;
use crate::step::{Machine, Made, Operands, Phase, Weights};
use crate::trial::{Setup, Steps};
use crate::{MicroBatch, Task, TrainConfig, TrainError};

/// Steps in front of the measured ones, which compile and tune.
const WARM_UP: u64 = 2;
/// The same where steps are recorded, until one is repeated.
const WARM_UP_RECORDED: u64 = 6;
/// Pieces of the steps without pauses, each of which ends with a pause to read the clock.
const ROUNDS: usize = 5;

/// Times of training steps.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Profile {
    /// Measured steps, of each kind.
    pub steps: usize,
    /// Samples of a step.
    pub samples: usize,
    /// Parts in which they are processed.
    pub parts: usize,
    /// Steps taken apart: the device is waited for behind every phase.
    pub phases: Phases,
    /// Steps as training makes them: the device is not waited for.
    pub trained: Trained,
}

/// Phases of a step, in order.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Phases {
    /// Waiting for the loader.
    pub data: Spread,
    /// Copying the batch to the device.
    pub upload: Spread,
    /// The loss.
    pub forward: Spread,
    /// The gradients.
    pub backward: Spread,
    /// Clipping, update and average.
    pub optimiser: Spread,
    /// All of them.
    pub sum: Spread,
}

/// Steps as training makes them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trained {
    /// A whole step. Smallest and largest are those of the means of up to five rounds of steps.
    pub step: Spread,
    /// How much of it is spent waiting for the loader.
    pub data: Spread,
    /// True if a recorded step was repeated.
    pub recorded: bool,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Profile {
    /// Samples a second, in steps as training makes them.
    pub fn samples_per_s(&self) -> f64 {
        1e3 * self.samples as f64 / self.trained.step.mean
    }
}

impl Spread {
    /// Of at least one duration, in seconds.
    fn of(seconds: &[f64]) -> Self {
        let ms = seconds.iter().map(|seconds| 1e3 * seconds);
        Self {
            mean: ms.clone().sum::<f64>() / seconds.len() as f64,
            min: ms.clone().fold(f64::INFINITY, f64::min),
            max: ms.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// Makes steps of a task, and keeps nothing but their times: first `steps` that are taken apart, then as many as training
/// makes them; each kind after some that are not measured.
///
/// # Errors
///
/// Whatever goes wrong with data or device, and [`TrainError::NothingToTrain`].
pub fn profile<T: Task>(
    task: T,
    setup: &Setup<'_, T>,
    steps: usize,
) -> Result<Profile, TrainError> {
    let steps = steps.max(1);
    setup.config.check()?;
    let config = match setup.config.micro_batch {
        MicroBatch::Auto => TrainConfig {
            micro_batch: MicroBatch::Of(choose(&task, setup, 1)?.samples),
            ..setup.config.clone()
        },
        _ => setup.config.clone(),
    };
    let setup = &Setup {
        config: &config,
        ..*setup
    };
    let (batch, phases) = apart(task.clone(), setup, steps)?;
    let trained = trained(task, setup, steps)?;
    Ok(Profile {
        steps,
        samples: batch.samples,
        parts: batch.parts,
        phases,
        trained,
    })
}

/// A clock that waits for a device.
struct Clock<'a> {
    device: &'a Device,
    last: Instant,
}

impl<'a> Clock<'a> {
    fn start(device: &'a Device) -> Result<Self, TrainError> {
        let last = Instant::now();
        let mut clock = Self { device, last };
        clock.lap()?;
        Ok(clock)
    }

    /// Seconds since the last lap, when the device has done everything that it was asked for.
    fn lap(&mut self) -> Result<f64, TrainError> {
        let synced = self.device.sync();
        synced.map_err(|error| TrainError::Device(error.to_string()))?;
        let now = Instant::now();
        let passed = now - std::mem::replace(&mut self.last, now);
        Ok(passed.as_secs_f64())
    }
}

/// Seconds of the phases of one step.
#[derive(Clone, Copy, Default)]
struct Laps {
    data: f64,
    upload: f64,
    forward: f64,
    backward: f64,
    optimiser: f64,
}

impl Laps {
    fn sum(&self) -> f64 {
        self.data + self.upload + self.forward + self.backward + self.optimiser
    }
}

struct Batch {
    samples: usize,
    parts: usize,
}

/// Steps with a pause behind every phase.
fn apart<T: Task>(
    task: T,
    setup: &Setup<'_, T>,
    steps: usize,
) -> Result<(Batch, Phases), TrainError> {
    let trial = setup.trial(task);
    let (mut weights, device) = (trial.weights, trial.device);
    let mut batches = setup.packed(&weights.task);
    let mut shape = Batch {
        samples: 0,
        parts: 0,
    };
    let mut laps = Vec::new();
    for step in 0..WARM_UP + steps as u64 {
        let mut lap = Laps::default();
        let mut clock = Clock::start(&device)?;
        let batch = batches.next().ok_or(ended(step))??;
        lap.data = clock.lap()?;
        shape.samples = batch.samples;
        let numbers = setup.numbers(&trial.recipe, step);
        let operands = Operands::upload(batch.whole(), &numbers, &device);
        shape.parts = operands.parts.len();
        lap.upload = clock.lap()?;
        let mut failed = None;
        let (next, made) = trial.recipe.make_watched(weights, &operands, |phase| {
            let passed = clock.lap().unwrap_or_else(|error| {
                failed = Some(error);
                0.0
            });
            match phase {
                Phase::Forward => lap.forward += passed,
                Phase::Backward => lap.backward += passed,
                Phase::Optimiser => lap.optimiser += passed,
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        weights = next;
        made.read()?;
        if step >= WARM_UP {
            laps.push(lap);
        }
    }
    let spread = |of: fn(&Laps) -> f64| Spread::of(&laps.iter().map(of).collect::<Vec<_>>());
    let phases = Phases {
        data: spread(|lap| lap.data),
        upload: spread(|lap| lap.upload),
        forward: spread(|lap| lap.forward),
        backward: spread(|lap| lap.backward),
        optimiser: spread(|lap| lap.optimiser),
        sum: spread(Laps::sum),
    };
    Ok((shape, phases))
}

/// Steps one behind the other.
fn trained<T: Task>(task: T, setup: &Setup<'_, T>, steps: usize) -> Result<Trained, TrainError> {
    let trial = setup.trial(task);
    let device = trial.device.clone();
    let (weights, machine) = trial.into_machine(setup.config);
    let warm_up = match machine.works_in_place() {
        true => WARM_UP_RECORDED,
        false => WARM_UP,
    };
    let mut running = Running {
        setup,
        device,
        machine,
        batches: setup.packed(&weights.task),
        step: 0,
    };
    let (mut weights, _) = running.round(weights, warm_up as usize)?;
    let rounds = steps.min(ROUNDS);
    let (mut step, mut data) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let count = steps * (round + 1) / rounds - steps * round / rounds;
        let (next, seconds) = running.round(weights, count)?;
        weights = next;
        // Every step counts alike in the mean, whatever the length of its round.
        step.extend(std::iter::repeat_n(seconds.all / count as f64, count));
        data.extend(std::iter::repeat_n(seconds.waited / count as f64, count));
    }
    Ok(Trained {
        step: Spread::of(&step),
        data: Spread::of(&data),
        recorded: running.machine.has_recorded(),
    })
}

struct Running<'a, T: Task> {
    setup: &'a Setup<'a, T>,
    device: Device,
    machine: Machine,
    batches: Steps,
    step: u64,
}

struct Seconds {
    all: f64,
    waited: f64,
}

impl<T: Task> Running<'_, T> {
    /// Makes `count` steps as a run does, at least one, and waits for the last.
    fn round(
        &mut self,
        mut weights: Weights<T>,
        count: usize,
    ) -> Result<(Weights<T>, Seconds), TrainError> {
        let started = Instant::now();
        let (mut waited, mut last) = (Duration::ZERO, None);
        for _ in 0..count {
            let asked = Instant::now();
            let batch = self.batches.next().ok_or(ended(self.step))??;
            waited += asked.elapsed();
            let numbers = self.setup.numbers(self.machine.recipe(), self.step);
            let operands = Operands::upload(batch.whole(), &numbers, &self.device);
            let (next, made) = self.machine.step(weights, operands)?;
            (weights, last) = (next, Some(made));
            self.step += 1;
        }
        last.map(Made::read).transpose()?;
        let seconds = Seconds {
            all: started.elapsed().as_secs_f64(),
            waited: waited.as_secs_f64(),
        };
        Ok((weights, seconds))
    }
}

fn ended(step: u64) -> TrainError {
    TrainError::DataEnded {
        split: "train",
        batches: step,
    }
}
