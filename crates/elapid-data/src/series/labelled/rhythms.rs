//! Series of four wave forms, made when they are asked for, so that classification can be tried without any file.

use std::f64::consts::TAU;
use std::sync::Arc;

use super::sample::{LabelledSplits, SeriesInMemory, SeriesSample};
use super::uea::{Parts, Protocol};
use crate::card::card;
use crate::error::DataError;
use crate::random::{below, normal, purpose, stream, unit64};
use crate::transform::require;

/// Values of a step.
const VARIATES: usize = 3;
/// Steps of the shortest and the longest series.
const LENGTHS: [usize; 2] = [40, 64];

/// How many series are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythms {
    /// Training series, of which a share is held out.
    pub train: usize,
    /// Test series.
    pub test: usize,
    /// Which series.
    pub seed: u64,
}

/// Series of 40 to 64 steps and three variates, all of one wave form each (pulse, sawtooth, sine or square) with a period of 8
/// to 16 steps, a phase and a loudness of their own, and noise.
///
/// # Errors
///
/// If a number is 0.
pub fn rhythms(
    settings: &Rhythms,
    fractions: [f64; 2],
    seed: u64,
) -> Result<LabelledSplits, DataError> {
    require(
        settings.train > 0,
        "data.train",
        settings.train,
        "at least 1",
    )?;
    require(settings.test > 0, "data.test", settings.test, "at least 1")?;
    let card = card("rhythms")?;
    let part = |number: u64, count: usize| {
        let samples = (0..count).map(|at| sample(settings.seed, number, at));
        Arc::new(SeriesInMemory {
            samples: samples.collect(),
            variates: VARIATES,
            classes: card.classes.clone(),
            name: "rhythms".to_owned(),
        })
    };
    let (train, test) = (part(0, settings.train), part(1, settings.test));
    let parts = Parts {
        length: LENGTHS[1],
        variates: VARIATES,
        train,
        test,
    };
    parts.divided(
        card.clone(),
        Protocol::HeldOut,
        fractions,
        seed,
        false,
        Vec::new(),
    )
}

fn sample(seed: u64, part: u64, number: usize) -> SeriesSample {
    const RHYTHMS: u64 = 1;
    let rng = &mut stream(seed, &[purpose::SERIES, RHYTHMS, part, number as u64]);
    let label = number % 4;
    let length = LENGTHS[0] + below(rng, LENGTHS[1] - LENGTHS[0] + 1);
    let period = 8.0 + 8.0 * unit64(rng);
    let channels: Vec<[f64; 2]> = (0..VARIATES)
        .map(|_| [unit64(rng), 0.5 + unit64(rng)])
        .collect();
    let mut values = Vec::with_capacity(length * VARIATES);
    for step in 0..length {
        for [phase, loudness] in &channels {
            let turn = (step as f64 / period + phase).fract();
            let wave = match label {
                0 if turn < 0.15 => 2.0,
                0 => -0.3,
                1 => 2.0 * turn - 1.0,
                2 => (TAU * turn).sin() * std::f64::consts::SQRT_2,
                _ if turn < 0.5 => 1.0,
                _ => -1.0,
            };
            values.push((loudness * wave + 0.3 * normal(rng)) as f32);
        }
    }
    SeriesSample {
        values: values.into(),
        label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rhythms_follow_from_their_seed_and_part() {
        let made = |seed| {
            let settings = Rhythms {
                train: 20,
                test: 8,
                seed,
            };
            rhythms(&settings, [0.2, 1.0], 0).unwrap()
        };
        let (one, same, other) = (made(1), made(1), made(2));
        assert_eq!((one.splits.train.len(), one.splits.test.len()), (16, 8));
        assert_eq!(
            one.splits.train.classes(),
            ["pulse", "sawtooth", "sine", "square"]
        );
        assert_eq!(
            one.splits.test.fingerprint(),
            same.splits.test.fingerprint()
        );
        assert_ne!(
            one.splits.test.fingerprint(),
            other.splits.test.fingerprint()
        );
        let longest = one.splits.test.get(0).unwrap().values.len() / VARIATES;
        assert!((LENGTHS[0]..=one.length).contains(&longest));
    }
}
