//! Data cards: what a person should know about a data set, and what the code reads of it.

use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// The cards, by name. Their text is `datasets/<name>/card.toml`.
const CARDS: [(&str, &str); 46] = [
    ("digits", include_str!("../../../datasets/digits/card.toml")),
    (
        "image_folder",
        include_str!("../../../datasets/image_folder/card.toml"),
    ),
    (
        "tiny_imagenet",
        include_str!("../../../datasets/tiny_imagenet/card.toml"),
    ),
    (
        "tar_shards",
        include_str!("../../../datasets/tar_shards/card.toml"),
    ),
    (
        "imagenet1k",
        include_str!("../../../datasets/imagenet1k/card.toml"),
    ),
    ("mnist", include_str!("../../../datasets/mnist/card.toml")),
    (
        "fashion_mnist",
        include_str!("../../../datasets/fashion_mnist/card.toml"),
    ),
    (
        "cifar10",
        include_str!("../../../datasets/cifar10/card.toml"),
    ),
    (
        "cifar100",
        include_str!("../../../datasets/cifar100/card.toml"),
    ),
    (
        "audio_folder",
        include_str!("../../../datasets/audio_folder/card.toml"),
    ),
    ("esc50", include_str!("../../../datasets/esc50/card.toml")),
    (
        "urbansound8k",
        include_str!("../../../datasets/urbansound8k/card.toml"),
    ),
    (
        "speech_commands",
        include_str!("../../../datasets/speech_commands/card.toml"),
    ),
    (
        "audioset",
        include_str!("../../../datasets/audioset/card.toml"),
    ),
    (
        "voxceleb1",
        include_str!("../../../datasets/voxceleb1/card.toml"),
    ),
    ("shapes", include_str!("../../../datasets/shapes/card.toml")),
    ("ade20k", include_str!("../../../datasets/ade20k/card.toml")),
    (
        "mask_folder",
        include_str!("../../../datasets/mask_folder/card.toml"),
    ),
    ("csv", include_str!("../../../datasets/csv/card.toml")),
    ("ett", include_str!("../../../datasets/ett/card.toml")),
    (
        "weather",
        include_str!("../../../datasets/weather/card.toml"),
    ),
    (
        "electricity",
        include_str!("../../../datasets/electricity/card.toml"),
    ),
    (
        "traffic",
        include_str!("../../../datasets/traffic/card.toml"),
    ),
    (
        "exchange",
        include_str!("../../../datasets/exchange/card.toml"),
    ),
    ("solar", include_str!("../../../datasets/solar/card.toml")),
    ("pems", include_str!("../../../datasets/pems/card.toml")),
    (
        "seasonal",
        include_str!("../../../datasets/seasonal/card.toml"),
    ),
    ("uea", include_str!("../../../datasets/uea/card.toml")),
    (
        "rhythms",
        include_str!("../../../datasets/rhythms/card.toml"),
    ),
    (
        "anomaly",
        include_str!("../../../datasets/anomaly/card.toml"),
    ),
    ("faults", include_str!("../../../datasets/faults/card.toml")),
    ("co2", include_str!("../../../datasets/co2/card.toml")),
    (
        "sunspots",
        include_str!("../../../datasets/sunspots/card.toml"),
    ),
    ("elnino", include_str!("../../../datasets/elnino/card.toml")),
    (
        "pattern",
        include_str!("../../../datasets/pattern/card.toml"),
    ),
    (
        "cluster",
        include_str!("../../../datasets/cluster/card.toml"),
    ),
    (
        "tree_neighbors_match",
        include_str!("../../../datasets/tree_neighbors_match/card.toml"),
    ),
    (
        "ring_transfer",
        include_str!("../../../datasets/ring_transfer/card.toml"),
    ),
    (
        "minesweeper",
        include_str!("../../../datasets/minesweeper/card.toml"),
    ),
    ("karate", include_str!("../../../datasets/karate/card.toml")),
    (
        "communities",
        include_str!("../../../datasets/communities/card.toml"),
    ),
    (
        "heterophilous",
        include_str!("../../../datasets/heterophilous/card.toml"),
    ),
    (
        "graph_csv",
        include_str!("../../../datasets/graph_csv/card.toml"),
    ),
    (
        "graphml",
        include_str!("../../../datasets/graphml/card.toml"),
    ),
    ("tu", include_str!("../../../datasets/tu/card.toml")),
    ("ogb", include_str!("../../../datasets/ogb/card.toml")),
];

/// What is known of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name that configs use, and name of the card's folder.
    pub name: String,
    /// The published name.
    pub title: String,
    /// What is learnt, for example `image classification`.
    pub task: String,
    /// What a sample is, for example `image`.
    pub modality: String,
    /// Where the data come from.
    pub homepage: String,
    /// Terms of use, and what they ask for.
    pub licence: String,
    /// What the data are, in a paragraph.
    pub description: String,
    /// Shape of a sample as stored, `[channels, height, width]`; none where samples differ.
    pub shape: Option<[usize; 3]>,
    /// Names of the classes in the order of their labels; empty where the data decide.
    pub classes: Vec<String>,
    /// How results are measured, so that they can be compared with published ones.
    pub protocol: String,
    /// The number that is reported.
    pub metric: String,
    /// Known faults of the data.
    pub defects: Vec<String>,
    /// Constants that inputs are normalised with.
    pub normalisation: Normalisation,
    /// The official parts; empty where the data decide.
    pub splits: Vec<SplitCount>,
    /// The files that are read.
    pub files: Vec<FileEntry>,
    /// What configs call the data set, where it is not the card's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// What a person has to do to get the data, where no program may or can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
    /// What `elapid data prepare` fetches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<Download>,
}

/// A file with a stable public address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// The address.
    pub url: String,
    /// Where it is put, relative to the data set's folder.
    pub path: String,
    /// Size in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `md5:` or `sha256:` and hexadecimal digits; none where nobody has published one that could be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Where the checksum comes from, or why there is none.
    pub origin: String,
    /// What kind of archive it is, if it is one that is unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpack: Option<Archive>,
    /// Outer folders of an archive that are left out.
    #[serde(default)]
    pub strip: usize,
}

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Archive {
    /// A compressed tar archive.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// A zip archive.
    #[serde(rename = "zip")]
    Zip,
}

/// Constants that inputs are normalised with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Mean of each channel, in units where white is 1; of sounds, of all log-mel values.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, in units where white is 1; of sounds, of all log-mel values.
    pub std: Vec<f32>,
    /// Where the numbers come from.
    pub origin: String,
}

/// An official part of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitCount {
    /// `train`, `valid` or `test`.
    pub name: String,
    /// Number of samples.
    pub count: usize,
}

/// A file, or a family of files, that a data set consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path relative to the data set's folder, with `<…>` for what varies.
    pub path: String,
    /// How the file is laid out.
    pub layout: String,
    /// Size of each file in bytes, uncompressed, where it is known.
    pub bytes: Option<u64>,
}

/// All cards, in the order of the table in `datasets/README.md`.
///
/// # Errors
///
/// If a card is malformed, which the tests of this crate rule out.
pub fn cards() -> Result<Vec<Card>, DataError> {
    CARDS.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The card of one data set.
///
/// # Errors
///
/// If there is no card of this name; the message lists those there are.
pub fn card(name: &str) -> Result<Card, DataError> {
    match CARDS.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(name, text),
        None => {
            let known = CARDS.map(|(known, _)| known).join(", ");
            let reason = format!("no such card, expected one of {known}");
            Err(DataError::Card {
                name: name.to_owned(),
                reason,
            })
        }
    }
}

/// The text of a card, if there is one of this name.
pub fn card_text(name: &str) -> Option<&'static str> {
    let mut cards = CARDS.iter();
    let (_, text) = cards.find(|(known, _)| *known == name)?;
    Some(text)
}

/// A card from its text, such as that in a folder that `elapid data prepare` made.
///
/// # Errors
///
/// If it lacks a key, or has one that is not known.
pub fn parse_card(text: &str) -> Result<Card, DataError> {
    parse("card.toml", text)
}

fn parse(name: &str, text: &str) -> Result<Card, DataError> {
    toml::from_str(text).map_err(|error| DataError::Card {
        name: name.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const README: &str = include_str!("../../../datasets/README.md");

    #[test]
    fn every_card_is_complete_and_consistent() {
        for (card, (name, _)) in cards().unwrap().into_iter().zip(CARDS) {
            assert_eq!(card.name, name);
            let texts = [
                &card.title,
                &card.homepage,
                &card.licence,
                &card.description,
            ];
            let more = [&card.protocol, &card.metric, &card.normalisation.origin];
            assert!(
                texts.into_iter().chain(more).all(|text| !text.is_empty()),
                "{name}"
            );
            let Normalisation { mean, std, .. } = &card.normalisation;
            assert_eq!(mean.len(), std.len(), "{name}");
            assert!(std.iter().all(|&deviation| deviation > 0.0), "{name}");
            assert!(
                card.shape
                    .is_none_or(|[channels, ..]| channels == mean.len()),
                "{name}"
            );
            let distinct: BTreeSet<_> = card.classes.iter().collect();
            assert_eq!(distinct.len(), card.classes.len(), "{name}");
            assert!(!card.files.is_empty(), "{name}");
            for Download {
                path,
                checksum,
                origin,
                ..
            } in &card.downloads
            {
                let kind = checksum.as_ref().map(|sum| sum.split_once(':'));
                let is_sum = match kind {
                    None => true,
                    Some(Some(("md5", digits))) => digits.len() == 32,
                    Some(Some(("sha256", digits))) => digits.len() == 64,
                    Some(_) => false,
                };
                assert!(is_sum && !origin.is_empty() && !path.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn classes_and_counts_are_the_published_ones() {
        let facts = |name| {
            let card = card(name).unwrap();
            let counts: Vec<_> = card.splits.iter().map(|split| split.count).collect();
            (card.classes.len(), counts)
        };
        assert_eq!(facts("digits"), (10, vec![1437, 360]));
        assert_eq!(facts("tiny_imagenet"), (0, vec![100_000, 10_000]));
        assert_eq!(facts("tar_shards"), (0, vec![]));
        assert_eq!(facts("imagenet1k"), (0, vec![1_281_167, 50_000]));
        assert_eq!(facts("mnist"), (10, vec![60_000, 10_000]));
        assert_eq!(facts("fashion_mnist"), (10, vec![60_000, 10_000]));
        assert_eq!(facts("cifar10"), (10, vec![50_000, 10_000]));
        assert_eq!(facts("cifar100"), (100, vec![50_000, 10_000]));
        assert_eq!(facts("image_folder"), (0, vec![]));
        assert_eq!(facts("audio_folder"), (0, vec![]));
        assert_eq!(facts("esc50"), (50, vec![]));
        assert_eq!(facts("urbansound8k"), (10, vec![]));
        assert_eq!(facts("speech_commands"), (0, vec![]));
        assert_eq!(facts("audioset"), (0, vec![]));
        assert_eq!(facts("ade20k"), (150, vec![20_210, 2_000]));
        assert_eq!(facts("pattern"), (2, vec![10_000, 2_000, 2_000]));
        assert_eq!(facts("cluster"), (6, vec![10_000, 1_000, 1_000]));
    }

    #[test]
    fn the_readme_lists_every_card_in_order() {
        let rows = CARDS.map(|(name, _)| README.find(&format!("| [{name}]({name}/card.toml) |")));
        assert!(
            rows.iter().all(Option::is_some) && rows.is_sorted(),
            "{rows:?}"
        );
    }

    #[test]
    fn an_unknown_card_and_an_unknown_key_are_refused() {
        let error = card("minst").unwrap_err().to_string();
        assert!(
            error.contains("`minst`: no such card, expected one of digits,"),
            "{error}"
        );
        let text = CARDS[0].1.replace("metric =", "metrics =");
        let error = parse("digits", &text).unwrap_err().to_string();
        assert!(error.contains("unknown field `metrics`"), "{error}");
    }
}
