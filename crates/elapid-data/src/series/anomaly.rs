//! Series with labelled anomalies: SMD, MSL, SMAP, SWaT, PSM and any of the same form.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::forecast::{WindowSplits, constant_note};
use super::labelled::Protocol;
use super::scaler::Scaler;
use super::table::{Missing, Roles, Table, fill};
use super::windows::{Matrix, WindowShape, Windows};
use crate::card::{Card, card};
use crate::error::DataError;
use crate::npy;

/// How anomaly arrays become windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnomalyOptions {
    /// Rows of a window.
    pub lookback: usize,
    /// Rows from the start of a window to that of the next, in all parts.
    pub stride: usize,
    /// Whether variates are standardised.
    pub scale: bool,
    /// `TsLib` trains on the rows that it validates with as well, and fits the scaler on all of them.
    pub protocol: Protocol,
    /// Share of the training rows, its last, that validates.
    pub valid_fraction: f64,
}

/// A series without labels to train on, and one with labels to test on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    /// What it is called in messages.
    pub(super) path: PathBuf,
    pub(super) names: Vec<String>,
    /// `[N, C]` row-major.
    pub(super) train: Vec<f64>,
    /// `[N, C]` row-major.
    pub(super) test: Vec<f64>,
    /// 1 for each row of the test that is an anomaly.
    pub(super) labels: Vec<u8>,
    pub(super) notes: Vec<String>,
}

/// Reads a set of `folder`, in the first of these forms that is there:
///
/// * `<set>_train.npy`, `<set>_test.npy` and `<set>_test_label.npy`,
/// * `train.csv`, `test.csv` and `test_label.csv`, whose first columns are not read and whose gaps are 0 (PSM),
/// * `swat_train2.csv` and `swat2.csv`, whose last columns are the labels (SWaT).
///
/// Values are standardised by the training rows, the last of which are held out for validation.
///
/// # Errors
///
/// If a file is missing or damaged, sizes do not agree, or a part is shorter than a window.
pub fn anomaly(
    folder: &Path,
    set: Option<&str>,
    options: &AnomalyOptions,
) -> Result<WindowSplits, DataError> {
    divided(read(folder, set)?, options, card("anomaly")?)
}

/// Standardises a pair of series and cuts its parts.
pub(super) fn divided(
    pair: Pair,
    options: &AnomalyOptions,
    card: Card,
) -> Result<WindowSplits, DataError> {
    let variates = pair.names.len();
    let rows = pair.train.len() / variates;
    let (share, all) = match options.protocol {
        Protocol::HeldOut => (options.valid_fraction, false),
        Protocol::TsLib => (0.2, true),
    };
    let kept = ((1.0 - share) * rows as f64) as usize;
    let trained = if all { rows } else { kept };
    let (scaler, constant) = Scaler::fit(&pair.train, variates, 0..trained);
    let mut notes = pair.notes;
    notes.extend(constant_note(&pair.path, &pair.names, &constant));
    let scaler = match options.scale {
        true => scaler,
        false => Scaler::identity(variates),
    };
    let matrix = |values: &[f64], anomalies| {
        Arc::new(Matrix {
            values: scaler.scaled(values),
            variates,
            anomalies,
            ..Matrix::default()
        })
    };
    let train = matrix(&pair.train, Vec::new());
    let test = matrix(&pair.test, pair.labels);
    let shape = WindowShape {
        lookback: options.lookback,
        horizon: 0,
        targets: variates,
    };
    let cut = |part: &str, matrix: &Arc<Matrix>, rows: Range<usize>| {
        Windows::new(part, Arc::clone(matrix), rows, shape, options.stride)
    };
    let valid = (kept < rows).then(|| cut("validation", &train, kept..rows));
    let test = cut("test", &test, 0..test.rows())?;
    let covered = (test.len() - 1) * options.stride + options.lookback;
    if options.stride > options.lookback || covered < test.rows().len() {
        let rest = test.rows().len() - covered;
        notes.push(format!(
            "`{}`: windows of {} rows, {} apart, leave out rows of the test part, among them the last {rest}",
            pair.path.display(),
            options.lookback,
            options.stride
        ));
    }
    Ok(WindowSplits {
        train: cut("training", &train, 0..trained)?,
        valid: valid.transpose()?,
        test,
        card,
        columns: pair.names,
        scaler,
        step: None,
        stamps: Vec::new(),
        notes,
    })
}

fn read(folder: &Path, set: Option<&str>) -> Result<Pair, DataError> {
    if !folder.is_dir() {
        return Err(DataError::Missing {
            path: folder.to_owned(),
            expected: "a folder with <set>_train.npy, <set>_test.npy and <set>_test_label.npy; see data.path".to_owned(),
        });
    }
    match set {
        Some(set) => read_arrays(folder, set),
        None if folder.join("test_label.csv").is_file() => read_psm(folder),
        None if folder.join("swat2.csv").is_file() => read_swat(folder),
        None => read_arrays(folder, &only_set(folder)?),
    }
}

fn only_set(folder: &Path) -> Result<String, DataError> {
    let entries = folder
        .read_dir()
        .map_err(|error| DataError::unreadable(folder, error))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|error| DataError::unreadable(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix("_train.npy").map(str::to_owned));
    }
    let names: Vec<String> = names.into_iter().collect();
    match &names[..] {
        [name] => Ok(name.clone()),
        [] => Err(DataError::layout(
            folder,
            "it has neither <set>_train.npy nor test_label.csv (PSM) nor swat2.csv (SWaT)",
        )),
        _ => Err(DataError::layout(
            folder,
            format!(
                "it has several sets: {}; name one in data.set",
                names.join(", ")
            ),
        )),
    }
}

fn read_arrays(folder: &Path, set: &str) -> Result<Pair, DataError> {
    let array = |part: &str| {
        let path = folder.join(format!("{set}_{part}.npy"));
        let array = npy::read(&path, "an array of numpy.save; see data.path and data.set")?;
        Ok::<_, DataError>((path, array))
    };
    let series = |part: &str| {
        let (path, array) = array(part)?;
        match array.shape[..] {
            [rows, variates] if rows > 0 && variates > 0 => Ok((path, variates, array.values)),
            _ => Err(DataError::layout(
                &path,
                format!("its shape is {:?}, expected rows and variates", array.shape),
            )),
        }
    };
    let (path, variates, train) = series("train")?;
    let (test_path, tested, test) = series("test")?;
    if tested != variates {
        let problem = format!("it has {tested} variates, those of training are {variates}");
        return Err(DataError::layout(&test_path, problem));
    }
    let (label_path, labels) = array("test_label")?;
    pair(
        path,
        names(variates),
        train,
        test,
        &label_path,
        &labels.values,
    )
}

/// PSM: the first column of each file is a time.
fn read_psm(folder: &Path) -> Result<Pair, DataError> {
    let [train, test, label] =
        ["train.csv", "test.csv", "test_label.csv"].map(|name| folder.join(name));
    let mut notes = Vec::new();
    let mut numbers = |path: &Path| {
        let mut table = plain(path)?;
        let columns: Vec<usize> = (1..table.names.len()).collect();
        table = table.select(&columns);
        notes.extend(fill(path, &table.names, &mut table.values, Missing::Zero)?);
        Ok::<_, DataError>(table)
    };
    let (train_table, test_table, labels) = (numbers(&train)?, numbers(&test)?, numbers(&label)?);
    same_columns(&test, &train_table.names, &test_table.names)?;
    let mut pair = pair(
        train,
        train_table.names,
        train_table.values,
        test_table.values,
        &label,
        &labels.values,
    )?;
    pair.notes = notes;
    Ok(pair)
}

/// SWaT: the last column of each file says whether a row is an attack.
fn read_swat(folder: &Path) -> Result<Pair, DataError> {
    let [train, test] = ["swat_train2.csv", "swat2.csv"].map(|name| folder.join(name));
    let (train_table, test_table) = (plain(&train)?, plain(&test)?);
    let last = test_table.names.len() - 1;
    let labels: Vec<f64> = test_table
        .values
        .iter()
        .skip(last)
        .step_by(last + 1)
        .copied()
        .collect();
    let columns: Vec<usize> = (0..last).collect();
    let (train_table, test_table) = (train_table.select(&columns), test_table.select(&columns));
    same_columns(&test, &train_table.names, &test_table.names)?;
    pair(
        train,
        train_table.names,
        train_table.values,
        test_table.values,
        &test,
        &labels,
    )
}

/// A table of numbers without dates.
fn plain(path: &Path) -> Result<Table, DataError> {
    let roles = Roles {
        date: Some("none".to_owned()),
        ..Roles::default()
    };
    let table = Table::read(path, &roles)?;
    match table.names.len() {
        1 => Err(DataError::layout(
            path,
            "it has one column, expected several",
        )),
        _ => Ok(table),
    }
}

fn same_columns(path: &Path, train: &[String], test: &[String]) -> Result<(), DataError> {
    match train == test {
        true => Ok(()),
        false => Err(DataError::layout(
            path,
            format!(
                "its columns are {}, those of training {}",
                test.join(", "),
                train.join(", ")
            ),
        )),
    }
}

fn pair(
    path: PathBuf,
    names: Vec<String>,
    train: Vec<f64>,
    test: Vec<f64>,
    label_path: &Path,
    labels: &[f64],
) -> Result<Pair, DataError> {
    let rows = test.len() / names.len();
    if labels.len() != rows {
        let problem = format!(
            "it has {} labels for {rows} rows of the test part",
            labels.len()
        );
        return Err(DataError::layout(label_path, problem));
    }
    for (name, values) in [("training", &train), ("test", &test)] {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let row = at / names.len() + 1;
            let problem = format!(
                "row {row} of the {name} part has no finite value of `{}`",
                names[at % names.len()]
            );
            return Err(DataError::layout(&path, problem));
        }
    }
    Ok(Pair {
        path,
        names,
        train,
        test,
        labels: labels.iter().map(|&label| u8::from(label != 0.0)).collect(),
        notes: Vec::new(),
    })
}

pub(super) fn names(variates: usize) -> Vec<String> {
    (1..=variates).map(|n| format!("channel {n}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: AnomalyOptions = AnomalyOptions {
        lookback: 10,
        stride: 10,
        scale: true,
        protocol: Protocol::HeldOut,
        valid_fraction: 0.2,
    };

    fn arrays(folder: &Path, labels: usize) {
        let values = |rows: usize| (0..2 * rows).map(|n| (n % 7) as f64).collect::<Vec<_>>();
        let write = |name: &str, shape: &[usize], values: &[f64]| {
            std::fs::write(folder.join(name), npy::bytes(shape, values)).unwrap();
        };
        write("SMD_train.npy", &[100, 2], &values(100));
        write("SMD_test.npy", &[55, 2], &values(55));
        let labels: Vec<f64> = (0..labels).map(|n| f64::from(u8::from(n == 12))).collect();
        write("SMD_test_label.npy", &[labels.len()], &labels);
    }

    #[test]
    fn the_end_of_training_validates_and_statistics_are_of_what_is_trained_on() {
        let folder = tempfile::tempdir().unwrap();
        arrays(folder.path(), 55);
        let splits = anomaly(folder.path(), None, &OPTIONS).unwrap();
        let valid = splits.valid.as_ref().unwrap();
        assert_eq!(
            (splits.train.rows(), valid.rows(), splits.test.rows()),
            (0..80, 80..100, 0..55)
        );
        assert_eq!(
            (splits.train.len(), valid.len(), splits.test.len()),
            (8, 2, 5)
        );
        assert_eq!(splits.test.matrix().anomalies[12], 1);
        assert!(splits.notes[0].contains("the last 5"), "{:?}", splits.notes);
        let first: Vec<f64> = (0..160).step_by(2).map(|n| (n % 7) as f64).collect();
        assert!((splits.scaler.mean[0] - first.iter().sum::<f64>() / 80.0).abs() < 1e-12);
        let library = AnomalyOptions {
            protocol: Protocol::TsLib,
            stride: 1,
            ..OPTIONS
        };
        let splits = anomaly(folder.path(), Some("SMD"), &library).unwrap();
        assert_eq!(
            (
                splits.train.len(),
                splits.valid.unwrap().len(),
                splits.test.len()
            ),
            (91, 11, 46)
        );
        assert!(splits.notes.is_empty());
    }

    #[test]
    fn tables_of_psm_and_swat_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let rows = |count: usize| {
            (0..count)
                .map(|n| format!("{n},{},\n", n % 3))
                .collect::<String>()
        };
        write("train.csv", format!("timestamp_(min),a,b\n{}", rows(50)));
        write("test.csv", format!("timestamp_(min),a,b\n{}", rows(20)));
        let labels = (0..20)
            .map(|n| format!("{n},{}\n", n / 19))
            .collect::<String>();
        write("test_label.csv", format!("timestamp_(min),label\n{labels}"));
        let splits = anomaly(folder.path(), None, &OPTIONS).unwrap();
        assert_eq!(splits.columns, ["a", "b"]);
        assert_eq!(splits.test.matrix().anomalies[18..], [0, 1]);
        assert!(splits.notes[0].contains("they are 0"), "{:?}", splits.notes);

        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let rows = |count: usize| {
            (0..count)
                .map(|n| format!("{},{},{}\n", n % 3, n % 5, n / 19))
                .collect::<String>()
        };
        write("swat_train2.csv", format!("a,b,label\n{}", rows(50)));
        write("swat2.csv", format!("a,b,label\n{}", rows(20)));
        let splits = anomaly(folder.path(), None, &OPTIONS).unwrap();
        assert_eq!(
            (splits.columns.len(), splits.test.matrix().anomalies[19]),
            (2, 1)
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let said = |set, options| {
            anomaly(folder.path(), set, options)
                .unwrap_err()
                .to_string()
        };
        assert!(said(None, &OPTIONS).contains("it has neither <set>_train.npy nor"));
        arrays(folder.path(), 54);
        assert!(said(None, &OPTIONS).ends_with("it has 54 labels for 55 rows of the test part"));
        assert!(said(Some("MSL"), &OPTIONS).contains("MSL_train.npy` does not exist"));
        arrays(folder.path(), 55);
        let long = AnomalyOptions {
            lookback: 30,
            ..OPTIONS
        };
        assert!(
            said(None, &long).contains("the validation part (rows): expected at least 30, got 20")
        );
    }
}
