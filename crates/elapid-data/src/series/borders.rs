//! Which rows train, validate and test, by the rules of published numbers.
//!
//! All but [`pems`] let validation and test start one lookback early, so that the first row that is forecast is the first
//! of the part (Informer, Autoformer and what came of them).

use std::ops::Range;

use crate::error::DataError;

/// The rows of each part, those that only windows look back on included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Borders {
    /// What the model learns from, and what the scaler is fitted on.
    pub train: Range<usize>,
    /// What decisions during training are based on; `None` if there are no such rows.
    pub valid: Option<Range<usize>>,
    /// What the final number is measured on.
    pub test: Range<usize>,
}

/// ETT: 12, 4 and 4 months of 30 days; rows behind them are not used.
///
/// # Errors
///
/// If there are fewer rows, or fewer than `lookback` in the first part.
pub fn ett(rows: usize, rows_an_hour: usize, lookback: usize) -> Result<Borders, DataError> {
    let month = 30 * 24 * rows_an_hour;
    if rows < 20 * month {
        return Err(DataError::TooFew {
            what: "the table (rows)".to_owned(),
            len: rows,
            needed: 20 * month,
            hint: "the split of ETT takes 20 months of 30 days; read other tables with \
                   data.name = \"csv\""
                .to_owned(),
        });
    }
    let [train, valid, test] = [12, 4, 4].map(|months| months * month);
    early(lookback, train, valid, test, train + valid + test)
}

/// Any table: the first `train` of the rows, rounded down, train; the last `test`, rounded down, test; what lies between
/// validates. Published numbers of Weather, Electricity, Traffic and Exchange have 0.7 and 0.2.
///
/// # Errors
///
/// If the shares leave a part nothing, or the first part has fewer rows than `lookback`.
pub fn shares(rows: usize, train: f64, test: f64, lookback: usize) -> Result<Borders, DataError> {
    if !(train > 0.0 && test > 0.0 && train + test <= 1.0 + 1e-9) {
        return Err(DataError::Setting {
            setting: "data.train_fraction + data.test_fraction",
            value: (train + test).to_string(),
            expected: "each above 0, and together at most 1".to_owned(),
        });
    }
    let of_all = |share: f64| (share * rows as f64) as usize;
    let (trained, tested) = (of_all(train), of_all(test));
    // Shares of 1 together leave at most what rounding takes away.
    let valid = match train + test < 1.0 - 1e-9 {
        true => rows - trained - tested,
        false => 0,
    };
    early(lookback, trained, valid, tested, rows)
}

/// Solar-Energy: 0.7 and 0.1 of the rows, rounded down, and the last 0.2, rounded down.
///
/// # Errors
///
/// As [`shares`].
pub fn solar(rows: usize, lookback: usize) -> Result<Borders, DataError> {
    let of_all = |share: f64| (share * rows as f64) as usize;
    early(lookback, of_all(0.7), of_all(0.1), of_all(0.2), rows)
}

/// PEMS: 0.6, 0.2 and the rest, which do not overlap.
#[must_use]
pub fn pems(rows: usize) -> Borders {
    let upto = |share: f64| (share * rows as f64) as usize;
    let (first, second) = (upto(0.6), upto(0.6 + 0.2));
    Borders {
        train: 0..first,
        valid: Some(first..second),
        test: second..rows,
    }
}

/// So many rows from the start train, those behind them validate, and the last before `end` test.
fn early(
    lookback: usize,
    train: usize,
    valid: usize,
    test: usize,
    end: usize,
) -> Result<Borders, DataError> {
    if train < lookback {
        return Err(DataError::TooFew {
            what: "the training part (rows)".to_owned(),
            len: train,
            needed: lookback,
            hint: "lower model.lookback, or give more rows".to_owned(),
        });
    }
    Ok(Borders {
        train: 0..train,
        valid: (valid > 0).then(|| train - lookback..train + valid),
        test: end - test - lookback..end,
    })
}

/// Number of windows of `lookback` and `horizon` rows in `rows` rows, of which each starts `stride` behind the one before.
#[must_use]
pub fn windows(rows: usize, lookback: usize, horizon: usize, stride: usize) -> usize {
    match rows.checked_sub(lookback + horizon) {
        Some(spare) => spare / stride.max(1) + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(borders: &Borders, horizon: usize) -> [usize; 3] {
        let valid = borders.valid.clone().unwrap_or_default();
        [&borders.train, &valid, &borders.test].map(|rows| windows(rows.len(), 96, horizon, 1))
    }

    #[test]
    fn every_row_of_the_published_tables_is_where_it_belongs() {
        let sizes = |borders: Borders| {
            let valid = borders.valid.unwrap();
            [
                borders.train.len(),
                valid.len() - 96,
                borders.test.len() - 96,
            ]
        };
        assert_eq!(sizes(ett(17_420, 1, 96).unwrap()), [8640, 2880, 2880]);
        assert_eq!(sizes(ett(69_680, 4, 96).unwrap()), [34_560, 11_520, 11_520]);
        let split = |rows| sizes(shares(rows, 0.7, 0.2, 96).unwrap());
        assert_eq!(split(52_696), [36_887, 5270, 10_539]);
        assert_eq!(split(26_304), [18_412, 2632, 5260]);
        assert_eq!(split(17_544), [12_280, 1756, 3508]);
        assert_eq!(split(7588), [5311, 760, 1517]);
        assert_eq!(sizes(solar(52_560, 96).unwrap()), [36_792, 5256, 10_512]);
        let ett = ett(17_420, 1, 96).unwrap();
        assert_eq!((ett.valid, ett.test), (Some(8544..11_520), 11_424..14_400));
        let pems = pems(16_992);
        assert_eq!(pems.train, 0..10_195);
        assert_eq!(
            (pems.valid, pems.test),
            (Some(10_195..13_593), 13_593..16_992)
        );
    }

    #[test]
    fn windows_are_as_many_as_published() {
        let table = |borders: Borders, expected: [[usize; 3]; 4]| {
            for (horizon, expected) in [96, 192, 336, 720].into_iter().zip(expected) {
                assert_eq!(counts(&borders, horizon), expected, "{horizon}");
            }
        };
        let share = |rows| shares(rows, 0.7, 0.2, 96).unwrap();
        table(
            ett(17_420, 1, 96).unwrap(),
            [
                [8449, 2785, 2785],
                [8353, 2689, 2689],
                [8209, 2545, 2545],
                [7825, 2161, 2161],
            ],
        );
        table(
            ett(69_680, 4, 96).unwrap(),
            [
                [34_369, 11_425, 11_425],
                [34_273, 11_329, 11_329],
                [34_129, 11_185, 11_185],
                [33_745, 10_801, 10_801],
            ],
        );
        table(
            share(52_696),
            [
                [36_696, 5175, 10_444],
                [36_600, 5079, 10_348],
                [36_456, 4935, 10_204],
                [36_072, 4551, 9820],
            ],
        );
        table(
            share(26_304),
            [
                [18_221, 2537, 5165],
                [18_125, 2441, 5069],
                [17_981, 2297, 4925],
                [17_597, 1913, 4541],
            ],
        );
        table(
            share(17_544),
            [
                [12_089, 1661, 3413],
                [11_993, 1565, 3317],
                [11_849, 1421, 3173],
                [11_465, 1037, 2789],
            ],
        );
        table(
            share(7588),
            [
                [5120, 665, 1422],
                [5024, 569, 1326],
                [4880, 425, 1182],
                [4496, 41, 798],
            ],
        );
        table(
            solar(52_560, 96).unwrap(),
            [
                [36_601, 5161, 10_417],
                [36_505, 5065, 10_321],
                [36_361, 4921, 10_177],
                [35_977, 4537, 9793],
            ],
        );
    }

    #[test]
    fn shares_that_leave_nothing_and_short_tables_are_refused() {
        let message = |train, test| shares(1000, train, test, 96).unwrap_err().to_string();
        assert!(message(0.9, 0.2).contains("together at most 1"));
        assert!(message(0.0, 0.2).contains("each above 0"));
        assert!(
            message(0.05, 0.2).contains("the training part (rows): expected at least 96, got 50")
        );
        assert_eq!(shares(1000, 0.8, 0.2, 96).unwrap().valid, None);
        assert!(
            ett(14_399, 1, 96)
                .unwrap_err()
                .to_string()
                .contains("20 months")
        );
        assert_eq!(windows(100, 96, 5, 1), 0);
        assert_eq!(
            (windows(1000, 100, 0, 100), windows(1099, 100, 0, 100)),
            (10, 10)
        );
    }
}
