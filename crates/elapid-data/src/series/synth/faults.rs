//! Machines that run smoothly, and fail now and then in the test part.

use std::f64::consts::TAU;
use std::path::PathBuf;

use crate::card::card;
use crate::error::DataError;
use crate::random::{below, normal, purpose, stream, unit64};
use crate::series::WindowSplits;
use crate::series::anomaly::{AnomalyOptions, Pair, divided, names};
use crate::transform::require;

/// How much is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Rows to train on, without faults.
    pub train: usize,
    /// Rows to test on.
    pub test: usize,
    /// Sensors.
    pub variates: usize,
    /// Which series.
    pub seed: u64,
}

/// Sensors of sines with periods of 10 to 50 rows and noise. In the test part one row in 200 or so starts a fault of 5 to 30
/// rows, in which up to half of the sensors jump, go silent or run at thrice the speed.
///
/// # Errors
///
/// Settings outside their range, or a part that is shorter than a window.
pub fn faults(settings: &Faults, options: &AnomalyOptions) -> Result<WindowSplits, DataError> {
    require(
        settings.variates > 0,
        "data.variates",
        settings.variates,
        "at least 1",
    )?;
    require(
        settings.train > 0,
        "data.train",
        settings.train,
        "at least 1",
    )?;
    require(settings.test > 0, "data.test", settings.test, "at least 1")?;
    divided(pair(settings), options, card("faults")?)
}

/// What goes wrong in a sensor.
#[derive(Clone, Copy)]
enum Fault {
    None,
    Jump,
    Silence,
    Speed,
}

fn pair(settings: &Faults) -> Pair {
    const FAULTS: u64 = 3;
    let rng = &mut stream(settings.seed, &[purpose::SERIES, FAULTS]);
    let waves: Vec<[f64; 2]> = (0..settings.variates)
        .map(|_| [10.0 + 40.0 * unit64(rng), unit64(rng)])
        .collect();
    let value = |rng: &mut _, row: usize, at: usize, fault: Fault| {
        let [period, phase] = waves[at];
        let turns = row as f64 / period + phase;
        let noise = 0.1 * normal(rng);
        noise
            + match fault {
                Fault::None => (TAU * turns).sin(),
                Fault::Jump => (TAU * turns).sin() + 1.5,
                Fault::Silence => 0.0,
                Fault::Speed => (TAU * 3.0 * turns).sin(),
            }
    };
    let mut train = Vec::with_capacity(settings.train * settings.variates);
    for row in 0..settings.train {
        train.extend((0..settings.variates).map(|at| value(rng, row, at, Fault::None)));
    }
    let (mut test, mut labels) = (Vec::new(), Vec::new());
    let mut current = vec![Fault::None; settings.variates];
    let mut left = 0;
    for row in 0..settings.test {
        if left == 0 {
            current.fill(Fault::None);
            if below(rng, 200) == 0 {
                left = 5 + below(rng, 26);
                let kind = [Fault::Jump, Fault::Silence, Fault::Speed][below(rng, 3)];
                for _ in 0..settings.variates.div_ceil(2) {
                    current[below(rng, settings.variates)] = kind;
                }
            }
        }
        labels.push(u8::from(left > 0));
        left = left.saturating_sub(1);
        let row = settings.train + row;
        test.extend((0..settings.variates).map(|at| value(rng, row, at, current[at])));
    }
    Pair {
        path: PathBuf::from("faults"),
        names: names(settings.variates),
        train,
        test,
        labels,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::labelled::Protocol;

    #[test]
    fn faults_are_rare_labelled_and_of_their_seed() {
        let options = AnomalyOptions {
            lookback: 50,
            stride: 50,
            scale: true,
            protocol: Protocol::HeldOut,
            valid_fraction: 0.2,
        };
        let made = |seed| {
            let settings = Faults {
                train: 1000,
                test: 5000,
                variates: 4,
                seed,
            };
            faults(&settings, &options).unwrap()
        };
        let (one, same, other) = (made(1), made(1), made(2));
        let labels = &one.test.matrix().anomalies;
        let share = labels.iter().map(|&label| f64::from(label)).sum::<f64>() / 5000.0;
        assert!((0.02..0.2).contains(&share), "{share}");
        assert_eq!(one.test.matrix(), same.test.matrix());
        assert_ne!(one.test.matrix().values, other.test.matrix().values);
        assert!(one.train.matrix().anomalies.is_empty());
    }
}
