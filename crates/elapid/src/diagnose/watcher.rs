//! Reduces what layers show to numbers, so that no tensor outlives its layer.

use burn::module::ParamId;
use elapid_nn::{Dynamics, Probe, Seen};

use super::values::{Values, host};

/// Step sizes of a scan that are looked at for medians and shares; their extremes are those of all.
const SAMPLES: usize = 1 << 18;
/// A state that keeps less than this of itself has forgotten; one that keeps more than that does not forget.
const FORGOTTEN: f64 = 1e-3;
const KEPT: f64 = 0.999;

/// Watches any number of passes over the same layers.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    pub(super) found: Vec<Found>,
    /// Layers of this pass that were seen.
    at: usize,
}

/// What one layer showed in all passes.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) params: Vec<ParamId>,
    pub(super) output: Values,
    pub(super) stream: Option<Values>,
    pub(super) scans: Vec<Motion>,
}

/// What one scan did in all passes.
#[derive(Debug)]
pub(super) struct Motion {
    pub(super) decay: ParamId,
    pub(super) delta: Values,
    pub(super) smallest_delta: f64,
    /// Some of the step sizes.
    pub(super) deltas: Vec<f32>,
    pub(super) a: (f64, f64),
    forgotten: u64,
    kept: u64,
    decays: u64,
}

impl Watcher {
    /// The next layer is the first again.
    pub(super) fn begin_pass(&mut self) {
        self.at = 0;
    }
}

impl Probe for Watcher {
    fn saw(&mut self, seen: Seen) {
        let now = Found::of(seen);
        match self.found.get_mut(self.at) {
            Some(before) => before.add(now),
            None => self.found.push(now),
        }
        self.at += 1;
    }
}

impl Found {
    fn of(seen: Seen) -> Self {
        Self {
            params: seen.params,
            output: Values::of(seen.output),
            stream: seen.stream.map(Values::of),
            scans: seen.dynamics.into_iter().map(Motion::of).collect(),
        }
    }

    fn add(&mut self, other: Self) {
        self.output = self.output.and(other.output);
        self.stream = self.stream.zip(other.stream).map(|(a, b)| a.and(b));
        for (scan, other) in self.scans.iter_mut().zip(other.scans) {
            scan.add(other);
        }
    }
}

impl Motion {
    fn of(dynamics: Dynamics) -> Self {
        let [_, states] = dynamics.a.dims();
        let [batch, length, channels] = dynamics.delta.dims();
        let a = host(dynamics.a);
        let deltas = host(dynamics.delta.clone());
        let finite = deltas.iter().filter(|delta| delta.is_finite());
        // Whole tokens, so that every channel counts alike.
        let every = (batch * length * channels).div_ceil(SAMPLES).max(1);
        let mut motion = Self {
            decay: dynamics.decay,
            delta: Values::of(dynamics.delta),
            smallest_delta: finite.fold(f64::INFINITY, |low, x| low.min(f64::from(*x))),
            deltas: Vec::new(),
            a: a.iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                    (low.min(f64::from(*x)), high.max(f64::from(*x)))
                }),
            forgotten: 0,
            kept: 0,
            decays: 0,
        };
        for token in deltas.chunks(channels).step_by(every) {
            for (delta, a) in token.iter().zip(a.chunks(states)) {
                motion.count(*delta, a);
            }
            motion.deltas.extend(token.iter().filter(|x| x.is_finite()));
        }
        motion
    }

    /// Counts the decays of one channel at one token.
    fn count(&mut self, delta: f32, a: &[f32]) {
        for a in a {
            let left = f64::from(delta * a).exp();
            self.forgotten += u64::from(left < FORGOTTEN);
            self.kept += u64::from(left > KEPT);
            self.decays += 1;
        }
    }

    fn add(&mut self, other: Self) {
        self.delta = self.delta.and(other.delta);
        self.smallest_delta = self.smallest_delta.min(other.smallest_delta);
        self.deltas.extend(other.deltas);
        self.forgotten += other.forgotten;
        self.kept += other.kept;
        self.decays += other.decays;
    }

    /// Shares of the decays `exp(Δ A)` below [`FORGOTTEN`] and above [`KEPT`].
    pub(super) fn shares(&self) -> (f64, f64) {
        let share = |count: u64| count as f64 / self.decays as f64;
        (share(self.forgotten), share(self.kept))
    }
}

/// The middle value; not a number of none.
pub(super) fn median(values: &mut [f32]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn seen(deltas: [f32; 4]) -> Seen {
        let device = Device::flex();
        Seen {
            params: Vec::new(),
            stream: Some(Tensor::full([1, 2, 2], 10.0, &device)),
            output: Tensor::ones([1, 2, 2], &device),
            dynamics: vec![Dynamics {
                decay: ParamId::new(),
                delta: Tensor::<1>::from_floats(deltas, &device).reshape([1, 2, 2]),
                a: Tensor::from_data([[-1.0, -16.0], [-1.0, -2.0]], &device),
                b: Tensor::ones([1, 2, 2], &device),
                c: Tensor::ones([1, 2, 2], &device),
            }],
        }
    }

    #[test]
    fn two_passes_add_up() {
        let mut watcher = Watcher::default();
        for deltas in [[0.5, 0.0001, 84.0, 1.0], [0.5, f32::NAN, 0.5, 1.0]] {
            watcher.begin_pass();
            watcher.saw(seen(deltas));
        }
        let [found] = &mut watcher.found[..] else {
            panic!("one layer")
        };
        assert_eq!(found.stream.unwrap().rms(), 10.0);
        let scan = &mut found.scans[0];
        assert_eq!((scan.a, scan.delta.not_finite()), ((-16.0, -1.0), 1));
        assert_eq!(scan.delta.largest(), 84.0);
        assert!((scan.smallest_delta - 1e-4).abs() < 1e-9);
        // exp(−8) is forgotten, as are both of Δ = 84; both of Δ = 1e-4 are kept; NaN is neither.
        assert_eq!((scan.forgotten, scan.kept, scan.decays), (5, 2, 16));
        assert_eq!(median(&mut scan.deltas), 0.5);
    }
}
