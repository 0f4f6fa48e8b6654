//! A few windows of an evaluation of forecasts, to be looked at.

use elapid_data::series::WindowBatch;
use elapid_train::{Line, Lines, Picture, Shows};

use super::forecast_tally::Target;

/// Targets that are shown; more would fill the page.
const TARGETS: usize = 3;
/// Windows that are kept to choose that in the middle from: when there are more, every other is given up.
const KEPT: usize = 16;
/// Steps of history that are shown at least, where there are so many.
const HISTORY: usize = 48;

/// The first, the middle and the last window of an evaluation whose length is known at its end only. Memory does not grow with it.
#[derive(Clone, Debug)]
pub(super) struct ShownWindows {
    /// Windows seen so far.
    seen: usize,
    /// Windows whose number is a multiple of this are kept.
    every: usize,
    kept: Vec<Shown>,
    last: Option<Shown>,
}

impl Default for ShownWindows {
    fn default() -> Self {
        Self {
            seen: 0,
            every: 1,
            kept: Vec::new(),
            last: None,
        }
    }
}

/// A window with its forecast. Values are standardised, `[steps, T']` row-major, of the first T' targets.
#[derive(Clone, Debug)]
struct Shown {
    number: usize,
    /// Row of the series that is the first to be forecast.
    row: usize,
    history: Vec<f32>,
    truth: Vec<f32>,
    forecast: Vec<f32>,
    naive: Option<Vec<f32>>,
}

impl ShownWindows {
    /// Adds a batch with its forecasts and those of the last season, `[B, H, T]`.
    pub(super) fn add(&mut self, batch: &WindowBatch, forecast: &[f32], naive: Option<&[f32]>) {
        for at in 0..batch.batch {
            if self.seen.is_multiple_of(self.every) {
                self.kept
                    .push(Shown::of(batch, at, self.seen, forecast, naive));
            }
            self.seen += 1;
            if self.kept.len() > KEPT {
                self.every *= 2;
                let every = self.every;
                self.kept
                    .retain(|window| window.number.is_multiple_of(every));
            }
        }
        if let Some(at) = batch.batch.checked_sub(1) {
            self.last = Some(Shown::of(batch, at, self.seen - 1, forecast, naive));
        }
    }

    /// The windows that are shown, in order, each once.
    fn chosen(&self) -> Vec<&Shown> {
        let middle = self.seen.saturating_sub(1) / 2;
        let nearest = self
            .kept
            .iter()
            .min_by_key(|window| window.number.abs_diff(middle));
        let chosen = [self.kept.first(), nearest, self.last.as_ref()];
        let mut chosen: Vec<&Shown> = chosen.into_iter().flatten().collect();
        chosen.dedup_by_key(|window| window.number);
        chosen
    }

    /// A drawing for each of the first targets and each window that is shown.
    pub(super) fn pictures(&self, targets: &[Target]) -> Vec<Picture> {
        let targets = &targets[..targets.len().min(TARGETS)];
        let windows = self.chosen();
        let each = targets.iter().enumerate();
        let each = each.flat_map(|(at, target)| {
            windows
                .iter()
                .map(move |window| Picture::Lines(window.draw(target, at, targets.len())))
        });
        each.collect()
    }
}

impl Shown {
    /// The window at place `at` of a batch.
    fn of(
        batch: &WindowBatch,
        at: usize,
        number: usize,
        forecast: &[f32],
        naive: Option<&[f32]>,
    ) -> Self {
        let (variates, targets, horizon) = (batch.variates, batch.targets, batch.horizon);
        let steps = batch.lookback.min(HISTORY.max(2 * horizon));
        let shown = targets.min(TARGETS);
        let first = |row: &[f32], skip: usize| row[skip..skip + shown].to_vec();
        let rows = |values: &[f32]| {
            let own = &values[at * horizon * targets..(at + 1) * horizon * targets];
            let rows = own.chunks_exact(targets);
            rows.flat_map(|row| first(row, 0)).collect::<Vec<f32>>()
        };
        let end = (at + 1) * batch.lookback * variates;
        let past = batch.past[end - steps * variates..end].chunks_exact(variates);
        Self {
            number,
            row: batch.starts[at] + batch.lookback,
            history: past
                .flat_map(|row| first(row, variates - targets))
                .collect(),
            truth: rows(&batch.future),
            forecast: rows(forecast),
            naive: naive.map(rows),
        }
    }

    /// Target number `at` of `width`, in the units of the data.
    fn draw(&self, target: &Target, at: usize, width: usize) -> Lines {
        let column = |values: &[f32]| {
            let column = values.iter().skip(at).step_by(width);
            column
                .map(|value| target.original(*value))
                .collect::<Vec<f64>>()
        };
        let history = column(&self.history);
        let line = |label: &str, shows, values: &[f32]| Line {
            label: label.to_owned(),
            shows,
            first: self.row as u64 - 1,
            // From the last known value on, so that no line begins in the air.
            values: history
                .last()
                .copied()
                .into_iter()
                .chain(column(values))
                .collect(),
        };
        let mut lines = vec![
            Line {
                label: "history".to_owned(),
                shows: Shows::Given,
                first: (self.row - history.len()) as u64,
                values: history.clone(),
            },
            line("truth", Shows::Truth, &self.truth),
        ];
        lines.extend(
            self.naive
                .iter()
                .map(|naive| line("last season", Shows::Reference, naive)),
        );
        lines.push(line("forecast", Shows::Predicted, &self.forecast));
        Lines {
            title: format!("{} from row {}", target.name, self.row),
            over: "row".to_owned(),
            lines,
            mark: Some((self.row as u64, "forecast".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(starts: std::ops::Range<usize>) -> WindowBatch {
        let batch = starts.len();
        WindowBatch {
            past: vec![0.0; batch * 3],
            future: vec![0.0; batch],
            starts: starts.collect(),
            batch,
            lookback: 3,
            variates: 1,
            horizon: 1,
            targets: 1,
            ..WindowBatch::default()
        }
    }

    #[test]
    fn first_middle_and_last_are_shown_however_many_there_are() {
        for count in [1_usize, 2, 3, 40, 1_000] {
            let mut shown = ShownWindows::default();
            for from in (0..count).step_by(7) {
                let batch = batch(from..(from + 7).min(count));
                shown.add(&batch, &vec![0.0; batch.batch], None);
            }
            assert!(shown.kept.len() <= KEPT);
            let numbers: Vec<usize> = shown.chosen().iter().map(|w| w.number).collect();
            assert_eq!(numbers.first(), Some(&0));
            assert_eq!(numbers.last(), Some(&(count - 1)));
            if let [_, middle, _] = numbers[..] {
                assert!(
                    middle.abs_diff(count / 2) <= count / KEPT + 1,
                    "{numbers:?}"
                );
            }
            assert_eq!(numbers.len(), count.min(3));
        }
    }

    #[test]
    fn a_page_has_few_targets() {
        let mut shown = ShownWindows::default();
        shown.add(&batch(0..1), &[0.0], None);
        assert_eq!(shown.pictures(&vec![Target::default(); 1]).len(), 1);
        assert!(ShownWindows::default().pictures(&[]).is_empty());
    }
}
