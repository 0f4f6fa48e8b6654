//! Published numbers of samples.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use elapid_config::data_sets;
use elapid_data::{Card, DataError, card};

use super::inspect::Counts;

/// How many samples the parts of a published set have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Official {
    /// Its name.
    pub(super) of: String,
    /// With those that a validation part is held out of, where there is no official one; all, where there are no parts.
    pub(super) train: usize,
    pub(super) valid: Option<usize>,
    pub(super) test: Option<usize>,
}

/// The published numbers of a set that is read from disk, where they are known.
pub(super) fn official(card: &Card, classes: &[&str]) -> Option<Official> {
    let is_read = |set: &elapid_config::DataSet| set.name == card.name && set.is_read;
    if !data_sets().iter().any(is_read) {
        return None;
    }
    match (card.name.as_str(), classes) {
        ("image_folder" | "tar_shards", ["n01440764", ..]) if classes.len() == 1000 => {
            of_card(&elapid_data::card("imagenet1k").ok()?)
        }
        // Warden, arXiv:1804.03209: 64,721 words of version 1, 105,829 of version 2; parts by the lists.
        ("speech_commands", _) if classes.len() == 30 => Some(Official {
            of: "Speech Commands, version 1".to_owned(),
            train: 51_088,
            valid: Some(6_798),
            test: Some(6_835),
        }),
        ("speech_commands", _) if classes.len() == 35 => Some(Official {
            of: "Speech Commands, version 2".to_owned(),
            train: 84_843,
            valid: Some(9_981),
            test: Some(11_005),
        }),
        // Piczak 2015: five folds of 400.
        ("esc50", _) => Some(Official {
            of: "ESC-50".to_owned(),
            train: 1_600,
            valid: None,
            test: Some(400),
        }),
        // Salamon et al. 2014.
        ("urbansound8k", _) => Some(Official {
            of: "UrbanSound8K".to_owned(),
            train: 8_732,
            valid: None,
            test: None,
        }),
        _ => of_card(card),
    }
}

fn of_card(card: &Card) -> Option<Official> {
    let count = |name: &str| {
        let split = card.splits.iter().find(|split| split.name == name);
        split.map(|split| split.count)
    };
    Some(Official {
        of: card.title.clone(),
        train: count("train")?,
        valid: count("valid"),
        test: count("test"),
    })
}

/// Compares the rows of a file of ETT with the published number.
pub(super) fn rows(path: &Path) -> Result<Option<Counts>, DataError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Zhou et al., AAAI 2021: two years, hourly or every 15 minutes.
    let published = match &*name {
        "ETTh1" | "ETTh2" => 17_420,
        "ETTm1" | "ETTm2" => 69_680,
        _ => return Ok(None),
    };
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let lines = BufReader::new(File::open(path).map_err(unreadable)?).lines();
    let filled = lines
        .map_while(Result::ok)
        .filter(|line| !line.trim().is_empty());
    // The first names the columns.
    let rows = filled.count().saturating_sub(1);
    let title = card("ett")?.title;
    Ok(Some(match rows == published {
        true => Counts::Agree(format!("{rows} rows, as {name} of {title} has")),
        false => Counts::Differ(format!("{rows} rows instead of the {published} of {name}")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_has_no_published_counts() {
        let of = |name: &str, classes: &[&str]| official(&card(name).unwrap(), classes);
        assert_eq!(of("digits", &[]), None);
        assert_eq!(of("image_folder", &["cat", "dog"]), None);
        let mnist = of("mnist", &[]).unwrap();
        assert_eq!(
            (mnist.train, mnist.valid, mnist.test),
            (60_000, None, Some(10_000))
        );
        let mut classes = vec!["n01440764"];
        classes.resize(1000, "n");
        for name in ["image_folder", "tar_shards"] {
            assert_eq!(of(name, &classes).unwrap().train, 1_281_167);
        }
        let [one, two] = [30, 35].map(|words| of("speech_commands", &vec!["w"; words]).unwrap());
        let all = |o: Official| o.train + o.valid.unwrap() + o.test.unwrap();
        assert_eq!((all(one), all(two)), (64_721, 105_829));
    }
}
