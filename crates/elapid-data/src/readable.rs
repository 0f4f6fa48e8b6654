//! Opening every sample of a set.

use burn_dataset::DatasetError;

use crate::{DataError, SampleSet, side_by_side};

/// A sample that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its number in the data set.
    pub index: usize,
    /// What is wrong with it; the sample is named.
    pub error: DataError,
}

/// Loads every sample once, on all cores, and then gives it to `look`; after each sample, `done` is called. Gives what went
/// wrong, in the order of the data set.
pub fn read_all<S>(
    dataset: &dyn SampleSet<S>,
    look: impl Fn(S) -> Result<(), DataError> + Sync,
    done: impl Fn() + Sync,
) -> Vec<Unreadable> {
    let check = |index: usize| {
        let wrong =
            |error: &DatasetError| DataError::from_dataset(error, || dataset.describe(index));
        look(dataset.get(index).map_err(|error| wrong(&error))?)
    };
    side_by_side::filter_map(dataset.len(), side_by_side::cores(), |index| {
        let failure = check(index).err();
        done();
        failure.map(|error| Unreadable { index, error })
    })
}

/// Loads every sample once, on all cores, so that an unreadable file or an impossible label is
/// found before training starts and not hours into it.
///
/// # Errors
///
/// The error of the first bad sample in the order of the data set.
pub fn check_readable<S>(dataset: &dyn SampleSet<S>) -> Result<(), DataError> {
    let failures = read_all(dataset, |_| Ok(()), || ());
    match failures.into_iter().next() {
        Some(first) => Err(first.error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_embedded_digits_are_readable() {
        let splits = crate::digits::splits(0.1, 0).unwrap();
        assert_eq!(check_readable(splits.train.as_ref()), Ok(()));
    }

    #[test]
    fn all_that_is_wrong_is_found_in_order() {
        let splits = crate::digits::splits(0.0, 0).unwrap();
        let count = AtomicUsize::new(0);
        let zeros = |sample: crate::ImageSample| match sample.label {
            0 => Err(DataError::Worker { batch: 0 }),
            _ => Ok(()),
        };
        let tick = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let found = read_all(splits.test.as_ref(), zeros, tick);
        let labels = (0..splits.test.len()).filter(|&at| splits.test.label(at) == Some(0));
        assert!(found.iter().map(|bad| bad.index).eq(labels));
        assert_eq!(count.into_inner(), 360);
    }
}
