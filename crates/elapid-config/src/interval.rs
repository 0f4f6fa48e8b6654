//! Lengths of training, in steps or in epochs.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::document::{Raw, string_text};
use crate::value::{Form, Kind, Problem, Value};

/// A stretch of training: so many optimiser steps, or so many passes over the training data.
///
/// In TOML an integer counts steps; a string names its unit: `"200 steps"`, `"0.5 epochs"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// Optimiser steps.
    Steps(u64),
    /// Passes over the training data; finite, not negative, not always whole.
    Epochs(f64),
}

impl Interval {
    /// The interval in whole steps, rounded to nearest.
    ///
    /// An interval above zero is at least one step, so that "every 0.01 epochs" of a small data
    /// set stays a period.
    pub fn in_steps(self, steps_per_epoch: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) if epochs > 0.0 => {
                ((epochs * steps_per_epoch as f64).round() as u64).max(1)
            }
            Self::Epochs(_) => 0,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(1) => f.write_str("1 step"),
            Self::Steps(steps) => write!(f, "{steps} steps"),
            Self::Epochs(epochs) if *epochs == 1.0 => f.write_str("1 epoch"),
            Self::Epochs(epochs) => write!(f, "{epochs} epochs"),
        }
    }
}

/// Reads what `Display` writes. The error is a clause that says what the text should be.
impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a number of steps or epochs, such as \"1 epoch\"";
        let text = text.trim();
        let split = text
            .find(|c: char| c.is_whitespace() || "se".contains(c))
            .ok_or(FORM)?;
        let (number, unit) = (text[..split].trim(), text[split..].trim());
        match unit {
            "step" | "steps" => number
                .parse()
                .map(Self::Steps)
                .map_err(|_| "a whole number of steps, at least 0"),
            "epoch" | "epochs" => match number.parse() {
                Ok(epochs) if (0.0..f64::INFINITY).contains(&epochs) => Ok(Self::Epochs(epochs)),
                _ => Err("a finite number of epochs, at least 0"),
            },
            _ => Err(FORM),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Value for Interval {
    const KIND: Kind = Kind::new(Form::Interval, "interval", "\"1 epoch\"");

    fn from_raw(raw: &Raw) -> Result<Self, Problem> {
        match raw {
            Raw::Integer(_) => u64::from_raw(raw).map(Self::Steps),
            Raw::String(text) => text
                .parse()
                .map_err(|form| Problem::Refused(String::from(form))),
            _ => Err(Problem::WrongType),
        }
    }

    fn to_toml(&self) -> Option<String> {
        Some(string_text(&self.to_string()))
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Steps(steps) => vec![*steps as f64],
            Self::Epochs(epochs) => vec![*epochs],
        }
    }
}
