//! The data sets that a config can name.

use crate::options::Tagged;
use crate::schema::Default;
use crate::sections::Source;

/// A value of `data.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// The name in configs.
    pub name: &'static str,
    /// What it reads, in a sentence.
    pub doc: &'static str,
    /// What its samples are called: `images`, `images with masks`, `sounds`, `series` or `graphs`.
    pub samples: &'static str,
    /// Whether it is read from disk; the others come with the program or are made by it.
    pub is_read: bool,
}

/// All of them, in the order of the reference page.
pub fn data_sets() -> Vec<DataSet> {
    let variants = <Source as Tagged>::VARIANTS.iter();
    let set = |variant: &crate::schema::Variant| DataSet {
        name: variant.name,
        doc: variant.doc.trim(),
        samples: variant.group.map_or("samples", crate::schema::Group::name),
        is_read: variant
            .keys
            .iter()
            .any(|key| key.name == "path" && matches!(key.default, Default::Required)),
    };
    variants.map(set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_files_is_told_from_what_does_not() {
        let find = |name: &str| {
            data_sets()
                .into_iter()
                .find(|set| set.name == name)
                .unwrap()
        };
        assert!(find("mnist").is_read && find("audioset").is_read);
        assert!(!find("digits").is_read && !find("seasonal").is_read);
        assert_eq!(find("shapes").samples, "images with masks");
        assert_eq!(find("mnist").doc, "MNIST, from its four idx files.");
    }
}
