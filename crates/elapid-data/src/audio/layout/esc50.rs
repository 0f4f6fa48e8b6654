//! Sets of sounds with a table of folds: ESC-50 and UrbanSound8K.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::table::Table;
use crate::audio::dataset::AudioSplits;
use crate::audio::files::{AudioFiles, Entry};
use crate::card::card;
use crate::error::DataError;

/// Tables that are looked for, and whether a fold has a folder of its own.
const TABLES: [(&str, bool); 2] = [
    ("meta/esc50.csv", false),
    ("metadata/UrbanSound8K.csv", true),
];

/// The sounds of `root`, of which those of one fold are the test set and the others the training set.
///
/// `root` has `meta/esc50.csv` and `audio/<filename>`, or `metadata/UrbanSound8K.csv` and `audio/fold<n>/<slice_file_name>`.
/// Columns are found by name: the file, `fold`, `target` or `classID`, `category` or `class`; others are not read. Classes
/// are in the order of their targets. `valid_fraction` of the training set is held out. Published accuracies are means over
/// all folds.
///
/// # Errors
///
/// If there is no table, it lacks a column, a target has two names, a number below has none, a file is missing, or there is
/// no such fold or no other.
pub fn splits(
    root: &Path,
    fold: usize,
    valid_fraction: f64,
    seed: u64,
) -> Result<AudioSplits, DataError> {
    let found = TABLES.iter().find(|(name, _)| root.join(name).is_file());
    let (name, has_folders) = found.unwrap_or(&TABLES[0]);
    let path = root.join(name);
    let expected = "the table of folds of ESC-50 (or metadata/UrbanSound8K.csv)";
    let table = Table::read(&path, expected)?;
    let sounds = read(&table, *has_folders)?;
    let classes = classes(&table, &sounds)?;
    let last = sounds.iter().map(|sound| sound.fold).max().unwrap_or(0);
    if !sounds.iter().any(|sound| sound.fold == fold) {
        return Err(DataError::Setting {
            setting: "data.fold",
            value: fold.to_string(),
            expected: format!("a fold of `{}`: 1 to {last}", path.display()),
        });
    }
    if sounds.iter().all(|sound| sound.fold == fold) {
        return Err(DataError::Setting {
            setting: "data.fold",
            value: fold.to_string(),
            expected: format!(
                "one of several folds: it is the only fold in `{}`, and nothing is left to train on",
                path.display()
            ),
        });
    }
    let part = |is_test: bool| {
        let own = sounds.iter().filter(|s| (s.fold == fold) == is_test);
        let entries = own.map(|s| Entry::new(s.file.clone(), s.target)).collect();
        AudioFiles::new(root, &path, classes.clone(), entries).map(Arc::new)
    };
    let card = card(if *has_folders {
        "urbansound8k"
    } else {
        "esc50"
    })?;
    AudioSplits::held_out(part(false)?, part(true)?, card, valid_fraction, seed)
}

/// A row of the table.
struct Sound {
    file: PathBuf,
    fold: usize,
    target: usize,
    category: String,
}

fn read(table: &Table, has_folders: bool) -> Result<Vec<Sound>, DataError> {
    let file = table.column(&["filename", "slice_file_name"])?;
    let fold = table.column(&["fold"])?;
    let target = table.column(&["target", "classID"])?;
    let category = table.column(&["category", "class"])?;
    let rows = table.rows().iter().enumerate();
    rows.map(|(at, row)| {
        let fold = table.number(at, fold)?;
        let folder = match has_folders {
            true => format!("audio/fold{fold}"),
            false => "audio".to_owned(),
        };
        Ok(Sound {
            file: Path::new(&folder).join(&row[file]),
            fold,
            target: table.number(at, target)?,
            category: row[category].to_owned(),
        })
    })
    .collect()
}

/// Names of the targets.
fn classes(table: &Table, sounds: &[Sound]) -> Result<Vec<String>, DataError> {
    let mut names: Vec<Option<&str>> = Vec::new();
    for (
        at,
        Sound {
            target, category, ..
        },
    ) in sounds.iter().enumerate()
    {
        if *target >= sounds.len() {
            return Err(table.problem(at, format!("target {target} of {} sounds", sounds.len())));
        }
        names.resize(names.len().max(target + 1), None);
        let known = names[*target].get_or_insert(category);
        if known != category {
            let problem = format!("target {target} is `{category}` here and `{known}` before");
            return Err(table.problem(at, problem));
        }
    }
    let missing = names.iter().position(Option::is_none);
    match missing {
        Some(target) => Err(table.problem(0, format!("no sound has target {target}"))),
        None => Ok(names.into_iter().flatten().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::audio::layout::write::{contents, sounds, text};

    const HEADER: &str = "filename,fold,target,category,esc10,src_file,take\n";

    /// Five folds of two classes.
    fn set() -> TempDir {
        let root = TempDir::new().unwrap();
        let mut table = HEADER.to_owned();
        for fold in 1..=5 {
            for (target, category) in ["dog", "rain"].iter().enumerate() {
                let name = format!("{fold}-{target}.wav");
                sounds(root.path(), &[&format!("audio/{name}")]);
                table += &format!("{name},{fold},{target},{category},False,1,A\n");
            }
        }
        text(root.path(), "meta/esc50.csv", &table);
        root
    }

    fn message(root: &Path, fold: usize) -> String {
        splits(root, fold, 0.0, 0).unwrap_err().to_string()
    }

    #[test]
    fn one_fold_tests_and_the_others_train() {
        let root = set();
        let splits = splits(root.path(), 4, 0.25, 0).unwrap();
        assert_eq!(splits.test.classes(), ["dog", "rain"]);
        let named = |name: &str, label| (name.to_owned(), vec![label]);
        assert_eq!(
            contents(&*splits.test),
            [named("4-0.wav", 0), named("4-1.wav", 1)]
        );
        let valid = splits.valid.unwrap();
        assert_eq!((splits.train.len(), valid.len()), (6, 2));
        let training = [contents(&*splits.train), contents(&*valid)].concat();
        assert!(training.iter().all(|(name, _)| !name.starts_with('4')));
    }

    #[test]
    fn urbansound_has_a_folder_a_fold() {
        let root = TempDir::new().unwrap();
        let table = "slice_file_name,fsID,start,end,salience,fold,classID,class\n\
                     a.wav,1,0,1,1,1,0,siren\nb.wav,2,0,1,1,2,0,siren\n";
        text(root.path(), "metadata/UrbanSound8K.csv", table);
        sounds(root.path(), &["audio/fold1/a.wav", "audio/fold2/b.wav"]);
        let splits = splits(root.path(), 2, 0.0, 0).unwrap();
        assert_eq!(contents(&*splits.test), [("b.wav".to_owned(), vec![0])]);
        assert_eq!(splits.card.name, "urbansound8k");
    }

    #[test]
    fn mistakes_are_named() {
        let root = set();
        let said = message(root.path(), 6);
        assert!(
            said.starts_with("data.fold is 6, expected a fold of `"),
            "{said}"
        );
        assert!(said.ends_with("esc50.csv`: 1 to 5"), "{said}");
        assert!(message(root.path(), 0).starts_with("data.fold is 0"));
        std::fs::remove_file(root.path().join("audio/2-1.wav")).unwrap();
        let said = message(root.path(), 1);
        assert!(said.contains("audio/2-1.wav` does not exist; expected a sound file, because `"));

        let table = |rows: &str| text(root.path(), "meta/esc50.csv", &format!("{HEADER}{rows}"));
        table("1-0.wav,1,0,dog,,,\n2-0.wav,2,0,cat,,,\n");
        assert!(
            message(root.path(), 1).ends_with("row 3: target 0 is `cat` here and `dog` before")
        );
        table("1-0.wav,1,one,dog,,,\n");
        assert!(
            message(root.path(), 1).ends_with("row 2: target is `one`, expected a whole number")
        );
        table("1-0.wav,1,1,dog,,,\n2-0.wav,1,1,dog,,,\n");
        assert!(message(root.path(), 1).ends_with("row 2: no sound has target 0"));
        text(root.path(), "meta/esc50.csv", "filename,target,category\n");
        let said = message(root.path(), 1);
        assert!(
            said.ends_with("the first line names no column fold, only filename, target, category")
        );
        std::fs::remove_file(root.path().join("meta/esc50.csv")).unwrap();
        assert!(
            message(root.path(), 1)
                .contains("esc50.csv` does not exist; expected the table of folds")
        );
    }
}
