//! The lines of a chart: thinning, smoothing and gaps.

use crate::report::metrics::Point;

/// One line of a chart.
pub(in crate::report) struct Series {
    /// What the legend says.
    pub(in crate::report) label: String,
    /// Class that gives the colour: `train`, `valid`, `test` or `other`.
    pub(in crate::report) class: &'static str,
    pub(in crate::report) look: Look,
    pub(in crate::report) points: Vec<Point>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) enum Look {
    /// Faint and thin: noisy values behind their smoothed line. Left out of the legend.
    Faint,
    /// A plain line.
    Line,
    /// A line with a marker on every point while there is room for them.
    Marked,
}

/// Consecutive values that are not finite, from the first to the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) count: u64,
}

/// At most about `limit` points that draw the same picture.
///
/// The points are dealt into buckets of equal count, and each bucket keeps its lowest and its
/// highest value in the order in which they occurred, as well as its first value that is not
/// finite. A line through the kept points covers the same rows of pixels in every column as the
/// line through all of them: taking every n-th point or a mean instead would hide the spikes that a
/// reader looks for. First and last point always stay.
pub(super) fn thin(points: &[Point], limit: usize) -> Vec<Point> {
    if points.len() <= limit {
        return points.to_vec();
    }
    let size = points.len().div_ceil((limit / 2).max(1));
    let mut kept = Vec::with_capacity(limit + 2);
    for (index, bucket) in points.chunks(size).enumerate() {
        let finite = || {
            bucket
                .iter()
                .enumerate()
                .filter_map(|(at, point)| Some((at, point.value?)))
        };
        let mut places = [
            finite()
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(at, _)| at),
            finite()
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(at, _)| at),
            bucket.iter().position(|point| point.value.is_none()),
            (index == 0).then_some(0),
            ((index + 1) * size >= points.len()).then_some(bucket.len() - 1),
        ];
        places.sort_unstable();
        let mut previous = None;
        for place in places.into_iter().flatten() {
            if previous.replace(place) != Some(place) {
                kept.push(bucket[place]);
            }
        }
    }
    kept
}

/// The centred mean over `window` points, clipped at both ends and at values that are not finite,
/// so that a gap stays a gap. A centred window, unlike a running average, does not lag behind.
pub(in crate::report) fn smooth(points: &[Point], window: usize) -> Vec<Point> {
    let reach = window / 2;
    let mut smoothed = Vec::with_capacity(points.len());
    for run in points.chunk_by(|a, b| a.value.is_some() == b.value.is_some()) {
        for (at, point) in run.iter().enumerate() {
            let around = &run[at.saturating_sub(reach)..(at + reach + 1).min(run.len())];
            // Dividing first keeps the sum within range whatever the values.
            let share = 1.0 / around.len() as f64;
            let mean = around
                .iter()
                .filter_map(|near| near.value)
                .map(|value| value * share)
                .sum();
            smoothed.push(Point {
                step: point.step,
                value: point.value.map(|_| mean),
            });
        }
    }
    smoothed
}

/// The runs of values that are not finite.
pub(super) fn gaps(points: &[Point]) -> Vec<Gap> {
    points
        .chunk_by(|a, b| a.value.is_some() == b.value.is_some())
        .filter(|run| run[0].value.is_none())
        .map(|run| Gap {
            first: run[0].step,
            last: run[run.len() - 1].step,
            count: run.len() as u64,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = Option<f64>>) -> Vec<Point> {
        values
            .into_iter()
            .zip(0..)
            .map(|(value, step)| Point { step, value })
            .collect()
    }

    #[test]
    fn thinning_keeps_extremes_ends_and_gaps() {
        let mut all = points((0..10_000).map(|step| Some((f64::from(step) * 0.1).sin())));
        all[1234].value = Some(50.0);
        all[5678].value = Some(-50.0);
        all[7000].value = None;
        let kept = thin(&all, 400);
        assert!(kept.len() <= 403, "{}", kept.len());
        for at in [0, 1234, 5678, 7000, 9999] {
            assert!(kept.contains(&all[at]), "point {at} is lost");
        }
        assert!(kept.is_sorted_by(|a, b| a.step < b.step));
    }

    #[test]
    fn short_series_are_left_alone() {
        let all = points([Some(1.0), None, Some(2.0)]);
        assert_eq!(thin(&all, 400), all);
        assert!(thin(&[], 400).is_empty());
    }

    #[test]
    fn smoothing_is_a_centred_mean_within_a_run() {
        let all = points([Some(1.0), Some(2.0), Some(6.0), None, Some(10.0)]);
        let values: Vec<_> = smooth(&all, 3).iter().map(|point| point.value).collect();
        let expected = [Some(1.5), Some(3.0), Some(4.0), None, Some(10.0)];
        for (value, expected) in values.iter().zip(expected) {
            match (value, expected) {
                (Some(value), Some(expected)) => assert!((value - expected).abs() < 1e-12),
                _ => assert_eq!(*value, expected),
            }
        }
    }

    #[test]
    fn gaps_are_runs_of_missing_values() {
        let all = points([None, Some(1.0), None, None, Some(2.0), None]);
        let found: Vec<_> = gaps(&all)
            .iter()
            .map(|gap| (gap.first, gap.last, gap.count))
            .collect();
        assert_eq!(found, [(0, 0, 1), (2, 3, 2), (5, 5, 1)]);
    }
}
