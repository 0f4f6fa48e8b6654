//! All data sets that a config can name or a card describes.

use elapid_config::{DataSet, data_sets};
use elapid_data::{Card, DataError, cards};

/// A data set.
#[derive(Clone, Debug)]
pub struct KnownData {
    /// The name in configs.
    pub set: DataSet,
    /// Its card, or that of a published set which is read under this name.
    pub card: Card,
}

/// All data sets, by the kind of their samples; a published set is behind the name that it is read under.
///
/// # Errors
///
/// If a card is malformed, which tests rule out.
pub fn known_data() -> Result<Vec<KnownData>, DataError> {
    let cards = cards()?;
    let mut known = Vec::new();
    for set in data_sets() {
        let is_own = |card: &&Card| card.read_as.as_deref().unwrap_or(&card.name) == set.name;
        let mut own: Vec<&Card> = cards.iter().filter(is_own).collect();
        own.sort_by_key(|card| card.name != set.name);
        known.extend(own.into_iter().map(|card| KnownData {
            set,
            card: card.clone(),
        }));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_set_has_its_card_and_every_card_its_data_set() {
        let known = known_data().unwrap();
        assert_eq!(known.len(), cards().unwrap().len());
        for set in data_sets() {
            let own = known.iter().filter(|known| known.set == set);
            let first = own.map(|known| known.card.name.as_str()).next();
            assert_eq!(first, Some(set.name));
        }
    }
}
