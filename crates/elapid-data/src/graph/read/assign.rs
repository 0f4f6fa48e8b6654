//! Which sample is for what.

use super::Shares;
use crate::error::DataError;
use crate::random::{derived_seed, purpose};
use crate::splits::divide;

/// A part of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train = 0,
    Valid = 1,
    Test = 2,
}

impl Part {
    /// The part of a name; `val` and `validation` are read as well.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Self::Train),
            "valid" | "val" | "validation" => Some(Self::Valid),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// The part of each sample; `None` for those that are in none.
pub(super) struct Assigned(pub(super) Vec<Option<Part>>);

impl Assigned {
    /// Parts at random.
    pub(super) fn random(len: usize, shares: Shares, what: &str) -> Result<Self, DataError> {
        let Shares { test, valid, seed } = shares;
        let name = || format!("`{what}`");
        let seed_of = |purpose| derived_seed(seed, &[purpose]);
        let (kept, held) = divide(len, test, seed_of(purpose::TEST_SPLIT), name)?;
        let mut parts = vec![Some(Part::Train); len];
        held.into_iter().for_each(|at| parts[at] = Some(Part::Test));
        if valid > 0.0 {
            let (_, held) = divide(kept.len(), valid, seed_of(purpose::HOLD_OUT), name)?;
            held.into_iter()
                .for_each(|at| parts[kept[at]] = Some(Part::Valid));
        }
        Ok(Self(parts))
    }

    /// From lists of numbers.
    pub(super) fn listed(len: usize, lists: [&[usize]; 3]) -> Result<Self, String> {
        let mut parts = vec![None; len];
        let all = [Part::Train, Part::Valid, Part::Test];
        for (list, part) in lists.into_iter().zip(all) {
            for &index in list {
                match parts.get_mut(index) {
                    Some(slot @ None) => *slot = Some(part),
                    Some(Some(other)) => {
                        return Err(format!(
                            "number {index} is in the splits of both `{other:?}` and `{part:?}`; splits must not overlap"
                        ));
                    }
                    None => {
                        return Err(format!(
                            "number {index} is in a split, expected 0 to {}",
                            len - 1
                        ));
                    }
                }
            }
        }
        Ok(Self(parts))
    }

    /// Whether each sample is in each part.
    pub(super) fn masks(&self) -> [Vec<bool>; 3] {
        [Part::Train, Part::Valid, Part::Test]
            .map(|part| self.0.iter().map(|own| *own == Some(part)).collect())
    }
}
