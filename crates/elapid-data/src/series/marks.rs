//! Numbers that tell a model what time it is.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::stamp::Stamp;

/// How finely rows are told apart by their date: each has the numbers of all coarser ones as well, but for weeks and months.
///
/// These are GluonTS's time features as Informer and its descendants use them (`embed = "timeF"`), each from -0.5 to 0.5:
/// `Hour` is `freq = "h"` and `Minute` is `freq = "t"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// No numbers.
    None,
    /// Second of the minute, and those of `Minute`.
    Second,
    /// Minute of the hour, and those of `Hour`.
    Minute,
    /// Hour of the day, and those of `Day`.
    #[default]
    Hour,
    /// Days of the week, of the month and of the year.
    Day,
    /// Day of the month and week of the year.
    Week,
    /// Month of the year.
    Month,
}

impl Marks {
    /// How many numbers a row has.
    #[must_use]
    pub fn width(self) -> usize {
        self.fields().len()
    }

    /// The numbers of each stamp, `[N, M]` row-major.
    #[must_use]
    pub fn of(self, stamps: &[Stamp]) -> Vec<f32> {
        let fields = self.fields();
        let marks = stamps.iter().flat_map(|stamp| {
            let local = stamp.local;
            fields.iter().map(move |field| field(local) as f32)
        });
        marks.collect()
    }

    fn fields(self) -> &'static [fn(NaiveDateTime) -> f64] {
        const SECOND: [fn(NaiveDateTime) -> f64; 6] = [
            |t| f64::from(t.second()) / 59.0 - 0.5,
            |t| f64::from(t.minute()) / 59.0 - 0.5,
            |t| f64::from(t.hour()) / 23.0 - 0.5,
            |t| f64::from(t.weekday().num_days_from_monday()) / 6.0 - 0.5,
            |t| f64::from(t.day0()) / 30.0 - 0.5,
            |t| f64::from(t.ordinal0()) / 365.0 - 0.5,
        ];
        const WEEK: [fn(NaiveDateTime) -> f64; 2] = [
            |t| f64::from(t.day0()) / 30.0 - 0.5,
            |t| f64::from(t.iso_week().week() - 1) / 52.0 - 0.5,
        ];
        const MONTH: [fn(NaiveDateTime) -> f64; 1] = [|t| f64::from(t.month0()) / 11.0 - 0.5];
        match self {
            Self::None => &[],
            Self::Second => &SECOND,
            Self::Minute => &SECOND[1..],
            Self::Hour => &SECOND[2..],
            Self::Day => &SECOND[3..],
            Self::Week => &WEEK,
            Self::Month => &MONTH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(marks: Marks, text: &str) -> Vec<f64> {
        let marks = marks.of(&[Stamp::parse(text).unwrap()]);
        marks.into_iter().map(f64::from).collect()
    }

    fn near(one: &[f64], other: &[f64]) {
        assert_eq!(one.len(), other.len());
        assert!(
            one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-6),
            "{one:?} {other:?}"
        );
    }

    #[test]
    fn marks_are_those_of_the_reference() {
        // 2016-07-01 was a Friday, day 183 of a leap year.
        let day = [4.0 / 6.0 - 0.5, -0.5, 182.0 / 365.0 - 0.5];
        near(&marks(Marks::Day, "2016-07-01 23:15"), &day);
        near(
            &marks(Marks::Hour, "2016-07-01 23:15"),
            &[0.5, day[0], day[1], day[2]],
        );
        let minute = [15.0 / 59.0 - 0.5, 0.5, day[0], day[1], day[2]];
        near(&marks(Marks::Minute, "2016-07-01 23:15"), &minute);
        near(&marks(Marks::Second, "2016-12-31 00:00:59")[..1], &[0.5]);
        near(&marks(Marks::Day, "2016-12-31")[1..], &[0.5, 0.5]);
        near(&marks(Marks::Month, "2016-12-31"), &[0.5]);
        near(&marks(Marks::Week, "2016-01-04"), &[0.1 - 0.5, -0.5]);
        assert_eq!(marks(Marks::None, "2016-01-01").len(), Marks::None.width());
    }
}
