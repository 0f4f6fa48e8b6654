//! Timestamps of the manifest.

/// Seconds since 1970-01-01T00:00:00Z of an RFC 3339 timestamp, fractions of a second dropped;
/// `None` if the text is not one.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    let field = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        // `parse` alone would take a sign.
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let mark = |at: usize, allowed: &[u8]| {
        text.as_bytes()
            .get(at)
            .is_some_and(|byte| allowed.contains(byte))
    };
    let marks =
        mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":");
    let (month, day) = (field(5, 7)?, field(8, 10)?);
    if !marks || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let clock = field(11, 13)? * 3_600 + field(14, 16)? * 60 + field(17, 19)?;
    let offset = offset_seconds(text.get(19..)?)?;
    Some(days_since_1970(field(0, 4)?, month, day) * 86_400 + clock - offset)
}

/// A timestamp as people read it: `2026-01-31 09:30 UTC`, or the text itself where it is none in
/// UTC.
pub fn readable(text: &str) -> String {
    match (unix_seconds(text), text.get(..10), text.get(11..16)) {
        (Some(_), Some(date), Some(clock)) if text.ends_with(['Z', 'z']) => {
            format!("{date} {clock} UTC")
        }
        _ => text.to_owned(),
    }
}

/// What follows the seconds: an optional fraction, then `Z` or `±hh:mm`.
fn offset_seconds(text: &str) -> Option<i64> {
    let text = match text.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => text,
    };
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<u8>().ok()? as i64 * 60 + minutes.parse::<u8>().ok()? as i64) * 60)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that a leap day ends its year; the days before a month then
    // follow the 31-30-31-30-31 pattern, which (153 m + 2) / 5 reproduces.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2001-09-09T01:46:40.25Z", 1_000_000_000),
            ("2001-09-09T03:46:40+02:00", 1_000_000_000),
            ("2033-05-18T03:33:20Z", 2_000_000_000),
        ] {
            assert_eq!(unix_seconds(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_timestamp() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00é",
        ] {
            assert_eq!(unix_seconds(text), None, "{text}");
            assert_eq!(readable(text), text);
        }
    }

    #[test]
    fn utc_is_shown_to_the_minute() {
        assert_eq!(readable("2026-01-31T09:30:59Z"), "2026-01-31 09:30 UTC");
        let local = "2026-01-31T09:30:59+01:00";
        assert_eq!(readable(local), local);
    }
}
