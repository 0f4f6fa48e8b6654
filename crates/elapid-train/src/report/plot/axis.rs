//! Axes: which range is shown, and where the ticks are.

use crate::report::format::trim;

/// About how many ticks an axis gets.
const TICKS: f64 = 6.0;

/// A span wider than this factor earns a logarithmic axis where one is allowed.
const LOG_FACTOR: f64 = 100.0;

/// A range of values mapped to 0 at its lower and 1 at its upper end.
#[derive(Clone, Debug)]
pub(in crate::report) struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
    /// Tick positions with their labels, ascending.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis of the steps: from the first to the last one recorded, or from 0 where the first
    /// is close to it.
    pub(in crate::report) fn steps(first: u64, last: u64) -> Self {
        let (first, last) = (first as f64, last as f64);
        let low = if first <= 0.1 * last { 0.0 } else { first };
        // At least one step wide, and wide enough to be told from nothing at any magnitude.
        Self::linear(low, last.max(low + (1e-9 * low).max(1.0)))
    }

    /// The axis of steps over which a quantity grows exponentially from `first` to `last`, labelled by that quantity.
    pub(in crate::report) fn exponential(first: f64, last: f64, steps: u64) -> Self {
        let high = steps.saturating_sub(1).max(1) as f64;
        let decades = (last / first).log10();
        let place = |decade: i32| high * (f64::from(decade) - first.log10()) / decades;
        // Rounding must not cost an end its label.
        let (from, to) = (first.log10() - 1e-9, last.log10() + 1e-9);
        let stride = (decades / TICKS).ceil().max(1.0) as usize;
        let ticks = (from.ceil() as i32..=to.floor() as i32)
            .step_by(stride)
            .map(|decade| (place(decade), format!("1e{decade}")))
            .collect();
        Self {
            low: 0.0,
            high,
            is_log: false,
            ticks,
        }
    }

    /// An axis that holds all `values` with a little room; 0 to 1 if there are none.
    pub(super) fn fit(values: impl Iterator<Item = f64>, may_be_log: bool) -> Self {
        let range = values.fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| {
                (low.min(value), high.max(value))
            }))
        });
        let (low, high) = range.unwrap_or((0.0, 1.0));
        if may_be_log && low > 0.0 && high > LOG_FACTOR * low {
            return Self::log(low / 1.3, high * 1.3);
        }
        // Rounding errors of a constant are not worth a magnified picture.
        let size = low.abs().max(high.abs());
        let room = match high - low {
            span if span > 1e-9 * size => 0.05 * span,
            _ if size > 0.0 => 0.1 * size,
            _ => 1.0,
        };
        // No room below zero for quantities that are never negative.
        let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Self::linear((low - room).max(floor), high + room)
    }

    /// Place of a value: 0 at the lower end, 1 at the upper end.
    pub(super) fn position(&self, value: f64) -> f64 {
        if self.is_log {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Lower and upper end.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    pub(super) fn is_log(&self) -> bool {
        self.is_log
    }

    fn linear(low: f64, high: f64) -> Self {
        let distance = nice_distance((high - low) / TICKS);
        // Multiples are counted, not summed, so that rounding does not add up.
        let first = (low / distance).ceil();
        let ticks = (0..=2 * TICKS as u32)
            .map(|index| (first + f64::from(index)) * distance)
            .take_while(|tick| *tick <= high)
            .map(|tick| (tick, label(tick, distance, low.abs().max(high.abs()))))
            .collect();
        Self {
            low,
            high,
            is_log: false,
            ticks,
        }
    }

    fn log(low: f64, high: f64) -> Self {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let decades = last - first;
        let steps: &[f64] = if decades <= 3 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let stride = decades.div_euclid(7) + 1;
        let ticks = (first..=last)
            .step_by(stride as usize)
            .flat_map(|decade| steps.iter().map(move |digit| (decade, digit)))
            .map(|(decade, digit)| (digit * 10_f64.powi(decade), format!("{digit}e{decade}")))
            .filter(|(tick, _)| (low..=high).contains(tick))
            .collect();
        Self {
            low,
            high,
            is_log: true,
            ticks,
        }
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `distance`.
fn nice_distance(distance: f64) -> f64 {
    let power = 10_f64.powf(distance.log10().floor());
    // The tolerance keeps 0.2 from becoming 0.5 because it is stored a little above 0.2.
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|nice| *nice >= distance * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// The label of a tick, with just the digits that tell it from its neighbours at `distance`;
/// `largest` is the largest magnitude on the axis, which decides the form for all ticks.
fn label(tick: f64, distance: f64, largest: f64) -> String {
    let decimals = |distance: f64| (-distance.log10().floor()).max(0.0) as usize;
    if tick == 0.0 {
        "0".to_owned()
    } else if largest >= 1e9 || distance < 1e-4 {
        let digits = (tick.abs() / distance).log10().ceil().max(0.0) as usize;
        trim(&format!("{tick:.digits$e}"))
    } else if largest >= 1e6 {
        trim(&format!("{:.*}", decimals(distance / 1e6), tick / 1e6)) + "M"
    } else if largest >= 1e4 {
        trim(&format!("{:.*}", decimals(distance / 1e3), tick / 1e3)) + "k"
    } else {
        format!("{tick:.*}", decimals(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn distances_are_one_two_or_five() {
        for (distance, nice) in [
            (0.2, 0.2),
            (0.21, 0.5),
            (0.7, 1.0),
            (1.0, 1.0),
            (30.0, 50.0),
            (3e-6, 5e-6),
        ] {
            assert!(
                (nice_distance(distance) / nice - 1.0).abs() < 1e-12,
                "{distance}"
            );
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(
            labels(&Axis::linear(0.0, 1500.0)),
            ["0", "500", "1000", "1500"]
        );
        assert_eq!(
            labels(&Axis::linear(0.03, 0.61)),
            ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
        );
        assert_eq!(
            labels(&Axis::linear(-1.0, 1.0)),
            ["-1.0", "-0.5", "0", "0.5", "1.0"]
        );
        assert_eq!(
            labels(&Axis::linear(0.0, 2e5)),
            ["0", "50k", "100k", "150k", "200k"]
        );
        assert_eq!(
            labels(&Axis::linear(0.0, 5e-5)),
            ["0", "1e-5", "2e-5", "3e-5", "4e-5", "5e-5"]
        );
    }

    #[test]
    fn steps_start_at_zero_when_close() {
        assert_eq!(Axis::steps(1, 1500).range(), (0.0, 1500.0));
        assert_eq!(Axis::steps(900, 1500).range(), (900.0, 1500.0));
        assert_eq!(Axis::steps(0, 0).range(), (0.0, 1.0));
        assert_eq!(Axis::steps(7, 7).range(), (7.0, 8.0));
        assert!(
            Axis::steps(u64::MAX, u64::MAX)
                .position(u64::MAX as f64)
                .is_finite()
        );
    }

    #[test]
    fn log_needs_positive_values_over_a_wide_span() {
        let is_log = |values: &[f64]| Axis::fit(values.iter().copied(), true).is_log();
        assert!(is_log(&[1e-6, 1e-3]));
        assert!(!is_log(&[1e-5, 1e-3]));
        assert!(!is_log(&[0.0, 1e-3]));
        let axis = Axis::fit([1e-6, 1e-3].into_iter(), true);
        assert_eq!(labels(&axis), ["1e-6", "1e-5", "1e-4", "1e-3"]);
        assert!((axis.position((axis.low * axis.high).sqrt()) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn every_range_gives_a_usable_axis() {
        for values in [
            &[][..],
            &[0.0],
            &[-3.0],
            &[1.0, 1.0 + 1e-15],
            &[-1e300, 1e300],
            &[1e-300, 2e-300],
            &[1e-300, 1e300],
        ] {
            for may_be_log in [false, true] {
                let axis = Axis::fit(values.iter().copied(), may_be_log);
                assert!(
                    (1..=12).contains(&axis.ticks.len()),
                    "{values:?}: {:?}",
                    axis.ticks
                );
                for value in values {
                    assert!((0.0..=1.0).contains(&axis.position(*value)), "{values:?}");
                }
            }
        }
    }
}
