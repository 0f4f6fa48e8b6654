//! Opening every sample before a run starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{DataError, SampleSet};

/// Loads every sample once, on all cores, so that an unreadable file or an impossible label is
/// found before training starts and not hours into it.
///
/// # Errors
///
/// The error of the first bad sample in the order of the data set.
pub fn check_readable<S>(dataset: &dyn SampleSet<S>) -> Result<(), DataError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let failures: Vec<_> = thread::scope(|scope| {
        let check = || {
            let mut failures = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= dataset.len() {
                    return failures;
                }
                if let Err(error) = dataset.get(index) {
                    let error = DataError::from_dataset(&error, || dataset.describe(index));
                    failures.push((index, error));
                }
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(check)).collect();
        handles
            .into_iter()
            .filter_map(|handle| handle.join().ok())
            .flatten()
            .collect()
    });
    match failures.into_iter().min_by_key(|(index, _)| *index) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_digits_are_readable() {
        let splits = crate::digits::splits(0.1, 0).unwrap();
        assert_eq!(check_readable(splits.train.as_ref()), Ok(()));
    }
}
