//! Problems of the UEA archive: a file of series to train on and one to test on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sample::{LabelledSplits, Normalised, SeriesInMemory, SeriesSample, statistics};
use super::ts_file::{self, TsFile};
use crate::Splits;
use crate::card::card;
use crate::error::DataError;

/// How a problem is divided and standardised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A share of the training series is held out for validation, and everything is standardised by those that are left.
    #[default]
    HeldOut,
    /// As Time-Series-Library: the test series are the validation as well, and each part is standardised by itself. The
    /// number that comes out was chosen on the test series.
    TsLib,
}

/// Reads `<problem>_TRAIN.ts` and `<problem>_TEST.ts` in `folder`; without a name, of the only problem there.
///
/// Classes are sorted by their names. `valid_fraction` of the training series is held out, and `train_fraction` of the others
/// is kept; both follow from `seed`.
///
/// # Errors
///
/// If there is no such pair of files, a line cannot be read, or the files differ in their dimensions.
pub fn uea(
    folder: &Path,
    problem: Option<&str>,
    protocol: Protocol,
    [valid_fraction, train_fraction]: [f64; 2],
    seed: u64,
) -> Result<LabelledSplits, DataError> {
    let (name, train, test) = find(folder, problem)?;
    let files = [ts_file::read(&train)?, ts_file::read(&test)?];
    if files[0].variates != files[1].variates {
        let (one, other) = (files[0].variates, files[1].variates);
        let said = format!("its series have {other} dimensions, those of training {one}");
        return Err(DataError::layout(&test, said));
    }
    let classes = classes(&files);
    let mut notes = Vec::new();
    let [trained, tested] = [(train, &files[0]), (test, &files[1])].map(|(path, file)| {
        if file.filled > 0 {
            let count = file.filled;
            notes.push(format!(
                "`{}`: {count} values were missing; they lie on the line between their neighbours",
                path.display()
            ));
        }
        if file.extended > 0 {
            let (count, all) = (file.extended, file.series.len());
            notes.push(format!(
                "`{}`: {count} of {all} series have dimensions of different lengths; the shorter ones repeat their last value",
                path.display()
            ));
        }
        in_memory(&path, file, &classes)
    });
    let splits = Parts {
        length: trained.longest().max(tested.longest()),
        variates: trained.variates,
        train: Arc::new(trained),
        test: Arc::new(tested),
    };
    let by_step = name == "EthanolConcentration";
    splits.divided(
        card("uea")?,
        protocol,
        [valid_fraction, train_fraction],
        seed,
        by_step,
        notes,
    )
}

/// Training and test series before they are divided.
pub(super) struct Parts {
    pub(super) train: Arc<SeriesInMemory>,
    pub(super) test: Arc<SeriesInMemory>,
    pub(super) variates: usize,
    pub(super) length: usize,
}

impl Parts {
    pub(super) fn divided(
        self,
        card: crate::Card,
        protocol: Protocol,
        [valid, kept]: [f64; 2],
        seed: u64,
        by_step: bool,
        mut notes: Vec<String>,
    ) -> Result<LabelledSplits, DataError> {
        let held_out = match protocol {
            Protocol::HeldOut => valid,
            Protocol::TsLib => 0.0,
        };
        let name = self.train.name.clone();
        let splits = Splits::<SeriesSample>::held_out(self.train, self.test, card, held_out, seed)?;
        let mut splits = splits.reduced(kept, seed)?;
        let (scaler, constant) = statistics(&splits.train, self.variates)?;
        if let Some(first) = constant.first() {
            let count = constant.len();
            notes.push(format!("{name}: {count} dimensions do not vary in training, the first of them dimension {}; they are divided by 1", first + 1));
        }
        let of_train = Normalised {
            scaler,
            by_step: by_step && protocol == Protocol::TsLib,
        };
        let of_test = match protocol {
            Protocol::HeldOut => of_train.clone(),
            Protocol::TsLib => Normalised {
                scaler: statistics(&splits.test, self.variates)?.0,
                ..of_train.clone()
            },
        };
        let of_valid = of_test.clone();
        if protocol == Protocol::TsLib {
            splits.valid = Some(Arc::clone(&splits.test));
        }
        Ok(LabelledSplits {
            splits,
            variates: self.variates,
            length: self.length,
            normalised: [of_train, of_valid, of_test],
            notes,
        })
    }
}

/// Name and files of a problem.
fn find(folder: &Path, problem: Option<&str>) -> Result<(String, PathBuf, PathBuf), DataError> {
    let name = match problem {
        Some(name) => name.to_owned(),
        None => only_problem(folder)?,
    };
    let [train, test] = ["TRAIN", "TEST"].map(|part| folder.join(format!("{name}_{part}.ts")));
    for path in [&train, &test] {
        if !path.is_file() {
            return Err(DataError::Missing {
                path: path.clone(),
                expected: "a file of the UEA archive, from timeseriesclassification.com; see data.path and data.problem"
                    .to_owned(),
            });
        }
    }
    Ok((name, train, test))
}

fn only_problem(folder: &Path) -> Result<String, DataError> {
    if !folder.is_dir() {
        return Err(DataError::Missing {
            path: folder.to_owned(),
            expected: "the folder of <problem>_TRAIN.ts and <problem>_TEST.ts; see data.path"
                .to_owned(),
        });
    }
    let entries = folder
        .read_dir()
        .map_err(|error| DataError::unreadable(folder, error))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|error| DataError::unreadable(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix("_TRAIN.ts").map(str::to_owned));
    }
    let mut names: Vec<String> = names.into_iter().collect();
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => Err(DataError::layout(
            folder,
            "it has no file <problem>_TRAIN.ts; get one from timeseriesclassification.com",
        )),
        (Some(last), false) => Err(DataError::layout(
            folder,
            format!(
                "it has several problems: {}, {last}; name one in data.problem",
                names.join(", ")
            ),
        )),
    }
}

/// All classes that a header lists or a series has, sorted.
fn classes(files: &[TsFile; 2]) -> Vec<String> {
    let named = files.iter().flat_map(|file| &file.classes);
    let of_series = files
        .iter()
        .flat_map(|file| file.series.iter().map(|(_, class)| class));
    let classes: BTreeSet<&String> = named.chain(of_series).collect();
    classes.into_iter().cloned().collect()
}

fn in_memory(path: &Path, file: &TsFile, classes: &[String]) -> SeriesInMemory {
    let samples = file.series.iter().map(|(values, class)| SeriesSample {
        values: values.as_slice().into(),
        label: classes.binary_search(class).unwrap_or_default(),
    });
    SeriesInMemory {
        samples: samples.collect(),
        variates: file.variates,
        classes: classes.to_vec(),
        name: format!("`{}`", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    fn problem(folder: &Path, name: &str) {
        let head = "@problemName x\n@univariate false\n@classLabel true walk run\n@data\n";
        let line = |n: usize, class: &str| format!("{n},{}:0.5,{}:{class}\n", n + 1, n % 3);
        let file = |numbers: std::ops::Range<usize>| {
            let lines = numbers.map(|n| line(n, ["walk", "run"][n % 2]));
            format!("{head}{}", lines.collect::<String>())
        };
        std::fs::write(folder.join(format!("{name}_TRAIN.ts")), file(0..10)).unwrap();
        let test = file(10..14) + "1,2,?:3,4,5:run\n";
        std::fs::write(folder.join(format!("{name}_TEST.ts")), test).unwrap();
    }

    fn mean(splits: &LabelledSplits, split: Split) -> f64 {
        splits.normalised(split).scaler.mean[0]
    }

    #[test]
    fn by_default_training_series_decide_everything() {
        let folder = tempfile::tempdir().unwrap();
        problem(folder.path(), "Steps");
        let splits = uea(folder.path(), None, Protocol::HeldOut, [0.2, 1.0], 0).unwrap();
        assert_eq!(splits.splits.train.classes(), ["run", "walk"]);
        assert_eq!((splits.variates, splits.length), (2, 3));
        let valid = splits.splits.valid.as_ref().unwrap();
        let sizes = (
            splits.splits.train.len(),
            valid.len(),
            splits.splits.test.len(),
        );
        assert_eq!(sizes, (8, 2, 5));
        let kept = (0..8).map(|at| splits.splits.train.get(at).unwrap());
        let (sum, count) = kept.fold((0.0, 0.0), |(sum, count), one| {
            (sum + f64::from(one.values[0] + one.values[2]), count + 2.0)
        });
        for split in Split::ALL {
            assert!((mean(&splits, split) - sum / count).abs() < 1e-12);
        }
        assert!(
            splits.notes[0].contains("1 values were missing"),
            "{:?}",
            splits.notes
        );
    }

    #[test]
    fn the_protocol_of_the_library_normalises_each_part_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        problem(folder.path(), "Steps");
        let splits = uea(folder.path(), Some("Steps"), Protocol::TsLib, [0.2, 1.0], 0).unwrap();
        assert_eq!(splits.splits.train.len(), 10);
        assert_eq!(splits.splits.valid.as_ref().unwrap().len(), 5);
        assert_eq!(mean(&splits, Split::Train), 5.0);
        // 10 to 13, 11 to 14, and 1, 2 and 2, which repeats its neighbour.
        assert_eq!(mean(&splits, Split::Test), 101.0 / 11.0);
        assert_eq!(mean(&splits, Split::Test), mean(&splits, Split::Valid));
    }

    #[test]
    fn missing_and_ambiguous_problems_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = |problem| {
            uea(folder.path(), problem, Protocol::HeldOut, [0.2, 1.0], 0)
                .unwrap_err()
                .to_string()
        };
        assert!(said(None).contains("it has no file <problem>_TRAIN.ts"));
        problem(folder.path(), "A");
        assert!(said(Some("B")).contains("B_TRAIN.ts` does not exist"));
        problem(folder.path(), "B");
        assert!(said(None).contains("several problems: A, B; name one in data.problem"));
    }
}
