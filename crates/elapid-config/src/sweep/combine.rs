//! From axes to the settings of each run.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::document::Raw;
use crate::error::{ConfigError, ErrorKind};
use crate::origin::Place;

use super::SEED;
use super::axis::{Axis, Range, Values};

/// More runs than this are a slip of the pen.
const MOST: usize = 10_000;

/// Every combination; the last axis varies fastest.
pub(super) fn grid(axes: &[Axis]) -> Result<Vec<Vec<Raw>>, ConfigError> {
    let mut combinations = vec![Vec::new()];
    for axis in axes {
        let Values::List(values) = &axis.values else {
            let message = format!("`{}` is a range, and a grid has no draws", axis.name);
            return Err(axis
                .error(ErrorKind::Conflict, message)
                .hint("list the values, or write `kind = \"random\"`"));
        };
        if combinations.len() * values.len() > MOST {
            let message = format!("the grid has more than {MOST} runs");
            return Err(axis
                .error(ErrorKind::OutOfRange, message)
                .hint("give fewer values, or write `kind = \"random\"`"));
        }
        combinations = combinations
            .iter()
            .flat_map(|begun| values.iter().map(move |value| followed(begun, value)))
            .collect();
    }
    Ok(combinations)
}

/// `trials` different draws of all axes but the seed, each with every seed.
///
/// A draw depends on the sweep's seed and on its own number alone, so that more trials keep the earlier ones.
pub(super) fn random(
    axes: &[Axis],
    trials: usize,
    seed: u64,
    place: Place,
) -> Result<Vec<Vec<Raw>>, ConfigError> {
    let (seeds, drawn): (Vec<&Axis>, Vec<&Axis>) = axes.iter().partition(|axis| axis.name == SEED);
    let refused = |message: String| ConfigError::new(ErrorKind::OutOfRange, place.clone(), message);
    if trials == 0 || trials > MOST {
        return Err(refused(format!(
            "`trials` of a sweep must be from 1 to {MOST}, got {trials}"
        )));
    }
    if drawn.is_empty() {
        let message = "a random sweep needs an axis besides `run.seed` to draw from";
        return Err(refused(message.to_owned()).hint("add one, or write `kind = \"grid\"`"));
    }
    let mut seen = BTreeSet::new();
    let mut draws = Vec::new();
    for number in 0..100 * trials as u64 {
        if draws.len() == trials {
            break;
        }
        let draw = draw(&drawn, seed, number);
        let text: Vec<String> = draw.iter().map(ToString::to_string).collect();
        if seen.insert(text) {
            draws.push(draw);
        }
    }
    if draws.len() < trials {
        let message = format!(
            "`trials` of a sweep is {trials}, but the axes give only {} different settings",
            draws.len()
        );
        return Err(refused(message).hint("lower it, or write `kind = \"grid\"`"));
    }
    Ok(match seeds.first().map(|axis| &axis.values) {
        Some(Values::List(seeds)) => draws
            .iter()
            .flat_map(|draw| seeds.iter().map(move |seed| followed(draw, seed)))
            .collect(),
        _ => draws,
    })
}

fn followed(begun: &[Raw], value: &Raw) -> Vec<Raw> {
    begun.iter().chain([value]).cloned().collect()
}

fn draw(axes: &[&Axis], seed: u64, number: u64) -> Vec<Raw> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let values = axes.iter().map(|axis| {
        let share = unit(&mut rng);
        match &axis.values {
            Values::List(values) => values[(share * values.len() as f64) as usize].clone(),
            Values::Range(range) => range.at(share),
        }
    });
    values.collect()
}

/// A number in `[0, 1)`.
fn unit(rng: &mut ChaCha8Rng) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    (rng.next_u64() >> 11) as f64 * STEP
}

impl Range {
    /// The value at a share of the way from one end to the other.
    fn at(&self, share: f64) -> Raw {
        // Each whole number owns the interval up to the next one.
        let end = if self.is_whole {
            self.max + 1.0
        } else {
            self.max
        };
        let value = match self.is_log {
            true => (self.min.ln() + share * (end.ln() - self.min.ln())).exp(),
            false => self.min + share * (end - self.min),
        };
        match self.is_whole {
            true => Raw::Integer(value.floor().clamp(self.min, self.max) as i128),
            false => Raw::Float(rounded(value).clamp(self.min, self.max)),
        }
    }
}

/// Four significant digits, so that the name of a run says its settings in full.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
