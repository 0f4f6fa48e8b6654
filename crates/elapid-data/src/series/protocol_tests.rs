//! Published protocols on generated files with the right numbers of rows, and mistakes that must be seen.

use crate::npy;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::forecast::{self, Options};
use super::*;
use crate::{DataError, EvalLoader, Split};

const SHARES: Shares = Shares {
    train: 0.7,
    test: 0.2,
};
const HORIZONS: [usize; 4] = [96, 192, 336, 720];

fn span(horizon: usize) -> Span {
    Span {
        lookback: 96,
        horizon,
    }
}

fn options() -> Options {
    Options::default()
}

/// A value that neither repeats nor has the same mean in all parts.
fn value(row: usize, column: usize) -> f64 {
    let hash = crate::random::mix((row * 8 + column) as u64) % 1000;
    row as f64 * 0.001 * (column + 1) as f64 + hash as f64 * 0.01
}

/// A table of `rows` rows from 2016-07-01 on, `minutes` apart, with the columns a, OT and b.
fn table(folder: &Path, rows: usize, minutes: i64) -> PathBuf {
    let step = Step::Micros(minutes * 60_000_000);
    let first = Stamp::parse("2016-07-01").unwrap();
    let mut text = "date,a,OT,b\n".to_owned();
    for row in 0..rows {
        let stamp = step.after(first, row).unwrap();
        let [a, target, b] = [0, 1, 2].map(|column| value(row, column));
        text += &format!("{stamp},{a},{target},{b}\n");
    }
    let path = folder.join(format!("{rows}.csv"));
    std::fs::write(&path, text).unwrap();
    path
}

fn counts(splits: &WindowSplits) -> [usize; 3] {
    Split::ALL.map(|split| splits.get(split).map_or(0, Windows::len))
}

#[test]
fn windows_of_every_table_and_horizon_are_as_many_as_published() {
    type Open = fn(&Path, Span) -> Result<WindowSplits, DataError>;
    let ett: Open = |path, span| forecast::ett(path, &options(), span);
    let csv: Open = |path, span| forecast::csv(path, &options(), SHARES, span);
    /// Name, rows, minutes of a step, how it is opened, windows of each split for each horizon.
    type Published = (&'static str, usize, i64, Open, [[usize; 3]; 4]);
    let tables: [Published; 6] = [
        (
            "ETTh",
            17_420,
            60,
            ett,
            [
                [8449, 2785, 2785],
                [8353, 2689, 2689],
                [8209, 2545, 2545],
                [7825, 2161, 2161],
            ],
        ),
        (
            "ETTm",
            69_680,
            15,
            ett,
            [
                [34_369, 11_425, 11_425],
                [34_273, 11_329, 11_329],
                [34_129, 11_185, 11_185],
                [33_745, 10_801, 10_801],
            ],
        ),
        (
            "Weather",
            52_696,
            10,
            csv,
            [
                [36_696, 5175, 10_444],
                [36_600, 5079, 10_348],
                [36_456, 4935, 10_204],
                [36_072, 4551, 9820],
            ],
        ),
        (
            "Electricity",
            26_304,
            60,
            csv,
            [
                [18_221, 2537, 5165],
                [18_125, 2441, 5069],
                [17_981, 2297, 4925],
                [17_597, 1913, 4541],
            ],
        ),
        (
            "Traffic",
            17_544,
            60,
            csv,
            [
                [12_089, 1661, 3413],
                [11_993, 1565, 3317],
                [11_849, 1421, 3173],
                [11_465, 1037, 2789],
            ],
        ),
        (
            "Exchange",
            7588,
            1440,
            csv,
            [
                [5120, 665, 1422],
                [5024, 569, 1326],
                [4880, 425, 1182],
                [4496, 41, 798],
            ],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, rows, minutes, open, expected) in tables {
        let path = table(folder.path(), rows, minutes);
        for (horizon, expected) in HORIZONS.into_iter().zip(expected) {
            let splits = open(&path, span(horizon)).unwrap();
            assert_eq!(counts(&splits), expected, "{name}, horizon {horizon}");
        }
    }
}

#[test]
fn solar_and_pems_are_divided_by_their_own_rules() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..52_560)
        .map(|row| format!("{},{}\n", value(row, 0), value(row, 1)))
        .collect();
    let path = folder.path().join("solar_AL.txt");
    std::fs::write(&path, text).unwrap();
    let expected = [
        [36_601, 5161, 10_417],
        [36_505, 5065, 10_321],
        [36_361, 4921, 10_177],
        [35_977, 4537, 9793],
    ];
    for (horizon, expected) in HORIZONS.into_iter().zip(expected) {
        let splits = forecast::solar(&path, &options(), span(horizon)).unwrap();
        assert_eq!(counts(&splits), expected, "{horizon}");
        assert_eq!(splits.train.matrix().mark_count, 0);
    }
    // PEMS08: three features, of which the first counts, and a gap at the start of the test part.
    let (rows, sensors) = (17_856, 2);
    let mut values: Vec<f64> = (0..rows * sensors * 3)
        .map(|n| value(n / 6, n % 6))
        .collect();
    let first_test = (0.8 * rows as f64) as usize;
    values[first_test * 6] = f64::NAN;
    let path = folder.path().join("PEMS08.npz");
    let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    archive.start_file("other.npy", stored).unwrap();
    archive.write_all(&npy::bytes(&[1], &[0.0])).unwrap();
    archive.start_file("data.npy", stored).unwrap();
    archive
        .write_all(&npy::bytes(&[rows, sensors, 3], &values))
        .unwrap();
    archive.finish().unwrap();
    let splits = forecast::pems(&path, &options(), 12, span(12)).unwrap();
    // 10,713, 3,571 and 3,572 rows, the last of which have a window every 12 rows.
    assert_eq!(
        counts(&splits),
        [10_713 - 107, 3571 - 107, (3572 - 108) / 12 + 1]
    );
    assert_eq!(splits.test.rows(), first_test..rows);
    let matrix = splits.test.matrix();
    // Filled from behind, not from the validation part.
    assert_eq!(
        matrix.values[first_test * 2],
        matrix.values[first_test * 2 + 2]
    );
    assert!(
        splits.notes[0].starts_with("in the test part of `"),
        "{:?}",
        splits.notes
    );
}

/// What is wrong with prepared data, of which `raw` tells the numbers and `trained` how many rows are for training.
fn audit(matrix: &Matrix, raw: impl Fn(usize, usize) -> f64, trained: usize) -> Result<(), String> {
    for column in 0..matrix.variates {
        let own: Vec<f64> = (0..trained).map(|row| raw(row, column)).collect();
        let mean = own.iter().sum::<f64>() / trained as f64;
        let squares = own.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let std = (squares / trained as f64).sqrt();
        for row in 0..matrix.rows() {
            let expected = (raw(row, column) - mean) / std;
            let found = f64::from(matrix.values[row * matrix.variates + column]);
            if (expected - found).abs() > 1e-4 {
                return Err(format!(
                    "row {row}, column {column}: {found}, expected {expected}"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn the_scaler_knows_training_rows_only_and_a_leak_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 7588, 1440);
    let splits = forecast::csv(&path, &options(), SHARES, span(96)).unwrap();
    // The target is last.
    assert_eq!(splits.columns, ["a", "b", "OT"]);
    let raw = |row, column: usize| value(row, [0, 2, 1][column]);
    let matrix = splits.test.matrix();
    audit(matrix, raw, 5311).unwrap();
    // The leak: statistics of all rows.
    let values: Vec<f64> = (0..7588)
        .flat_map(|row| [0, 1, 2].map(|column| raw(row, column)))
        .collect();
    let (leaking, _) = Scaler::fit(&values, 3, 0..7588);
    let leaked = Matrix {
        values: leaking.scaled(&values),
        ..(**matrix).clone()
    };
    assert!(
        audit(&leaked, raw, 5311)
            .unwrap_err()
            .starts_with("row 0, column 0")
    );
    // ETT keeps the order of its file, and is trained on 12 months.
    let path = table(folder.path(), 17_420, 60);
    let splits = forecast::ett(&path, &options(), span(96)).unwrap();
    assert_eq!(splits.columns, ["a", "OT", "b"]);
    audit(splits.train.matrix(), value, 8640).unwrap();
}

/// Rows that are forecast by `batches`, and how often each is; all of a part must be.
fn forecast_rows(windows: &Windows, batches: &[WindowBatch]) -> Result<(), String> {
    let WindowShape {
        lookback, horizon, ..
    } = windows.shape();
    let last = batches.iter().flat_map(|batch| &batch.starts).max();
    let last = last.map_or(0, |start| start + lookback + horizon);
    let count: usize = batches.iter().map(|batch| batch.batch).sum();
    match (count == windows.len(), last == windows.rows().end) {
        (true, true) => Ok(()),
        _ => Err(format!(
            "{count} of {} windows, up to row {last}",
            windows.len()
        )),
    }
}

#[test]
fn tests_see_every_window_and_a_dropped_batch_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 7588, 1440);
    let splits = forecast::csv(&path, &options(), SHARES, span(720)).unwrap();
    for split in [Split::Valid, Split::Test] {
        let windows = splits.get(split).unwrap();
        let loader = EvalLoader::new(WindowBatcher::new(windows.clone(), Vec::new()), 32, 2);
        let batches: Vec<WindowBatch> = loader.unwrap().iter().collect::<Result<_, _>>().unwrap();
        forecast_rows(windows, &batches).unwrap();
        let whole: Vec<WindowBatch> = batches
            .into_iter()
            .filter(|batch| batch.batch == 32)
            .collect();
        assert!(forecast_rows(windows, &whole).is_err());
    }
}

#[test]
fn targets_alone_and_marks_are_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 3000, 15);
    let open = |features, target: Option<&str>, marks| {
        let options = Options {
            features,
            target: target.map(str::to_owned),
            marks,
            ..options()
        };
        forecast::csv(&path, &options, SHARES, span(96)).unwrap()
    };
    let alone = open(Features::Target, None, Marks::Minute);
    assert_eq!(
        (&alone.columns[..], alone.train.shape().targets),
        (&["OT".to_owned()][..], 1)
    );
    let others = open(Features::AllForTarget, Some("a"), Marks::Hour);
    assert_eq!(others.columns, ["OT", "b", "a"]);
    let windows = &others.train;
    assert_eq!((windows.shape().targets, windows.matrix().variates), (1, 3));
    // Row 93 is 23:15 of a Friday, the first of July, the 183rd day of 2016.
    let marks = &windows.matrix().marks[93 * 4..94 * 4];
    let expected = [0.5, 4.0 / 6.0 - 0.5, -0.5, 182.0 / 365.0 - 0.5];
    assert!(
        marks
            .iter()
            .zip(expected)
            .all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6),
        "{marks:?}"
    );
    let minute = 15.0_f32 / 59.0 - 0.5;
    assert!((alone.train.matrix().marks[93 * 5] - minute).abs() < 1e-6);
    let unscaled = Options {
        scale: false,
        ..options()
    };
    let splits = forecast::csv(&path, &unscaled, SHARES, span(96)).unwrap();
    assert_eq!(splits.train.matrix().values[0], value(0, 0) as f32);
    assert_eq!(splits.scaler, Scaler::identity(3));
}

#[test]
fn constant_columns_gaps_and_odd_tables_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let first = Stamp::parse("2020-01-01").unwrap();
    let rows = (0..1000).map(|row| {
        let stamp = Step::Micros(60_000_000).after(first, row).unwrap();
        let gap = if (10..14).contains(&row) {
            String::new()
        } else {
            row.to_string()
        };
        format!("{stamp},5,{gap}\n")
    });
    std::fs::write(&path, format!("date,still,x\n{}", rows.collect::<String>())).unwrap();
    let splits = forecast::csv(&path, &options(), SHARES, span(24)).unwrap();
    assert!(
        splits.notes[0].contains(
            "4 of 2000 values were missing, the first in row 11, column `x`, the most 4 rows on end"
        ),
        "{:?}",
        splits.notes
    );
    assert!(splits.notes[1].ends_with("column `still` does not vary in the training rows; its mean is subtracted, and it is divided by 1"));
    assert_eq!(splits.train.matrix().values[0], 0.0);
    let said = forecast::csv(&path, &options(), SHARES, span(720))
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with(
            "too few samples in the training part (rows): expected at least 816, got 700"
        ),
        "{said}"
    );
    let said = forecast::ett(&path, &options(), span(24))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("its rows are 1 min apart, expected 1 h"),
        "{said}"
    );
    let strict = Options {
        missing: Missing::Error,
        ..options()
    };
    let said = forecast::csv(&path, &strict, SHARES, span(24))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("row 11, column `x`: the value is missing"),
        "{said}"
    );
    let none = Options {
        target: Some("y".to_owned()),
        ..options()
    };
    let said = forecast::csv(&path, &none, SHARES, span(24))
        .unwrap_err()
        .to_string();
    assert!(said.ends_with(": still, x"), "{said}");
}

#[test]
fn windows_share_one_matrix() {
    let folder = tempfile::tempdir().unwrap();
    let path = table(folder.path(), 1000, 60);
    let splits = forecast::csv(&path, &options(), SHARES, span(24)).unwrap();
    let valid = splits.valid.unwrap();
    assert!(Arc::ptr_eq(splits.train.matrix(), valid.matrix()));
    assert!(Arc::ptr_eq(splits.train.matrix(), splits.test.matrix()));
}

#[test]
fn shipped_series_are_read() {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let open = |name: &str| {
        let path = datasets.join(format!("{name}/{name}.csv"));
        let span = Span {
            lookback: 24,
            horizon: 6,
        };
        forecast::csv(&path, &options(), SHARES, span).unwrap()
    };
    let co2 = open("co2");
    assert_eq!(
        (co2.stamps.len(), co2.step.unwrap().to_string()),
        (2284, "7 d".to_owned())
    );
    assert!(
        co2.notes[0].contains("59 of 2284 values were missing"),
        "{:?}",
        co2.notes
    );
    let step = |name| open(name).step.unwrap();
    assert_eq!(
        (step("sunspots"), step("elnino")),
        (Step::Months(12), Step::Months(1))
    );
}
