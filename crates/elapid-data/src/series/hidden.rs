//! Which values of a window are hidden from a model that has to fill them in.

use super::WindowBatch;
use crate::random::{purpose, stream, unit64};

/// 0 at the values of each window that an evaluation hides, a share `rate` of them, and 1 elsewhere; `[B, L, C]`.
///
/// What is hidden follows from where the window begins, so that every evaluation, whatever its batches, hides the same.
#[must_use]
pub fn known_values(batch: &WindowBatch, rate: f64) -> Vec<f32> {
    let values = batch.lookback * batch.variates;
    let of = |start: &usize| {
        let mut rng = stream(0, &[purpose::HIDDEN, *start as u64]);
        (0..values).map(move |_| f32::from(u8::from(unit64(&mut rng) >= rate)))
    };
    batch.starts.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(starts: Vec<usize>) -> WindowBatch {
        WindowBatch {
            past: vec![0.0; starts.len() * 40],
            batch: starts.len(),
            starts,
            lookback: 20,
            variates: 2,
            ..WindowBatch::default()
        }
    }

    #[test]
    fn what_is_hidden_follows_from_the_window() {
        let both = known_values(&windows(vec![3, 8]), 0.25);
        assert_eq!(both[40..], known_values(&windows(vec![8]), 0.25));
        assert_ne!(both[..40], both[40..]);
        let many = known_values(&windows((0..100).collect()), 0.25);
        let share = many.iter().filter(|known| **known == 0.0).count() as f64 / 4000.0;
        assert!((share - 0.25).abs() < 0.03, "{share}");
    }
}
