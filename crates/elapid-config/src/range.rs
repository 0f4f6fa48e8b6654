//! The numbers an option accepts.

use std::fmt;

/// An interval of numbers. Infinities and NaN lie in none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    low: Bound,
    high: Bound,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    None,
    Included(f64),
    Excluded(f64),
}

/// Every finite number.
pub(crate) const ANY: Range = Range {
    low: Bound::None,
    high: Bound::None,
};
/// A share of a whole that must leave something over.
pub(crate) const FRACTION: Range = Range {
    low: Bound::Included(0.0),
    high: Bound::Excluded(1.0),
};

/// A share of a whole that must not be nothing.
pub(crate) const SHARE: Range = Range {
    low: Bound::Excluded(0.0),
    high: Bound::Included(1.0),
};

pub(crate) const fn at_least(low: f64) -> Range {
    Range {
        low: Bound::Included(low),
        high: Bound::None,
    }
}

pub(crate) const fn above(low: f64) -> Range {
    Range {
        low: Bound::Excluded(low),
        high: Bound::None,
    }
}

pub(crate) const fn within(low: f64, high: f64) -> Range {
    Range {
        low: Bound::Included(low),
        high: Bound::Included(high),
    }
}

impl Range {
    /// Whether the range leaves out no finite number.
    pub(crate) fn is_any(&self) -> bool {
        matches!((self.low, self.high), (Bound::None, Bound::None))
    }

    /// The bounds by the names that JSON Schema has for them.
    pub(crate) fn json_bounds(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let low = match self.low {
            Bound::None => None,
            Bound::Included(low) => Some(("minimum", low)),
            Bound::Excluded(low) => Some(("exclusiveMinimum", low)),
        };
        let high = match self.high {
            Bound::None => None,
            Bound::Included(high) => Some(("maximum", high)),
            Bound::Excluded(high) => Some(("exclusiveMaximum", high)),
        };
        low.into_iter().chain(high)
    }

    pub(crate) fn contains(&self, value: f64) -> bool {
        let above_low = match self.low {
            Bound::None => true,
            Bound::Included(low) => value >= low,
            Bound::Excluded(low) => value > low,
        };
        let below_high = match self.high {
            Bound::None => true,
            Bound::Included(high) => value <= high,
            Bound::Excluded(high) => value < high,
        };
        value.is_finite() && above_low && below_high
    }
}

/// The range in words that follow "must be".
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.low {
            Bound::None => f.write_str("a finite number")?,
            Bound::Included(low) => write!(f, "at least {low}")?,
            Bound::Excluded(low) => write!(f, "greater than {low}")?,
        }
        match self.high {
            Bound::None => Ok(()),
            Bound::Included(high) => write!(f, " and at most {high}"),
            Bound::Excluded(high) => write!(f, " and less than {high}"),
        }
    }
}
