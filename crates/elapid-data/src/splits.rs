//! The parts of a data set, and how a part is held out.

use std::fmt;
use std::sync::Arc;

use crate::SampleSet;
use crate::card::Card;
use crate::error::DataError;
use crate::order::permuted;
use crate::random::{derived_seed, purpose};
use crate::subset::Subset;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What the model learns from.
    Train,
    /// What decisions during training are based on.
    Valid,
    /// What the final number is measured on.
    Test,
}

impl Split {
    /// All of them, in this order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// `train`, `valid` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// A set of samples that several own.
pub type Shared<S> = Arc<dyn SampleSet<S>>;

/// The parts of a data set, and the card that documents it.
pub struct Splits<S> {
    /// What the model learns from.
    pub train: Shared<S>,
    /// What decisions during training are based on; `None` if nothing is held out.
    pub valid: Option<Shared<S>>,
    /// What the final number is measured on.
    pub test: Shared<S>,
    /// Source, licence, normalisation and protocol.
    pub card: Card,
}

impl<S: 'static> Splits<S> {
    /// Holds `valid_fraction` of `train` out; see [`hold_out`].
    pub(crate) fn held_out(
        train: Shared<S>,
        test: Shared<S>,
        card: Card,
        valid_fraction: f64,
        seed: u64,
    ) -> Result<Self, DataError> {
        let (train, valid) = hold_out(train, valid_fraction, seed)?;
        Ok(Self {
            train,
            valid,
            test,
            card,
        })
    }
}

impl<S: 'static> Splits<S> {
    /// Keeps `fraction` of the training set, drawn with `seed`: the first `round(fraction * len)` positions of its
    /// permutation, at least one sample. The larger of two fractions of one seed contains the smaller.
    ///
    /// # Errors
    ///
    /// A fraction that is not above 0 and at most 1.
    pub fn reduced(mut self, fraction: f64, seed: u64) -> Result<Self, DataError> {
        if let Some(kept) = reduced(self.train.len(), fraction, seed)? {
            self.train = Arc::new(Subset::new(self.train, kept));
        }
        Ok(self)
    }
}

/// Which of `len` training samples [`Splits::reduced`] keeps, ascending; `None` for all.
pub(crate) fn reduced(
    len: usize,
    fraction: f64,
    seed: u64,
) -> Result<Option<Vec<usize>>, DataError> {
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(DataError::Setting {
            setting: "train_fraction",
            value: fraction.to_string(),
            expected: "above 0 and at most 1".to_owned(),
        });
    }
    if fraction == 1.0 || len < 2 {
        return Ok(None);
    }
    let seed = derived_seed(seed, &[purpose::REDUCE]);
    let count = ((fraction * len as f64).round() as usize).clamp(1, len);
    let mut kept: Vec<_> = (0..count).map(|at| permuted(seed, 0, len, at)).collect();
    kept.sort_unstable();
    Ok(Some(kept))
}

impl<S> Splits<S> {
    /// One of the parts, if it exists.
    pub fn get(&self, split: Split) -> Option<&Shared<S>> {
        match split {
            Split::Train => Some(&self.train),
            Split::Valid => self.valid.as_ref(),
            Split::Test => Some(&self.test),
        }
    }
}

/// Shows the sizes: the samples themselves would fill the terminal.
impl<S> fmt::Debug for Splits<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splits")
            .field("card", &self.card.name)
            .field("train", &self.train.len())
            .field("valid", &self.valid.as_ref().map(|valid| valid.len()))
            .field("test", &self.test.len())
            .finish()
    }
}

/// A training set, and what was held out of it.
type HeldOut<S> = (Shared<S>, Option<Shared<S>>);

/// Divides `whole` into a training and a validation part.
///
/// The validation part is the first `round(fraction * len)` positions of the permutation of `whole`
/// that belongs to `seed` (see [`permuted`]), at least one sample and at most all but one. Both
/// parts keep the order of `whole`. A fraction of 0 holds nothing out.
fn hold_out<S: 'static>(
    whole: Shared<S>,
    fraction: f64,
    seed: u64,
) -> Result<HeldOut<S>, DataError> {
    check_fraction("valid_fraction", fraction)?;
    if fraction == 0.0 {
        return Ok((whole, None));
    }
    let seed = derived_seed(seed, &[purpose::HOLD_OUT]);
    let what = || "the training set".to_owned();
    let (kept, held) = divide(whole.len(), fraction, seed, what)?;
    let valid = Subset::new(Arc::clone(&whole), held);
    Ok((Arc::new(Subset::new(whole, kept)), Some(Arc::new(valid))))
}

/// Divides `0..len` into a kept and a held-out part, both ascending.
pub(crate) fn divide(
    len: usize,
    fraction: f64,
    seed: u64,
    what: impl FnOnce() -> String,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    if len < 2 {
        let hint = "add samples, or hold nothing out".to_owned();
        return Err(DataError::TooFew {
            what: what(),
            len,
            needed: 2,
            hint,
        });
    }
    let count = ((fraction * len as f64).round() as usize).clamp(1, len - 1);
    let mut is_held = vec![false; len];
    for position in 0..count {
        is_held[permuted(seed, 0, len, position)] = true;
    }
    Ok((0..len).partition(|&index| !is_held[index]))
}

/// Refuses a share that is not in `[0, 1)`.
pub(crate) fn check_fraction(setting: &'static str, fraction: f64) -> Result<(), DataError> {
    if (0.0..1.0).contains(&fraction) {
        return Ok(());
    }
    let expected = "at least 0 and below 1".to_owned();
    Err(DataError::Setting {
        setting,
        value: fraction.to_string(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_disjoint_complete_and_ascending() {
        let (kept, held) = divide(100, 0.25, 3, String::new).unwrap();
        assert_eq!((kept.len(), held.len()), (75, 25));
        assert!(kept.is_sorted() && held.is_sorted());
        let mut all = [kept, held].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..100));
    }

    #[test]
    fn the_seed_alone_decides() {
        let held = |seed| divide(1000, 0.1, seed, String::new).unwrap().1;
        assert_eq!(held(1), held(1));
        assert_ne!(held(1), held(2));
    }

    #[test]
    fn no_part_is_empty() {
        let sizes = |fraction| {
            let (kept, held) = divide(3, fraction, 0, String::new).unwrap();
            (kept.len(), held.len())
        };
        assert_eq!(sizes(0.01), (2, 1));
        assert_eq!(sizes(0.99), (1, 2));
        let error = divide(1, 0.5, 0, || "class `a`".into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "too few samples in class `a`: expected at least 2, got 1; add samples, or hold nothing out"
        );
    }

    #[test]
    fn a_smaller_share_is_part_of_a_larger_one() {
        let kept = |fraction| {
            let splits = crate::digits::splits(0.0, 0).unwrap();
            let train = splits.reduced(fraction, 7).unwrap().train;
            (0..train.len())
                .map(|at| train.describe(at))
                .collect::<Vec<_>>()
        };
        let (tenth, half) = (kept(0.1), kept(0.5));
        assert_eq!((tenth.len(), half.len()), (144, 719));
        assert!(tenth.iter().all(|sample| half.contains(sample)));
        assert_eq!(kept(1.0).len(), 1437);
        let splits = crate::digits::splits(0.0, 0).unwrap();
        assert!(splits.reduced(0.0, 0).is_err());
    }

    #[test]
    fn fractions_outside_their_range_are_refused() {
        for fraction in [-0.1, 1.0, f64::NAN] {
            let error = check_fraction("valid_fraction", fraction)
                .unwrap_err()
                .to_string();
            assert!(
                error.ends_with("expected at least 0 and below 1"),
                "{error}"
            );
        }
    }
}
