//! Points in time as tables write them.

use std::fmt;

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

/// A date and time as it was written, and how far it is from UTC where that was written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What the clock showed.
    pub local: NaiveDateTime,
    /// Seconds that the clock was ahead of UTC; `None` where no zone is given.
    pub offset: Option<i32>,
}

impl Stamp {
    /// Reads ISO 8601 in its usual forms, with `/` for `-` as well: `2020`, `2020-03`, `2020-03-01`, `2020/3/1 4:05`,
    /// `20200301`, `2020-03-01T04:05:06.789+02:00`, `2020-03-01 04:05Z`. A year has four digits and comes first; `None` is
    /// anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = match text.find(['T', 't', ' ']) {
            Some(at) => (&text[..at], text[at + 1..].trim_start()),
            None => (text, ""),
        };
        let date = parse_date(date)?;
        let (time, offset) = split_zone(time)?;
        Some(Self {
            local: parse_time(date, time)?,
            offset,
        })
    }

    /// Microseconds since 1970 in UTC; of a stamp without a zone as if it were UTC.
    #[must_use]
    pub fn micros(&self) -> i64 {
        let ahead = i64::from(self.offset.unwrap_or(0)) * 1_000_000;
        self.local.and_utc().timestamp_micros() - ahead
    }

    /// The stamp of so many microseconds since 1970 in UTC; `None` beyond the years that can be told.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        let utc = chrono::DateTime::from_timestamp_micros(micros)?;
        Some(Self {
            local: utc.naive_utc(),
            offset: None,
        })
    }
}

/// ISO 8601 with a blank in its middle.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.local)?;
        match self.offset {
            None => Ok(()),
            Some(seconds) => {
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// From one row to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// So many microseconds.
    Micros(i64),
    /// So many months of the calendar.
    Months(u32),
}

impl Step {
    /// The point in time `steps` steps behind `stamp`, by the clock that it was written by; `None` beyond the years that can
    /// be told.
    #[must_use]
    pub fn after(self, stamp: Stamp, steps: usize) -> Option<Stamp> {
        let steps = i64::try_from(steps).ok()?;
        let local = match self {
            Self::Micros(micros) => {
                let ahead = TimeDelta::microseconds(micros.checked_mul(steps)?);
                stamp.local.checked_add_signed(ahead)?
            }
            Self::Months(months) => {
                let months = u32::try_from(i64::from(months).checked_mul(steps)?).ok()?;
                let moved = stamp.local.checked_add_months(Months::new(months))?;
                // The end of a month stays the end of a month.
                match is_month_end(stamp.local.date()) {
                    true => month_end(moved.date())?.and_time(moved.time()),
                    false => moved,
                }
            }
        };
        Some(Stamp { local, ..stamp })
    }
}

/// `15 min`, `1 h`, `7 d`, `1 month`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] = [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "min"),
            (1_000_000, "s"),
            (1_000, "ms"),
        ];
        match *self {
            Self::Months(1) => f.write_str("1 month"),
            Self::Months(12) => f.write_str("1 year"),
            Self::Months(months) => write!(f, "{months} months"),
            Self::Micros(micros) => match UNITS.iter().find(|(unit, _)| micros % unit == 0) {
                Some((unit, name)) => write!(f, "{} {name}", micros / unit),
                None => write!(f, "{micros} µs"),
            },
        }
    }
}

pub(super) fn is_month_end(date: NaiveDate) -> bool {
    date.succ_opt().is_none_or(|next| next.day() == 1)
}

fn month_end(date: NaiveDate) -> Option<NaiveDate> {
    let next = date.with_day(1)?.checked_add_months(Months::new(1))?;
    next.pred_opt()
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let separator = ['-', '/'].into_iter().find(|&mark| text.contains(mark));
    let Some(separator) = separator else {
        return match (text.len(), text.is_ascii()) {
            (4, true) => NaiveDate::from_ymd_opt(number(text)?, 1, 1),
            (8, true) => ymd(&text[..4], &text[4..6], &text[6..]),
            _ => None,
        };
    };
    let mut parts = text.split(separator);
    let (year, month) = (parts.next()?, parts.next()?);
    let day = parts.next().unwrap_or("1");
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    ymd(year, month, day)
}

fn ymd(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(number(year)?, short(month)?, short(day)?)
}

/// The time without its zone, and the zone in seconds.
fn split_zone(time: &str) -> Option<(&str, Option<i32>)> {
    for utc in ["Z", "z", "UTC"] {
        if let Some(time) = time.strip_suffix(utc) {
            return Some((time.trim_end(), Some(0)));
        }
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, None));
    };
    let (time, zone) = (time[..at].trim_end(), &time[at..]);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone[1..].replace(':', "");
    let (hours, minutes) = match digits.len() {
        1 | 2 => (short(&digits)?, 0),
        4 if digits.is_ascii() => (short(&digits[..2])?, short(&digits[2..])?),
        _ => return None,
    };
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    (hours < 24 && minutes < 60).then_some((time, Some(sign * seconds)))
}

fn parse_time(date: NaiveDate, text: &str) -> Option<NaiveDateTime> {
    if text.is_empty() {
        return date.and_hms_opt(0, 0, 0);
    }
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let (hours, minutes, seconds) = match whole.contains(':') {
        true => {
            let mut parts = whole.split(':');
            let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
            match parts {
                [Some(h), Some(m), s, None] => (short(h)?, short(m)?, short(s.unwrap_or("0"))?),
                _ => return None,
            }
        }
        false => match (whole.len(), whole.is_ascii()) {
            (1 | 2, true) => (short(whole)?, 0, 0),
            (4, true) => (short(&whole[..2])?, short(&whole[2..])?, 0),
            (6, true) => (
                short(&whole[..2])?,
                short(&whole[2..4])?,
                short(&whole[4..])?,
            ),
            _ => return None,
        },
    };
    let time = date.and_hms_opt(hours, minutes, seconds)?;
    if fraction.is_empty() {
        return Some(time);
    }
    let digits: String = fraction.chars().take(9).collect();
    let nanos: u32 = number::<u32>(&digits)? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?);
    time.with_nanosecond(nanos)
}

/// A number of one or two digits.
fn short(text: &str) -> Option<u32> {
    (text.len() <= 2).then(|| number(text)).flatten()
}

/// A number of digits only.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Stamp::parse(text).map_or_else(|| "none".to_owned(), |stamp| stamp.to_string())
    }

    #[test]
    fn usual_forms_are_read() {
        for (text, expected) in [
            ("2016-07-01 00:00:00", "2016-07-01 00:00:00"),
            ("2016-07-01T13:05", "2016-07-01 13:05:00"),
            ("1990/1/1 0:00", "1990-01-01 00:00:00"),
            ("2020-01-01 00:10:00", "2020-01-01 00:10:00"),
            ("2020-02-29", "2020-02-29 00:00:00"),
            ("1958-03", "1958-03-01 00:00:00"),
            ("1700", "1700-01-01 00:00:00"),
            ("20200301", "2020-03-01 00:00:00"),
            ("20200301T040506", "2020-03-01 04:05:06"),
            (" 2020-03-01T04:05:06.5Z ", "2020-03-01 04:05:06.500+00:00"),
            (
                "2020-03-01 04:05:06.123456789+02:00",
                "2020-03-01 04:05:06.123456789+02:00",
            ),
            ("2020-03-01 04:05 -0330", "2020-03-01 04:05:00-03:30"),
            ("2020-03-01 04:05 UTC", "2020-03-01 04:05:00+00:00"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_no_date_is_not_read() {
        for text in [
            "",
            "1",
            "12.5",
            "01/02/2020",
            "1-1-2020",
            "2020-13-01",
            "2020-02-30",
            "2020-01-01 25:00",
            "2020-01-01 1:2:3:4",
            "2020-01-01-01",
            "2020-01-01 10:00+25:00",
            "ab-cd-ef",
            "höhe",
            "2020-01-01 é",
        ] {
            assert_eq!(shown(text), "none", "{text}");
        }
    }

    #[test]
    fn zones_decide_the_order_and_not_the_clock() {
        let at = |text| Stamp::parse(text).unwrap();
        let (one, other) = (at("2020-06-01 12:00+02:00"), at("2020-06-01 11:30+01:00"));
        assert_eq!(other.micros() - one.micros(), 1_800_000_000);
        assert_eq!(
            Stamp::from_micros(one.micros()).unwrap().to_string(),
            "2020-06-01 10:00:00"
        );
    }

    #[test]
    fn steps_go_on_by_clock_and_calendar() {
        let after = |step: Step, text, steps| {
            let stamp = step.after(Stamp::parse(text).unwrap(), steps);
            stamp.unwrap().to_string()
        };
        let hour = Step::Micros(3_600_000_000);
        assert_eq!(after(hour, "2020-02-28 23:00", 2), "2020-02-29 01:00:00");
        let month = Step::Months(1);
        assert_eq!(after(month, "2019-12-01", 3), "2020-03-01 00:00:00");
        assert_eq!(after(month, "2020-02-29", 1), "2020-03-31 00:00:00");
        assert_eq!(after(Step::Months(12), "1700", 10), "1710-01-01 00:00:00");
        let named = |micros| Step::Micros(micros).to_string();
        assert_eq!(
            [named(900_000_000), named(604_800_000_000), named(7)],
            ["15 min", "7 d", "7 µs"]
        );
    }
}
