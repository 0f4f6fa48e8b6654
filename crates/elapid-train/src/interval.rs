//! What happened since the last line of the log.

use std::time::{Duration, Instant};

use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::checkpoint::exact;

/// Loss and gradient norm of a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Mean loss over the batch.
    #[serde(with = "exact")]
    pub loss: f64,
    /// Global norm of the gradients before clipping.
    #[serde(with = "exact")]
    pub grad_norm: f64,
}

/// The steps since the last line of the log.
///
/// Losses stay on the device until they are asked for, because each read waits for everything the
/// device still has to do.
#[derive(Default)]
pub(crate) struct Interval {
    observed: Vec<Observed>,
    /// Loss and norm by turns, shape `[1]`, of the steps after the observed ones.
    unread: Vec<Tensor<1>>,
    steps: u64,
    samples: u64,
    busy: Duration,
    /// The part of it in which there was no batch yet.
    waited: Duration,
}

impl Interval {
    /// Goes on with an interval that a checkpoint was taken in. Its time is not known any more.
    pub(crate) fn resumed(observed: Vec<Observed>) -> Self {
        Self {
            observed,
            ..Self::default()
        }
    }

    /// Adds a step; `loss` and `grad_norm` have shape `[1]` and no autodiff graph.
    pub(crate) fn push(&mut self, loss: Tensor<1>, grad_norm: Tensor<1>, samples: usize) {
        self.unread.push(loss.cast(DType::F32));
        self.unread.push(grad_norm);
        self.steps += 1;
        self.samples += samples as u64;
    }

    /// Adds time that a step spent waiting for its batch; [`spent`](Self::spent) counts it too.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// Adds time spent on the steps.
    pub(crate) fn spent(&mut self, time: Duration) {
        self.busy += time;
    }

    /// Loss and norm of every step of the interval, read from the device where necessary.
    pub(crate) fn read(&mut self) -> Result<&[Observed], TrainError> {
        if !self.unread.is_empty() {
            // The steps are only done when their losses are there.
            let started = Instant::now();
            let values: Vec<f32> = Tensor::cat(std::mem::take(&mut self.unread), 0)
                .try_into_vec_as()
                .map_err(|error| TrainError::Device(error.to_string()))?;
            self.observed
                .extend(values.chunks_exact(2).map(|pair| Observed {
                    loss: f64::from(pair[0]),
                    grad_norm: f64::from(pair[1]),
                }));
            self.busy += started.elapsed();
        }
        Ok(&self.observed)
    }

    /// Milliseconds per step.
    pub(crate) fn step_ms(&self) -> f64 {
        1e3 * self.busy.as_secs_f64() / self.steps as f64
    }

    /// Share of the time in which steps waited for their batches.
    pub(crate) fn data_wait(&self) -> f64 {
        self.waited.as_secs_f64() / self.busy.as_secs_f64()
    }

    /// Samples per second.
    pub(crate) fn samples_per_s(&self) -> f64 {
        self.samples as f64 / self.busy.as_secs_f64()
    }
}

/// The mean loss, and the mean of the norms that are numbers; not a number for none.
///
/// Norms that are not belong to steps that were not made: with loss scaling an overflow is nothing to worry about, and
/// without it the run goes back before it comes to this.
pub(crate) fn mean(observed: &[Observed]) -> Observed {
    let norms = observed.iter().map(|step| step.grad_norm);
    Observed {
        loss: mean_of(observed.iter().map(|step| step.loss)),
        grad_norm: mean_of(norms.filter(|norm| norm.is_finite())),
    }
}

fn mean_of(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn steps_are_read_in_order_and_only_once() {
        let device = Device::flex();
        let scalar = |value: f32| Tensor::<1>::from_floats([value], &device);
        let first = Observed {
            loss: 5.0,
            grad_norm: 6.0,
        };
        let mut interval = Interval::resumed(vec![first]);
        interval.push(scalar(1.0), scalar(2.0), 8);
        assert_eq!(interval.read().unwrap().len(), 2);
        interval.push(scalar(3.0), scalar(4.0), 8);
        interval.spent(Duration::from_millis(500));
        interval.waited(Duration::from_millis(100));

        let losses: Vec<_> = interval
            .read()
            .unwrap()
            .iter()
            .map(|step| step.loss)
            .collect();
        assert_eq!(losses, [5.0, 1.0, 3.0]);
        assert_eq!(mean(interval.read().unwrap()).grad_norm, 4.0);
        assert!((interval.step_ms() - 250.0).abs() < 50.0);
        assert!((interval.samples_per_s() - 32.0).abs() < 6.0);
        assert!((interval.data_wait() - 0.2).abs() < 0.04);
    }
}
