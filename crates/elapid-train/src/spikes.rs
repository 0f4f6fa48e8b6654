//! Steps whose loss stands out from those before.
//!
//! Losses of single steps are noisy, and how much so differs from run to run, so the noise is the measure: a step is a
//! spike if its loss lies above the median of the steps before by more than some multiple of the distance from there to
//! their 95th percentile. The upper tail is what counts, since losses near zero have a long one. Where the noise is
//! nothing, as with a batch that repeats, a rise by a twentieth of the median is none yet.
//!
//! Losses enter the window whatever they are. A level that has changed for good is the usual one as soon as it fills half
//! of the window, and a single spike moves neither median nor percentile.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::interval::Observed;

/// Steps that a loss is compared with.
const WINDOW: usize = 100;
/// Fewer steps than this say nothing about the next.
const FEWEST: usize = 20;
/// The quantile that stands for ordinary noise.
const QUANTILE: f64 = 0.95;
/// A rise by less than this share of the median is no spike.
const LEAST: f64 = 0.05;

/// What is known of the steps so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spikes {
    /// Losses of the last steps, in order.
    #[serde(with = "exact_all")]
    recent: VecDeque<f64>,
    /// The last step was above the threshold, so the next belongs to the same spike if it is too.
    lasting: bool,
}

/// A step whose loss stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spike {
    /// The step, counted from 0; its batch has the same number.
    pub(crate) step: u64,
    /// Its loss and gradient norm.
    pub(crate) observed: Observed,
    /// Median loss of the steps before.
    pub(crate) typical: f64,
    /// What its loss is above.
    pub(crate) threshold: f64,
}

impl Spikes {
    /// Takes note of a step, and says whether a spike begins with it. `factor` is how many times ordinary noise it has to be
    /// off.
    ///
    /// A loss that is not finite is none of its business: the run does not go on from it.
    pub(crate) fn observe(&mut self, step: u64, observed: Observed, factor: f64) -> Option<Spike> {
        let loss = observed.loss;
        if !loss.is_finite() {
            return None;
        }
        let limits = (self.recent.len() >= FEWEST).then(|| self.limits(factor));
        self.recent.push_back(loss);
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
        let above = limits.filter(|[_, threshold]| loss > *threshold);
        let lasted = std::mem::replace(&mut self.lasting, above.is_some());
        let [typical, threshold] = above.filter(|_| !lasted)?;
        Some(Spike {
            step,
            observed,
            typical,
            threshold,
        })
    }

    /// Median and threshold.
    fn limits(&self, factor: f64) -> [f64; 2] {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        let median = at(0.5);
        let noise = factor * (at(QUANTILE) - median);
        [median, median + noise.max(LEAST * median.abs())]
    }
}

/// See [`exact`](crate::checkpoint::exact).
mod exact_all {
    use std::collections::VecDeque;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        values: &VecDeque<f64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(f64::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<VecDeque<f64>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let parsed = texts.iter().map(|text| text.parse());
        parsed.collect::<Result<_, _>>().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepKey;

    /// A number in (0, 1) for a step.
    fn uniform(step: u64) -> f64 {
        ((StepKey::new(5, step).word(0) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A standard normal number for a step.
    fn normal(step: u64) -> f64 {
        let radius = (-2.0 * uniform(2 * step).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform(2 * step + 1)).cos()
    }

    fn steps_of(losses: impl IntoIterator<Item = f64>) -> Vec<u64> {
        let mut spikes = Spikes::default();
        let observed = |loss| Observed {
            loss,
            grad_norm: 1.0,
        };
        (0..)
            .zip(losses)
            .filter_map(|(step, loss)| spikes.observe(step, observed(loss), 4.0))
            .map(|spike| spike.step)
            .collect()
    }

    /// A loss that falls fast at first, with noise of a tenth.
    fn ordinary(step: u64) -> f64 {
        (0.3 + 2.0 * (-(step as f64) / 40.0).exp()) * (1.0 + 0.1 * normal(step))
    }

    #[test]
    fn ordinary_noise_is_no_spike() {
        assert!(steps_of((0..20_000).map(ordinary)).is_empty());
        // Small losses have a long upper tail: here one in twenty is above five times the median.
        let small = steps_of((0..2_000).map(|step| 0.02 * normal(step).exp()));
        assert!(small.len() <= 4, "{small:?}");
        // Warm-up over, a rate that is too high for a while: slow rises are no spikes either.
        let rising = (0..400).map(|step| (1.0 + step as f64 / 200.0) * (1.0 + 0.1 * normal(step)));
        assert!(steps_of(rising).is_empty());
        assert!(steps_of((0..200).map(|step| 1.0 + 0.01 * f64::from(step % 2))).is_empty());
    }

    #[test]
    fn a_jump_is_one_spike_however_long_it_lasts() {
        let with = |range: std::ops::Range<u64>| {
            let losses = (0..600).map(move |step| match range.contains(&step) {
                true => 3.0 + 0.1 * normal(step),
                false => ordinary(step),
            });
            steps_of(losses)
        };
        assert_eq!(with(300..301), [300]);
        assert_eq!(with(300..310), [300]);
        // For good: that is how it is now.
        assert_eq!(with(300..600), [300]);
        assert!(with(5..6).is_empty(), "nothing is usual yet");
    }

    #[test]
    fn losses_below_zero_have_spikes_too() {
        let losses = (0..200).map(|step| match step {
            150 => -3.0,
            _ => -5.0 + 0.05 * normal(step),
        });
        assert_eq!(steps_of(losses), [150]);
    }

    #[test]
    fn state_survives_as_text() {
        let mut spikes = Spikes::default();
        for step in 0..130 {
            let observed = Observed {
                loss: ordinary(step) / 3.0,
                grad_norm: 1.0,
            };
            spikes.observe(step, observed, 4.0);
        }
        let text = serde_json::to_string(&spikes).unwrap();
        assert_eq!(serde_json::from_str::<Spikes>(&text).unwrap(), spikes);
        assert_eq!(spikes.recent.len(), WINDOW);
    }
}
