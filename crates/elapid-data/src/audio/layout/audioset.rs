//! Lists of sounds with several labels each, in the form that AST, SSAST and SSAMBA use for AudioSet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::table::Table;
use crate::audio::dataset::AudioSplits;
use crate::audio::files::{AudioFiles, Entry};
use crate::card::card;
use crate::error::DataError;

/// The lists of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lists {
    /// A table with the columns `index`, `mid` and `display_name`; usually `class_labels_indices.csv`.
    pub classes: PathBuf,
    /// Training sounds.
    pub train: PathBuf,
    /// Sounds for validation, if they have a list.
    pub valid: Option<PathBuf>,
    /// Sounds for testing.
    pub test: PathBuf,
}

/// The sounds that lists name, each with any number of labels.
///
/// A list is JSON, `{"data": [{"wav": "<file>", "labels": "<mid>,<mid>"}, …]}`, or CSV with the columns `wav` and `labels`
/// (the labels in quotation marks). Lists and files are relative to `root` or absolute. Classes are in the order of their
/// index and named by their display name. Without a list for validation, `valid_fraction` of the training sounds is held
/// out.
///
/// # Errors
///
/// If a list or a file that it names is missing, a list is not of this form, or a label is not in the table.
pub fn splits(
    root: &Path,
    lists: &Lists,
    valid_fraction: f64,
    seed: u64,
) -> Result<AudioSplits, DataError> {
    let path = root.join(&lists.classes);
    let classes = Classes::read(&path)?;
    let part = |list: &Path| classes.files(root, &root.join(list)).map(Arc::new);
    let (train, test) = (part(&lists.train)?, part(&lists.test)?);
    let card = card("audioset")?;
    match &lists.valid {
        None => AudioSplits::held_out(train, test, card, valid_fraction, seed),
        Some(valid) => Ok(AudioSplits {
            valid: Some(part(valid)?),
            train,
            test,
            card,
        }),
    }
}

/// The classes by index, and their identifiers.
struct Classes<'a> {
    path: &'a Path,
    names: Vec<String>,
    labels: BTreeMap<String, usize>,
}

/// A list in JSON.
#[derive(Deserialize)]
struct Data {
    data: Vec<Sound>,
}

/// One sound of a list.
#[derive(Deserialize)]
struct Sound {
    wav: PathBuf,
    labels: String,
}

impl<'a> Classes<'a> {
    fn read(path: &'a Path) -> Result<Self, DataError> {
        let table = Table::read(path, "the table of classes: index, mid, display_name")?;
        let (index, mid) = (table.column(&["index"])?, table.column(&["mid"])?);
        let name = table.column(&["display_name"])?;
        let (mut names, mut labels) = (Vec::new(), BTreeMap::new());
        for (at, row) in table.rows().iter().enumerate() {
            if table.number(at, index)? != at {
                let problem = format!("index is {}, expected {at}", &row[index]);
                return Err(table.problem(at, problem));
            }
            names.push(row[name].to_owned());
            if labels.insert(row[mid].to_owned(), at).is_some() {
                return Err(table.problem(at, format!("`{}` is there twice", &row[mid])));
            }
        }
        match names.is_empty() {
            true => Err(DataError::layout(path, "no classes")),
            false => Ok(Self {
                path,
                names,
                labels,
            }),
        }
    }

    fn files(&self, root: &Path, list: &Path) -> Result<AudioFiles, DataError> {
        let sounds = read(list)?;
        if sounds.is_empty() {
            return Err(DataError::layout(list, "the list is empty"));
        }
        let entries: Result<Vec<Entry>, DataError> = sounds
            .into_iter()
            .enumerate()
            .map(|(at, sound)| self.entry(list, at, sound))
            .collect();
        AudioFiles::new(root, list, self.names.clone(), entries?)
    }

    fn entry(&self, list: &Path, at: usize, sound: Sound) -> Result<Entry, DataError> {
        let mids = sound.labels.split(',').map(str::trim);
        let mut labels = Vec::new();
        for mid in mids.filter(|mid| !mid.is_empty()) {
            let Some(&label) = self.labels.get(mid) else {
                let (number, wav, classes) = (at + 1, sound.wav.display(), self.path.display());
                let problem = format!(
                    "sound {number}, `{wav}`, has the label `{mid}`, which `{classes}` has not"
                );
                return Err(DataError::layout(list, problem));
            };
            labels.push(label);
        }
        labels.sort_unstable();
        labels.dedup();
        Ok(Entry {
            path: sound.wav,
            part: None,
            labels,
        })
    }
}

/// A list, in the form of its ending.
fn read(list: &Path) -> Result<Vec<Sound>, DataError> {
    let expected = "a list of sounds and labels in JSON or CSV";
    if list.extension().is_some_and(|ending| ending == "csv") {
        let table = Table::read(list, expected)?;
        let (wav, labels) = (table.column(&["wav"])?, table.column(&["labels"])?);
        let rows = table.rows().iter();
        return Ok(rows
            .map(|row| Sound {
                wav: PathBuf::from(&row[wav]),
                labels: row[labels].to_owned(),
            })
            .collect());
    }
    if !list.is_file() {
        return Err(DataError::Missing {
            path: list.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let text = fs::read_to_string(list).map_err(|error| DataError::unreadable(list, error))?;
    let data: Data = serde_json::from_str(&text).map_err(|error| {
        let problem = format!(
            "{error}; expected {{\"data\": [{{\"wav\": \"<file>\", \"labels\": \"<mid>,<mid>\"}}]}}"
        );
        DataError::layout(list, problem)
    })?;
    Ok(data.data)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::audio::layout::write::{contents, sounds, text};

    const CLASSES: &str = "index,mid,display_name\n0,/m/09x0r,\"Speech\"\n\
                           1,/m/05zppz,\"Male speech, man speaking\"\n2,/t/dd00003,\"Music\"\n";

    fn set() -> (TempDir, Lists) {
        let root = TempDir::new().unwrap();
        sounds(root.path(), &["a.wav", "b.wav", "c.wav"]);
        text(root.path(), "classes.csv", CLASSES);
        let absolute = root.path().join("b.wav");
        let train = format!(
            r#"{{"data": [{{"wav": "a.wav", "labels": "/t/dd00003,/m/09x0r"}},
                {{"wav": "{}", "labels": "", "video": "ignored"}}]}}"#,
            absolute.display()
        );
        text(root.path(), "train.json", &train);
        text(
            root.path(),
            "test.csv",
            "wav,labels\nc.wav,\"/m/05zppz, /m/09x0r\"\n",
        );
        let lists = Lists {
            classes: "classes.csv".into(),
            train: "train.json".into(),
            valid: None,
            test: "test.csv".into(),
        };
        (root, lists)
    }

    #[test]
    fn sounds_have_any_number_of_labels() {
        let (root, lists) = set();
        let splits = splits(root.path(), &lists, 0.0, 0).unwrap();
        let names = ["Speech", "Male speech, man speaking", "Music"];
        assert_eq!(splits.train.classes(), names);
        let train = contents(&*splits.train);
        assert_eq!(
            train,
            [("a.wav".into(), vec![0, 2]), ("b.wav".into(), vec![])]
        );
        assert_eq!(contents(&*splits.test), [("c.wav".into(), vec![0, 1])]);
        assert!(splits.valid.is_none());
        let with_list = Lists {
            valid: Some("test.csv".into()),
            ..lists
        };
        let splits = super::splits(root.path(), &with_list, 0.0, 0).unwrap();
        assert_eq!(
            splits.valid.unwrap().fingerprint(),
            splits.test.fingerprint()
        );
    }

    #[test]
    fn mistakes_are_named() {
        let (root, lists) = set();
        let message = || splits(root.path(), &lists, 0.0, 0).unwrap_err().to_string();
        text(root.path(), "test.csv", "wav,labels\nc.wav,/m/x\n");
        let said = message();
        assert!(said.contains("test.csv`: sound 1, `c.wav`, has the label `/m/x`, which `"));
        assert!(said.ends_with("classes.csv` has not"), "{said}");
        text(root.path(), "test.csv", "wav,labels\nd.wav,/m/09x0r\n");
        assert!(message().contains("d.wav` does not exist; expected a sound file, because `"));
        text(root.path(), "test.csv", "wav,labels\n");
        assert!(message().ends_with("test.csv`: the list is empty"));
        text(root.path(), "train.json", r#"{"data": [{"wav": "a.wav"}]}"#);
        let said = message();
        assert!(
            said.contains("train.json`: missing field `labels` at line 1"),
            "{said}"
        );
        fs::remove_file(root.path().join("train.json")).unwrap();
        assert!(message().ends_with(
            "train.json` does not exist; expected a list of sounds and labels in JSON or CSV"
        ));
        text(
            root.path(),
            "classes.csv",
            "index,mid,display_name\n1,/m/1,a\n",
        );
        assert!(message().ends_with("classes.csv`: row 2: index is 1, expected 0"));
        fs::remove_file(root.path().join("classes.csv")).unwrap();
        assert!(message().contains("classes.csv` does not exist; expected the table of classes"));
    }
}
