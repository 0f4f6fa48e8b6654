//! What a model must offer to be trained and evaluated.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use crate::{Inputs, Noise, Packing, Picture};

/// A model with its head and loss: what a training step needs.
pub trait Task: Module + Clone + 'static {
    /// A batch in host memory.
    type Batch: Send + 'static;
    /// Running sums of an evaluation.
    type Tally: Tally;

    /// Gives what the device needs of a batch, in the order in which [`loss`](Self::loss) takes it, and in the types in which it
    /// should travel. It holds no weights: threads that load batches keep it during the whole run.
    fn packing(&self) -> Packing<Self::Batch>;

    /// What the device needs of a batch; see [`packing`](Self::packing).
    fn inputs(&self, batch: Self::Batch) -> Vec<TensorData> {
        self.packing()(batch)
    }

    /// The mean loss over a batch, shape `[1]`.
    ///
    /// The inputs are on the autodiff device that holds the parameters. Every random draw must follow from `noise`, and
    /// nothing may be read back from the device: the operations may be recorded once and repeated with other inputs
    /// and noise in the same memory. Burn's own random operators draw from a generator of the whole process, which
    /// can be neither restored nor repeated; use [`elapid_kernels::random`].
    fn loss(&self, inputs: &Inputs, noise: &Noise) -> Tensor<1>;

    /// Empty sums, to which [`observe`](Self::observe) adds.
    fn tally(&self) -> Self::Tally;

    /// Adds the predictions for a batch to `tally`.
    ///
    /// Called on a module from [`Module::valid`], with its plain `device`.
    fn observe(&self, batch: &Self::Batch, device: &Device, tally: &mut Self::Tally);

    /// Number of samples in a batch.
    fn batch_len(batch: &Self::Batch) -> usize;

    /// The batch in parts of `samples`, the last of which may be smaller, in order.
    fn split(batch: Self::Batch, samples: usize) -> Vec<Self::Batch>;
}

/// Sums over an evaluation, from which its metrics follow.
pub trait Tally {
    /// The metrics of everything observed so far. The names must not depend on what was observed.
    fn metrics(&self) -> Vec<Measured>;

    /// Whether the loss of everything observed so far is finite. Asked after every batch.
    fn is_finite(&self) -> bool;

    /// Which class was taken for which, where the task has classes.
    fn confusion(&self) -> Option<Confusion> {
        None
    }

    /// What there is to look at, for the report of the run.
    fn pictures(&self) -> Vec<Picture> {
        Vec::new()
    }
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Name in `metrics.jsonl`, such as `accuracy`.
    pub name: &'static str,
    /// The value, in the unit of the metric; shares lie between 0 and 1.
    pub value: f64,
    /// Whether a larger value is better.
    pub higher_is_better: bool,
}

impl Measured {
    /// A metric of which a larger value is better.
    pub fn score(name: &'static str, value: f64) -> Self {
        Self {
            name,
            value,
            higher_is_better: true,
        }
    }

    /// A metric of which a smaller value is better.
    pub fn error(name: &'static str, value: f64) -> Self {
        Self {
            name,
            value,
            higher_is_better: false,
        }
    }

    /// Whether this value is better than the best so far. One that is not finite never is, nor is
    /// an equal one.
    pub(crate) fn beats(&self, best: Option<f64>) -> bool {
        let is_better = best.is_none_or(|best| match self.higher_is_better {
            true => self.value > best,
            false => self.value < best,
        });
        self.value.is_finite() && is_better
    }
}

/// How often each class was taken for each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// `counts[truth][prediction]`, as many rows and columns as classes.
    pub counts: Vec<Vec<u64>>,
    /// Whether the report shows each class's intersection over union, as for pixels.
    pub ious: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(value: f64, higher_is_better: bool) -> Measured {
        Measured {
            name: "m",
            value,
            higher_is_better,
        }
    }

    #[test]
    fn better_is_strictly_better_and_finite() {
        assert!(measured(0.6, true).beats(Some(0.5)));
        assert!(!measured(0.5, true).beats(Some(0.5)));
        assert!(measured(0.4, false).beats(Some(0.5)));
        assert!(!measured(0.6, false).beats(Some(0.5)));
        assert!(measured(0.1, true).beats(None));
        assert!(!measured(f64::NAN, true).beats(None));
        assert!(!measured(f64::NEG_INFINITY, false).beats(Some(0.5)));
    }
}
